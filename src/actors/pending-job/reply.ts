// A reply whose correlation id was verified. `applied` and `duplicate` are said only from an acknowledged snapshot or an
// engine-final outcome; a result of any attempt completes, an error counts only for its own attempt (design §5).
import { OURS } from '../correlation-id.ts';
import { ABSENT } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { Rejection, Reply, ReplyAnswer, Verdict } from '../messages.ts';
import type { PublishMessage } from '../ports.ts';
import type { Snapshot, StoredReply } from '../snapshot.ts';
import { type Decision, engine, type JobContext, read } from './effects.ts';
import { acceptResult, ranOut, startFailing } from './ending.ts';
import { heartbeatWriteAtMs, writeHeartbeat } from './heartbeat.ts';
import { besideParked, withoutHold } from './parked.ts';
import { failingBy } from './reply-verdict.ts';
import { adopt, type JobState, mayBeReopened, wasUnbroken } from './state.ts';
import { takeUp } from './take-up.ts';
import { NotStorable, store, successor, wasApplied, windowMs } from './writing.ts';

export function* replied(state: JobState, context: JobContext, reply: Reply): Decision<ReplyAnswer> {
  if (state.snapshot === undefined) {
    // Memory does not decide that nothing is there: an old owner's write may have landed unseen.
    const standing = yield* read();
    adopt(state, standing?.snapshot, standing?.revision ?? ABSENT);
    state.unbroken = wasUnbroken(state);
  }
  if (state.snapshot !== undefined && mayBeToLater(reply, state.snapshot)) yield* makeSure(state, context, reply);
  const snapshot = state.snapshot;
  if (snapshot === undefined) return yield* withoutHold(state, context, reply);
  const { content } = reply;
  const again = wasApplied(snapshot.applied, reply.position);
  if (snapshot.outcome === 'completed' || (again && snapshot.kind === 'parked')) return 'duplicate';
  if (snapshot.kind === 'parked') return yield* besideParked(state, context, snapshot, reply);
  const verdict = content.kind === 'malformed' ? content : context.interpret(snapshot.settings, content, snapshot);
  // What means nothing is a dead letter, and its reader may have died before Kafka had that; even when a later reply counted.
  if (again) return verdict.kind === 'malformed' ? (rejectionIn(reply, verdict) ?? 'duplicate') : 'duplicate';
  switch (verdict.kind) {
    case 'result':
      return yield* result(state, context, snapshot, reply, verdict.variables);
    case 'heartbeat':
      return yield* heartbeat(state, context, snapshot, reply, verdict.progress);
    case 'error':
    case 'failure':
      return yield* errorReply(state, context, snapshot, reply, verdict);
    case 'malformed':
      return yield* malformedReply(state, context, snapshot, reply, verdict);
  }
}

/**
 * An id of ours names its attempt, and is signed: when that is not known here, somebody holds it, or held it. A business key names
 * none, so it may be about one that is not known here whenever the one that is known has ended or has its answer, which would be
 * the reason to drop it. What is held, and what was applied, needs no more: there every answer that counts is written against what
 * is known, or is the engine's to decide. Nor does a heartbeat, which is dropped without a trace, and comes again.
 */
function mayBeToLater({ attempt, content, position }: Reply, known: Snapshot): boolean {
  if (attempt > 0) return attempt > known.attempt;
  const isHeartbeat = content.kind === 'reply' && content.status === 'heartbeat';
  return known.kind !== 'held' && !isHeartbeat && !wasApplied(known.applied, position);
}

/**
 * What is known may be old: an owner that is cut off, or connected again and yet to hear whose its shards are, would call the reply
 * late, or a second answer to an attempt that is long over. A read may be answered from the past too: only a write tells. If it is
 * stored, what is known is all there is (of an id of ours: the bucket itself was lost or restored): its mark says so when the reply
 * comes again.
 */
function* makeSure(state: JobState, context: JobContext, { attempt, position }: Reply): Decision<void> {
  yield* takeUp(state, context);
  const { snapshot } = state;
  if (snapshot === undefined) return;
  const { outcome } = snapshot;
  if (outcome !== undefined && !mayBeReopened(outcome)) return;
  const whose = attempt > 0 ? 'is to a later attempt' : 'came under the business key';
  const mark = `reply ${position.partition}/${position.offset} ${whose}`;
  if (snapshot.timeline.some(({ what }) => what === mark)) return;
  const ttlMs = outcome === undefined ? undefined : windowMs(outcome, snapshot);
  try {
    yield* store(state, successor(state, context, snapshot, {}, mark), ttlMs);
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
  }
}

/** Of any attempt: it completes, unless the job ended in a way that the engine does not reverse. */
function* result(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  reply: Reply,
  variables: string,
): Decision<ReplyAnswer> {
  switch (snapshot.kind) {
    case 'replied':
      return 'duplicate';
    case 'parked': // has a decision of its own
    case 'held':
    case 'failing':
      break;
    case 'ended':
      // Nobody can say who ended it: possibly this very reply. What may have been applied is never dead-lettered (I5).
      if (snapshot.outcome === 'gone') return 'applied';
      if (snapshot.outcome === 'cancelled') return yield* late(snapshot, reply, variables);
  }
  const answer = yield* acceptResult(state, context, snapshot, stored(reply, variables));
  return answer === 'late' ? yield* late(snapshot, reply, variables) : answer;
}

