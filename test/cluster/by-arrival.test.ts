// Whatever the revisions are, and whatever comes and goes meanwhile: each job that stays is shown once.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Revision } from '../../src/actors/ids.ts';
import { byArrival, type JobList } from '../../src/cluster/by-arrival.ts';

interface Job {
  readonly name: string;
  readonly revision: Revision;
}

const revision = fc.oneof(
  fc.nat(50),
  fc.nat(100_000),
  fc.nat(2 ** 45),
) as fc.Arbitrary<unknown> as fc.Arbitrary<Revision>;
const lists = fc.array(fc.array(revision, { maxLength: 40 }), { maxLength: 12 });

function mapsOf(all: readonly (readonly Revision[])[]): Map<string, Job>[] {
  const named = (list: number, job: number) => `${list}.${job}`;
  return all.map(
    (revisions, list) =>
      new Map(revisions.map((of, job) => [named(list, job), { name: named(list, job), revision: of }])),
  );
}

const listsOf = (maps: readonly Map<string, Job>[], isHere: (index: number) => boolean = () => true): JobList<Job>[] =>
  maps.map((jobs, index) => ({ jobs: jobs.values(), isHere: () => isHere(index) }));

test('all are shown, each once, and those of one list in their order', () => {
  fc.assert(
    fc.property(lists, (all) => {
      const maps = mapsOf(all);
      const shown = [...byArrival(listsOf(maps))].map(({ name }) => name);
      expect(shown.toSorted()).toEqual(maps.flatMap((map) => [...map.keys()]).toSorted());
      for (const map of maps) expect(shown.filter((name) => map.has(name))).toEqual([...map.keys()]);
    }),
  );
});

test('those that stay are shown once although others come and go, and none of a list that has gone', () => {
  fc.assert(
    fc.property(lists, fc.nat(300), fc.nat(11), (all, after, leaving) => {
      const maps = mapsOf(all);
      let left = false;
      const shown: string[] = [];
      for (const { name } of byArrival(listsOf(maps, (index) => !(left && index === leaving)))) {
        if (left) expect(name.startsWith(`${leaving}.`)).toBe(false);
        shown.push(name);
        if (shown.length !== after) continue;
        left = true;
        for (const map of maps) {
          const last = [...map.keys()].at(-1);
          if (last !== undefined) map.delete(last);
          if (map.size > 0) map.set(`new ${map.size}`, { name: 'new', revision: 1 as Revision });
        }
      }
      const old = shown.filter((name) => name !== 'new');
      expect(new Set(old).size).toBe(old.length);
      const staying = maps.filter((_, index) => !left || index !== leaving).flatMap((map) => [...map.values()]);
      for (const { name } of staying) if (name !== 'new') expect(shown).toContain(name);
    }),
  );
});

test('lists that grew side by side are shown side by side', () => {
  const maps = Array.from({ length: 64 }, () => new Map<string, Job>());
  for (let n = 0; n < 100_000; n++) {
    const map = maps[(n * 7919) % 64]!;
    map.set(String(n), { name: String(n), revision: (4 * n + 1_000_000) as Revision });
  }
  let farthest = 0;
  let highest = 0;
  for (const { revision: at } of byArrival(listsOf(maps))) {
    farthest = Math.max(farthest, highest - at);
    highest = Math.max(highest, at);
  }
  // Shard by shard it would be nearly all of the 400,000.
  expect(farthest).toBeLessThan(4 * 10_000);
});
