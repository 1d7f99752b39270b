// A packed job is what it was before, whatever it has in common with others and whatever becomes of those; its names are found
// where it stands; and what is shared is kept as long as a job needs it, and no longer.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Incarnation, JobKey, Lane, Revision } from '../../src/actors/ids.ts';
import { attemptOf, heldAtMsOf, pack, packedNames, timesOf, unpack } from '../../src/actors/pending-job/cold.ts';
import type { Span } from '../../src/actors/pending-job/cold-names.ts';
import { sharedOf } from '../../src/actors/pending-job/cold-shared.ts';
import { ColdStore, type Handle } from '../../src/actors/pending-job/cold-store.ts';
import { emptyState } from '../../src/actors/pending-job/state.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { anySnapshot, HELD } from './snapshot-samples.ts';

const KEY = '4711' as JobKey;
const PARTS_MOST = 10_000;

function packed(store: ColdStore, snapshot: Snapshot): Handle {
  const handle = pack({ ...emptyState(KEY), snapshot, ackedAttempt: snapshot.attempt }, store);
  if (handle === undefined) throw new Error('it does not only wait');
  return handle;
}

const unpacked = (store: ColdStore, handle: Handle) => unpack(KEY, 9 as Revision, store.at(handle)).snapshot;
const kept = (snapshot: Snapshot) => ({ ...snapshot, request: undefined });

/** Some have their names, some their settings, some their timeline in common with others; keys are keys, or any text. */
const waiting = fc
  .tuple(anySnapshot, anySnapshot, fc.constantFrom('held', 'parked'), fc.nat({ max: 400 }), fc.nat(7), fc.boolean())
  .map(([any, other, kind, longer, mixed, isKey]): Snapshot => {
    const alias = isKey ? '' : any.alias + 'ä'.repeat(longer);
    const keys = isKey ? { instanceKey: '2251799813685251', elementInstanceKey: String(longer) } : {};
    const origin = { ...((mixed & 1) > 0 ? HELD : any).origin, ...keys };
    const settings = ((mixed & 2) > 0 ? HELD : any).settings;
    const timeline = [...((mixed & 4) > 0 ? HELD : any).timeline, ...other.timeline].slice(0, 16);
    return { ...any, kind: kind as 'held' | 'parked', alias, origin, settings, timeline };
  });

test('what comes out is what was put in, its names where they are said to stand, whichever others come and go', () => {
  fc.assert(
    fc.property(fc.array(waiting, { minLength: 1, maxLength: 8 }), fc.array(fc.nat()), (snapshots, leave) => {
      const store = new ColdStore();
      const jobs = new Map(snapshots.map((snapshot) => [packed(store, snapshot), snapshot]));
      for (const each of leave) {
        const handle = [...jobs.keys()][each % Math.max(1, jobs.size)];
        if (handle === undefined) break;
        store.free(handle);
        jobs.delete(handle);
      }
      for (const [handle, snapshot] of jobs) {
        const { instanceKey, elementInstanceKey } = snapshot.origin;
        const one = store.at(handle);
        const textOf = ({ from, to }: Span) => one.bytes.toString('utf8', from, to);
        const { end, ...names } = packedNames(one);
        expect(Object.fromEntries(Object.entries(names).map(([name, span]) => [name, textOf(span)]))).toEqual({
          ...{ instanceKey, elementInstanceKey, alias: snapshot.alias },
        });
        expect(end).toBeLessThan(one.to);
        expect(one.shared).toMatchObject({ ...sharedOf(snapshot), words: one.shared!.words });
        expect(heldAtMsOf(one)).toBe(snapshot.heldAtMs);
        expect(attemptOf(one)).toBe(snapshot.attempt);
        expect(timesOf(one).snapshot.kind).toBe(snapshot.kind);
        expect(unpacked(store, handle)).toEqual(kept(snapshot));
      }
      for (const handle of jobs.keys()) store.free(handle);
      expect(store.parts.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test('what is shared is kept once, for as long as one of the jobs is there', () => {
  const store = new ColdStore();
  const of = (lane: string, instanceKey: string) =>
    packed(store, { ...HELD, lane: lane as Lane, origin: { ...HELD.origin, instanceKey } });
  const [first, second, other] = [of('a', '1'), of('a', '2'), of('b', '1')];
  expect(store.sharedAt(second)).toBe(store.sharedAt(first));
  expect(store.sharedAt(other)).toMatchObject({ lane: 'b', onlyDigits: true });
  expect(store.parts.size).toBe(2);
  store.free(first);
  expect(unpacked(store, second)).toEqual(
    kept({ ...HELD, lane: 'a' as Lane, origin: { ...HELD.origin, instanceKey: '2' } }),
  );
  store.free(second);
  expect(store.parts.size).toBe(1);
  // Whoever comes to stand in the place of what left has nothing of it.
  const third = of('c', '7');
  expect([store.sharedAt(third)?.lane, store.sharedAt(other)?.lane]).toEqual(['c', 'b']);
  store.close();
  store.clear();
  expect(store.parts.size).toBe(0);
});

test('names that are not digits alone, and a business key, are told', () => {
  const store = new ColdStore();
  const onlyDigits = (snapshot: Snapshot) => store.sharedAt(packed(store, snapshot))?.onlyDigits;
  expect(onlyDigits(HELD)).toBe(true);
  expect(onlyDigits({ ...HELD, alias: '7' })).toBe(false);
  expect(onlyDigits({ ...HELD, origin: { ...HELD.origin, instanceKey: 'a1' } })).toBe(false);
  expect(onlyDigits({ ...HELD, origin: { ...HELD.origin, elementInstanceKey: '1٣' } })).toBe(false);
});

test('where too much differs jobs share nothing, and are what they were all the same', () => {
  const store = new ColdStore();
  const of = (i: number) => ({ ...HELD, incarnation: `node-${i}` as Incarnation });
  const handles = Array.from({ length: PARTS_MOST + 2 }, (_, i) => packed(store, of(i)));
  expect(store.parts.size).toBe(PARTS_MOST);
  const last = handles.at(-1)!;
  expect(store.sharedAt(last)).toBeUndefined();
  const sizeOf = ({ from, to }: { from: number; to: number }) => to - from;
  expect(sizeOf(store.at(last)) - sizeOf(store.at(handles[0]!))).toBeLessThan(250);
  expect(unpacked(store, last)).toEqual(kept(of(PARTS_MOST + 1)));
  store.free(last);
  store.free(handles[0]!);
  expect(store.parts.size).toBe(PARTS_MOST - 1);
  expect(store.sharedAt(packed(store, of(PARTS_MOST)))?.incarnation).toBe(`node-${PARTS_MOST}`);
});

test('a text that UTF-8 cannot say is not written as another one', () => {
  const state = { ...emptyState(KEY), ackedAttempt: 1 };
  expect(pack({ ...state, snapshot: { ...HELD, alias: 'order-\ud800' } }, new ColdStore())).toBeUndefined();
});

test('what cannot be packed leaves nothing behind', () => {
  const store = new ColdStore();
  const unpackable = (2n ** 70n) as unknown as string;
  expect(() => packed(store, { ...HELD, trace: unpackable })).toThrow();
  expect([store.count, store.parts.size]).toEqual([0, 0]);
  const handle = packed(store, HELD);
  expect(() => packed(store, { ...HELD, trace: unpackable })).toThrow();
  expect(unpacked(store, handle)).toEqual(kept(HELD));
  store.free(handle);
  expect(store.parts.size).toBe(0);
});
