// A packed job is searched where it stands: what is found there is what unpacking would show, and bytes that are not of the
// expected form are never misread.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobKey, Revision } from '../../src/actors/ids.ts';
import { HEADER_BYTES, heldAtMsOf, isParked, pack, unpack } from '../../src/actors/pending-job/cold.ts';
import { aliasSpanOf, originSpansOf, type Span } from '../../src/actors/pending-job/cold-search.ts';
import { ColdStore, type Packed } from '../../src/actors/pending-job/cold-store.ts';
import { emptyState } from '../../src/actors/pending-job/state.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { anySnapshot, HELD } from './snapshot-samples.ts';

const KEY = '4711' as JobKey;

/** Between two others, which must not matter. */
function packed(snapshot: Snapshot): Packed {
  const store = new ColdStore();
  const put = (one: Snapshot) => pack({ ...emptyState(KEY), snapshot: one, ackedAttempt: one.attempt }, store);
  const [, handle] = [put(HELD), put(snapshot), put(HELD)];
  if (handle === undefined) throw new Error('it does not only wait');
  const { bytes, from, to, written } = store.at(handle);
  return { bytes, from, to, written };
}

function spansOf(one: Packed) {
  const origin = originSpansOf(one);
  const alias = origin && aliasSpanOf(one, origin);
  return alias && { ...origin, alias };
}

/** The same with another byte `at` so far into it. */
function damaged({ bytes, from, ...rest }: Packed, at: number, byte: number): Packed {
  const copy = Buffer.from(bytes);
  copy[from + at] = byte;
  return { bytes: copy, from, ...rest };
}

const waiting = fc.tuple(anySnapshot, fc.constantFrom('held' as const, 'parked' as const), fc.nat({ max: 400 }));

test('every field that is searched stands where it is said to', () => {
  fc.assert(
    fc.property(waiting, ([any, kind, longer]) => {
      const alias = any.alias + 'ä'.repeat(longer);
      const snapshot = { ...any, kind, alias };
      const bytes = packed(snapshot);
      const spans = spansOf(bytes);
      const textOf = ({ from, to }: Span) => bytes.bytes.toString('utf8', from, to);
      expect(spans && Object.fromEntries(Object.entries(spans).map(([name, span]) => [name, textOf(span)]))).toEqual({
        processId: snapshot.origin.processId,
        elementId: snapshot.origin.elementId,
        instanceKey: snapshot.origin.instanceKey,
        elementInstanceKey: snapshot.origin.elementInstanceKey,
        alias,
      });
      expect(heldAtMsOf(bytes)).toBe(snapshot.heldAtMs);
      expect(isParked(bytes)).toBe(kind === 'parked');
      expect(unpack(KEY, 9 as Revision, bytes).snapshot).toEqual({ ...snapshot, request: undefined });
    }),
  );
});

test('bytes that are cut off, or damaged, or of another version, are not read', () => {
  const bytes = packed({ ...HELD, alias: 'order-7' });
  const spans = spansOf(bytes)!;
  for (let to = bytes.from; to < spans.alias.to; to++) expect(spansOf({ ...bytes, to })).toBeUndefined();
  expect(spansOf(damaged(bytes, HEADER_BYTES, 9))).toBeUndefined();
  fc.assert(
    fc.property(fc.nat({ max: bytes.to - bytes.from - 1 }), fc.nat(255), (at, byte) => {
      const found = spansOf(damaged(bytes, at, byte));
      for (const { from, to } of Object.values(found ?? {}) as Span[]) {
        expect(from).toBeGreaterThan(bytes.from + HEADER_BYTES);
        expect(to).toBeGreaterThanOrEqual(from);
      }
      expect(found?.alias.to ?? 0).toBeLessThanOrEqual(bytes.to);
    }),
  );
});
