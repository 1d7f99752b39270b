// I1: which snapshot may follow which, read off the design alone and not off the code that writes them.
//
// Four laws. The kind and outcome move along the arrows of the table; the attempt stays, and goes up by one only where an ended
// attempt is reopened; what was applied stays applied, and within an attempt what was sent stays sent; what a person wished to be
// sent again is sent again once.
import type { Outcome, Snapshot, SnapshotKind } from '../../src/actors/snapshot.ts';

/** Outcomes after which the engine may hand the job out again. */
const REOPENABLE: readonly Outcome[] = ['failed', 'timedOut', 'bpmnError'];

const FOLLOWS: Readonly<Record<Exclude<SnapshotKind, 'ended'>, readonly SnapshotKind[]>> = {
  held: ['held', 'replied', 'failing', 'ended'],
  replied: ['replied', 'failing', 'ended'],
  failing: ['failing', 'replied', 'ended'],
  parked: ['parked', 'replied', 'failing', 'ended'],
};

/** @returns what is wrong with `next` after `previous` (undefined: nothing stood there), undefined when it is legal */
export function breach(previous: Snapshot | undefined, next: Snapshot): string | undefined {
  if ((next.kind === 'ended') !== (next.outcome !== undefined)) return `${next.kind} with outcome ${next.outcome}`;
  if (next.kind === 'failing' && next.failing === undefined) return 'failing without a stored cause';
  if (next.kind === 'replied' && next.reply === undefined) return 'replied without a reply';
  if (next.sentAttempt > next.attempt) return `sent attempt ${next.sentAttempt} of ${next.attempt}`;
  if (previous === undefined) return undefined;
  return breachOfOrder(previous, next) ?? breachOfAttempt(previous, next) ?? breachOfMemory(previous, next);
}

function breachOfOrder(previous: Snapshot, next: Snapshot): string | undefined {
  const arrow = `${previous.kind} ${previous.outcome ?? ''} -> ${next.kind} ${next.outcome ?? ''}`;
  if (previous.kind !== 'ended') return FOLLOWS[previous.kind].includes(next.kind) ? undefined : arrow;
  const again = next.kind === 'ended' && next.outcome === previous.outcome;
  return again || reopenable(previous) ? undefined : `${arrow}: what ended so is never opened again`;
}

function breachOfAttempt(previous: Snapshot, next: Snapshot): string | undefined {
  // Parked under a business key, which names no attempt.
  if (previous.kind === 'parked' && previous.attempt === 0 && next.attempt === 1) return undefined;
  if (next.attempt === previous.attempt) {
    const sameHeldAgain = previous.kind === 'ended' && next.kind === 'held';
    return sameHeldAgain ? `attempt ${next.attempt} held again after it ended` : undefined;
  }
  if (next.attempt === previous.attempt + 1 && reopenable(previous)) return undefined;
  return `attempt ${previous.attempt} -> ${next.attempt} after ${previous.kind}`;
}

function breachOfMemory(previous: Snapshot, next: Snapshot): string | undefined {
  if (next.attempt === previous.attempt && next.sentAttempt < previous.sentAttempt)
    return `sent attempt ${previous.sentAttempt} -> ${next.sentAttempt}`;
  for (const [partition, offset] of previous.applied) {
    const now = next.applied.find(([each]) => each === partition);
    if (now === undefined || BigInt(now[1]) < BigInt(offset)) return `reply ${partition}/${offset} is forgotten`;
  }
  const replaced = previous.kind === 'replied' && next.kind === 'replied' && previous.reply?.body !== next.reply?.body;
  if (replaced) return 'the first accepted reply was replaced';
  const isSentAgain = next.timeline.at(-1)?.what === 'sent again';
  return isSentAgain && (!previous.resend || next.resend)
    ? 'sent again, and nobody asked for it (any more)'
    : undefined;
}

function reopenable(snapshot: Snapshot): boolean {
  return snapshot.outcome !== undefined && REOPENABLE.includes(snapshot.outcome);
}
