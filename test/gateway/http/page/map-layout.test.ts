// The cluster map without its pixels.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cellsOf,
  lastOwners,
  layoutOf,
  movesBetween,
  moving,
  ownersOf,
  shardAt,
  shardBeside,
  unowned,
} from '../../../../src/gateway/http/page/browser/map-layout.ts';
import type { ClusterView, ShardView } from '../../../../src/gateway/operations/model/cluster.ts';

describe('the layout', () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 4_096 }), fc.integer({ min: 280, max: 1_500 }));

  test('has a place for every shard, inside its width, and is low', () => {
    fc.assert(
      fc.property(sizes, ([shards, width]) => {
        const { columns, rows, pitchPx, heightPx } = layoutOf(shards, width);
        expect(columns * rows).toBeGreaterThanOrEqual(shards);
        expect(columns * (rows - 1)).toBeLessThan(shards);
        expect(columns * pitchPx).toBeLessThanOrEqual(width + 0.001);
        expect(heightPx).toBeLessThanOrEqual(171);
        expect(pitchPx).toBeGreaterThanOrEqual(2);
      }),
    );
  });

  test('each place is found under the middle of its cell, and nothing beside the field', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), ([shards, width], pick) => {
        const layout = layoutOf(shards, width);
        const shard = pick % shards;
        const middle = (n: number) => (n + 0.5) * layout.pitchPx;
        const [x, y] = [middle(shard % layout.columns), middle(Math.floor(shard / layout.columns))];
        expect(shardAt(layout, shards, x, y)).toBe(shard);
        expect(shardAt(layout, shards, -1, y)).toBeUndefined();
        expect(shardAt(layout, shards, layout.columns * layout.pitchPx + 1, y)).toBeUndefined();
        expect(shardAt(layout, shards, x, layout.rows * layout.pitchPx + 1)).toBeUndefined();
      }),
    );
  });

  test('columns come in eights, so that a place can be counted', () => {
    expect(layoutOf(128, 430).columns).toBe(32);
    expect(layoutOf(512, 310).columns % 8).toBe(0);
    expect(layoutOf(5, 430).columns).toBe(5);
  });

  test('arrow keys go to the neighbours and not off the field', () => {
    const layout = layoutOf(128, 430);
    const go = (shard: number, key: string) => shardBeside(layout, 128, shard, key);
    expect([go(40, 'ArrowLeft'), go(40, 'ArrowRight'), go(40, 'ArrowUp'), go(40, 'ArrowDown')]).toEqual([
      39, 41, 8, 72,
    ]);
    expect([go(0, 'ArrowLeft'), go(5, 'ArrowUp'), go(127, 'ArrowRight'), go(120, 'ArrowDown')]).toEqual([
      0, 5, 127, 120,
    ]);
    expect([go(40, 'Home'), go(40, 'End'), go(40, 'x')]).toEqual([0, 127, undefined]);
  });
});

describe('the cells', () => {
  const view = clusterOf([
    ['n1', 'owned', 'n1'],
    ['n1', 'owned', 'n2'],
    ['n2', 'rehydrating', 'n2'],
    [null, 'released', 'n2'],
    [null, 'released', null],
    ['n1', 'released', 'n2'],
    ['n2', 'unknown', 'n2'],
    ['n1', 'draining', 'n2'],
  ]);

  test('say for each node what is at each place', () => {
    expect(cellsOf(view, 'n1')).toEqual([
      ...['owned', 'leaving', 'elsewhere', 'nobody', 'nobody', 'nobody', 'elsewhere', 'draining'],
    ]);
    expect(cellsOf(view, 'n2')).toEqual([
      ...['elsewhere', 'expected', 'rehydrating', 'expected', 'nobody', 'expected', 'unknown', 'expected'],
    ]);
  });

  test('a place is filled in one field at most', () => {
    const here = (node: string) =>
      cellsOf(view, node).map((cell) => !['elsewhere', 'expected', 'nobody'].includes(cell));
    const [first, second] = [here('n1'), here('n2')];
    expect(first.filter((is, shard) => is && second[shard])).toEqual([]);
  });

  test('what has no owner, and what is on its way', () => {
    expect(unowned(view)).toEqual([3, 4, 5]);
    expect(moving(view)).toEqual([1, 2, 5, 7]);
  });
});

describe('a move', () => {
  test('is from whoever had the shard last, also when it was nobody’s in between', () => {
    const before = ownersOf(
      clusterOf([
        ['n1', 'owned', 'n1'],
        ['n1', 'owned', 'n1'],
        ['n2', 'owned', 'n2'],
      ]),
    );
    const between = ownersOf(
      clusterOf([
        [null, 'released', 'n2'],
        ['n1', 'owned', 'n1'],
        ['n2', 'owned', 'n2'],
      ]),
    );
    const after = ownersOf(
      clusterOf([
        ['n2', 'owned', 'n2'],
        ['n1', 'owned', 'n1'],
        ['n1', 'owned', 'n1'],
      ]),
    );
    expect(movesBetween(before, between)).toEqual([]);
    expect(movesBetween(lastOwners(before, between), after)).toEqual([
      { shard: 0, from: 'n1', to: 'n2' },
      { shard: 2, from: 'n2', to: 'n1' },
    ]);
  });

  test('is none at the first look, or the first time that a shard has an owner', () => {
    const now = ownersOf(clusterOf([['n1', 'owned', 'n1']]));
    expect(movesBetween([], now)).toEqual([]);
    expect(movesBetween([null], now)).toEqual([]);
  });
});

function clusterOf(
  shards: readonly (readonly [node: string | null, state: ShardView['state'], target: string | null])[],
): ClusterView {
  return {
    ...{ cluster: 'shop', atMs: 0, answeredBy: 'n1', missing: [], nodes: [], movements: [] },
    shards: shards.map(([node, state, target], shard) => ({ shard, node, incarnation: node, epoch: 1, state, target })),
  };
}
