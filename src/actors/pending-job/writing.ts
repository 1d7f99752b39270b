// How the next snapshot is made from the one that stands, and how it is stored. Every write carries what happened
// since the last one without a write of its own (sent, attached), and the first one after Kafka's ack drops the request.
import { ABSENT, type Revision } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { ReplyPosition } from '../messages.ts';
import {
  ATTACHED,
  addToTimeline,
  BY_HAND,
  type Outcome,
  SENT,
  type Snapshot,
  type TimelineEntry,
  writtenAt,
} from '../snapshot.ts';
import { type Decision, type JobContext, put } from './effects.ts';
import { adopt, type JobState, mayBeReopened } from './state.ts';

/** A CAS conflict: the state now holds what stands, and the command must be decided again from there. */
export class Redecide extends Error {}

/** It cannot be stored at all, whatever is tried (larger than the server takes). */
export class NotStorable extends Error {}

/** The snapshot that follows `from` with `changes`, as written by this incarnation, now. */
export function successor(
  state: JobState,
  context: JobContext,
  from: Snapshot,
  changes: Partial<Snapshot>,
  what: string,
): Snapshot {
  const attempt = changes.attempt ?? from.attempt;
  const sentAttempt = state.ackedAttempt === attempt ? attempt : attempt === from.attempt ? from.sentAttempt : 0;
  const next: Snapshot = {
    ...from,
    ...changes,
    incarnation: context.incarnation,
    sentAttempt,
    heartbeatDeadlineMs: (changes.kind ?? from.kind) === 'held' ? state.heartbeatDeadlineMs : 0,
    progress: changes.progress ?? state.progress ?? from.progress,
    timeline: addToTimeline(standingTimeline(state, from), [
      ...unwritten(state, context),
      { atMs: context.clock.wallMs(), what, node: context.node },
    ]),
  };
  return sentAttempt === attempt && next.request !== undefined ? { ...next, request: undefined } : next;
}

/** What is made of a snapshot that never stood says nothing of a revision. */
function standingTimeline({ snapshot, revision }: JobState, { timeline }: Snapshot): Snapshot['timeline'] {
  return timeline === snapshot?.timeline ? writtenAt(timeline, revision) : timeline;
}

function unwritten(state: JobState, context: JobContext): TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  if (state.ackedAtMs > 0) entries.push({ atMs: state.ackedAtMs, what: SENT, node: context.node });
  if (state.attachedAtMs > 0) entries.push({ atMs: state.attachedAtMs, what: ATTACHED, node: context.node });
  return entries.sort((a, b) => a.atMs - b.atMs);
}

/** Stores `next` against the revision in memory. @throws Redecide after a conflict, NotStorable */
export function* store(state: JobState, next: Snapshot, ttlMs?: number): Decision<void> {
  const answer = yield* put(next, state.revision, ttlMs);
  switch (answer.kind) {
    case 'stored':
      keep(state, next, answer.revision);
      return;
    case 'conflict':
      adopt(state, answer.standing?.snapshot, answer.standing?.revision ?? ABSENT);
      throw new Redecide();
    case 'never':
      throw new NotStorable(answer.reason);
  }
}

/** What stands now is our own write. */
function keep(state: JobState, snapshot: Snapshot, revision: Revision): void {
  state.snapshot = snapshot;
  state.revision = revision;
  state.adopted = false;
  state.ackedAtMs = 0;
  state.attachedAtMs = 0;
  if (snapshot.kind !== 'held' || state.progress === snapshot.progress) state.progress = undefined;
}

/** How long the tombstone of this outcome is kept: the late window, or the incident window (the engine may hand it out again). */
export function windowMs(outcome: Outcome, snapshot: Snapshot): number {
  if (isFinal(outcome)) return snapshot.settings.lateWindowMs;
  // A reply may ask for a longer backoff, and until that is over the engine does not hand the job out.
  const { incidentWindowMs, lateWindowMs } = snapshot.settings;
  const backoffMs = Math.min(snapshot.failing?.backoffMs ?? 0, LIMITS.errorBackoffMs);
  return Math.max(incidentWindowMs, backoffMs + lateWindowMs);
}

/**
 * Writes the tombstone of an outcome that the engine has made final, over whatever stands: a conflict changes who
 * wrote last, not how the job ended. A tombstone that stands already is left alone.
 */
export function* writeTombstone(
  state: JobState,
  context: JobContext,
  outcome: Outcome,
  position: ReplyPosition | undefined,
): Decision<void> {
  let from = state.snapshot;
  while (from !== undefined) {
    const tombstone = successor(state, context, from, ended(from, outcome, context.clock.wallMs(), position), outcome);
    const answer = yield* put(tombstone, state.revision, windowMs(outcome, from));
    if (answer.kind === 'stored') {
      keep(state, tombstone, answer.revision);
      state.engineAtMs = 0;
      return;
    }
    if (answer.kind === 'never') throw new NotStorable(answer.reason);
    adopt(state, answer.standing?.snapshot, answer.standing?.revision ?? ABSENT);
    if (isFinal(state.snapshot?.outcome) || (!isFinal(outcome) && isOver(from, state.snapshot))) return;
    from = state.snapshot ?? from;
  }
}

/** Ended in a way that no later write may change. */
function isFinal(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && !mayBeReopened(outcome);
}

/** An intention to fail is dropped once its attempt is over, or a result was stored meanwhile (design §5). */
function isOver(intended: Snapshot, standing: Snapshot | undefined): boolean {
  return standing !== undefined && (standing.attempt !== intended.attempt || standing.kind !== 'failing');
}

function ended(
  from: Snapshot,
  outcome: Outcome,
  nowMs: number,
  position: ReplyPosition | undefined,
): Partial<Snapshot> {
  return {
    kind: 'ended',
    outcome,
    endedAtMs: nowMs,
    applied: position === undefined ? from.applied : withApplied(from.applied, position),
    request: undefined,
    reply: undefined,
    failing: undefined,
    progress: '',
  };
}

/** Highest applied offset per partition, this record included. */
export function withApplied(applied: Snapshot['applied'], position: ReplyPosition): Snapshot['applied'] {
  if (position.partition === BY_HAND || wasApplied(applied, position)) return applied;
  return [...applied.filter(([partition]) => partition !== position.partition), [position.partition, position.offset]];
}

/** A record at or below the highest applied offset of its partition is a duplicate. */
export function wasApplied(applied: Snapshot['applied'], position: ReplyPosition): boolean {
  const known = applied.find(([partition]) => partition === position.partition);
  return known !== undefined && BigInt(position.offset) <= BigInt(known[1]);
}
