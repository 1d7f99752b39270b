// A packed job is searched where it stands: what is found there is what unpacking would show, and bytes that are not of the
// expected form are never misread.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobKey, Revision } from '../../src/actors/ids.ts';
import { HEADER_BYTES, heldAtMsOf, isParked, pack, unpack } from '../../src/actors/pending-job/cold.ts';
import { aliasSpanOf, originSpansOf, type Span } from '../../src/actors/pending-job/cold-search.ts';
import { emptyState } from '../../src/actors/pending-job/state.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { anySnapshot, HELD } from './snapshot-samples.ts';

const KEY = '4711' as JobKey;

function packed(snapshot: Snapshot): string {
  const bytes = pack({ ...emptyState(KEY), snapshot, ackedAttempt: snapshot.attempt });
  if (bytes === undefined) throw new Error('it does not only wait');
  return bytes;
}

function spansOf(bytes: string) {
  const origin = originSpansOf(bytes);
  const alias = origin && aliasSpanOf(bytes, origin);
  return alias && { ...origin, alias };
}

const waiting = fc.tuple(anySnapshot, fc.constantFrom('held' as const, 'parked' as const), fc.nat({ max: 400 }));

test('every field that is searched stands where it is said to', () => {
  fc.assert(
    fc.property(waiting, ([any, kind, longer]) => {
      const alias = any.alias + 'ä'.repeat(longer);
      const snapshot = { ...any, kind, alias };
      const bytes = packed(snapshot);
      const spans = spansOf(bytes);
      const textOf = ({ from, to }: Span) => Buffer.from(bytes.slice(from, to), 'latin1').toString('utf8');
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
  for (let length = 0; length < spans.alias.to; length++) expect(spansOf(bytes.slice(0, length))).toBeUndefined();
  const version9 = `${bytes.slice(0, HEADER_BYTES)}\x09${bytes.slice(HEADER_BYTES + 1)}`;
  expect(spansOf(version9)).toBeUndefined();
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat(255), (at, byte) => {
      const found = spansOf(bytes.slice(0, at) + String.fromCharCode(byte) + bytes.slice(at + 1));
      for (const { from, to } of Object.values(found ?? {}) as Span[]) {
        expect(from).toBeGreaterThan(HEADER_BYTES);
        expect(to).toBeGreaterThanOrEqual(from);
      }
      expect(found?.alias.to ?? 0).toBeLessThanOrEqual(bytes.length);
    }),
  );
});
