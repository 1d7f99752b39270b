// A pending job that only waits, as small as it can be kept. Most of its life a job waits for a reply, and there may be a
// million: as objects its state costs several times what it costs as bytes, which a store of our own keeps (cold-store.ts). It
// is unpacked when something happens to it; when it is to be looked at next stands in front and is seen without that, for after
// a takeover that is asked of all of them within seconds. So does since when it is held, which whoever lists them asks of all
// (cluster/inventory.ts).
import type { JobKey, Revision } from '../ids.ts';
import { decodeSnapshot, encodeSnapshot } from '../snapshot-codec.ts';
import type { ColdStore, Handle, Packed } from './cold-store.ts';
import { emptyState, type JobState } from './state.ts';

/** The part of a packed job's state that tells when it wants to be looked at (due.ts). */
export interface WaitingTimes {
  readonly snapshot: { readonly kind: 'held' | 'parked'; readonly replyDeadlineMs: number };
  readonly lockDeadlineMs: number;
  readonly engineAtMs: number;
  readonly heartbeatDeadlineMs: number;
  readonly progress: undefined;
}

const NUMBERS = 9;
/** Where the snapshot begins. */
export const HEADER_BYTES = NUMBERS * 8;
const HELD_AT = 6;
const UNBROKEN = 1;
const COMPLETE_UNSEEN = 2;
const OTHER_UNSEEN = 4;
const PARKED = 8;
const FLAGS = 16;
/** Beyond this many tries the backoff has long been the longest. */
const TRIES = 65_536;

const header = Buffer.alloc(HEADER_BYTES);

/** undefined: this one is not to be packed, because it owes a request, a heartbeat's write, or something to the engine. */
export function pack(state: JobState, store: ColdStore): Handle | undefined {
  const { snapshot } = state;
  const waits = snapshot?.kind === 'parked' || (snapshot?.kind === 'held' && state.ackedAttempt === snapshot.attempt);
  if (snapshot === undefined || !waits || state.progress !== undefined) return undefined;
  const flags =
    (state.unbroken ? UNBROKEN : 0) |
    (state.completeUnseen ? COMPLETE_UNSEEN : 0) |
    (state.otherUnseen ? OTHER_UNSEEN : 0) |
    (snapshot.kind === 'parked' ? PARKED : 0);
  const numbers = [
    state.lockDeadlineMs,
    state.engineAtMs,
    state.ackedAtMs,
    state.attachedAtMs,
    state.heartbeatDeadlineMs,
    snapshot.replyDeadlineMs,
    snapshot.heldAtMs,
    state.handedOutMs,
    (snapshot.attempt * TRIES + Math.min(state.engineTries, TRIES - 1)) * FLAGS + flags,
  ];
  for (const [index, number] of numbers.entries()) header.writeDoubleLE(number, index * 8);
  // Kafka has the request: the next write drops it anyway.
  return store.put(header, encodeSnapshot({ ...snapshot, request: undefined }));
}

export function unpack(jobKey: JobKey, revision: Revision, packed: Packed): JobState {
  const number = (index: number) => numberAt(packed, index);
  const snapshot = decodeSnapshot(packed.bytes.subarray(packed.from + HEADER_BYTES, packed.to));
  const last = number(NUMBERS - 1);
  const flags = last % FLAGS;
  return Object.assign(emptyState(jobKey), {
    snapshot,
    revision,
    lockDeadlineMs: number(0),
    engineAtMs: number(1),
    ackedAtMs: number(2),
    attachedAtMs: number(3),
    heartbeatDeadlineMs: number(4),
    handedOutMs: number(7),
    engineTries: Math.floor(last / FLAGS) % TRIES,
    ackedAttempt: snapshot.kind === 'held' ? snapshot.attempt : 0,
    unbroken: (flags & UNBROKEN) !== 0,
    completeUnseen: (flags & COMPLETE_UNSEEN) !== 0,
    otherUnseen: (flags & OTHER_UNSEEN) !== 0,
  });
}

export function timesOf(packed: Packed): WaitingTimes {
  return {
    snapshot: { kind: isParked(packed) ? 'parked' : 'held', replyDeadlineMs: numberAt(packed, 5) },
    lockDeadlineMs: numberAt(packed, 0),
    engineAtMs: numberAt(packed, 1),
    heartbeatDeadlineMs: numberAt(packed, 4),
    progress: undefined,
  };
}

export function heldAtMsOf(packed: Packed): number {
  return numberAt(packed, HELD_AT);
}

export function attemptOf(packed: Packed): number {
  return Math.floor(numberAt(packed, NUMBERS - 1) / (FLAGS * TRIES));
}

export function isParked(packed: Packed): boolean {
  return ((numberAt(packed, NUMBERS - 1) % FLAGS) & PARKED) !== 0;
}

function numberAt({ bytes, from }: Packed, index: number): number {
  return bytes.readDoubleLE(from + index * 8);
}
