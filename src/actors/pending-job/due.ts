// Time passes: what a pending job does by itself. A reply deadline fires only when every reply partition has been read
// up to its end at or after that moment; so after an outage the replies already in Kafka are read before anything fails.
import { LIMITS } from '../limits.ts';
import type { Failing, Snapshot } from '../snapshot.ts';
import type { WaitingTimes } from './cold.ts';
import { type Decision, engine, type JobContext, withdraw } from './effects.ts';
import { endAsGone, finishFailing, finishReplied, startFailing } from './ending.ts';
import { CONSEQUENCES } from './engine-answers.ts';
import { planAskAgain, planProbe, planRetry, renewedLockMs } from './engine-time.ts';
import { heartbeatWriteAtMs, writeHeartbeat } from './heartbeat.ts';
import type { JobState } from './state.ts';
import { store, successor, windowMs, writeTombstone } from './writing.ts';

/**
 * When this job next wants to be looked at, wall ms; undefined: never. Derived, so it need not be stored.
 * `butForProbe`: its probe waits for a turn already.
 */
export function nextDueMs(state: JobState | WaitingTimes, butForProbe = false): number | undefined {
  const snapshot = state.snapshot;
  if (snapshot === undefined) return undefined;
  if (snapshot.kind === 'ended') return forgetAtMs(snapshot);
  const held = snapshot.kind === 'held';
  const heartbeatMs = state.progress === undefined ? 0 : heartbeatWriteAtMs(state);
  const ofHold = held ? [snapshot.replyDeadlineMs, state.heartbeatDeadlineMs, heartbeatMs] : [];
  const times = [butForProbe ? 0 : state.engineAtMs, ...ofHold].filter((at) => at > 0);
  return times.length === 0 ? undefined : Math.min(...times);
}

/**
 * Does it want nothing but that its replies are read as far as its deadline (`deadline`, below)? There may be a million of these, for as
 * long as a partition cannot be read. What is packed was sent; of a job whose request was not, silence does not count yet.
 */
export function waitsForReplies(state: JobState | WaitingTimes, nowMs: number, readMs: () => number): boolean {
  const { snapshot, progress, heartbeatDeadlineMs } = state;
  if (snapshot?.kind !== 'held' || progress !== undefined) return false;
  if ('ackedAttempt' in state && !(state.snapshot !== undefined && wasSentHere(state, state.snapshot))) return false;
  if (nowMs >= snapshot.replyDeadlineMs) return readMs() < snapshot.replyDeadlineMs;
  return heartbeatDeadlineMs > 0 && nowMs >= heartbeatDeadlineMs && readMs() < heartbeatDeadlineMs;
}

/** Is a probe what it wants of the engine now? */
export function probeIsDue(state: JobState | WaitingTimes, nowMs: number): boolean {
  const kind = state.snapshot?.kind;
  return (kind === 'held' || kind === 'parked') && state.engineAtMs > 0 && state.engineAtMs <= nowMs;
}

/**
 * How long its probe is urgent, wall ms, 0: not at all. A lock that ends before the job's next turn would come can be kept until it
 * is over: a first lock, as a rule. Of a parked reply somebody waits.
 */
export function probeUrgentUntilMs(state: JobState | WaitingTimes, nowMs: number, probeEveryMs: number): number {
  if (state.snapshot?.kind === 'parked') return Number.POSITIVE_INFINITY;
  return state.lockDeadlineMs <= nowMs + probeEveryMs ? state.lockDeadlineMs : 0;
}

/** A tombstone expires in the bucket without an event: the owner forgets by its own timer. */
export function forgetAtMs(tombstone: Snapshot): number {
  return tombstone.endedAtMs + windowMs(tombstone.outcome ?? 'gone', tombstone);
}

export function* due(state: JobState, context: JobContext, mayProbe: boolean): Decision<void> {
  const snapshot = state.snapshot;
  const nowMs = context.clock.wallMs();
  if (snapshot === undefined || snapshot.kind === 'ended') return;
  if (snapshot.kind === 'held' && nowMs >= snapshot.replyDeadlineMs) {
    return yield* deadline(state, context, snapshot, nowMs, 'replyTimeout', mayProbe);
  }
  if (snapshot.kind === 'held' && state.heartbeatDeadlineMs > 0 && nowMs >= state.heartbeatDeadlineMs) {
    return yield* heartbeatDeadline(state, context, snapshot, nowMs, mayProbe);
  }
  if (snapshot.kind === 'held' && state.progress !== undefined && nowMs >= heartbeatWriteAtMs(state)) {
    return yield* writeHeartbeat(state, context, snapshot);
  }
  if (state.engineAtMs === 0 || nowMs < state.engineAtMs) return;
  if (!mayProbe && probeIsDue(state, nowMs)) return;
  switch (snapshot.kind) {
    case 'held':
      return yield* renew(state, context);
    case 'parked':
      return yield* probe(state, context, snapshot);
    case 'replied':
      return yield* finishReplied(state, context, snapshot);
    case 'failing':
      return yield* finishFailing(state, context, snapshot);
  }
}

