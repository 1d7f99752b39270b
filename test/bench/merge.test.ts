// What a run of some parts makes of docs/benchmarks.json.
import { describe, expect, test } from 'vitest';
import type { Figure } from '../../bench/figures.ts';
import { withEarlier } from '../../bench/merge.ts';
import { ranWith, reportOf } from '../../bench/report.ts';
import type { BenchResult, KeptVersions } from '../../bench/result.ts';
import type { Turn } from '../../bench/side-by-side/rounds.ts';

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

const noFlames = (name: string): never => {
  throw new Error(`nothing is said of ${name} here`);
};

const none = { bridge: 0, nats: 0, engine: 0, kafka: 0, service: 0, load: 0 };
const TURN: Turn = {
  ...{ round: 0, contestant: 'direct', perSecond: 1, cpuPerCall: none },
  ...{ writesPerCall: undefined, paced: undefined },
};

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
  expect(reportOf(third, noFlames)).toContain('| kill |  |  | 20.0 ms | 20.0 – 20.0 |  | 1 | bbb |');
  expect(withEarlier(first, undefined)).toBe(first);
});

describe('what it ran with', () => {
  const servers = { zeebe: '8.6.0', zeebePartitions: 2, kafka: '4.3.1', nats: '2.15.1' };
  const other = { ...servers, zeebe: '8.8.2' };
  const run = (commit: string, name: string, versions: KeptVersions): BenchResult => ({
    ...result(commit, [figure(name, 1)]),
    versions,
  });
  const [then, now] = [
    { node: 'v24.0.0', ...servers },
    { node: 'v24.0.0', ...other },
  ];

  test('stands beside each commit whose figures are still there', () => {
    const first = run('aaa', 'calls', then);
    const second = withEarlier(run('bbb', 'kill', then), first);
    const third = withEarlier(run('ccc', 'alone', now), second);
    expect(ranWith(third)).toBe(
      'ccc: Node v24.0.0, Zeebe 8.8.2 with 2 partitions, Kafka 4.3.1, nats-server 2.15.1. ' +
        'aaa, bbb: Node v24.0.0, Zeebe 8.6.0 with 2 partitions, Kafka 4.3.1, nats-server 2.15.1.',
    );
    expect(reportOf(third, noFlames)).toContain(ranWith(third));
  });

  test('goes with the last of its figures', () => {
    const first = { ...run('aaa', 'calls', then), turns: [TURN] };
    const second = withEarlier({ ...run('bbb', 'calls', now), turns: [TURN] }, first);
    expect(second.earlierRuns).toBeUndefined();
    expect(ranWith(second)).not.toContain('aaa');
  });

  test('is not made up for a run that did not keep it', () => {
    const first = run('aaa', 'calls', { node: 'v24.0.0' });
    const old = withEarlier(run('bbb', 'kill', { node: 'v24.0.0' }), {
      ...first,
      figures: [{ ...figure('calls', 1), commit: '999' }],
    });
    expect(ranWith(old)).toBe('bbb, aaa: Node v24.0.0 (of the servers no version was kept). 999: not kept.');
  });
});
