import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PassingMap } from '../../src/actors/passing-map.ts';

type Act = readonly ['set', number, string] | readonly ['delete', number] | readonly ['clear'];

const key = fc.integer({ min: 0, max: 9 });
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 10, arbitrary: fc.tuple(fc.constant('set' as const), key, fc.string()) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('delete' as const), key) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const)) },
);

it('answers as a Map does, whatever is done to both', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const ours = new PassingMap<number, string>();
      const theirs = new Map<number, string>();
      for (const [what, at = 0, value = ''] of acts) {
        if (what === 'set') ours.set(at, value);
        if (what === 'set') theirs.set(at, value);
        if (what === 'delete') expect(ours.delete(at)).toBe(theirs.delete(at));
        if (what === 'clear') ours.clear();
        if (what === 'clear') theirs.clear();
        expect(ours.size).toBe(theirs.size);
        for (let k = 0; k < 10; k++) expect([ours.has(k), ours.get(k)]).toEqual([theirs.has(k), theirs.get(k)]);
        expect([...ours]).toEqual([...theirs]);
        expect([...ours.values()]).toEqual([...theirs.values()]);
      }
    }),
  );
});

it('leaves out what leaves while somebody goes through it, and goes on to what comes', () => {
  const map = new PassingMap<number, string>();
  for (const n of [1, 2, 3]) map.set(n, `job ${n}`);
  const seen: string[] = [];
  for (const value of map.values()) {
    seen.push(value);
    map.delete(2);
    if (value === 'job 1') map.set(4, 'job 4');
  }
  expect(seen).toEqual(['job 1', 'job 3', 'job 4']);
});