/** Silence counts from the moment at which the service can have heard of it. */
function* heartbeatDeadline(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  nowMs: number,
  mayProbe: boolean,
): Decision<void> {
  if (wasSentHere(state, snapshot))
    return yield* deadline(state, context, snapshot, nowMs, 'heartbeatTimeout', mayProbe);
  state.heartbeatDeadlineMs = nowMs + snapshot.settings.heartbeatTimeoutMs;
}

function wasSentHere(state: JobState, snapshot: Snapshot): boolean {
  return state.ackedAttempt === snapshot.attempt || snapshot.sentAttempt === snapshot.attempt;
}

function* deadline(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  nowMs: number,
  why: 'replyTimeout' | 'heartbeatTimeout',
  mayProbe: boolean,
): Decision<void> {
  if (context.replyProgressMs() < (why === 'replyTimeout' ? snapshot.replyDeadlineMs : state.heartbeatDeadlineMs)) {
    // The lock must not lapse while we wait for the partitions to be read.
    if (mayProbe && probeIsDue(state, nowMs)) yield* renew(state, context);
    return;
  }
  if (!wasSentHere(state, snapshot)) {
    // Withdrawn first, so that a request is not sent after its job has failed. In flight: its outcome is awaited. Not
    // known any more: its outcome is on its way to this mailbox, unless it got lost there; then nobody else brings it.
    const answer = yield* withdraw(snapshot.attempt);
    if (answer === 'inFlight') return;
    if (answer === 'unknown' && nowMs < snapshot.replyDeadlineMs + LIMITS.outcomeLostMs) return;
    return yield* startFailing(state, context, snapshot, timedOut(snapshot, 'notSent'), undefined);
  }
  yield* startFailing(state, context, snapshot, timedOut(snapshot, why), undefined);
}

/**
 * Renewal and probe in one: the lock is extended, and a job that is gone is noticed. Of a job whose request is to be sent again
 * it is shortened instead, so that it comes back.
 */
export function* renew(state: JobState, context: JobContext): Decision<void> {
  const timeoutMs = state.snapshot?.resend ? LIMITS.releaseLockMs : renewedLockMs(context);
  const answer = yield* engine({ do: 'updateTimeout', timeoutMs });
  switch (CONSEQUENCES.updateTimeout[answer.code]) {
    case 'extended':
      state.lockDeadlineMs = context.clock.wallMs() + timeoutMs;
      return planProbe(state, context);
    case 'gone':
      return yield* endAsGone(state, context, undefined);
    case 'awaitActivation':
      return planProbe(state, context);
    default:
      return planRetry(state, context);
  }
}

/**
 * Does the job of a parked reply live? Its lock is shortened then, so that the activation comes soon, and the reply stays
 * for as long as the job. Of a job of which the engine never said so the reply is given up in the end: nobody knows such a
 * job, not even by NOT_FOUND, when its key is of a partition that the engine does not have.
 */
function* probe(state: JobState, context: JobContext, parked: Snapshot): Decision<void> {
  const unsaid = parked.replyDeadlineMs > 0;
  const answer = yield* engine({ do: 'updateTimeout', timeoutMs: LIMITS.releaseLockMs });
  switch (CONSEQUENCES.updateTimeout[answer.code]) {
    case 'extended':
    case 'awaitActivation':
      if (unsaid) yield* store(state, successor(state, context, parked, { replyDeadlineMs: 0 }, 'its job lives'));
      return planProbe(state, context);
    case 'gone':
      return yield* endAsGone(state, context, undefined);
    default:
      if (unsaid && context.clock.wallMs() >= parked.replyDeadlineMs)
        return yield* writeTombstone(state, context, 'gone', undefined);
      return planAskAgain(state, context);
  }
}

function timedOut(snapshot: Snapshot, why: 'notSent' | 'replyTimeout' | 'heartbeatTimeout'): Failing {
  const { settings, request, retries } = snapshot;
  const seconds = settings.replyTimeoutMs / 1000;
  const cause = {
    notSent: `The request was not sent${request === undefined ? '' : ` to topic ${request.topic}`} within ${seconds} s: Kafka did not take it.`,
    replyTimeout: `No reply within ${seconds} s.`,
    heartbeatTimeout: `No heartbeat and no reply within ${settings.heartbeatTimeoutMs / 1000} s.`,
  }[why];
  const failing = { cause, why, retries: 0, backoffMs: 0, outcome: 'timedOut', errorCode: '', variables: '' } as const;
  switch (settings.onReplyTimeout) {
    case 'incident':
      return failing;
    case 'fail':
      return { ...failing, retries: Math.max(0, retries - 1), backoffMs: settings.retryBackoffMs };
    case 'error':
      return { ...failing, retries, outcome: 'bpmnError', errorCode: settings.timeoutErrorCode };
  }
}
