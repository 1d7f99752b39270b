// A reply whose correlation id was verified. `applied` and `duplicate` are said only from an acknowledged snapshot or an
// engine-final outcome; a result of any attempt completes, an error counts only for its own attempt (design §5).
import { ABSENT, type Lane } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { Reply, ReplyAnswer } from '../messages.ts';
import type { Failing, Snapshot, StoredReply } from '../snapshot.ts';
import { type Decision, engine, type JobContext, read } from './effects.ts';
import { acceptResult, startFailing } from './ending.ts';
import { CONSEQUENCES } from './engine-answers.ts';
import { planProbe } from './engine-time.ts';
import { adopt, type JobState } from './state.ts';
import { NotStorable, Redecide, store, wasApplied, withApplied } from './writing.ts';

/** `retry`: it cannot be decided now; whoever sent it asks again. */
export function* replied(state: JobState, context: JobContext, reply: Reply): Decision<ReplyAnswer | 'retry'> {
  if (state.snapshot === undefined) {
    // Memory does not decide that nothing is there: an old owner's write may have landed unseen.
    const standing = yield* read();
    adopt(state, standing?.snapshot, standing?.revision ?? ABSENT);
    // A tombstone of our own, forgotten by memory with nothing outstanding: nobody else came between.
    state.unbroken = standing?.snapshot.kind === 'ended' && standing.snapshot.incarnation === context.incarnation;
  }
  const snapshot = state.snapshot;
  if (snapshot === undefined) return yield* withoutHold(state, context, reply);
  if (wasApplied(snapshot.applied, reply.position)) return 'duplicate';
  if (snapshot.outcome === 'completed') return 'duplicate';
  if (reply.content.kind === 'malformed') return yield* malformedReply(state, context, snapshot, reply);

  const result: StoredReply = {
    kind: 'result',
    variables: reply.content.variables,
    partition: reply.position.partition,
    offset: reply.position.offset,
    attempt: reply.attempt,
  };
  switch (snapshot.kind) {
    case 'held':
    case 'failing':
      return yield* acceptResult(state, context, snapshot, result);
    case 'replied':
    case 'parked':
      return 'duplicate';
    case 'ended':
      // Nobody can say who ended it: possibly this very reply. What may have been applied is never dead-lettered (I5).
      if (snapshot.outcome === 'gone') return 'applied';
      if (snapshot.outcome === 'cancelled') return 'late';
      return yield* acceptResult(state, context, snapshot, result);
  }
}

/** Malformed with the id of a pending job: that job fails now, a retry less. The record is dead-lettered by its reader. */
function* malformedReply(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  reply: Reply,
): Decision<ReplyAnswer> {
  if (snapshot.kind !== 'held' || snapshot.attempt !== reply.attempt || reply.content.kind !== 'malformed')
    return 'late';
  const failing: Failing = {
    cause: `Malformed reply (${reply.content.reason}): ${reply.content.message}`,
    why: 'malformed',
    retries: Math.max(0, snapshot.retries - 1),
    backoffMs: snapshot.settings.retryBackoffMs,
    outcome: 'failed',
    errorCode: '',
  };
  yield* startFailing(state, context, snapshot, failing, reply.position);
  return 'applied';
}

/** A valid id without a snapshot: the engine says whether the job lives; if so, the reply waits for its next activation. */
function* withoutHold(state: JobState, context: JobContext, reply: Reply): Decision<ReplyAnswer | 'retry'> {
  const answer = yield* engine({ do: 'updateTimeout', timeoutMs: LIMITS.releaseLockMs });
  const consequence = CONSEQUENCES.updateTimeout[answer.code];
  if (consequence === 'gone') {
    // Between the read and this answer another owner may have held the job and completed it with this very reply.
    const standing = yield* read();
    if (standing === undefined) return 'late';
    adopt(state, standing.snapshot, standing.revision);
    throw new Redecide();
  }
  if (consequence === 'retry') return 'retry';
  if (reply.content.kind === 'malformed') return 'applied';
  try {
    yield* store(state, parked(context, reply, reply.content.variables));
  } catch (error) {
    if (error instanceof NotStorable) return 'refused'; // asked again for ever, it would hold up its partition
    throw error;
  }
  planProbe(state, context, LIMITS.probeEveryMs);
  return 'applied';
}

/** Without an activation there are no settings: those that matter come with the activation that completes it. */
function parked(context: JobContext, reply: Reply, variables: string): Snapshot {
  const nowMs = context.clock.wallMs();
  return {
    kind: 'parked',
    attempt: reply.attempt,
    incarnation: context.incarnation,
    sentAttempt: reply.attempt,
    lane: '' as Lane,
    origin: {
      jobType: '',
      processId: '',
      processVersion: 0,
      elementId: '',
      instanceKey: '',
      elementInstanceKey: '',
      tenantId: '',
    },
    settings: {
      replyTimeoutMs: 0,
      onReplyTimeout: 'incident',
      retryBackoffMs: 0,
      lateWindowMs: LIMITS.parkedWindowMs,
      incidentWindowMs: LIMITS.parkedWindowMs,
    },
    retries: 0,
    heldAtMs: nowMs,
    replyDeadlineMs: 0,
    heartbeatDeadlineMs: 0,
    progress: '',
    trace: '',
    alias: '',
    request: undefined,
    applied: withApplied([], reply.position),
    reply: {
      kind: 'result',
      variables,
      partition: reply.position.partition,
      offset: reply.position.offset,
      attempt: reply.attempt,
    },
    failing: undefined,
    outcome: undefined,
    endedAtMs: 0,
    timeline: [{ atMs: nowMs, what: 'parked', node: context.node }],
  };
}
