// A reply whose job has no hold: nobody here knows the job's settings, so what the reply means has to wait. It is parked
// under the job's key if the engine says that the job lives, or does not say; the job's next activation brings the settings, and
// completes or fails with it (hold.ts).
import type { Lane } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { PLAIN_CONTRACT, type Reply, type ReplyAnswer, type ReplyAsSent } from '../messages.ts';
import type { Snapshot } from '../snapshot.ts';
import { type Decision, engine, type JobContext, read } from './effects.ts';
import { CONSEQUENCES } from './engine-answers.ts';
import { planAskAgain, planProbe } from './engine-time.ts';
import { adopt, type JobState } from './state.ts';
import { NotStorable, Redecide, store, successor, withApplied } from './writing.ts';

/**
 * A valid id without a snapshot: the engine says whether the job lives; if so, the reply waits for its next activation.
 * While the engine does not say, the reply is parked too, and asking goes on (due.ts): an engine that is away, or that has
 * not even a partition for such a key, must not hold up the partition in which the reply stands.
 */
export function* withoutHold(state: JobState, context: JobContext, reply: Reply): Decision<ReplyAnswer> {
  const { content } = reply;
  // Neither says anything that the job's next activation could use.
  if (content.kind === 'malformed' || content.status === 'heartbeat') return 'lateDropped';
  const answer = yield* engine({ do: 'updateTimeout', timeoutMs: LIMITS.releaseLockMs });
  const consequence = CONSEQUENCES.updateTimeout[answer.code];
  if (consequence === 'gone') {
    // Between the read and this answer another owner may have held the job and completed it with this very reply.
    const standing = yield* read();
    if (standing === undefined) return 'late';
    adopt(state, standing.snapshot, standing.revision);
    throw new Redecide();
  }
  const unsaid = consequence === 'retry';
  try {
    yield* store(state, parked(context, reply, content, unsaid));
  } catch (error) {
    if (error instanceof NotStorable) return 'refused'; // asked again for ever, it would hold up its partition
    throw error;
  }
  if (unsaid) planAskAgain(state, context);
  else planProbe(state, context);
  return 'applied';
}

/**
 * One reply is parked already. A result takes the place of what is none, for it completes whatever the attempt; else the
 * first one counts. None of them is interpreted: the settings come with the activation.
 */
export function* besideParked(
  state: JobState,
  context: JobContext,
  standing: Snapshot,
  reply: Reply,
): Decision<ReplyAnswer> {
  const { content } = reply;
  if (content.kind === 'malformed' || content.status === 'heartbeat') return 'lateDropped';
  if (content.status !== 'result' || standing.reply?.status === 'result') return 'duplicate';
  const better = { ...content, ...reply.position, attempt: reply.attempt };
  const applied = withApplied(standing.applied, reply.position);
  try {
    yield* store(state, successor(state, context, standing, { reply: better, applied }, 'parked a result'));
  } catch (error) {
    if (error instanceof NotStorable) return 'refused';
    throw error;
  }
  return 'applied';
}

/**
 * Without an activation there are no settings: those that matter come with the activation that completes it. Its deadline
 * is that of `unsaid`: until when the engine may say that the job lives.
 */
function parked(context: JobContext, reply: Reply, content: ReplyAsSent, unsaid: boolean): Snapshot {
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
      ...PLAIN_CONTRACT,
      replyTimeoutMs: 0,
      onReplyTimeout: 'incident',
      retryBackoffMs: 0,
      lateWindowMs: LIMITS.parkedLateWindowMs,
      incidentWindowMs: LIMITS.parkedLateWindowMs,
    },
    retries: 0,
    heldAtMs: nowMs,
    replyDeadlineMs: unsaid ? nowMs + LIMITS.parkedWindowMs : 0,
    heartbeatDeadlineMs: 0,
    progress: '',
    trace: '',
    alias: '',
    request: undefined,
    applied: withApplied([], reply.position),
    reply: { ...content, ...reply.position, attempt: reply.attempt },
    failing: undefined,
    outcome: undefined,
    endedAtMs: 0,
    timeline: [{ atMs: nowMs, what: 'parked', node: context.node }],
    resend: false,
  };
}
