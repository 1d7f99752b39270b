// Ending a job in the engine: completing with a result, failing with a stored cause. Both follow the table in
// engine-answers.ts. Completing may go before its snapshot (the cause is stored in Kafka under an uncommitted offset,
// and completing is idempotent); failing and throwing never do (design §3.2).

import type { CorrelationId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { CancelRecord, ReplyAnswer, ReplyPosition } from '../messages.ts';
import type { EngineAnswer } from '../ports.ts';
import { BY_HAND, type Failing, type Snapshot, type StoredReply } from '../snapshot.ts';
import { confirmOwner, type Decision, engine, type JobContext } from './effects.ts';
import { CONSEQUENCES, whoEnded } from './engine-answers.ts';
import { planRetry, planWait } from './engine-time.ts';
import { withoutVariables } from './reply-verdict.ts';
import type { JobState } from './state.ts';
import { NotStorable, store, successor, withApplied, writeTombstone } from './writing.ts';

/**
 * A result for a job that stands as `from` (held, failing, or ended in a way that the engine may still reverse).
 * Completes straight away while the engine answers; else stores the reply, and completion goes on by itself.
 */
export function* acceptResult(
  state: JobState,
  context: JobContext,
  from: Snapshot,
  reply: StoredReply,
): Decision<ReplyAnswer> {
  if (!context.engineHealthy()) return yield* storeReply(state, context, from, reply, 'later');
  const answer = yield* complete(state, reply.body);
  switch (CONSEQUENCES.complete[answer.code]) {
    case 'ended':
      yield* writeTombstone(state, context, 'completed', reply);
      return 'applied';
    case 'gone': {
      const outcome = yield* whoEndedNow(state);
      // Late, it is not counted as applied: delivered again before it is a dead letter or a message, it is late again.
      yield* writeTombstone(state, context, outcome, outcome === 'cancelled' ? undefined : reply);
      return state.snapshot?.outcome === 'cancelled' ? 'late' : 'applied';
    }
    case 'keepReply':
      return yield* storeReply(state, context, from, reply, 'atActivation');
    case 'malformed':
      yield* startFailing(state, context, from, malformed(from, answer.message), reply);
      return state.snapshot?.outcome === 'completed' ? 'applied' : 'refused';
    default:
      return yield* storeReply(state, context, from, reply, 'later');
  }
}

/** Tries to complete with the stored result. */
export function* finishReplied(state: JobState, context: JobContext, snapshot: Snapshot): Decision<void> {
  const reply = snapshot.reply;
  if (reply === undefined) return;
  const answer = yield* complete(state, reply.body);
  switch (CONSEQUENCES.complete[answer.code]) {
    case 'ended':
      return yield* writeTombstone(state, context, 'completed', reply);
    case 'gone':
      return yield* endAsGone(state, context, reply);
    case 'keepReply':
      return planWait(state, context);
    case 'malformed':
      return yield* startFailing(state, context, snapshot, unusable(snapshot, reply, answer.message), reply);
    default:
      return planRetry(state, context);
  }
}

/**
 * Stores the cause, then acts on it. `position` is the error reply's, so that it counts once. Variables that an expression
 * made larger than can be stored are left out: the reply would be told again for ever, and hold up its partition.
 */
export function* startFailing(
  state: JobState,
  context: JobContext,
  from: Snapshot,
  failing: Failing,
  position: ReplyPosition | undefined,
  what = `failing: ${failing.why}`,
): Decision<void> {
  const next = successor(
    state,
    context,
    from,
    {
      kind: 'failing',
      failing: { ...failing, cause: failing.cause.slice(0, LIMITS.causeChars) },
      applied: position === undefined ? from.applied : withApplied(from.applied, position),
      request: undefined,
      reply: undefined,
      outcome: undefined,
    },
    what,
  );
  try {
    yield* storeIntention(state, context, next);
  } catch (error) {
    if (!(error instanceof NotStorable) || failing.variables === '') throw error;
    const cause = withoutVariables(failing.cause, error.message);
    return yield* startFailing(state, context, from, { ...failing, cause, variables: '' }, position, what);
  }
  yield* finishFailing(state, context, next);
}

/** One whose answer comes late counts as found: it may have been seen to by another owner meanwhile. */
function* storeIntention(state: JobState, context: JobContext, next: Snapshot): Decision<void> {
  const sinceMs = context.clock.wallMs();
  yield* store(state, next);
  if (context.clock.wallMs() - sinceMs > LIMITS.intentionFreshMs) state.adopted = true;
}

/**
 * Fails the job, or throws the error, as the stored intention says; then the tombstone. An intention that was found, not
 * written just now, is written again first: a read may be a moment old, its attempt over since, and FailJob would hit the next
 * one.
 */
export function* finishFailing(state: JobState, context: JobContext, snapshot: Snapshot): Decision<void> {
  const failing = snapshot.failing;
  if (failing === undefined) return;
  if (state.adopted) yield* storeIntention(state, context, successor(state, context, snapshot, {}, 'taken over'));
  const command = failing.outcome === 'bpmnError' ? 'throwError' : 'fail';
  let answer = yield* failOrThrow(state, failing, failing.cause);
  let consequence = CONSEQUENCES[command][answer.code];
  if (consequence === 'shorten') {
    // A shorter text for the same retries; an error that cannot be thrown becomes an incident.
    answer = yield* failOrThrow(
      state,
      { ...failing, outcome: 'failed', retries: command === 'fail' ? failing.retries : 0, variables: '' },
      `holdfast: the engine refused: ${plain(answer.message)}`,
    );
    consequence = CONSEQUENCES.fail[answer.code];
  }
  switch (consequence) {
    case 'ended':
    case 'shorten':
      yield* writeTombstone(state, context, failing.outcome, undefined);
      return yield* tellService(state, context, snapshot, unanswered(failing));
    case 'gone':
      return yield* endAsGone(state, context, undefined);
    default:
      return planRetry(state, context);
  }
}

/** The engine said NOT_FOUND: the tombstone, and a word to the service when the job was cancelled. */
export function* endAsGone(state: JobState, context: JobContext, position: ReplyPosition | undefined): Decision<void> {
  const from = state.snapshot;
  yield* writeTombstone(state, context, yield* whoEndedNow(state), position);
  if (from !== undefined) yield* tellService(state, context, from, 'cancelled');
}

/**
 * Nobody waits for its reply any more. Told once its tombstone stands, to a service that was asked and has not answered;
 * it is a courtesy: lost with a process that dies right then, for the next owner no longer knows who ended the job. A result
 * that was given by hand counts as the answer: of a job that was completed no service is told (design §8, I10).
 * @param reason undefined: it has answered
 */
function* tellService(
  state: JobState,
  context: JobContext,
  from: Snapshot,
  reason: CancelRecord['reason'] | undefined,
): Decision<void> {
  if (reason === undefined) return;
  const { settings, attempt, alias, failing } = from;
  const ended = state.snapshot;
  const outcome = reason === 'cancelled' ? 'cancelled' : failing?.outcome;
  const isSo = ended?.kind === 'ended' && ended.outcome === outcome;
  const answered = from.reply !== undefined || (failing !== undefined && unanswered(failing) === undefined);
  const asked = state.ackedAttempt === attempt || from.sentAttempt === attempt;
  if (settings.cancelTopic === '' || !isSo || answered || !asked || ended?.attempt !== attempt) return;
  const correlationId = (alias || context.correlationId(state.jobKey, attempt)) as CorrelationId;
  const { cancelTopic: topic, profile } = settings;
  yield {
    do: 'cancelRecord',
    record: { jobKey: state.jobKey, attempt, correlationId, topic, profile, origin: from.origin, reason },
  };
}

/** Why the service's answer was not waited for any longer; undefined: it has come. */
function unanswered(failing: Failing): 'timedOut' | 'byHand' | undefined {
  if (ranOut(failing)) return 'timedOut';
  return failing.why === 'byHand' ? 'byHand' : undefined;
}

/** No reply, or no sign of life, in time. */
export function ranOut(failing: Failing | undefined): boolean {
  return failing?.why === 'replyTimeout' || failing?.why === 'heartbeatTimeout';
}

/**
 * The engine said NOT_FOUND. "Cancelled" is said only when this incarnation's claim still stands *after* that answer,
 * and stood before our own last write: then no other owner can have completed the job in between.
 */
export function* whoEndedNow(state: JobState): Decision<'completed' | 'cancelled' | 'gone'> {
  const unbroken = state.unbroken && (yield* confirmOwner(state.revision));
  return whoEnded({ completeUnseen: state.completeUnseen, otherUnseen: state.otherUnseen, unbroken });
}

function* complete(state: JobState, variables: string): Decision<EngineAnswer> {
  const answer = yield* engine({ do: 'complete', variables });
  if (answer.unseen) state.completeUnseen = true;
  return answer;
}

function* failOrThrow(state: JobState, failing: Failing, message: string): Decision<EngineAnswer> {
  const answer =
    failing.outcome === 'bpmnError'
      ? yield* engine({
          do: 'throwError',
          error: { code: failing.errorCode, message, variables: failing.variables || '{}' },
        })
      : yield* engine({ do: 'fail', fail: { ...retriesOf(failing), message, variables: failing.variables } });
  if (answer.unseen) state.otherUnseen = true;
  return answer;
}

function retriesOf({ retries, backoffMs }: Failing) {
  return { retries, backoffMs };
}

/** Without a message TTL: it stays for as long as the job lives, in an incident too. `complete`: when that is tried next. */
function* storeReply(
  state: JobState,
  context: JobContext,
  from: Snapshot,
  reply: StoredReply,
  complete: 'later' | 'atActivation',
): Decision<ReplyAnswer> {
  const next = successor(
    state,
    context,
    from,
    {
      kind: 'replied',
      reply,
      applied: withApplied(from.applied, reply),
      request: undefined,
      failing: undefined,
      outcome: undefined,
    },
    'replied',
  );
  try {
    yield* store(state, next);
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
    yield* startFailing(state, context, from, malformed(from, error.message), reply);
    return mayBeCompleted(state) ? 'applied' : 'refused';
  }
  if (complete === 'later') planRetry(state, context);
  else planWait(state, context);
  return 'applied';
}

/** By a completion that was not answered: it has turned out so while the job was to be failed, or it is not known yet. */
function mayBeCompleted({ snapshot, completeUnseen }: JobState): boolean {
  if (snapshot?.kind === 'failing') return completeUnseen;
  return snapshot?.outcome === 'completed' || snapshot?.outcome === 'gone';
}

/** A reply that the engine will never take costs one retry. */
function malformed(snapshot: Snapshot, why: string): Failing {
  return {
    cause: `The reply cannot become the job's result: ${plain(why)}`,
    why: 'malformed',
    retries: Math.max(0, snapshot.retries - 1),
    backoffMs: snapshot.settings.retryBackoffMs,
    outcome: 'failed',
    errorCode: '',
    variables: '',
  };
}

/** Of a result that was given by hand the service knows nothing: it has not answered, and is told that nobody waits any more. */
function unusable(snapshot: Snapshot, { partition }: StoredReply, why: string): Failing {
  const failing = malformed(snapshot, why);
  if (partition !== BY_HAND) return failing;
  return { ...failing, why: 'byHand', cause: `What was given by hand cannot become the job's result: ${plain(why)}` };
}

function plain(message: string): string {
  return message === '' ? 'it gave no reason (variables over about 2 MiB?)' : message.slice(0, 300);
}
