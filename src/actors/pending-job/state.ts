// What one pending job keeps in memory: the snapshot as acknowledged, its revision, and what is lost with the process.
// There may be a million of these: no maps, no arrays, no closures here.
import { ABSENT, type JobKey, type Revision } from '../ids.ts';
import type { Outcome, Snapshot } from '../snapshot.ts';

export interface JobState {
  readonly jobKey: JobKey;
  /** As acknowledged by JetStream; undefined while nothing stands under the key. Never ahead of the bucket. */
  snapshot: Snapshot | undefined;
  revision: Revision;
  /** The engine's lock as last heard, wall ms; 0: not known (after a takeover). */
  lockDeadlineMs: number;
  /** When the engine is next asked (renewal, probe, retry), wall ms; 0: not planned. */
  engineAtMs: number;
  /** Failed tries of the present engine command, for the backoff. */
  engineTries: number;
  /** The attempt whose request Kafka acknowledged, as far as known here; 0: none. */
  ackedAttempt: number;
  /** Happened since the last write, wall ms, 0: nothing; they join the timeline with the next write. */
  ackedAtMs: number;
  attachedAtMs: number;
  /** When the service counts as silent, wall ms, 0: it owes no sign of life. Later than the stored one by what came since. */
  heartbeatDeadlineMs: number;
  /** What the newest heartbeat said and the snapshot does not; undefined: nothing. */
  progress: string | undefined;
  /** No heartbeat is written before this, wall ms, whatever the last one that stands says: one may not have been storable. */
  heartbeatWriteAtMs: number;
  /** What stands was found, not written by this actor: nobody here has seen to its request. */
  adopted: boolean;
  /** See OwnPart in engine-answers.ts. */
  unbroken: boolean;
  completeUnseen: boolean;
  otherUnseen: boolean;
  /** The tombstone up to which memory knew this job without a break, before it forgot it; 0: none. */
  unbrokenAt: Revision;
  /** When the engine handed out the latest activation that was held or attached here, by its own clock, ms; 0: not known. */
  handedOutMs: number;
}

export function emptyState(jobKey: JobKey): JobState {
  return {
    jobKey,
    snapshot: undefined,
    revision: ABSENT,
    lockDeadlineMs: 0,
    engineAtMs: 0,
    engineTries: 0,
    ackedAttempt: 0,
    ackedAtMs: 0,
    attachedAtMs: 0,
    heartbeatDeadlineMs: 0,
    progress: undefined,
    heartbeatWriteAtMs: 0,
    adopted: false,
    unbroken: false,
    completeUnseen: false,
    otherUnseen: false,
    unbrokenAt: ABSENT,
    handedOutMs: 0,
  };
}

/**
 * What stands is the tombstone with which memory let go of this job, after a life without a break. Who wrote a tombstone says
 * nothing: an owner before may have told the engine to complete the job, and that may land at any time.
 */
export function wasUnbroken({ snapshot, revision, unbrokenAt }: JobState): boolean {
  return snapshot?.kind === 'ended' && revision === unbrokenAt;
}

/** The engine may hand such a job out again, and somebody end it for good later: who that was is asked only then. */
export function mayBeReopened(outcome: Outcome | undefined): boolean {
  return outcome === 'failed' || outcome === 'timedOut' || outcome === 'bpmnError';
}

/** Takes over what another incarnation wrote (or its absence). From here on nobody can say who ends the job. */
export function adopt(state: JobState, snapshot: Snapshot | undefined, revision: Revision): void {
  state.snapshot = snapshot;
  state.revision = revision;
  state.adopted = true;
  state.unbroken = false;
  state.engineAtMs = 0;
  state.engineTries = 0;
  state.heartbeatDeadlineMs = snapshot?.heartbeatDeadlineMs ?? 0;
  state.progress = undefined;
  if (snapshot === undefined || snapshot.attempt !== state.ackedAttempt) {
    state.ackedAttempt = snapshot !== undefined && snapshot.sentAttempt === snapshot.attempt ? snapshot.attempt : 0;
  }
}

/**
 * A stored result whose job is in backoff or in an incident: like a parked one it waits for the job's next activation, which may
 * be somebody's decision, days away. No tries: it waits for nothing that the engine could do by itself.
 */
export function restsUntilActivated({ snapshot, engineTries }: JobState): boolean {
  return snapshot?.kind === 'replied' && engineTries === 0;
}

/** A job that waits: it counts against its lane's limit. Tombstones and parked replies do not. */
export function isPending(snapshot: Snapshot | undefined): boolean {
  return snapshot !== undefined && snapshot.kind !== 'ended' && snapshot.kind !== 'parked';
}
