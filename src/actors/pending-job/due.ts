// Time passes: what a pending job does by itself. A reply deadline fires only when every reply partition has been read
// up to its end at or after that moment; so after an outage the replies already in Kafka are read before anything fails.
import { LIMITS } from '../limits.ts';
import type { Failing, Snapshot } from '../snapshot.ts';
import { type Decision, engine, type JobContext, withdraw } from './effects.ts';
import { finishFailing, finishReplied, startFailing, whoEndedNow } from './ending.ts';
import { CONSEQUENCES } from './engine-answers.ts';
import { planProbe, planRetry, renewedLockMs } from './engine-time.ts';
import type { JobState } from './state.ts';
import { windowMs, writeTombstone } from './writing.ts';

/** When this job next wants to be looked at, wall ms; undefined: never. Derived, so it need not be stored. */
export function nextDueMs(state: JobState): number | undefined {
  const snapshot = state.snapshot;
  if (snapshot === undefined) return undefined;
  if (snapshot.kind === 'ended') return forgetAtMs(snapshot);
  const times = [state.engineAtMs, snapshot.kind === 'held' ? snapshot.replyDeadlineMs : 0].filter((at) => at > 0);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** A tombstone expires in the bucket without an event: the owner forgets by its own timer. */
export function forgetAtMs(tombstone: Snapshot): number {
  return tombstone.endedAtMs + windowMs(tombstone.outcome ?? 'gone', tombstone);
}

export function* due(state: JobState, context: JobContext): Decision<void> {
  const snapshot = state.snapshot;
  const nowMs = context.clock.wallMs();
  if (snapshot === undefined || snapshot.kind === 'ended') return;
  if (snapshot.kind === 'held' && nowMs >= snapshot.replyDeadlineMs) {
    return yield* replyDeadline(state, context, snapshot, nowMs);
  }
  if (state.engineAtMs === 0 || nowMs < state.engineAtMs) return;
  switch (snapshot.kind) {
    case 'held':
    case 'parked':
      return yield* renew(state, context);
    case 'replied':
      return yield* finishReplied(state, context, snapshot);
    case 'failing':
      return yield* finishFailing(state, context, snapshot);
  }
}

function* replyDeadline(state: JobState, context: JobContext, snapshot: Snapshot, nowMs: number): Decision<void> {
  if (context.replyProgressMs() < snapshot.replyDeadlineMs) {
    // The lock must not lapse while we wait for the partitions to be read.
    if (state.engineAtMs > 0 && nowMs >= state.engineAtMs) yield* renew(state, context);
    return;
  }
  if (state.ackedAttempt !== snapshot.attempt && snapshot.sentAttempt !== snapshot.attempt) {
    // Withdrawn first, so that a request is not sent after its job has failed. In flight: its outcome is awaited. Not
    // known any more: its outcome is on its way to this mailbox, unless it got lost there; then nobody else brings it.
    const answer = yield* withdraw(snapshot.attempt);
    if (answer === 'inFlight') return;
    if (answer === 'unknown' && nowMs < snapshot.replyDeadlineMs + LIMITS.outcomeLostMs) return;
    return yield* startFailing(state, context, snapshot, timedOut(snapshot, 'notSent'), undefined);
  }
  yield* startFailing(state, context, snapshot, timedOut(snapshot, 'replyTimeout'), undefined);
}

/** Renewal and probe in one: the lock is extended, and a job that is gone is noticed. */
function* renew(state: JobState, context: JobContext): Decision<void> {
  const timeoutMs = renewedLockMs(context);
  const parked = state.snapshot?.kind === 'parked';
  const answer = yield* engine({ do: 'updateTimeout', timeoutMs: parked ? LIMITS.releaseLockMs : timeoutMs });
  switch (CONSEQUENCES.updateTimeout[answer.code]) {
    case 'extended':
      state.lockDeadlineMs = context.clock.wallMs() + timeoutMs;
      return planProbe(state, context);
    case 'gone':
      return yield* writeTombstone(state, context, yield* whoEndedNow(state), undefined);
    case 'awaitActivation':
      return planProbe(state, context);
    default:
      return planRetry(state, context);
  }
}

function timedOut(snapshot: Snapshot, why: 'notSent' | 'replyTimeout'): Failing {
  const seconds = snapshot.settings.replyTimeoutMs / 1000;
  const topic = snapshot.request?.topic;
  const incident = snapshot.settings.onReplyTimeout === 'incident';
  return {
    cause:
      why === 'notSent'
        ? `The request was not sent${topic === undefined ? '' : ` to topic ${topic}`} within ${seconds} s: Kafka did not take it.`
        : `No reply within ${seconds} s.`,
    why,
    retries: incident ? 0 : Math.max(0, snapshot.retries - 1),
    backoffMs: incident ? 0 : snapshot.settings.retryBackoffMs,
    outcome: 'timedOut',
    errorCode: '',
  };
}
