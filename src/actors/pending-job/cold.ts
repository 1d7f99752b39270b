// A pending job that only waits, as small as it can be kept. Most of its life a job waits for a reply, and there may be a
// million: as objects its state costs several times what it costs as one string of bytes (a string has no backing store
// of its own, a typed array does). It is unpacked when something happens to it; when it is to be looked at next stands in
// front and is seen without that, for after a takeover that is asked of all of them within seconds.
import type { JobKey, Revision } from '../ids.ts';
import { decodeSnapshot, encodeSnapshot } from '../snapshot-codec.ts';
import { emptyState, type JobState } from './state.ts';

/** The part of a packed job's state that tells when it wants to be looked at (due.ts). */
export interface WaitingTimes {
  readonly snapshot: { readonly kind: 'held' | 'parked'; readonly replyDeadlineMs: number };
  readonly lockDeadlineMs: number;
  readonly engineAtMs: number;
  readonly heartbeatDeadlineMs: number;
  readonly progress: undefined;
}

const NUMBERS = 7;
const HEADER_BYTES = NUMBERS * 8;
const UNBROKEN = 1;
const COMPLETE_UNSEEN = 2;
const OTHER_UNSEEN = 4;
const PARKED = 8;
const FLAGS = 16;

const header = Buffer.alloc(HEADER_BYTES);

/** undefined: this one is not to be packed, because it owes a request, a heartbeat's write, something to the engine, or to an operator. */
export function pack(state: JobState): string | undefined {
  const { snapshot } = state;
  const waits = snapshot?.kind === 'parked' || (snapshot?.kind === 'held' && state.ackedAttempt === snapshot.attempt);
  if (snapshot === undefined || !waits || state.progress !== undefined || state.resend) return undefined;
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
    state.engineTries * FLAGS + flags,
  ];
  for (const [index, number] of numbers.entries()) header.writeDoubleLE(number, index * 8);
  // Kafka has the request: the next write drops it anyway.
  const bytes = encodeSnapshot({ ...snapshot, request: undefined });
  return Buffer.concat([header, bytes]).toString('latin1');
}

export function unpack(jobKey: JobKey, revision: Revision, packed: string): JobState {
  const bytes = Buffer.from(packed, 'latin1');
  const number = (index: number) => bytes.readDoubleLE(index * 8);
  const snapshot = decodeSnapshot(bytes.subarray(HEADER_BYTES));
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
    engineTries: Math.floor(last / FLAGS),
    ackedAttempt: snapshot.kind === 'held' ? snapshot.attempt : 0,
    unbroken: (flags & UNBROKEN) !== 0,
    completeUnseen: (flags & COMPLETE_UNSEEN) !== 0,
    otherUnseen: (flags & OTHER_UNSEEN) !== 0,
  });
}

export function timesOf(packed: string): WaitingTimes {
  header.write(packed, 0, HEADER_BYTES, 'latin1');
  const parked = ((header.readDoubleLE((NUMBERS - 1) * 8) % FLAGS) & PARKED) !== 0;
  return {
    snapshot: { kind: parked ? 'parked' : 'held', replyDeadlineMs: header.readDoubleLE(40) },
    lockDeadlineMs: header.readDoubleLE(0),
    engineAtMs: header.readDoubleLE(8),
    heartbeatDeadlineMs: header.readDoubleLE(32),
    progress: undefined,
  };
}
