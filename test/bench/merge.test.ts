// What a run of some parts makes of docs/benchmarks.json.
import { expect, test } from 'vitest';
import type { Figure } from '../../bench/figures.ts';
import { withEarlier } from '../../bench/merge.ts';
import { reportOf } from '../../bench/report.ts';
import type { BenchResult } from '../../bench/result.ts';

const figure = (name: string, value: number): Figure => ({
  name,
  before: '',
  goal: { kind: 'none' },
  unit: 'ms',
  values: [value],
});

function result(commit: string, figures: readonly Figure[]): BenchResult {
  return {
    format: 1,
    startedAt: '2026-01-02T03:04:05.000Z',
    commit,
    machine: { cores: 2, memoryMb: 1024, cpu: 'x' },
    versions: { node: 'v24.0.0' },
    options: { rounds: 5, inFlight: 200, closedS: 8, pacedPerSecond: 50, pacedS: 12, warmUpS: 15, quick: false },
    contestants: [],
    turns: [],
    figures,
    broken: [],
  };
}

const shown = ({ figures, commit }: BenchResult) =>
  figures.map(({ name, values, commit: own = commit }) => `${name} ${values} ${own}`);

test('what was measured takes its place, what was not stays and says of which commit it is', () => {
  const first = result('aaa', [
    figure('calls', 1),
    figure('kill', 2),
    figure('pause', 3),
    figure('pause', 4),
    figure('alone', 5),
  ]);
  const second = withEarlier(
    result('bbb', [figure('kill', 20), figure('pause', 30), figure('pause', 40), figure('new', 50)]),
    first,
  );
  expect(shown(second)).toEqual([
    'calls 1 aaa',
    'kill 20 bbb',
    'pause 30 bbb',
    'pause 40 bbb',
    'new 50 bbb',
    'alone 5 aaa',
  ]);
  const third = withEarlier(result('ccc', [figure('alone', 500)]), second);
  expect(shown(third)).toEqual([
    'calls 1 aaa',
    'kill 20 bbb',
    'pause 30 bbb',
    'pause 40 bbb',
    'new 50 bbb',
    'alone 500 ccc',
  ]);
  expect(third.turnsCommit).toBe('aaa');
  expect(reportOf(third)).toContain('| kill |  |  | 20.0 ms | 20.0 – 20.0 |  | bbb |');
  expect(withEarlier(first, undefined)).toBe(first);
});
