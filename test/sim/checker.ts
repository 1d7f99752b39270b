// What must hold (I1–I6, I8–I10 of the design), asked of a history alone, after the fact.
//
// One pass in the true order of events, and one look at the end. The checker knows what the engine accepted, what services
// meant by their records, and what stood in the bucket; it knows nothing of how the code works, except how to read a
// snapshot. The larger questions have files of their own: I1 snapshot-law.ts, I3 of failing fail-causes.ts, I10 of errors
// error-replies.ts, I5 reply-fates.ts and, of what services are told, acks.ts, I6 and I8 requests-again.ts. I7 is asked by whoever waits for the world to come to rest (`World.finish`, `unfinished`);
// `repeatedRequests` and `completedTwice` only count. And no node begins anew with an alarm, such as that the bucket went back in
// time, when there was no cause for it; nor has one two writes on their way that it could not tell apart (twins.ts).

import type { Failing, Snapshot } from '../../src/actors/snapshot.ts';
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { Acks } from './acks.ts';
import { breachOfError, breachOfPace, breachOfSilence, GIVEN_BACK, heard } from './error-replies.ts';
import { breachOfTimeout, FailCauses } from './fail-causes.ts';
import { type EventOf, failIn, type History, REMADE, type Recorded } from './history.ts';
import { type JobFacts, unseen } from './job-facts.ts';
import { ReplyFates } from './reply-fates.ts';
import { RequestsAgain, type Surroundings } from './requests-again.ts';
import { breach } from './snapshot-law.ts';

export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I8' | 'I9' | 'I10' | 'pace' | 'alarm' | 'twins';
  readonly atMs: number;
  readonly jobKey: string;
  readonly message: string;
}

export interface Names {
  readonly requestTopic: string;
  readonly replyTopic: string;
  readonly deadLetterTopic: string;
  readonly ackTopic: string;
  /** The message of a FailJob that gives a job back, and needs no stored cause (I3). */
  readonly giveBack: string;
}

/** What is known of a world besides its history. */
interface Asked extends Surroundings {
  /** Services are told what became of their replies. */
  readonly acknowledgements: boolean;
}

class Checker {
  readonly violations: Violation[] = [];
  readonly #names: Names;
  readonly #causes: FailCauses;
  readonly #jobs = new Map<string, JobFacts>();
  readonly #replies = new ReplyFates((at, message) => this.#blame('I5', at, message));
  readonly #again: RequestsAgain;
  readonly #acks: Acks | undefined;
  readonly #staleReads: boolean;
  /** The bucket was made anew: whoever notices that says so. */
  #remade = false;
  /** Who waits for a reply under a business key. */
  readonly #keyHolders = new Map<string, string>();
  /** Of the reply topic, by partition/offset. */
  readonly #records = new Map<string, EventOf<'written'>>();

  constructor(names: Names, asked: Partial<Asked>) {
    const { recordsAreTaken = false, staleReads = false, acknowledgements = false } = asked;
    this.#acks = acknowledgements ? new Acks() : undefined;
    this.#staleReads = staleReads;
    this.#names = names;
    this.#again = new RequestsAgain({ recordsAreTaken, staleReads });
    this.#causes = new FailCauses(names.giveBack);
  }

  see(event: Recorded): void {
    this.#replies.tick();
    const job = 'jobKey' in event ? this.#jobs.get(event.jobKey) : undefined;
    if (event.kind === 'started') this.#jobs.set(event.jobKey, unseen(event));
    else if (event.kind === 'command' || event.kind === 'sending') {
      if (event.barred !== '') this.#blame('I4', event, `${event.node} emitted it ${event.barred}`);
      if (event.kind === 'sending') this.#sending(event);
      if (event.kind === 'command' && job !== undefined) this.#emitted(event, job);
    } else if (event.kind === 'written') this.#written(event, job);
    else if (event.kind === 'stored') this.#stored(event);
    else if (event.kind === 'writing' || event.kind === 'heard') this.#again.writes(event);
    else if (event.kind === 'acked') this.#again.acked(event);
    else if (event.kind === 'alarm') this.#alarm(event);
    else if (event.kind === 'twins')
      this.#blame('twins', event, `${event.node} has two writes of ${event.key} on their way that have the same bytes`);
    else if (event.kind === 'fault') {
      this.#remade ||= event.what.startsWith(REMADE);
      this.#again.fault(event);
    } else if (event.kind === 'full') this.#causes.toldFull(event);
    else if (event.kind === 'committed') this.#replies.committed(event);
    else if (job === undefined) return;
    else if (event.kind === 'operated') job.byHand.set(event.act === 'drop' ? GIVEN_BACK : event.said, 0);
    else if (event.kind === 'accepted') this.#accepted(event, job);
    else if (event.kind === 'ended') job.completed = event.how === 'completed';
    else if (event.kind === 'activated') job.handedOut.set(event.node, { retries: event.retries, givenBack: false });
    else if (event.kind === 'replied') this.#meant(event, job);
    else if (event.kind === 'answered' && event.command === 'updateTimeout' && event.code === 'ok')
      job.confirmed.add(event.node);
  }

