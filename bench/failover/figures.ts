// What is measured of trouble, and what is aimed at: one row for each figure, over all rounds.
import { type HandoverFigures, measureHandover } from './handover.ts';
import { measureNaiveKill, type NaiveKillFigures } from './naive-kill.ts';
import { measureRolling, type RollingFigures } from './rolling.ts';
import { measureKill, measurePause, type SuddenFigures } from './sudden.ts';

export const MEASURES = {
  kill: measureKill,
  pause: measurePause,
  'naive-kill': measureNaiveKill,
  handover: measureHandover,
  rolling: measureRolling,
} as const;

export type MeasureName = keyof typeof MEASURES;

export type Rounds = { readonly [Name in MeasureName]?: readonly Awaited<ReturnType<(typeof MEASURES)[Name]>>[] };

export interface Row {
  readonly measure: MeasureName;
  readonly figure: string;
  readonly unit: string;
  /** One for each round, from small to large. */
  readonly values: readonly number[];
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** At most; undefined: nothing is aimed at. */
  readonly goal: number | undefined;
  readonly met: boolean | undefined;
}

interface Figure<F> {
  readonly name: string;
  readonly unit: string;
  readonly goal?: number;
  of(round: F): number;
}

const sudden = (lastEndedMs: number, againMs?: number): readonly Figure<SuddenFigures>[] => {
  const again = againMs !== undefined && { goal: againMs };
  return [
    { name: 'last of 200 ended', unit: 'ms', goal: lastEndedMs, of: (round) => round.lastEndedMs },
    { name: 'shards served again', unit: 'ms', ...again, of: (round) => round.shardsServedMs },
    { name: 'replies flowing again', unit: 'ms', ...again, of: (round) => round.repliesFlowingMs },
    { name: '… on every partition', unit: 'ms', ...again, of: (round) => round.repliesFlowingAllMs },
    { name: 'replies dropped', unit: '', goal: 0, of: (round) => round.repliesDropped },
    { name: 'requests executed twice', unit: '', of: (round) => round.executedTwice },
    { name: 'of these, not above the watermark', unit: '', goal: 0, of: (round) => round.unexplained },
    { name: 'jobs ended twice', unit: '', goal: 0, of: (round) => round.endedTwice },
  ];
};

const naiveKill: readonly Figure<NaiveKillFigures>[] = [
  { name: 'last of 200 ended', unit: 'ms', of: (round) => round.lastEndedMs },
  { name: 'replies dropped', unit: '', of: (round) => round.repliesDropped },
  { name: 'requests executed twice', unit: '', of: (round) => round.executedTwice },
  { name: 'instances not ended', unit: '', of: (round) => round.open },
];

const handover: readonly Figure<HandoverFigures>[] = [
  { name: 'node leaves: shards moved', unit: '', of: (round) => round.leaving.shards },
  { name: 'node leaves: calls in a shard pause, p50', unit: 'ms', of: (round) => round.leaving.p50Ms },
  { name: 'node leaves: calls in a shard pause, p99', unit: 'ms', goal: 250, of: (round) => round.leaving.p99Ms },
  { name: 'node comes back: shards moved', unit: '', of: (round) => round.returning.shards },
  { name: 'node comes back: calls in a shard pause, p50', unit: 'ms', of: (round) => round.returning.p50Ms },
  { name: 'node comes back: calls in a shard pause, p99', unit: 'ms', goal: 250, of: (round) => round.returning.p99Ms },
  { name: 'calls at 50/s, p99', unit: 'ms', of: (round) => round.callP99Ms },
  { name: 'calls at 50/s, max', unit: 'ms', of: (round) => round.callMaxMs },
];

const rolling: readonly Figure<RollingFigures>[] = [
  { name: 'three restarts', unit: 's', of: (round) => round.restartsS },
  { name: 'calls before, p99', unit: 'ms', of: (round) => round.before.p99Ms },
  { name: 'calls before, max', unit: 'ms', of: (round) => round.before.maxMs },
  { name: 'calls during', unit: '', of: (round) => round.during.calls },
  { name: 'calls during, p99', unit: 'ms', of: (round) => round.during.p99Ms },
  // The goal is that of the calls over 2 s, of which there is to be none in any round.
  { name: 'calls during, max', unit: 'ms', of: (round) => round.during.maxMs },
  { name: 'over 250 ms', unit: '', of: (round) => round.during.over250Ms },
  { name: 'over 1 s', unit: '', of: (round) => round.during.over1000Ms },
  { name: 'over 2 s', unit: '', goal: 0, of: (round) => round.during.over2000Ms },
];

export function rowsOf(rounds: Rounds): Row[] {
  return [
    ...summed('kill', rounds.kill, sudden(4_000, 2_000)),
    ...summed('pause', rounds.pause, sudden(17_000)),
    ...summed('naive-kill', rounds['naive-kill'], naiveKill),
    ...summed('handover', rounds.handover, handover),
    ...summed('rolling', rounds.rolling, rolling),
  ];
}

function summed<F>(measure: MeasureName, rounds: readonly F[] = [], figures: readonly Figure<F>[]): Row[] {
  if (rounds.length === 0) return [];
  return figures.map(({ name, unit, goal, of }) => {
    const values = rounds.map(of).sort((a, b) => a - b);
    const [min = 0, max = 0] = [values[0], values.at(-1)];
    const middle = values.length / 2;
    const median = ((values[Math.ceil(middle) - 1] ?? 0) + (values[Math.floor(middle)] ?? 0)) / 2;
    // What is never to happen must not happen in any round; how long it takes is judged by the median.
    const judged = unit === '' ? max : median;
    const met = goal === undefined ? undefined : judged <= goal;
    return { measure, figure: name, unit, values, min, median, max, goal, met };
  });
}
