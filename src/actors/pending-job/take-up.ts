// What was found under a key, not written here, is looked after like everything else: after a takeover, after another's write,
// or when a command came upon it. A live job always has a next look, and no hold waits for a reply to a request that nobody sends.
import { LIMITS } from '../limits.ts';
import type { Snapshot } from '../snapshot.ts';
import { type Decision, type JobContext, wasSent } from './effects.ts';
import { startFailing } from './ending.ts';
import { planRetry } from './engine-time.ts';
import { hearAgain } from './heartbeat.ts';
import { publish, refused } from './publish.ts';
import type { JobState } from './state.ts';
import { NotStorable, store, successor } from './writing.ts';

/**
 * A new owner re-issues what the stored state implies. A request that the dead incarnation's record does not cover is
 * first written again under our own incarnation: then our record speaks for it, should we die too.
 */
export function* rehydrated(state: JobState, context: JobContext, covered: boolean): Decision<void> {
  const snapshot = state.snapshot;
  if (snapshot === undefined || snapshot.kind === 'ended') return;
  if (snapshot.kind !== 'held') planUnknown(state, context);
  else if (covered || snapshot.sentAttempt === snapshot.attempt) restAgain(state, context);
  else {
    planUnknown(state, context);
    yield* publishAgain(state, context, snapshot);
  }
}

/** A job that waits, and owes no request, has nothing to do after a takeover but to be looked at by and by. */
export function restAgain(state: JobState, context: JobContext): void {
  planUnknown(state, context);
  if (state.snapshot?.kind === 'held') state.ackedAttempt = state.snapshot.attempt;
}

function* publishAgain(state: JobState, context: JobContext, held: Snapshot): Decision<void> {
  const next = successor(state, context, held, {}, 'published again');
  try {
    yield* store(state, next);
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
    return yield* startFailing(state, context, held, refused(error.message), undefined);
  }
  yield* publish(state, context, next);
}

/**
 * Whatever a command found under the key (another incarnation's write that landed late, or one of an actor of ours whose
 * shard was given up meanwhile) is looked after like what was rehydrated: a live job always has a next look, and no hold waits for a reply to a request that nobody sends.
 */
export function* takeUp(state: JobState, context: JobContext): Decision<void> {
  const { snapshot, revision } = state;
  if (snapshot === undefined) return;
  if (state.engineAtMs === 0) planUnknown(state, context);
  const owed = snapshot.kind === 'held' && ![snapshot.sentAttempt, state.ackedAttempt].includes(snapshot.attempt);
  if (!owed || !state.adopted) return;
  if (yield* wasSent({ snapshot, revision })) state.ackedAttempt = snapshot.attempt;
  else yield* publishAgain(state, context, snapshot);
}

/** Its lock and its engine state are not known here: look soon, but not all at once; stored intentions first. */
export function planUnknown(state: JobState, context: JobContext): void {
  const kind = state.snapshot?.kind;
  if (kind === undefined || kind === 'ended') return;
  if (kind === 'replied' || kind === 'failing') {
    state.engineTries = 0;
    planRetry(state, context);
  } else {
    state.engineAtMs = context.clock.wallMs() + context.random.float() * LIMITS.activationLockMs;
    hearAgain(state, context);
  }
}
