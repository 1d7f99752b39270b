// An activation: hold a new job, attach to one that is held, reopen one whose attempt ended, or complete with what was
// parked or stored. The hold is written before the request is published, and carries all that a new owner needs.
import type { CorrelationId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { Activation, ActivationAnswer } from '../messages.ts';
import { addToTimeline, type Failing, type Snapshot } from '../snapshot.ts';
import { type Decision, engine, type JobContext } from './effects.ts';
import { finishFailing, finishReplied, startFailing } from './ending.ts';
import { CONSEQUENCES } from './engine-answers.ts';
import { planFirstRenewal } from './engine-time.ts';
import type { JobState } from './state.ts';
import { NotStorable, store, successor } from './writing.ts';

/** Where the stored request keeps the correlation id it was signed with. */
const CORRELATION = 'kafka_correlationId';

export function* activated(state: JobState, context: JobContext, activation: Activation): Decision<ActivationAnswer> {
  const snapshot = state.snapshot;
  if (snapshot === undefined) return yield* hold(state, context, activation, undefined, activation.lockDeadlineMs);
  switch (snapshot.kind) {
    case 'held':
      attach(state, context, activation);
      return 'attached';
    case 'replied':
      attach(state, context, activation);
      yield* finishReplied(state, context, snapshot);
      return 'attached';
    case 'failing':
      yield* finishFailing(state, context, snapshot);
      return 'failed';
    case 'parked':
      return yield* completeParked(state, context, activation, snapshot);
    case 'ended':
      return yield* reopen(state, context, activation, snapshot);
  }
}

/** In memory only: no write, no request. */
function attach(state: JobState, context: JobContext, activation: Activation): void {
  state.lockDeadlineMs = Math.max(state.lockDeadlineMs, activation.lockDeadlineMs);
  state.attachedAtMs = context.clock.wallMs();
  if (state.snapshot?.kind === 'held') planFirstRenewal(state, context);
}

/** `before`: the tombstone that is reopened. The lock is judged at this moment: activations come late out of paused streams. */
function* hold(
  state: JobState,
  context: JobContext,
  activation: Activation,
  before: Snapshot | undefined,
  lockDeadlineMs: number,
): Decision<ActivationAnswer> {
  if (lockDeadlineMs <= context.clock.wallMs()) return 'stale';
  if (!context.admits(activation.lane, activation.maxPending)) return 'full';
  const held = firstSnapshot(context, activation, before);
  if (activation.fault !== undefined) {
    yield* startFailing(state, context, { ...held, request: undefined }, refused(activation.fault), undefined);
    return 'failed';
  }
  try {
    yield* store(state, held);
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
    yield* startFailing(state, context, { ...held, request: undefined }, refused(error.message), undefined);
    return 'failed';
  }
  state.unbroken = true;
  state.completeUnseen = false;
  state.otherUnseen = false;
  state.ackedAttempt = 0;
  state.lockDeadlineMs = lockDeadlineMs;
  planFirstRenewal(state, context);
  yield* publish(state, context, held);
  return 'held';
}

/** Hands the request of a held job to the publisher; again after a takeover, under the same correlation id. */
export function* publish(state: JobState, context: JobContext, held: Snapshot): Decision<void> {
  const request = held.request;
  if (request === undefined) return;
  yield {
    do: 'publish',
    request: {
      jobKey: state.jobKey,
      attempt: held.attempt,
      // As signed at the hold: a secret that rotates meanwhile must not change the id of the same attempt.
      correlationId: (request.headers.find(([name]) => name === CORRELATION)?.[1] ??
        context.correlationId(state.jobKey, held.attempt)) as CorrelationId,
      lane: held.lane,
      topic: request.topic,
      body: request.body,
      headers: request.headers.filter(([name]) => name !== CORRELATION),
    },
  };
}

/**
 * Completed, cancelled and gone are never reopened. Another end is, but only once the engine has confirmed that this
 * activation is alive: a stale copy out of a stream's buffer must not raise the attempt.
 */
function* reopen(
  state: JobState,
  context: JobContext,
  activation: Activation,
  tombstone: Snapshot,
): Decision<ActivationAnswer> {
  if (tombstone.outcome === 'completed' || tombstone.outcome === 'cancelled' || tombstone.outcome === 'gone')
    return 'ended';
  if (!context.admits(activation.lane, activation.maxPending)) return 'full';
  const timeoutMs = LIMITS.activationLockMs;
  const answer = yield* engine({ do: 'updateTimeout', timeoutMs });
  switch (CONSEQUENCES.updateTimeout[answer.code]) {
    case 'extended':
      return yield* hold(state, context, activation, tombstone, context.clock.wallMs() + timeoutMs);
    case 'gone':
      return 'ended';
    default:
      // Not active, or no answer: this copy is worth nothing; if the job lives, it comes again.
      return 'stale';
  }
}

/** The reply came before any hold (the bucket was lost): the activation brings the settings, then it is a stored reply. */
function* completeParked(
  state: JobState,
  context: JobContext,
  activation: Activation,
  parked: Snapshot,
): Decision<ActivationAnswer> {
  const { attempt, sentAttempt, reply, applied, timeline } = parked;
  const from = { ...firstSnapshot(context, activation, undefined), attempt, sentAttempt, applied, timeline };
  const replied = successor(state, context, from, { kind: 'replied', reply, request: undefined }, 'activated');
  yield* store(state, replied);
  state.lockDeadlineMs = activation.lockDeadlineMs;
  yield* finishReplied(state, context, replied);
  return 'attached';
}

function firstSnapshot(context: JobContext, activation: Activation, before: Snapshot | undefined): Snapshot {
  const nowMs = context.clock.wallMs();
  const { jobKey } = activation;
  const attempt = before === undefined ? 1 : before.attempt + 1;
  return {
    kind: 'held',
    attempt,
    incarnation: context.incarnation,
    sentAttempt: 0,
    lane: activation.lane,
    origin: activation.origin,
    settings: activation.settings,
    retries: activation.retries,
    heldAtMs: nowMs,
    replyDeadlineMs: nowMs + activation.settings.replyTimeoutMs,
    heartbeatDeadlineMs: 0,
    progress: '',
    trace: activation.trace,
    alias: '',
    request: {
      ...activation.request,
      headers: [[CORRELATION, context.correlationId(jobKey, attempt)], ...activation.request.headers],
    },
    applied: before?.applied ?? [],
    reply: undefined,
    failing: undefined,
    outcome: undefined,
    endedAtMs: 0,
    timeline: addToTimeline(before?.timeline ?? [], [
      { atMs: nowMs, what: `held, attempt ${attempt}`, node: context.node },
    ]),
  };
}

/** What can never be sent needs a person: an incident, with the reason as its text. */
export function refused(reason: string): Failing {
  return {
    cause: `The request was not sent: ${reason}`,
    why: 'refused',
    retries: 0,
    backoffMs: 0,
    outcome: 'failed',
    errorCode: '',
  };
}
