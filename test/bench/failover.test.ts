// The parts of a measurement of trouble that compute: what is read out of the logs of nodes, which requests may be executed twice,
// and how rounds become rows.
import { describe, expect, test } from 'vitest';
import { type FirstHold, unexplained } from '../../bench/failover/bucket-witness.ts';
import { rowsOf } from '../../bench/failover/figures.ts';
import { pausesOf } from '../../bench/failover/handover.ts';
import {
  flowingAgainMs,
  handovers,
  ownedBy,
  readBy,
  servedAgainMs,
  shardMoves,
} from '../../bench/failover/node-logs.ts';
import { parseOptions, UsageError } from '../../bench/failover/options.ts';
import { callsOf } from '../../bench/failover/rolling.ts';
import type { SuddenFigures } from '../../bench/failover/sudden.ts';
import type { JobKey, Revision } from '../../src/actors/ids.ts';
import type { LogLine } from '../support/nodes.ts';

const BEGIN_MS = Date.parse('2026-01-01T12:00:00.000Z');
const line = (atMs: number, message: string, more: Readonly<Record<string, unknown>> = {}): LogLine => ({
  time: new Date(BEGIN_MS + atMs).toISOString(),
  message,
  ...more,
});

const logs = new Map([
  [
    'n1',
    [
      line(0, 'shard owned', { shard: 1 }),
      line(1, 'shard owned', { shard: 2 }),
      line(2, 'shard owned', { shard: 3 }),
      line(3, 'replies: assigned', { partitions: [4, 0] }),
      line(100, 'shard draining', { shard: 3 }),
      line(110, 'shard released', { shard: 3 }),
    ],
  ],
  [
    'n2',
    [
      line(3, 'replies: assigned', { partitions: [7] }),
      line(5, 'shard rehydrated', { shard: 9 }),
      line(115, 'shard acquiring', { shard: 3 }),
      line(120, 'shard rehydrating', { shard: 3 }),
      line(150, 'shard owned', { shard: 3 }),
      line(1_900, 'replies: unassigned'),
      line(2_000, 'shard owned', { shard: 1 }),
      line(2_100, 'replies: assigned', { partitions: [0, 4, 7] }),
      line(2_300, 'replies: settled', { partition: 7 }),
      line(2_400, 'replies: settled', { partition: 0 }),
      line(2_500, 'replies: settled', { partition: 0 }),
    ],
  ],
]);
const lost = { lostBy: 'n1', atMs: BEGIN_MS + 1_000 };

describe('logs tell', () => {
  const moves = shardMoves(logs);

  test('which shards a node owned at a moment, and which reply partitions it read', () => {
    expect(ownedBy(moves, 'n1', BEGIN_MS + 50)).toEqual([1, 2, 3]);
    expect(ownedBy(moves, 'n1', BEGIN_MS + 105)).toEqual([1, 2]);
    expect(ownedBy(moves, 'n2', BEGIN_MS + 140)).toEqual([]);
    expect(readBy(logs.get('n1') ?? [], BEGIN_MS + 1_000)).toEqual([0, 4]);
    expect(readBy(logs.get('n2') ?? [], BEGIN_MS + 1_950)).toEqual([]);
    expect(readBy(logs.get('n2') ?? [], BEGIN_MS + 2_100)).toEqual([0, 4, 7]);
  });

  test('when the last of the lost shards was served again, and nothing while one is not', () => {
    expect(servedAgainMs(moves, { shards: [1], ...lost })).toBe(1_000);
    expect(servedAgainMs(moves, { shards: [1, 2], ...lost })).toBeUndefined();
    // What moved before is no answer to what happened now.
    expect(servedAgainMs(moves, { shards: [3], ...lost })).toBeUndefined();
    expect(servedAgainMs(moves, { shards: [], ...lost })).toBe(0);
  });

  test('when the last of the lost partitions flowed again, by its first reply', () => {
    expect(flowingAgainMs(logs, { partitions: [0], ...lost })).toEqual({ firstMs: 1_400, allMs: 1_400 });
    expect(flowingAgainMs(logs, { partitions: [0, 7], ...lost })).toEqual({ firstMs: 1_300, allMs: 1_400 });
    expect(flowingAgainMs(logs, { partitions: [0, 4], ...lost })).toBeUndefined();
    expect(flowingAgainMs(logs, { partitions: [0], lostBy: 'n2', atMs: BEGIN_MS })).toBeUndefined();
  });

  test('how long calls to a shard stood still, from draining to owned, wherever that is', () => {
    expect(handovers(moves)).toEqual([{ shard: 3, from: 'n1', to: 'n2', atMs: BEGIN_MS + 100, pauseMs: 50 }]);
    const back = new Map([
      ['n1', [line(0, 'shard draining', { shard: 5 }), line(30, 'shard owned', { shard: 5 })]],
      ['n2', [line(40, 'shard owned', { shard: 5 }), line(50, 'shard draining', { shard: 6 })]],
    ]);
    expect(handovers(shardMoves(back)).map(({ shard, to, pauseMs }) => [shard, to, pauseMs])).toEqual([[5, 'n1', 30]]);
  });
});

