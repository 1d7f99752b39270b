// Of each process instance, which its token tells from all others: did it pass the task, once, with an answer that a service
// gave to its own request, and in time once nothing was done to the system any more? What was never begun must not be seen.
import { LIMITS } from '../../../src/actors/limits.ts';
import type { Event } from '../history.ts';
import { type Breach, type Evidence, type Finding, percentile } from './evidence.ts';

/** To hand a job out again and have it answered. */
const ANSWERED_WITHIN_MS = 3_000;

export interface InstanceFigures {
  readonly started: number;
  readonly passed: number;
  readonly lost: number;
  readonly unexpected: number;
  readonly mismatched: number;
  /** From healing until the last instance that was open then had passed; undefined: none was, or nothing healed. */
  readonly recoveryMs: number | undefined;
  /** From the start of an instance until it had passed: of 99 in 100, and the longest. */
  readonly waitedP99Ms: number | undefined;
  readonly waitedMaxMs: number | undefined;
}

export function judgeInstances(evidence: Evidence): Finding & { readonly figures: InstanceFigures } {
  const started = new Map(evidence.of('started').map((event) => [event.token, event]));
  const passed = Map.groupBy(evidence.of('passed'), ({ token }) => token);
  const recovery = judgeRecovery(evidence, started, passed);
  const breaches = [
    ...lost(evidence, started, passed),
    ...lostUnnamed(evidence, started, passed),
    ...unexpected(evidence, started),
    ...[...passed.values()].flatMap(passedTwice),
    ...mismatched(evidence),
    ...amounts(evidence),
    ...saidCancelled(evidence, passed),
    ...recovery.breaches,
  ];
  const waited = [...started.values()].flatMap(({ token, atMs }) => {
    const [first] = passed.get(token) ?? [];
    return first === undefined ? [] : first.atMs - atMs;
  });
  const count = (...kinds: Breach['what'][]) => breaches.filter(({ what }) => kinds.includes(what)).length;
  const figures = {
    started: started.size,
    passed: passed.size,
    lost: count('lost'),
    unexpected: count('unexpected'),
    mismatched: count('mismatched', 'amountChanged'),
    recoveryMs: recovery.recoveryMs,
    waitedP99Ms: percentile(waited, 0.99),
    waitedMaxMs: percentile(waited, 1),
  };
  return { breaches, figures };
}

type Passed = ReadonlyMap<string, readonly Event<'passed'>[]>;
type Started = ReadonlyMap<string, Event<'started'>>;

/** One that the engine has cancelled may have passed or not. */
function lost(evidence: Evidence, started: Started, passed: Passed): Breach[] {
  const cancelled = new Set(evidence.of('cancelled').map(({ token }) => token));
  return [...started.values()]
    .filter(({ token }) => !passed.has(token) && !cancelled.has(token))
    .map((event) => ({
      what: 'lost',
      atMs: event.atMs,
      token: event.token,
      message: `instance ${event.instanceKey} was started and never passed the task`,
      events: [event],
    }));
}

/** One that was made though nobody was told so: a service was asked for it, so long before the end that it should have passed. */
function lostUnnamed(evidence: Evidence, started: Started, passed: Passed): Breach[] {
  const lastMs = evidence.events.at(-1)?.atMs ?? 0;
  const limitMs = recoveryLimitMs(evidence, lastMs);
  const requests = evidence.of('requested').filter(({ token, writtenMs }) => {
    return !started.has(token) && !passed.has(token) && lastMs - writtenMs > limitMs;
  });
  return [...new Map(requests.map((event) => [event.token, event])).values()].map((event) => {
    const { token, jobKey, writtenMs: atMs } = event;
    const message =
      'a service was asked for an instance, whose creation was not answered, and it never passed the task';
    return { what: 'lost', atMs, token, jobKey, message, events: [event] };
  });
}

/** A try to create an instance whose answer was lost may have made one: that is no surprise. */
function unexpected(evidence: Evidence, started: Started): Breach[] {
  const named = new Set(evidence.of('creating').map(({ token }) => token));
  return [...evidence.of('passed'), ...evidence.of('requested')]
    .filter(({ token }) => !named.has(token) && !started.has(token))
    .map((event) => ({
      what: 'unexpected',
      atMs: event.atMs,
      token: event.token,
      ...(event.kind === 'requested' && { jobKey: event.jobKey }),
      message: `${event.kind}, though nobody ever tried to start an instance with this token`,
      events: [event],
    }));
}

