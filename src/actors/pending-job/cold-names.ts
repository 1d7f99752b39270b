// What may be searched of a pending job and is its own: the keys of its instance and element instance, and its business key. In
// a packed job they stand one behind the other, as they are, so that they are compared where they stand. Never a payload.
import type { Snapshot } from '../snapshot.ts';

/** Where a text stands among the bytes: UTF-8. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Names {
  readonly instanceKey: Span;
  readonly elementInstanceKey: Span;
  /** The business key; empty: none. */
  readonly alias: Span;
  /** Behind the last. */
  readonly end: number;
}

/** Seven bits of a length in each byte, and whether there are more. */
const MORE = 0x80;
const LENGTH_BYTES = 5;
/** Of one UTF-16 unit, as UTF-8. */
const UNIT_BYTES = 3;

function namesOf({ origin, alias }: Snapshot): readonly string[] {
  return [origin.instanceKey, origin.elementInstanceKey, alias];
}

/** False: as UTF-8 it would be another text. */
export function canBeWritten(snapshot: Snapshot): boolean {
  return namesOf(snapshot).every((name) => name.isWellFormed());
}

/** So many bytes at the most. */
export function namesBytesMost(snapshot: Snapshot): number {
  return namesOf(snapshot).reduce((sum, name) => sum + LENGTH_BYTES + name.length * UNIT_BYTES, 0);
}

/** Answers where they end. */
export function writeNames(snapshot: Snapshot, bytes: Buffer, start: number): number {
  let at = start;
  for (const name of namesOf(snapshot)) {
    let length = Buffer.byteLength(name);
    for (; length >= MORE; length = Math.floor(length / MORE)) bytes[at++] = MORE | (length % MORE);
    bytes[at++] = length;
    at += bytes.write(name, at);
  }
  return at;
}

export function readNames(bytes: Uint8Array, start: number): Names {
  const instanceKey = spanAt(bytes, start);
  const elementInstanceKey = spanAt(bytes, instanceKey.to);
  const alias = spanAt(bytes, elementInstanceKey.to);
  return { instanceKey, elementInstanceKey, alias, end: alias.to };
}

function spanAt(bytes: Uint8Array, start: number): Span {
  let at = start;
  let length = 0;
  for (let unit = 1; ; unit *= MORE) {
    const byte = bytes[at++]!;
    length += (byte % MORE) * unit;
    if (byte < MORE) return { from: at, to: at + length };
  }
}