  /** Once no more is to come. */
  end(atMs: number): void {
    for (const { jobKey, message } of this.#acks?.breaches(this.#replies) ?? [])
      this.#blame('I5', { atMs, jobKey }, message);
    for (const [jobKey, job] of this.#jobs) {
      const failed = job.malformedAttempts.size;
      if (failed > job.malformed)
        this.#blame('I10', { atMs, jobKey }, `${job.malformed} malformed replies failed ${failed} attempts`);
      const lostRetries = job.retries - job.leastRetries;
      const onlyMalformed = [...job.failings].every((why) => why === 'malformed');
      if (job.failings.size > 0 && onlyMalformed && lostRetries > job.malformed)
        this.#blame('I10', { atMs, jobKey }, `${lostRetries} retries lost to ${job.malformed} malformed replies`);
    }
  }

  /** Nothing that can happen to a cluster is a reason for one, but what is done to the bucket behind its back. */
  #alarm(event: EventOf<'alarm'>): void {
    if (!this.#remade) this.#blame('alarm', event, `${event.node} began anew without a cause: ${event.what}`);
  }

  #sending(event: EventOf<'sending'>): void {
    if (event.topic !== this.#names.requestTopic) return;
    for (const { jobKey, message } of this.#again.breaches(event)) this.#blame('I6', { ...event, jobKey }, message);
  }

  #emitted(event: EventOf<'command'>, job: JobFacts): void {
    if (event.command !== 'fail' && event.command !== 'throwError') return;
    const wrong = this.#causes.breach(event, job);
    if (wrong !== undefined) this.#blame('I3', event, `${event.node}: ${wrong}`);
  }

  #accepted(event: EventOf<'accepted'>, job: JobFacts): void {
    if (event.command === 'publishMessage') return this.#replies.published(event);
    if (event.command === 'complete') {
      if (++job.completions > 1) this.#blame('I2', event, 'completed twice');
      const stored = job.snapshot?.reply?.body;
      const reply = job.results.get(event.payload);
      if (reply !== undefined) this.#replies.completedWith(reply.partition, reply.offset, event.atMs);
      if (job.byHand.has(event.payload)) {
        if (stored !== event.payload) this.#blame('I3', event, 'completed by hand, and that was not stored');
      } else if (reply === undefined)
        this.#blame('I2', event, `completed with what no service answered: ${event.payload.slice(0, 80)}`);
      else if (job.snapshot?.kind === 'replied' && stored !== event.payload)
        this.#blame('I2', event, 'completed with another reply than the stored one');
      else if (stored !== event.payload && reply.offset < this.#replies.committedTo(reply.partition))
        this.#blame('I3', event, 'completed with a reply that is committed, but not stored');
      return;
    }
    if (event.command !== 'fail' || this.#causes.isGiveBack(event)) return;
    job.leastRetries = Math.min(job.leastRetries, failIn(event.payload)?.retries ?? 0);
  }

  #written(event: EventOf<'written'>, job: JobFacts | undefined): void {
    const { requestTopic, replyTopic, deadLetterTopic, ackTopic } = this.#names;
    if (event.topic === replyTopic) {
      this.#replies.written(event);
      this.#records.set(`${event.partition}/${event.offset}`, event);
    } else if (event.topic === deadLetterTopic) this.#replies.deadLettered(event);
    else if (event.topic === ackTopic) this.#acks?.written(event);
    else if (event.topic === requestTopic && job) {
      if (event.value === undefined) {
        if (!job.unanswered.has(event.attempt))
          this.#blame('I10', event, `cancel record for attempt ${event.attempt}, which had not ended without a reply`);
      } else this.#again.written(event.jobKey, event.attempt);
      if (event.value !== undefined && event.value !== job.variables)
        this.#blame('I9', event, `the body is not the job's: ${event.value.slice(0, 80)}`);
    }
  }

  #meant(event: EventOf<'replied'>, job: JobFacts): void {
    this.#replies.meant(event);
    const record = this.#records.get(`${event.partition}/${event.offset}`);
    if (record !== undefined) heard(event, job, record.atMs);
    if (event.meant === 'malformed' || event.meant === 'garbage') job.malformed++;
    else if (event.meant === 'result' && record !== undefined)
      job.results.set(record.value ?? '', { ...record, writtenMs: record.atMs });
  }

