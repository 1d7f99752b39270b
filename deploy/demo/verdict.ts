// From what was gathered to the summary line and the exit code. Pure; every condition for success stands here once.

import type { CompleteCall } from './complete-calls.ts';
import { completedTwice, mayHaveCrossed, unanswered } from './complete-calls.ts';
import { type InstanceFacts, isOwnAnswer } from './instances.ts';
import type { RequestFacts } from './service-ledger.ts';

/** All times are wall clock ms of this machine. */
export interface Facts {
  /** How many instances were asked for. */
  readonly wanted: number;
  readonly instances: readonly InstanceFacts[];
  readonly requests: readonly RequestFacts[];
  readonly completeCalls: readonly CompleteCall[];
  /** When a connection of a node closed; undefined: it is open. */
  readonly closedMs: (connection: number) => number | undefined;
  readonly kill: KillFacts | undefined;
  readonly killWanted: boolean;
}

export interface KillFacts {
  readonly victim: string;
  readonly atMs: number;
  /** Was the job's shard the victim's when it was killed? */
  readonly ofVictim: (request: RequestFacts) => boolean;
  /** When its last shard and reply partition were served by a survivor; undefined: not all, as long as was waited. */
  readonly takenOverMs: number | undefined;
  readonly waitedMs: number;
}

export interface Verdict {
  readonly figures: Figures;
  /** `demo: started=…`, the last line of the output. */
  readonly line: string;
  /** What was not as it must be, in words. Empty: success. */
  readonly faults: readonly string[];
  readonly exitCode: 0 | 1;
}

export interface Figures {
  readonly started: number;
  readonly completed: number;
  readonly lost: number;
  readonly mismatched: number;
  readonly completedTwice: number;
  /** Those among them whose first answer may have crossed with its node's giving up; they count all the same. */
  readonly completedTwiceInDoubt: number;
  /** Requests of which the service saw more than one record, under whatever correlation id. */
  readonly requestsRepeated: number;
  /** Those among them that the crash does not excuse. */
  readonly requestsRepeatedWrongly: number;
  /** 0 without a kill; how long was waited when it did not end. */
  readonly takeoverMs: number;
  /** Requests to jobs of the victim that were unanswered when it was killed. */
  readonly heldByVictim: number;
  /** Replies to those that Kafka had before the takeover was over. */
  readonly repliesBeforeTakeover: number;
}

const TAKEOVER_WITHIN_MS = 5_000;
/** A request may be sent again when its first record is younger than this at the kill: the record of what was sent lags. */
const EXCUSED_MS = 1_000;
const HELD_SHARE = 10;
const REPLIED_SHARE = 15;

export function judge(facts: Facts): Verdict {
  const figures = count(facts);
  const faults = [...faultsOfInstances(facts, figures), ...faultsOfKill(facts, figures)];
  const { started, completed, lost, mismatched, requestsRepeated, takeoverMs } = figures;
  const line =
    `demo: started=${started} completed=${completed} lost=${lost} mismatched=${mismatched} ` +
    `completedTwice=${figures.completedTwice} requestsRepeated=${requestsRepeated} takeoverMs=${takeoverMs}`;
  return { figures, line, faults, exitCode: faults.length === 0 ? 0 : 1 };
}

