// Snapshots as bytes: one byte of version, then one msgpack record whose keys are not in the bytes.
//
// What must hold: bytes written by any node are read by every other one of the versions it lists, for as long as the
// bucket lives. So the record structures are fixed per version here, and the writer builds its record itself, key by key:
// msgpackr's default learns a structure from each new shape (an absent key, another order) and then writes a number that
// only the same process can resolve. A reader has the same weakness the other way round: a definition inside foreign bytes
// replaces its own structure for good. So every field is checked, and a reader that met anything odd is thrown away.
//
// Append-only: what stands under a version number never changes. A change of shape is a new version, with its own
// structure, writer and reader, and it is written only once every live node reads it.
import { Packr } from 'msgpackr';
import type { Snapshot } from './snapshot.ts';
import { ENDED_1, type Record1, readRecord1, STRUCTURES_1, toRecord1 } from './snapshot-format1.ts';

/** Versions that this code reads, ascending; membership records list them. */
export const SNAPSHOT_VERSIONS_READ: readonly number[] = [1];

/** The bytes are not a snapshot of a version that this code reads. Trying again does not help. */
export class SnapshotUnreadable extends Error {
  readonly code = 'SNAPSHOT_UNREADABLE';
  readonly retryable = false;
  constructor(found: number | undefined, cause?: unknown) {
    const what = found === undefined ? 'is empty' : `has version ${found}`;
    const reads = `this node reads ${SNAPSHOT_VERSIONS_READ.join(', ')}`;
    const why = cause instanceof Error ? ` and its content is damaged (${cause.message})` : '';
    super(`the snapshot ${what}${why}; ${reads}`, { cause });
  }
}

/** msgpackr's byte for "a record of structure 0". Anything else may define a structure, even with our keys in another order. */
const RECORD_0 = 0x40;

// The copies matter: msgpackr keeps its own notes on the arrays it is given.
function packr1(): Packr {
  return new Packr({ structures: STRUCTURES_1.map((keys) => [...keys]), maxSharedStructures: STRUCTURES_1.length });
}

const writer1 = packr1();
let reader1 = packr1();

/**
 * @param version the highest version that all live nodes read
 * @throws RangeError when this code does not write `version`
 */
export function encodeSnapshot(snapshot: Snapshot, version = 1): Uint8Array {
  if (version !== 1) throw new RangeError(`snapshots of version ${version} are not written; versions written: 1`);
  const record: Record1 = toRecord1(snapshot);
  const packed = writer1.pack(record);
  const bytes = new Uint8Array(1 + packed.length);
  bytes[0] = version;
  bytes.set(packed, 1);
  return bytes;
}

/**
 * Are these the bytes of a tombstone? Seen without reading them further: a new owner meets several of them for each job that
 * waits. False also for what cannot be read.
 */
export function isTombstone(bytes: Uint8Array): boolean {
  return bytes[0] === 1 && bytes[1] === RECORD_0 && bytes[2] === ENDED_1;
}

/** @throws SnapshotUnreadable for anything that `encodeSnapshot` did not write in a version that this code reads */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const version = bytes[0];
  if (version === undefined || !SNAPSHOT_VERSIONS_READ.includes(version)) throw new SnapshotUnreadable(version);
  try {
    if (bytes[1] !== RECORD_0) throw new TypeError('no record of the fixed structure');
    return readRecord1(reader1.unpack(bytes.subarray(1)));
  } catch (error) {
    reader1 = packr1();
    throw new SnapshotUnreadable(version, error);
  }
}