test('percentiles of pauses are pauses that there were', () => {
  const found = Array.from({ length: 40 }, (_, i) => ({ shard: i, from: 'n1', to: 'n2', atMs: 0, pauseMs: 40 - i }));
  expect(pausesOf(found)).toMatchObject({ shards: 40, p50Ms: 20, p99Ms: 40 });
  expect(pausesOf([])).toEqual({ shards: 0, p50Ms: 0, p99Ms: 0, allMs: [] });
});

test('calls are counted beyond each bound', () => {
  const counts = [
    [
      [10_000, 5],
      [250_000, 1],
    ],
    [
      [251_000, 2],
      [1_500_000, 1],
      [2_600_000, 1],
    ],
  ] as const;
  expect(callsOf(counts)).toMatchObject({ calls: 10, over250Ms: 4, over1000Ms: 2, over2000Ms: 1 });
});

describe('a request that was executed twice', () => {
  const idOf = (jobKey: number, attempt = 1) => `hf1-k1-${jobKey.toString(36)}-${attempt}-mac`;
  const hold = (revision: number, incarnation = 'dead', attempt = 1): FirstHold => ({
    incarnation,
    attempt,
    revision: revision as Revision,
  });
  const holds = new Map<JobKey, FirstHold>([
    ['101' as JobKey, hold(10)],
    ['102' as JobKey, hold(30)],
    ['103' as JobKey, hold(11)],
    ['104' as JobKey, hold(40, 'alive')],
  ]);
  const sent = { upTo: 20, except: [['103', 1]] } as const;

  test('is explained when the record of the node that was lost does not cover it', () => {
    const ids = [idOf(102), idOf(103)];
    expect(unexplained(ids, holds, { incarnation: 'dead', sent })).toEqual([]);
    expect(unexplained([idOf(101)], holds, { incarnation: 'dead', sent: undefined })).toEqual([]);
  });

  test('and not when it does, when it was the request of a node that lived, of another attempt, or of nobody', () => {
    const ids = [idOf(101), idOf(104), idOf(102, 2), idOf(105)];
    expect(unexplained(ids, holds, { incarnation: 'dead', sent })).toEqual(ids);
  });
});

describe('rows', () => {
  const round = (lastEndedMs: number, more: Partial<SuddenFigures> = {}): SuddenFigures => ({
    calls: 200,
    lastEndedMs,
    shardsLost: 43,
    shardsServedMs: 1_500,
    partitionsLost: 4,
    repliesFlowingMs: 1_700,
    repliesFlowingAllMs: 1_800,
    repliesDropped: 0,
    executedTwice: 3,
    unexplained: 0,
    endedTwice: 0,
    ...more,
  });
  const rowOf = (rounds: readonly SuddenFigures[], figure: string) =>
    rowsOf({ kill: rounds }).find((row) => row.figure === figure);

  test('have the least, the middle and the most; times are judged by the middle', () => {
    const rounds = [round(5_000), round(2_000), round(3_000)];
    expect(rowOf(rounds, 'last of 200 ended')).toEqual({
      measure: 'kill',
      figure: 'last of 200 ended',
      unit: 'ms',
      values: [2_000, 3_000, 5_000],
      min: 2_000,
      median: 3_000,
      max: 5_000,
      goal: 4_000,
      met: true,
    });
    expect(rowOf([round(5_000), round(2_000)], 'last of 200 ended')?.median).toBe(3_500);
    expect(rowOf([round(4_001)], 'last of 200 ended')?.met).toBe(false);
  });

  test('what must never happen is judged by every round', () => {
    const rounds = [round(1), round(1), round(1, { repliesDropped: 1 })];
    expect(rowOf(rounds, 'replies dropped')?.met).toBe(false);
    expect(rowOf([round(1)], 'replies dropped')?.met).toBe(true);
    expect(rowOf(rounds, 'requests executed twice')?.met).toBeUndefined();
  });

  test('are there only for what was measured', () => {
    expect(rowsOf({})).toEqual([]);
    expect(new Set(rowsOf({ pause: [round(1)] }).map(({ measure }) => measure))).toEqual(new Set(['pause']));
  });
});

describe('the command line', () => {
  test('says what, how often and where to', () => {
    expect(parseOptions(['--only', 'kill,rolling', '--rounds', '5', '--json', 'x.json'])).toEqual({
      only: ['kill', 'rolling'],
      rounds: 5,
      replicas: 1,
      json: 'x.json',
    });
    expect(parseOptions([])).toMatchObject({ rounds: 3, only: expect.arrayContaining(['pause', 'naive-kill']) });
  });

  test.each([
    [['--only', 'kill,flood'], /there is no flood/],
    [['--rounds', '0'], /found 0/],
    [['--replicas', '2'], /allowed: 1, 3/],
    [['--colour'], /colour/],
  ])('%j is refused', (args, why) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(why);
  });
});
