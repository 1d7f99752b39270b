// When the engine is asked next: renewals of the lock, probes, and retries of a command. The engine's part is the
// scarce one: a renewal costs it two thirds of a completion, a lapsed lock with re-activation one third. What is planned here
// for a probe is when it may wait for its turn: how many go at a time is the node's affair (probe-pace.ts, probe-queue.ts).
import { LIMITS } from '../limits.ts';
import type { JobContext } from './effects.ts';
import type { JobState } from './state.ts';

/** Between half and all of `ms`: many jobs taken at once must not come back at once. */
function jittered(context: JobContext, ms: number): number {
  return ms * (0.5 + context.random.float() / 2);
}

/** The lock that a renewal asks for. */
export function renewedLockMs(context: JobContext): number {
  return Math.round(context.probeEveryMs() * LIMITS.lockIntervals);
}

/**
 * After a hold or an attach: the activation's own lock is renewed only if no reply came before it nears its end. A longer one
 * may be known from a renewal that was under way meanwhile; which of the two stands only the engine knows. However long it is, the job
 * is probed once in an interval.
 */
export function planFirstRenewal(state: JobState, context: JobContext, lockDeadlineMs: number): void {
  const nowMs = context.clock.wallMs();
  const leftMs = Math.max(0, lockDeadlineMs - nowMs);
  const share = LIMITS.renewAfter + LIMITS.renewWithin * context.random.float();
  state.engineAtMs = nowMs + Math.min(leftMs * share, context.probeEveryMs() * LIMITS.probeAfter);
}

/**
 * After a renewal or a probe that needs nothing more for now. Without jitter: the queue lets them go one by one, and from then
 * on they are as far apart as it let them; each job has its turn once in an interval, and none later than that.
 */
export function planProbe(state: JobState, context: JobContext): void {
  state.engineTries = 0;
  state.engineAtMs = context.clock.wallMs() + context.probeEveryMs() * LIMITS.probeAfter;
}

/** A stored result waits for the activation. */
export function planWait(state: JobState, context: JobContext): void {
  state.engineTries = 0;
  state.engineAtMs = context.clock.wallMs() + jittered(context, LIMITS.waitingProbeMs);
}

/** A parked reply whose job is not known to live: soon at first, then rarely, for there may be no partition that answers. */
export function planAskAgain(state: JobState, context: JobContext): void {
  planRetry(state, context, LIMITS.waitingProbeMs);
}

/** After an answer "later": exponential, jittered, without an end, for as long as the job lives. */
export function planRetry(state: JobState, context: JobContext, mostMs = LIMITS.engineRetryMaxMs): void {
  const backoffMs = Math.min(mostMs, LIMITS.engineRetryMinMs * 2 ** Math.min(state.engineTries, 10));
  state.engineTries += 1;
  state.engineAtMs = context.clock.wallMs() + jittered(context, backoffMs);
}
