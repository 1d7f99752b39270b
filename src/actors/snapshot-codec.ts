// Snapshots as bytes: one byte of version, then one msgpack record whose keys are not in the bytes.
//
// What must hold: bytes written by any node are read by every other one of the versions it lists, for as long as the
// bucket lives. So the record structures are fixed per version here, and the writer builds its record itself, key by key:
// msgpackr's default learns a structure from each new shape (an absent key, another order) and then writes a number that
// only the same process can resolve. A reader has the same weakness the other way round: a definition inside foreign bytes
// replaces its own structure for good. So every field is checked, and a reader that met anything odd is thrown away.
//
// Append-only: what stands under a version number never changes. A change of shape is a new version, with its own
// structure, writer and reader, and it is written only once every live node reads it; until then the older one is, and what
// that cannot say is left out (docs/upgrades.md).
import { Packr } from 'msgpackr';
import type { Snapshot } from './snapshot.ts';
import { ENDED_1, readRecord1, STRUCTURES_1, toRecord1 } from './snapshot-format1.ts';
import { forVersion1, readRecord2, STRUCTURES_2, toRecord2 } from './snapshot-format2.ts';

/** Versions that this code reads, ascending; membership records list them. */
export const SNAPSHOT_VERSIONS_READ: readonly number[] = [1, 2];

/** What is written where all live nodes are of this version. */
const NEWEST = SNAPSHOT_VERSIONS_READ.at(-1) ?? 0;

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

interface Version {
  readonly structures: readonly (readonly string[])[];
  toRecord(snapshot: Snapshot): object;
  readRecord(unpacked: unknown): Snapshot;
}

const VERSION_1: Version = {
  structures: STRUCTURES_1,
  toRecord: (snapshot) => toRecord1(forVersion1(snapshot)),
  readRecord: (unpacked) => readRecord1(unpacked),
};
const VERSION_2: Version = { structures: STRUCTURES_2, toRecord: toRecord2, readRecord: readRecord2 };

/** One version's writer and reader. */
class Codec {
  readonly #version: Version;
  readonly #writer: Packr;
  #reader: Packr;

  constructor(version: Version) {
    this.#version = version;
    this.#writer = this.#packr();
    this.#reader = this.#packr();
  }

  write(snapshot: Snapshot): Uint8Array {
    return this.#writer.pack(this.#version.toRecord(snapshot));
  }

  read(bytes: Uint8Array): Snapshot {
    try {
      if (bytes[0] !== RECORD_0) throw new TypeError('no record of the fixed structure');
      return this.#version.readRecord(this.#reader.unpack(bytes));
    } catch (error) {
      this.#reader = this.#packr();
      throw error;
    }
  }

  // The copies matter: msgpackr keeps its own notes on the arrays it is given.
  #packr(): Packr {
    const { structures } = this.#version;
    return new Packr({ structures: structures.map((keys) => [...keys]), maxSharedStructures: structures.length });
  }
}

const CODECS: readonly Codec[] = [VERSION_1, VERSION_2].map((version) => new Codec(version));

function codecOf(version: number): Codec | undefined {
  return SNAPSHOT_VERSIONS_READ.includes(version) ? CODECS[version - 1] : undefined;
}

/**
 * @param version the highest version that all live nodes read; default: the newest
 * @throws RangeError when this code does not write `version`
 */
export function encodeSnapshot(snapshot: Snapshot, version = NEWEST): Uint8Array {
  const codec = codecOf(version);
  if (codec === undefined)
    throw new RangeError(
      `snapshots of version ${version} are not written; written are ${SNAPSHOT_VERSIONS_READ.join(', ')}`,
    );
  const packed = codec.write(snapshot);
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
  return codecOf(bytes[0] ?? 0) !== undefined && bytes[1] === RECORD_0 && bytes[2] === ENDED_1;
}

/** @throws SnapshotUnreadable for anything that `encodeSnapshot` did not write in a version that this code reads */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const version = bytes[0];
  const codec = codecOf(version ?? 0);
  if (codec === undefined) throw new SnapshotUnreadable(version);
  try {
    return codec.read(bytes.subarray(1));
  } catch (error) {
    throw new SnapshotUnreadable(version, error);
  }
}
