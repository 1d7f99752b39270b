// Signs of life from a service that works on a request. They are taken into memory and settled there; one write in five
// seconds brings the newest to the bucket. What is lost with a process costs nobody his job: the next owner counts the
// silence from the moment at which it took over.
import { LIMITS } from '../limits.ts';
import { HEARTBEAT, type Snapshot } from '../snapshot.ts';
import type { Decision, JobContext } from './effects.ts';
import type { JobState } from './state.ts';
import { NotStorable, store, successor } from './writing.ts';

export function* writeHeartbeat(state: JobState, context: JobContext, held: Snapshot): Decision<void> {
  state.heartbeatWriteAtMs = context.clock.wallMs() + LIMITS.heartbeatWriteMs;
  try {
    yield* store(state, successor(state, context, held, {}, HEARTBEAT));
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
    state.progress = undefined; // a request just below the limit, and progress on top: the sign of life counts all the same
  }
}

/**
 * When the next one may be written; what stands tells of the last, whoever wrote it. A dozen steps behind it push it out of the
 * timeline: beside their writes one that comes sooner makes no difference.
 */
export function heartbeatWriteAtMs(state: JobState): number {
  const last = state.snapshot?.timeline.findLast(({ what }) => what === HEARTBEAT);
  return Math.max(state.heartbeatWriteAtMs, last === undefined ? 0 : last.atMs + LIMITS.heartbeatWriteMs);
}

/**
 * The service gets the whole time again: after a takeover, for nobody knows when it was heard last; and once Kafka has its request,
 * for before that it had nothing to be heard about.
 */
export function hearAgain(state: JobState, context: JobContext): void {
  const { snapshot } = state;
  if (snapshot?.kind !== 'held' || snapshot.settings.heartbeatTimeoutMs === 0) return;
  const againMs = context.clock.wallMs() + snapshot.settings.heartbeatTimeoutMs;
  state.heartbeatDeadlineMs = Math.max(state.heartbeatDeadlineMs, againMs);
}
