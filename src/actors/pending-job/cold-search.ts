// Looking for a packed job without unpacking it. A search may meet a million of them, and msgpack keeps texts as they are: so
// the fields that are searched are found by stepping over what stands before them, and compared byte by byte.
//
// It knows the order of the fields up to these, which versions 1 and 2 have in common (snapshot-format1.ts) and which never
// changes. Of another version, or of bytes that do not look as expected, it says so, and the caller unpacks.
import { HEADER_BYTES } from './cold.ts';
import type { Packed } from './cold-store.ts';

/** Where a text stands among the bytes: UTF-8. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What may be searched of where a job comes from, one behind the other, in this order; its business key too. Never a payload. */
export interface OriginSpans {
  readonly processId: Span;
  readonly elementId: Span;
  readonly instanceKey: Span;
  readonly elementInstanceKey: Span;
}

const FIRST_VERSION = 1;
const LAST_VERSION = 2;
const RECORD_0 = 0x40;
/** kind, attempt, incarnation, sentAttempt, lane. */
const BEFORE_ORIGIN = 5;
/** settings, retries, heldAtMs, replyDeadlineMs, heartbeatDeadlineMs, progress, trace. */
const BEFORE_ALIAS = 7;

/**
 * As far as it takes for most of a million jobs that do not have what is looked for: the business key is further behind.
 * undefined: not to be read in this way.
 */
export function originSpansOf(packed: Packed): OriginSpans | undefined {
  const { bytes } = packed;
  const start = packed.from + HEADER_BYTES;
  const version = bytes[start]!;
  if (!(version >= FIRST_VERSION && version <= LAST_VERSION)) return undefined;
  if (bytes[start + 1] !== RECORD_0) return undefined;
  let at = skip(bytes, start + 2, BEFORE_ORIGIN);
  if (bytes[at] !== 0x97) return undefined; // a list of seven
  at = skip(bytes, at + 1, 1); // the job type
  const processId = textAt(bytes, at);
  const elementId = textAt(bytes, skip(bytes, processId.to, 1)); // after the version
  const instanceKey = textAt(bytes, elementId.to);
  const elementInstanceKey = textAt(bytes, instanceKey.to);
  if (!isWithin(packed, elementInstanceKey)) return undefined; // every step after one that failed fails too
  return { processId, elementId, instanceKey, elementInstanceKey };
}

/** The business key, empty: none. undefined: not to be read in this way. */
export function aliasSpanOf(packed: Packed, { elementInstanceKey }: OriginSpans): Span | undefined {
  const { bytes } = packed;
  const alias = textAt(bytes, skip(bytes, elementInstanceKey.to, 1 + BEFORE_ALIAS)); // after the tenant too
  return isWithin(packed, alias) ? alias : undefined;
}

function isWithin(packed: Packed, { from, to }: Span): boolean {
  return from > packed.from && to <= packed.to;
}

/** Nothing stands there, so nothing is found behind it. */
const NOWHERE = -1;

function textAt(bytes: Buffer, at: number): Span {
  const type = byteAt(bytes, at);
  if (type >= 0xa0 && type <= 0xbf) return { from: at + 1, to: at + 1 + (type & 0x1f) };
  if (!(type >= 0xd9 && type <= 0xdb)) return { from: NOWHERE, to: NOWHERE };
  const width = 1 << (type - 0xd9);
  const from = at + 1 + width;
  return { from, to: from + unsigned(bytes, at + 1, width) };
}

/** Behind so many values; NOWHERE when they are not what a snapshot is made of. */
function skip(bytes: Buffer, start: number, count: number): number {
  let at = start;
  for (let left = count; left > 0; left--) {
    const type = byteAt(bytes, at);
    if (type <= 0x7f || type >= 0xe0 || type === 0xc0 || type === 0xc2 || type === 0xc3) at += 1;
    else if (type >= 0x90 && type <= 0x9f) [at, left] = [at + 1, left + (type & 0x0f)];
    else if (type === 0xdc) [at, left] = [at + 3, left + unsigned(bytes, at + 1, 2)];
    else if (type === 0xca) at += 5;
    else if (type === 0xcb) at += 9;
    else if (type >= 0xcc && type <= 0xcf) at += 1 + (1 << (type - 0xcc));
    else if (type >= 0xd0 && type <= 0xd3) at += 1 + (1 << (type - 0xd0));
    else at = textAt(bytes, at).to;
    if (at < 0) return NOWHERE;
  }
  return at;
}

function unsigned(bytes: Buffer, at: number, width: number): number {
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + byteAt(bytes, at + i);
  return value;
}

function byteAt(bytes: Buffer, at: number): number {
  return at >= 0 && at < bytes.length ? bytes[at]! : Number.NaN;
}
