// A pending job that only waits, as small as it can be kept. Most of its life a job waits for a reply, and there may be a
// million: as objects its state costs several times what it costs as one string of bytes (a string has no backing store
// of its own, a typed array does). It is unpacked when something happens to it.
import type { JobKey, Revision } from '../ids.ts';
import { decodeSnapshot, encodeSnapshot } from '../snapshot-codec.ts';
import { emptyState, type JobState } from './state.ts';

const NUMBERS = 6;
const HEADER_BYTES = NUMBERS * 8;
const UNBROKEN = 1;
const COMPLETE_UNSEEN = 2;
const OTHER_UNSEEN = 4;

/** undefined: this one is not to be packed, because it owes a request, a heartbeat's write, or something to the engine. */
export function pack(state: JobState): string | undefined {
  const { snapshot } = state;
  const waits = snapshot?.kind === 'parked' || (snapshot?.kind === 'held' && state.ackedAttempt === snapshot.attempt);
  if (snapshot === undefined || !waits || state.progress !== undefined) return undefined;
  const flags =
    (state.unbroken ? UNBROKEN : 0) |
    (state.completeUnseen ? COMPLETE_UNSEEN : 0) |
    (state.otherUnseen ? OTHER_UNSEEN : 0);
  const numbers = new Float64Array([
    state.lockDeadlineMs,
    state.engineAtMs,
    state.ackedAtMs,
    state.attachedAtMs,
    state.heartbeatDeadlineMs,
    state.engineTries * 8 + flags,
  ]);
  // Kafka has the request: the next write drops it anyway.
  const bytes = encodeSnapshot({ ...snapshot, request: undefined });
  return Buffer.concat([Buffer.from(numbers.buffer), bytes]).toString('latin1');
}

export function unpack(jobKey: JobKey, revision: Revision, packed: string): JobState {
  const bytes = Buffer.from(packed, 'latin1');
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const number = (index: number) => view.getFloat64(index * 8, true);
  const snapshot = decodeSnapshot(bytes.subarray(HEADER_BYTES));
  const last = number(NUMBERS - 1);
  const flags = last % 8;
  return Object.assign(emptyState(jobKey), {
    snapshot,
    revision,
    lockDeadlineMs: number(0),
    engineAtMs: number(1),
    ackedAtMs: number(2),
    attachedAtMs: number(3),
    heartbeatDeadlineMs: number(4),
    engineTries: Math.floor(last / 8),
    ackedAttempt: snapshot.kind === 'held' ? snapshot.attempt : 0,
    unbroken: (flags & UNBROKEN) !== 0,
    completeUnseen: (flags & COMPLETE_UNSEEN) !== 0,
    otherUnseen: (flags & OTHER_UNSEEN) !== 0,
  });
}
