import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fnv1a32, type NodeName } from '../../src/actors/ids.ts';
import { place } from '../../src/cluster/placement.ts';

const anyName = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/) as fc.Arbitrary<NodeName>;
const anyNodes = (minLength: number, maxLength = 12) => fc.uniqueArray(anyName, { minLength, maxLength });

function moved(before: readonly NodeName[], after: readonly NodeName[]): number {
  return before.filter((owner, shard) => owner !== after[shard]).length;
}

test('every shard has one owner among the nodes, and none owns more than its share rounded up', () => {
  fc.assert(
    fc.property(anyNodes(1), fc.integer({ min: 1, max: 300 }), (nodes, shards) => {
      const owners = place(nodes, shards);
      expect(owners).toHaveLength(shards);
      const loads = nodes.map((node) => owners.filter((owner) => owner === node).length);
      expect(loads.reduce((sum, load) => sum + load, 0)).toBe(shards);
      expect(Math.max(...loads)).toBeLessThanOrEqual(Math.ceil(shards / nodes.length));
    }),
  );
});

test('the order of the names, and a name given twice, change nothing', () => {
  const shuffled = anyNodes(1).chain((nodes) =>
    fc.tuple(fc.constant(nodes), fc.shuffledSubarray(nodes, { minLength: nodes.length })),
  );
  fc.assert(
    fc.property(shuffled, fc.nat(200), ([nodes, other], shards) => {
      expect(place([...other, ...other.slice(0, 1)], shards)).toEqual(place(nodes, shards));
    }),
  );
});

test('names whose hashes are equal are told apart by the names, not by their order', () => {
  const [a, b] = ['costarring', 'liquid'] as [NodeName, NodeName];
  expect(fnv1a32(a)).toBe(fnv1a32(b));
  expect(place([b, a], 64)).toEqual(place([a, b], 64));
});

test('one member more or less moves little beyond that member’s own shards', () => {
  let ownInAll = 0;
  let movedInAll = 0;
  const shards = 128;
  fc.assert(
    fc.property(anyNodes(3, 10), (nodes) => {
      const all = place(nodes, shards);
      const without = place(nodes.slice(1), shards);
      const own = all.filter((owner) => owner === nodes[0]).length;
      ownInAll += own;
      movedInAll += moved(all, without);
      expect(moved(all, without) - own).toBeLessThanOrEqual(shards / 4);
    }),
    { numRuns: 200 },
  );
  expect(movedInAll / ownInAll).toBeLessThan(1.5);
});

test('names that differ only in their last character share the shards as chance would have it', () => {
  const owners = place(['node-1', 'node-2', 'node-3'] as NodeName[], 999);
  const withTheNext = owners.filter((owner, shard) => owner === owners[shard + 1]).length;
  // A third of 999, give or take four standard deviations.
  expect(Math.abs(withTheNext - 333)).toBeLessThan(60);
});

test('members of two releases agree: the placement of three nodes is pinned', () => {
  const owners = place(['holdfast-0', 'holdfast-1', 'holdfast-2'] as NodeName[], 16);
  expect(owners.map((owner) => owner.at(-1)).join('')).toBe('1210221100021021');
});

test('without nodes nobody owns anything', () => {
  expect(place([], 128)).toEqual([]);
});