/** The engine does not take it any more: what then, its job's settings say. */
function* late(snapshot: Snapshot, reply: Reply, variables: string): Decision<ReplyAnswer> {
  const { settings, origin, alias } = snapshot;
  if (settings.onLate === 'drop') return 'lateDropped';
  if (settings.onLate === 'dlq') return 'late';
  const { partition, offset } = reply.position;
  const message: PublishMessage = {
    name: settings.lateMessageName,
    // Whoever wants to catch it knows the business key, or else its own instance.
    correlationKey: OURS.test(alias) || alias === '' ? origin.instanceKey : alias,
    messageId: `${reply.jobKey}/${partition}/${offset}`,
    timeToLiveMs: LIMITS.lateMessageMs,
    tenantId: origin.tenantId,
    variables,
  };
  // Published before, under the same id, is published. What the engine does not take now must not hold up the replies
  // behind it, for the engine may be away for long, or never take it: it is kept for a person.
  for (let tries = 0; tries < LIMITS.lateMessageTries; tries++) {
    const { code } = yield* engine({ do: 'publishMessage', message });
    if (code === 'ok') return 'latePublished';
    if (code !== 'transient') return 'late';
  }
  return 'late';
}

/** Taken into memory; written now and then, for whoever looks and for the next owner. */
function* heartbeat(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  reply: Reply,
  progress: string,
): Decision<ReplyAnswer> {
  if (snapshot.kind !== 'held' || !isOfAttempt(reply, snapshot)) return 'lateDropped';
  const { heartbeatTimeoutMs } = snapshot.settings;
  if (heartbeatTimeoutMs > 0) {
    // A sign of life never makes the time shorter: a wall clock that was set back for a moment would end it in the past.
    const deadlineMs = context.clock.wallMs() + heartbeatTimeoutMs;
    state.heartbeatDeadlineMs = Math.max(state.heartbeatDeadlineMs, deadlineMs);
  }
  state.progress = progress;
  // Its service has the request, whoever sent that.
  // Known already, it says nothing of one that an operator wants sent again.
  const known = snapshot.sentAttempt === snapshot.attempt;
  if (reply.attempt === snapshot.attempt && !known) state.ackedAttempt = snapshot.attempt;
  // Under a business key that is not so sure: a request that nobody is known to have sent is seen to first (decide.ts, takeUp).
  const owed = state.adopted && state.ackedAttempt !== snapshot.attempt && snapshot.sentAttempt !== snapshot.attempt;
  if (!owed && context.clock.wallMs() >= heartbeatWriteAtMs(state)) yield* writeHeartbeat(state, context, snapshot);
  return 'applied';
}

/**
 * A business or a technical error: stored first, then told to the engine. One that comes too late becomes no message: whoever
 * catches that waits for the result, and the call may be in its next attempt.
 */
function* errorReply(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  reply: Reply,
  verdict: Extract<Verdict, { kind: 'error' | 'failure' }>,
): Decision<ReplyAnswer> {
  if (snapshot.kind === 'ended' && snapshot.outcome === 'gone') return 'applied';
  if (snapshot.kind !== 'held' || !isOfAttempt(reply, snapshot)) {
    if (isAnswered(snapshot) && isOfAttempt(reply, snapshot)) return 'duplicate';
    return snapshot.settings.onLate === 'drop' ? 'lateDropped' : 'late';
  }
  yield* startFailing(state, context, snapshot, failingBy(snapshot, verdict), reply.position);
  return 'applied';
}

/**
 * Malformed with the id of a pending job: that job fails now, a retry less. The record is dead-lettered by its reader, who
 * knows of it, or hears of it here.
 */
function* malformedReply(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  reply: Reply,
  verdict: Extract<Verdict, { kind: 'malformed' }>,
): Decision<ReplyAnswer> {
  const rejection = rejectionIn(reply, verdict);
  if (snapshot.kind !== 'held' || !isOfAttempt(reply, snapshot)) return rejection ?? 'late';
  yield* startFailing(state, context, snapshot, failingBy(snapshot, verdict), reply.position);
  return rejection ?? 'applied';
}

/** undefined: its reader knows already. */
function rejectionIn({ content }: Reply, { reason }: Extract<Verdict, { kind: 'malformed' }>): Rejection | undefined {
  if (content.kind === 'malformed') return undefined;
  return reason === 'not-object' || reason === 'refused' ? reason : 'malformed';
}

/** The attempt ended, or is about to, by a reply: a further one is a duplicate. */
function isAnswered({ kind, failing, outcome, settings }: Snapshot): boolean {
  if (kind === 'failing') return !ranOut(failing);
  return kind === 'replied' || outcome === 'failed' || (outcome === 'bpmnError' && settings.onReplyTimeout !== 'error');
}

/** A business key names no attempt: it is about the one that stands. */
function isOfAttempt(reply: Reply, snapshot: Snapshot): boolean {
  return reply.attempt === 0 || reply.attempt === snapshot.attempt;
}

/** The result as its snapshot keeps it. */
function stored({ position, attempt }: Reply, variables: string): StoredReply {
  const nothing = { code: '', message: '', retries: undefined, backoffMs: undefined, headers: [] };
  return { kind: 'reply', status: 'result', body: variables, ...nothing, ...position, attempt };
}