  #stored(event: EventOf<'stored'>): void {
    const jobKey = /^\d+\.(\d+)$/.exec(event.key)?.[1];
    const job = jobKey === undefined ? undefined : this.#jobs.get(jobKey);
    if (jobKey === undefined) {
      for (const wrong of this.#again.system(event))
        this.#blame('I6', { ...event, jobKey: wrong.jobKey }, wrong.message);
    }
    if (jobKey === undefined || job === undefined) return;
    const snapshot = decodeSnapshot(event.value);
    const previous = event.previous === 0 ? undefined : job.snapshot;
    const wrong = breach(previous, snapshot);
    if (wrong !== undefined)
      this.#blame('I1', { atMs: event.atMs, jobKey }, `${event.node} stored ${event.key}: ${wrong}`);
    if (previous?.kind === 'ended' && snapshot.attempt > previous.attempt && !job.confirmed.has(event.node))
      this.#blame(
        'I1',
        { atMs: event.atMs, jobKey },
        `${event.node} reopens it, and has not heard that it is activated`,
      );
    if (snapshot.kind === 'ended') job.confirmed.clear();
    if (snapshot.outcome === 'cancelled' && job.completed)
      this.#blame('I10', { atMs: event.atMs, jobKey }, `${event.node} records as cancelled what was completed`);
    const again = this.#again.job(jobKey, snapshot, event);
    if (again !== undefined) this.#blame('I8', { atMs: event.atMs, jobKey }, `${event.node}: ${again}`);
    this.#replies.stored(jobKey, snapshot, event.atMs);
    job.snapshot = snapshot;
    this.#failing(snapshot, previous, job, event.atMs);
    this.#oneCallPerKey(snapshot, jobKey, event.atMs);
    if (isUnanswered(snapshot, previous?.failing) && !job.completed) job.unanswered.add(snapshot.attempt);
    const tooSoon = breachOfPace(snapshot, job, this.#staleReads);
    if (tooSoon !== undefined) this.#blame('pace', { atMs: event.atMs, jobKey }, tooSoon);
  }

  /** A reply under a business key is for one call: no two wait for it at a time. */
  #oneCallPerKey({ kind, alias }: Snapshot, jobKey: string, atMs: number): void {
    if (alias === '' || alias.startsWith('hf1-')) return;
    const holder = this.#keyHolders.get(alias);
    const waits = kind === 'held' || kind === 'replied';
    if (waits && holder !== undefined && holder !== jobKey)
      this.#blame('I2', { atMs, jobKey }, `waits for a reply under ${alias}, as job ${holder} does`);
    if (waits) this.#keyHolders.set(alias, jobKey);
    else if (holder === jobKey) this.#keyHolders.delete(alias);
  }

  /** A cause is stored. */
  #failing(snapshot: Snapshot, previous: Snapshot | undefined, job: JobFacts, atMs: number): void {
    const { failing, attempt, retries } = snapshot;
    if (failing === undefined || previous?.failing !== undefined) return;
    const { jobKey } = job;
    job.failings.add(failing.why);
    const wrong = breachOfError(snapshot, job);
    if (wrong !== undefined) this.#blame(wrong.invariant, { atMs, jobKey }, wrong.message);
    if (failing.why === 'replyTimeout' || failing.why === 'heartbeatTimeout') {
      const untrue = (failing.why === 'replyTimeout' ? breachOfTimeout : breachOfSilence)(snapshot, job, atMs);
      if (untrue !== undefined) this.#blame('I3', { atMs, jobKey }, untrue);
      if (!this.#again.isWritten(jobKey, attempt))
        this.#blame('I3', { atMs, jobKey }, `${failing.why} of attempt ${attempt}, which no service was ever asked`);
    } else if (failing.why === 'malformed') {
      job.malformedAttempts.add(attempt);
      const costs = retries - failing.retries;
      if (costs > 1) this.#blame('I10', { atMs, jobKey }, `one malformed reply costs ${costs} retries`);
    }
  }

  #blame(
    invariant: Violation['invariant'],
    { atMs, ...event }: { atMs: number; jobKey?: string },
    message: string,
  ): void {
    this.violations.push({ invariant, atMs, jobKey: event.jobKey ?? '', message });
  }
}

