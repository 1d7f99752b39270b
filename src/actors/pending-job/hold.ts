// An activation: hold a new job, attach to one that is held, reopen one whose attempt ended, or complete with what was
// parked or stored. The hold is written before the request is published, and carries all that a new owner needs.
import { LIMITS } from '../limits.ts';
import type { Activation, ActivationAnswer } from '../messages.ts';
import { addToTimeline, type Failing, type Snapshot, type StoredReply, writtenAt } from '../snapshot.ts';
import { claimAlias, type Decision, engine, type JobContext, read } from './effects.ts';
import { finishFailing, finishReplied, startFailing } from './ending.ts';
import { CONSEQUENCES } from './engine-answers.ts';
import { planFirstRenewal } from './engine-time.ts';
import { sendAgain } from './operated.ts';
import { aliasMs, CORRELATION, publish, refused } from './publish.ts';
import { failingBy } from './reply-verdict.ts';
import { adopt, type JobState, wasUnbroken } from './state.ts';
import { NotStorable, Redecide, store, successor } from './writing.ts';

/** 'retry': not known yet; it is to be told again while its lock stands. */
export function* activated(
  state: JobState,
  context: JobContext,
  activation: Activation,
): Decision<ActivationAnswer | 'retry'> {
  const snapshot = state.snapshot;
  if (snapshot === undefined) return yield* holdNew(state, context, activation);
  switch (snapshot.kind) {
    case 'held':
      attach(state, context, activation);
      yield* sendAgain(state, context, snapshot, activation);
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
  state.handedOutMs = Math.max(state.handedOutMs, handedOutMs(activation));
  if (state.snapshot?.kind === 'held') planFirstRenewal(state, context, activation.lockDeadlineMs);
}

/**
 * Memory keeps no tombstones, and the bucket none for longer than the late window. One that comes later than any first lock lasts as
 * a rule may be a copy, out of some buffer, of a job that was held and has ended since: the engine is asked. Not of one for which
 * there is no room: nothing is held, whatever the engine says, and the bucket is read before it is given back (`mustBeNew`).
 */
function* holdNew(state: JobState, context: JobContext, activation: Activation): Decision<ActivationAnswer | 'retry'> {
  const nowMs = context.clock.wallMs();
  const isLate = nowMs < activation.lockDeadlineMs && nowMs - handedOutMs(activation) > LIMITS.activationLockMs;
  const isAsked = isLate && context.admits(activation.lane, activation.maxPending);
  const lock = isAsked ? yield* confirmedLock(context, activation) : activation.lockDeadlineMs;
  return typeof lock === 'number' ? yield* hold(state, context, activation, undefined, lock) : lock;
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
  if (!context.admits(activation.lane, activation.maxPending)) {
    const ageMs = context.clock.wallMs() - handedOutMs(activation);
    // Less than nothing: the engine's clock is ahead of ours, and the age says nothing.
    const mayBeToldAgain = ageMs > LIMITS.toldOnceMs || ageMs < 0 || handedOutMs(activation) <= state.handedOutMs;
    if (before === undefined && mayBeToldAgain) yield* mustBeNew(state);
    return 'full';
  }
  const held = firstSnapshot(
    context,
    activation,
    before && { ...before, timeline: writtenAt(before.timeline, state.revision) },
  );
  state.heartbeatDeadlineMs = held.heartbeatDeadlineMs;
  if (activation.fault !== undefined) {
    const failing = activation.faultPasses ? notNow(activation, activation.fault) : refused(activation.fault);
    yield* startFailing(state, context, { ...held, request: undefined }, failing, undefined);
    return 'failed';
  }
  if (activation.businessKey !== '') {
    if ((yield* claimAlias(activation.businessKey, aliasMs(activation.settings))) === 'taken') {
      yield* startFailing(state, context, { ...held, request: undefined }, keyTaken(activation), undefined);
      return 'failed';
    }
    // An alias without a hold is free again for others once no hold can be on its way: none is written after its lock.
    if (lockDeadlineMs <= context.clock.wallMs()) return 'stale';
  }
  const unbroken = before === undefined || state.unbroken || wasUnbroken(state);
  try {
    yield* store(state, held);
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
    yield* startFailing(state, context, { ...held, request: undefined }, refused(error.message), undefined);
    return 'failed';
  }
  state.unbroken = unbroken;
  state.handedOutMs = handedOutMs(activation);
  state.completeUnseen = false;
  state.otherUnseen = false;
  state.ackedAttempt = 0;
  state.lockDeadlineMs = lockDeadlineMs;
  planFirstRenewal(state, context, lockDeadlineMs);
  yield* publish(state, context, held);
  return 'held';
}

/**
 * Memory keeps no tombstones. An activation that may have been told before is called full, and so given back, only if its job
 * has none.
 */
function* mustBeNew(state: JobState): Decision<void> {
  const standing = yield* read();
  if (standing === undefined) return;
  adopt(state, standing.snapshot, standing.revision);
  throw new Redecide();
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
): Decision<ActivationAnswer | 'retry'> {
  if (tombstone.outcome === 'completed' || tombstone.outcome === 'cancelled' || tombstone.outcome === 'gone')
    return 'ended';
  // Handed out before this attempt ended: told again because its answer was lost. The job's retries are other ones by now, and
  // those of this copy must neither be held nor given back.
  if (isOfBefore(state, activation, tombstone)) return 'stale';
  if (!context.admits(activation.lane, activation.maxPending)) return 'full';
  const lock = yield* confirmedLock(context, activation);
  return typeof lock === 'number' ? yield* hold(state, context, activation, tombstone, lock) : lock;
}

/** Until when the engine says that it is locked, wall clock ms; or what to say of an activation that is not alive, or not known to be. */
function* confirmedLock(
  context: JobContext,
  activation: Activation,
): Decision<number | Extract<ActivationAnswer, 'ended' | 'stale'> | 'retry'> {
  // Never a shorter one than it has: what asks for a longer lock is that renewals cannot keep up (first-lock.ts).
  const timeoutMs = Math.max(LIMITS.activationLockMs, activation.lockDeadlineMs - context.clock.wallMs());
  const answer = yield* engine({ do: 'updateTimeout', timeoutMs });
  switch (CONSEQUENCES.updateTimeout[answer.code]) {
    case 'extended':
      return context.clock.wallMs() + timeoutMs;
    case 'gone':
      return 'ended';
    case 'awaitActivation':
      return 'stale'; // not active: this copy is worth nothing; if the job lives, it comes again
    default:
      if (answer.code === 'never') return 'stale';
      // Asked once more while the lock stands: given up, the job would be hidden for the lock, and that for as long as a
      // renewal of the attempt before asked for, if one is still on its way.
      return 'retry';
  }
}

/**
 * By the engine's own clock, where it is known here when the attempt's activations were handed out. Else that is compared with when
 * the attempt was held and ended, by a clock that may be ahead or behind: one that comes after is handed out after the end.
 */
function isOfBefore(state: JobState, activation: Activation, { heldAtMs, endedAtMs }: Snapshot): boolean {
  if (state.handedOutMs > 0) return handedOutMs(activation) <= state.handedOutMs;
  return handedOutMs(activation) < (heldAtMs + endedAtMs) / 2;
}

function handedOutMs({ lockDeadlineMs, lockMs = LIMITS.activationLockMs }: Activation): number {
  return lockDeadlineMs - lockMs;
}

/**
 * The reply came before any hold (the bucket was lost): the activation brings the settings that say what it means, then it
 * is a stored reply.
 */
function* completeParked(
  state: JobState,
  context: JobContext,
  activation: Activation,
  parked: Snapshot,
): Decision<ActivationAnswer> {
  const { sentAttempt, reply, applied, timeline } = parked;
  const attempt = Math.max(1, parked.attempt);
  const from = { ...firstSnapshot(context, activation, undefined), attempt, sentAttempt, applied, timeline };
  state.lockDeadlineMs = activation.lockDeadlineMs;
  const verdict = reply && context.interpret(activation.settings, reply, activation);
  if (verdict === undefined || verdict.kind === 'heartbeat') return 'stale'; // nothing parks such a thing
  const failed = { ...from, request: undefined };
  if (verdict.kind !== 'result') {
    yield* startFailing(state, context, failed, failingBy(from, verdict), undefined);
    return 'failed';
  }
  const result = { ...(reply as StoredReply), body: verdict.variables };
  const replied = successor(state, context, from, { kind: 'replied', reply: result, request: undefined }, 'activated');
  try {
    yield* store(state, replied);
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
    // Interpreted, it is larger than it was sent: no activation could ever complete with it.
    const refusal = { kind: 'malformed', reason: 'refused', message: error.message } as const;
    yield* startFailing(state, context, failed, failingBy(from, refusal), undefined);
    return 'failed';
  }
  yield* finishReplied(state, context, replied);
  return 'attached';
}

function firstSnapshot(context: JobContext, activation: Activation, before: Snapshot | undefined): Snapshot {
  const nowMs = context.clock.wallMs();
  const { jobKey, businessKey, settings } = activation;
  const attempt = before === undefined ? 1 : before.attempt + 1;
  const correlationId = businessKey || context.correlationId(jobKey, attempt);
  return {
    kind: 'held',
    attempt,
    incarnation: context.incarnation,
    sentAttempt: 0,
    lane: activation.lane,
    origin: activation.origin,
    settings,
    retries: activation.retries,
    heldAtMs: nowMs,
    replyDeadlineMs: nowMs + settings.replyTimeoutMs,
    heartbeatDeadlineMs: settings.heartbeatTimeoutMs > 0 ? nowMs + settings.heartbeatTimeoutMs : 0,
    progress: '',
    trace: activation.trace,
    // Ours is kept only if the service is to be told of a cancellation: a secret may rotate until then.
    alias: businessKey || (settings.cancelTopic === '' ? '' : correlationId),
    request: {
      ...activation.request,
      headers: [[CORRELATION, correlationId], ...activation.request.headers],
    },
    applied: before?.applied ?? [],
    reply: undefined,
    failing: undefined,
    outcome: undefined,
    endedAtMs: 0,
    timeline: addToTimeline(before?.timeline ?? [], [
      { atMs: nowMs, what: `held, attempt ${attempt}`, node: context.node },
    ]),
    resend: false,
  };
}

/** What may be possible later costs a retry, and waits for the backoff. */
function notNow({ retries, settings }: Activation, reason: string): Failing {
  return {
    ...refused(reason),
    why: 'notSent',
    retries: Math.max(0, retries - 1),
    backoffMs: settings.retryBackoffMs,
  };
}

/** Two calls under one business key could not be told apart by their replies: this one waits, a retry less. */
function keyTaken({ businessKey, retries, settings }: Activation): Failing {
  return {
    cause: `Another call that has not ended, or ended lately, has the business key "${businessKey}".`,
    why: 'businessKeyTaken',
    retries: Math.max(0, retries - 1),
    backoffMs: settings.retryBackoffMs,
    outcome: 'failed',
    errorCode: '',
    variables: '',
  };
}
