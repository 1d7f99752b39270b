// What one process writes, another reads, for ever; and nothing that it is fed can spoil a reader.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { expect, test } from 'vitest';
import { addToTimeline, type Snapshot } from '../../src/actors/snapshot.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  isTombstone,
  SNAPSHOT_VERSIONS_READ,
  SnapshotUnreadable,
} from '../../src/actors/snapshot-codec.ts';
import { toRecord1 } from '../../src/actors/snapshot-format1.ts';
import { STRUCTURES_2, toRecord2 } from '../../src/actors/snapshot-format2.ts';
import { anySnapshot, FAILING, HELD, REPLIED, TOMBSTONE, WORDS, WORDS_2 } from './snapshot-samples.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

/** Runs the writer in a process of its own. */
function otherProcess(mode: 'write' | 'echo', input: readonly unknown[]): string[] {
  const script = new URL('./fixtures/foreign-writer.ts', import.meta.url).pathname;
  return JSON.parse(execFileSync(process.execPath, [script, mode], { input: JSON.stringify(input), encoding: 'utf8' }));
}

/** The same content, keys the other way round at every level. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

test('every snapshot comes back as it was', () => {
  fc.assert(
    fc.property(anySnapshot, (snapshot) => {
      expect(decodeSnapshot(encodeSnapshot(snapshot))).toEqual(snapshot);
    }),
  );
});

test('of version 1 it comes back without what only version 2 can say', () => {
  fc.assert(
    fc.property(anySnapshot, (snapshot) => {
      const { failing } = snapshot;
      const why = failing?.outcome === 'bpmnError' ? 'businessError' : 'technicalError';
      const said = failing?.why === 'byHand' ? { ...failing, why } : failing;
      expect(decodeSnapshot(encodeSnapshot(snapshot, 1))).toEqual({ ...snapshot, failing: said, resend: false });
    }),
  );
});

test('a tombstone is known by its first bytes, and nothing else is taken for one', () => {
  fc.assert(
    fc.property(anySnapshot, (snapshot) => {
      for (const version of SNAPSHOT_VERSIONS_READ)
        expect(isTombstone(encodeSnapshot(snapshot, version))).toBe(snapshot.kind === 'ended');
    }),
  );
  for (const other of ['', '01', '0140', '0340040101', '01d44004'])
    expect(isTombstone(bytes(other)), other).toBe(false);
});

test('bytes of version 1 are read for ever', () => {
  const stored = JSON.parse(readFileSync(new URL('./fixtures/snapshots-v1.json', import.meta.url), 'utf8'));
  const expected = { held: HELD, replied: REPLIED, failing: FAILING, tombstone: TOMBSTONE };
  expect(Object.keys(stored)).toEqual(Object.keys(expected));
  for (const [name, snapshot] of Object.entries(expected)) {
    expect(decodeSnapshot(bytes(stored[name])), name).toEqual(snapshot);
    expect(hex(encodeSnapshot(snapshot, 1)), name).toBe(stored[name]);
  }
});

test('every word keeps its number in bytes of version 1', () => {
  const stored = JSON.parse(readFileSync(new URL('./fixtures/snapshots-v1-words.json', import.meta.url), 'utf8'));
  expect(Object.keys(stored)).toEqual(Object.keys(WORDS));
  for (const [name, snapshot] of Object.entries(WORDS)) {
    expect(decodeSnapshot(bytes(stored[name])), name).toEqual(snapshot);
    expect(hex(encodeSnapshot(snapshot, 1)), name).toBe(stored[name]);
  }
});

test('bytes of version 2 are read for ever, and every word keeps its number', () => {
  const stored = JSON.parse(readFileSync(new URL('./fixtures/snapshots-v2.json', import.meta.url), 'utf8'));
  const expected = { held: HELD, replied: REPLIED, failing: FAILING, tombstone: TOMBSTONE, ...WORDS, ...WORDS_2 };
  expect(Object.keys(stored)).toEqual(Object.keys(expected));
  for (const [name, snapshot] of Object.entries(expected)) {
    expect(decodeSnapshot(bytes(stored[name])), name).toEqual(snapshot);
    expect(hex(encodeSnapshot(snapshot, 2)), name).toBe(stored[name]);
  }
});

test('the first byte is the version, and no key is in the bytes', () => {
  const written = encodeSnapshot(HELD);
  expect(SNAPSHOT_VERSIONS_READ).toContain(written[0]);
  const asText = Buffer.from(written).toString('latin1');
  for (const key of ['attempt', 'replyDeadlineMs', 'jobType', 'incarnation', 'onReplyTimeout']) {
    expect(asText).not.toContain(key);
  }
});

test('another process that met other shapes first writes the same bytes: other order, absent keys, unknown keys', () => {
  const samples = [HELD, REPLIED, FAILING, TOMBSTONE];
  const odd = [
    { never: 'seen', shape: [1] },
    { ...HELD, heldAtMs: undefined },
    ...samples.map(reversed),
    ...samples.map((snapshot) => ({ unknown: { deep: 1 }, ...snapshot })),
    // JSON drops undefined: `request`, `reply`, `failing`, `outcome` are absent keys over there.
    ...samples,
  ];
  const written = otherProcess('write', odd);
  const expected = samples.map((snapshot) => hex(encodeSnapshot(snapshot)));
  // The first two are no snapshots: refused, not stored in a shape of their own.
  expect(written).toEqual([...expected, ...expected, ...expected]);
  expect(written.slice(0, 4).map((text) => decodeSnapshot(bytes(text)))).toEqual(samples);
  expect(otherProcess('echo', expected)).toEqual(expected);
});

test('bytes that define structures of their own are refused and leave the reader as it was', () => {
  const good = encodeSnapshot(HELD);
  // "Structure 0 is from here on {a}, and here is one": alone, and as the first field of a record of ours.
  const redefinition = [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01];
  // A record with all our keys, which only their order tells from ours, and its definition.
  const swapped = new Packr().pack(Object.fromEntries(Object.entries(toRecord1(HELD)).reverse()));
  const foreign = [
    Uint8Array.of(1, ...redefinition),
    Uint8Array.of(1, 0x40, ...redefinition),
    Uint8Array.of(1, ...swapped),
  ];
  for (const odd of foreign) {
    expect(() => decodeSnapshot(odd)).toThrow(SnapshotUnreadable);
    expect(decodeSnapshot(good)).toEqual(HELD);
  }
});

test('garbage and damage throw SnapshotUnreadable and nothing else, and spoil nothing', () => {
  const good = encodeSnapshot(REPLIED);
  const damage = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
    const copy = good.slice();
    copy[at] = byte;
    return copy;
  });
  const cut = fc.nat(good.length - 1).map((length) => good.slice(0, length));
  const garbage = fc
    .tuple(fc.constantFrom(1, 2), fc.uint8Array({ maxLength: 60 }))
    .map(([version, rest]) => Uint8Array.of(version, ...rest));
  fc.assert(
    fc.property(fc.oneof(damage, cut, garbage, fc.uint8Array()), (odd) => {
      let read: Snapshot | undefined;
      try {
        read = decodeSnapshot(odd);
      } catch (error) {
        expect(error).toBeInstanceOf(SnapshotUnreadable);
      }
      // Damage inside a text or a number is another snapshot; what is read can at least be stored again.
      if (read) expect(decodeSnapshot(encodeSnapshot(read))).toEqual(read);
      expect(decodeSnapshot(good)).toEqual(REPLIED);
    }),
    { numRuns: 500 },
  );
});

test('a field of another kind than it has is noticed, whichever field it is', () => {
  const packr = new Packr({ structures: STRUCTURES_2.map((keys) => [...keys]), maxSharedStructures: 1 });
  const record = toRecord2(REPLIED);
  const others = [true, null, 'text', 1.5, -1, Number.NaN, [], [1], [[1]], {}, new Date(0), Buffer.from('b')];
  let refused = 0;
  for (const field of STRUCTURES_2[0] ?? []) {
    for (const other of others) {
      const odd = Uint8Array.of(2, ...packr.pack({ ...record, [field]: other }));
      try {
        // Taken, it is one that can be stored again.
        decodeSnapshot(encodeSnapshot(decodeSnapshot(odd)));
      } catch (error) {
        expect(error, `${field}: ${String(other)}`).toBeInstanceOf(SnapshotUnreadable);
        refused += 1;
      }
    }
  }
  expect(refused).toBeGreaterThan(150);
});

test('an unknown version is named, with those that are read', () => {
  expect(() => decodeSnapshot(Uint8Array.of(9, 0x40))).toThrow(/version 9; this node reads 1, 2/);
  expect(() => decodeSnapshot(new Uint8Array())).toThrow(/is empty/);
  expect(() => encodeSnapshot(HELD, 3)).toThrow(/version 3 are not written/);
});

test('a timeline keeps its first 4 and its newest 12 entries', () => {
  let timeline: Snapshot['timeline'] = [];
  for (let atMs = 1; atMs <= 30; atMs++) timeline = addToTimeline(timeline, [{ atMs, what: 'sent', node: 'a' }]);
  expect(timeline.map((entry) => entry.atMs)).toEqual([1, 2, 3, 4, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
});