/** An end of which a cancel record may tell. */
function isUnanswered({ outcome }: Snapshot, failing: Failing | undefined): boolean {
  const why = failing?.why;
  if (outcome === 'timedOut') return why === 'replyTimeout' || why === 'heartbeatTimeout';
  if (outcome === 'bpmnError') return why === 'replyTimeout' || why === 'heartbeatTimeout' || why === 'byHand';
  return outcome === 'cancelled' || (outcome === 'failed' && why === 'byHand');
}

/** All breaches of what must hold at any time, in the order in which they happened. */
export function check(history: History, names: Names, asked: Partial<Asked> = {}): readonly Violation[] {
  const checker = new Checker(names, asked);
  for (const event of history.events) checker.see(event);
  checker.end(history.events.at(-1)?.atMs ?? 0);
  return checker.violations;
}

/** I6 and I7 at rest: the jobs that neither ended nor stand in an incident that says why. */
export function unfinished(history: History): readonly string[] {
  const open = new Set<string>();
  for (const event of history.events) {
    if (event.kind === 'started' || event.kind === 'activated') open.add(event.jobKey);
    else if (event.kind === 'ended' || (event.kind === 'incident' && event.message !== '')) open.delete(event.jobKey);
  }
  return [...open];
}

export interface RepeatedRequest {
  readonly jobKey: string;
  readonly attempt: number;
  /** When Kafka took each of them. */
  readonly atMs: readonly number[];
}

/** Requests that Kafka has more than once for the same attempt. */
export function repeatedRequests(history: History, requestTopic: string): readonly RepeatedRequest[] {
  const found = new Map<string, { jobKey: string; attempt: number; atMs: number[] }>();
  for (const event of history.of('written')) {
    if (event.topic !== requestTopic || event.value === undefined) continue;
    const id = `${event.jobKey}/${event.attempt}`;
    const entry = found.get(id) ?? { jobKey: event.jobKey, attempt: event.attempt, atMs: [] };
    entry.atMs.push(event.atMs);
    found.set(id, entry);
  }
  return [...found.values()].filter((entry) => entry.atMs.length > 1);
}

/** Ways of a node to be gone from the engine. */
const GONE = /^(kill|stop|exit|pause|engine (down|silent))/;

/** Jobs for which CompleteJob was sent though one had been answered OK or NOT_FOUND to a node that was still there a second later. */
export function completedTwice(history: History): readonly string[] {
  const answers = new Map<string, { node: string; atMs: number }>();
  const twice = new Set<string>();
  for (const event of history.events) {
    if (event.kind === 'fault' && GONE.test(event.what)) {
      for (const [jobKey, { node, atMs }] of answers) {
        if (node === event.node && event.atMs <= atMs + 1_000) answers.delete(jobKey);
      }
    } else if (
      event.kind === 'answered' &&
      event.command === 'complete' &&
      (event.code === 'ok' || event.code === 'notFound')
    ) {
      if (!answers.has(event.jobKey)) answers.set(event.jobKey, event);
    } else if (event.kind === 'command' && event.command === 'complete') {
      if (event.atMs > (answers.get(event.jobKey)?.atMs ?? Infinity) + 1_000) twice.add(event.jobKey);
    }
  }
  return [...twice];
}