function passedTwice(events: readonly Event<'passed'>[]): Breach[] {
  const [first, again] = [...new Map(events.map((event) => [event.doneKey, event])).values()];
  if (first === undefined || again === undefined) return [];
  const { atMs, token } = again;
  const message = 'the instance passed the task twice: two jobs of the task behind it';
  return [{ what: 'passedTwice', atMs, token, message, events: [first, again] }];
}

/** Also an answer with the right token must be one that the service gave: its number says which. */
function mismatched(evidence: Evidence): Breach[] {
  const replies = Map.groupBy(evidence.of('replied'), ({ token }) => token);
  return evidence.of('passed').flatMap((event): Breach[] => {
    const { token, answerToken, number, atMs } = event;
    const given = replies.get(token) ?? [];
    if (answerToken === token && given.some((reply) => reply.number === number)) return [];
    const message =
      answerToken === token
        ? `passed with answer ${number}, which no service gave to it`
        : `passed with the answer to ${answerToken}`;
    return [{ what: 'mismatched', atMs, token, message, events: [event, ...given] }];
  });
}

/** As text: 2^53 + 1 is no number of JavaScript. */
function amounts(evidence: Evidence): Breach[] {
  const meant = new Map(evidence.of('creating').map((event) => [event.token, event]));
  return [...evidence.of('requested'), ...evidence.of('passed')].flatMap((event): Breach[] => {
    const creating = meant.get(event.token);
    if (creating === undefined || event.amount === creating.amount) return [];
    const { token, atMs } = event;
    const where = event.kind === 'passed' ? 'came back to the engine' : 'came to the service';
    const message = `the amount ${creating.amount} ${where} as ${event.amount}`;
    return [{ what: 'amountChanged', atMs, token, message, events: [creating, event] }];
  });
}

/** A job that was completed is not one that somebody cancelled, and no service may be told so (I10). */
function saidCancelled(evidence: Evidence, passed: Passed): Breach[] {
  const tokens = new Map(evidence.of('requested').map(({ jobKey, token }) => [jobKey, token]));
  return evidence.of('ended').flatMap((event): Breach[] => {
    const { jobKey, outcome, storedMs: atMs } = event;
    const token = tokens.get(jobKey);
    const [passing] = passed.get(token ?? '') ?? [];
    if (outcome !== 'cancelled' || token === undefined || passing === undefined) return [];
    const message = 'its end was stored as cancelled, though it was completed';
    return [{ what: 'saidCancelled', atMs, jobKey, token, message, events: [event, passing] }];
  });
}

/**
 * How long after the last fault a job that has passed by then may have been open (I7): a lease, for whoever was cut off from it, a
 * first lock, and some time to have it answered. One that the engine wrote into a stream which its node was just giving up, as nodes
 * do until they have all joined again, is hidden for as long as that lock, and nodes make it longer where they cannot renew
 * all in time (README, "When something breaks"): it is the longest that any of them had asked for until then.
 */
function recoveryLimitMs(evidence: Evidence, untilMs: number): number {
  const asked = evidence.of('locking').filter(({ atMs }) => atMs <= untilMs);
  const lockMs = Math.max(LIMITS.activationLockMs, ...asked.map((each) => each.lockMs));
  return evidence.run.leaseTtlMs + lockMs + ANSWERED_WITHIN_MS;
}

function judgeRecovery(evidence: Evidence, started: Started, passed: Passed) {
  const [healing] = evidence.of('healing');
  if (healing === undefined) return { breaches: [], recoveryMs: undefined };
  const breaches: Breach[] = [];
  let recoveryMs: number | undefined;
  for (const [token, begun] of started) {
    const [first] = passed.get(token) ?? [];
    if (first === undefined || first.atMs < healing.atMs) continue;
    const tookMs = first.atMs - Math.max(healing.atMs, begun.atMs);
    if (begun.atMs <= healing.atMs) recoveryMs = Math.max(recoveryMs ?? 0, tookMs);
    const limitMs = recoveryLimitMs(evidence, first.atMs);
    if (tookMs <= limitMs) continue;
    const message = `passed ${tookMs} ms after nothing was done to the system any more, later than ${limitMs}`;
    breaches.push({ what: 'slowRecovery', atMs: first.atMs, token, message, events: [begun, healing, first] });
  }
  return { breaches, recoveryMs };
}