function count(facts: Facts): Figures {
  const { instances, requests, kill } = facts;
  const byToken = Map.groupBy(requests, ({ token }) => token);
  const completed = instances.filter(({ completedMs }) => completedMs !== undefined);
  const answersTo = (token: string) => new Set(byToken.get(token)?.flatMap(({ answers }) => answers));
  const repeated = [...byToken.values()].filter(
    (ofToken) => ofToken.reduce((sum, { records }) => sum + records, 0) > 1,
  );
  const wrongly = repeated.filter((ofToken) => {
    const firstMs = Math.min(...ofToken.map(({ firstRecordMs }) => firstRecordMs));
    return kill === undefined || firstMs < kill.atMs - EXCUSED_MS;
  });
  const held = kill === undefined ? [] : requests.filter((request) => isHeld(request, kill));
  const overMs = kill?.takenOverMs ?? Number.POSITIVE_INFINITY;
  const twice = completedTwice(facts.completeCalls, facts.closedMs);
  const certain = facts.completeCalls.map((call) => (mayHaveCrossed(call) ? unanswered(call) : call));
  const twiceForCertain = completedTwice(certain, facts.closedMs);
  return {
    started: instances.length,
    completed: completed.length,
    lost: instances.length - completed.length,
    mismatched: completed.filter((instance) => !isOwnAnswer(instance, answersTo(instance.order.token))).length,
    completedTwice: twice.size,
    completedTwiceInDoubt: twice.size - twiceForCertain.size,
    requestsRepeated: repeated.length,
    requestsRepeatedWrongly: wrongly.length,
    takeoverMs: kill === undefined ? 0 : Math.max(0, (kill.takenOverMs ?? kill.atMs + kill.waitedMs) - kill.atMs),
    heldByVictim: held.length,
    repliesBeforeTakeover: held.filter(({ answeredMs }) => (answeredMs ?? Number.POSITIVE_INFINITY) < overMs).length,
  };
}

/** For the summary, behind the number of jobs that were completed twice; '' when there is nothing to say. */
export function inDoubt({ completedTwiceInDoubt: count }: Figures): string {
  return count === 0
    ? ''
    : ` (${count} of them perhaps not: answered within 500 ms of the call's deadline, or after it)`;
}

function isHeld({ answeredMs, firstRecordMs, ...request }: RequestFacts, kill: KillFacts): boolean {
  const open = firstRecordMs <= kill.atMs && (answeredMs === undefined || answeredMs > kill.atMs);
  return open && kill.ofVictim({ answeredMs, firstRecordMs, ...request });
}

function faultsOfInstances(facts: Facts, figures: Figures): string[] {
  const faults: string[] = [];
  const { started, lost, mismatched, completedTwice: twice, requestsRepeatedWrongly } = figures;
  if (started !== facts.wanted) faults.push(`only ${started} of ${facts.wanted} instances were started`);
  if (lost > 0) {
    const failure = facts.instances.find((instance) => instance.failure !== undefined)?.failure;
    faults.push(`${lost} instances did not complete${failure === undefined ? '' : `, the first one: ${failure}`}`);
  }
  if (mismatched > 0)
    faults.push(`${mismatched} instances ended with something else than the answer to their own request`);
  if (twice > 0)
    faults.push(
      `${twice} jobs were completed again after their node had been told that they are done${inDoubt(figures)}`,
    );
  if (requestsRepeatedWrongly > 0) {
    const when = facts.kill === undefined ? 'though no node was killed' : 'that had been sent a second before the kill';
    faults.push(`${requestsRepeatedWrongly} requests were sent again ${when}`);
  }
  return faults;
}

function faultsOfKill(facts: Facts, figures: Figures): string[] {
  const { wanted, kill, killWanted } = facts;
  if (!killWanted) return [];
  if (kill === undefined)
    return [`no node was killed: none ever held a tenth of the instances (${wanted / HELD_SHARE})`];
  const faults: string[] = [];
  const { heldByVictim, repliesBeforeTakeover, takeoverMs } = figures;
  if (heldByVictim * HELD_SHARE < wanted)
    faults.push(`${kill.victim} held only ${heldByVictim} jobs when it was killed, less than a tenth of the instances`);
  if (kill.takenOverMs === undefined)
    faults.push(`not all that ${kill.victim} did was taken over within ${kill.waitedMs} ms`);
  else if (takeoverMs > TAKEOVER_WITHIN_MS)
    faults.push(`the takeover took ${takeoverMs} ms, more than ${TAKEOVER_WITHIN_MS}`);
  if (repliesBeforeTakeover * REPLIED_SHARE < wanted)
    faults.push(
      `only ${repliesBeforeTakeover} replies to the victim's jobs came before the takeover: too few to prove anything`,
    );
  return faults;
}
