// The parts of a load run that compute: when arrivals are due, what a distribution draws, what a scenario says, and what
// percentiles come out of what was recorded.
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrivalsBy, dueAtSecond, type Phase } from '../../bench/load/arrivals.ts';
import { parseScenario, ScenarioError } from '../../bench/load/scenario.ts';
import { drawDelayMs } from '../../bench/parts/delays.ts';
import { bucketsOf, legOf, minus, parseExposition, sumOf } from '../../bench/parts/exposition.ts';
import { Latencies } from '../../bench/parts/latency.ts';

describe('arrivals', () => {
  const rate = fc.integer({ min: 0, max: 500 });
  const phase = fc.record({ seconds: fc.integer({ min: 1, max: 100 }), fromPerSecond: rate, toPerSecond: rate });
  const phases = fc.array(phase, { minLength: 1, maxLength: 4 });

  test('arrival number n is due when the plan has brought n, in order, and none is due beyond the plan', () => {
    fc.assert(
      fc.property(phases, fc.nat(5_000), (plan: Phase[], number) => {
        const totalS = plan.reduce((sum, { seconds }) => sum + seconds, 0);
        const dueS = dueAtSecond(plan, number);
        if (dueS === undefined) {
          expect(arrivalsBy(plan, totalS)).toBeLessThanOrEqual(number + 1e-6);
          return;
        }
        expect(arrivalsBy(plan, dueS)).toBeCloseTo(number, 5);
        expect(dueS).toBeLessThanOrEqual(totalS);
        const nextS = dueAtSecond(plan, number + 1);
        if (nextS !== undefined) expect(nextS).toBeGreaterThan(dueS - 1e-9);
      }),
    );
  });

  test('a constant rate is evenly spaced, and a ramp brings the mean of its rates', () => {
    const steady = [{ seconds: 10, fromPerSecond: 4, toPerSecond: 4 }];
    expect([0, 1, 39].map((number) => dueAtSecond(steady, number))).toEqual([0, 0.25, 9.75]);
    expect(dueAtSecond(steady, 40)).toBeUndefined();
    expect(arrivalsBy([{ seconds: 10, fromPerSecond: 0, toPerSecond: 100 }], 10)).toBe(500);
  });
});

describe('a service takes', () => {
  const draws = (delay: Parameters<typeof drawDelayMs>[0]) =>
    Array.from({ length: 10_000 }, (_, i) => drawDelayMs(delay, () => (i + 0.5) / 10_000));
  const mean = (values: readonly (number | undefined)[]) =>
    values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length;

  test('always the same, or an exponential time of that mean', () => {
    expect(new Set(draws({ kind: 'constant', ms: 20 }))).toEqual(new Set([20]));
    expect(mean(draws({ kind: 'exponential', meanMs: 50 }))).toBeCloseTo(50, 0);
  });

  test('mostly the least and sometimes very long, but never beyond the most', () => {
    const times = draws({ kind: 'heavyTail', leastMs: 100, alpha: 1.5, mostMs: 5_000 }) as number[];
    expect(Math.min(...times)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...times)).toBe(5_000);
    expect(times.filter((ms) => ms < 160).length).toBeGreaterThan(times.length / 2);
  });

  test('for ever, in a share of its requests', () => {
    let i = 0;
    const random = () => (i++ % 100) / 100;
    const times = Array.from({ length: 1_000 }, () =>
      drawDelayMs({ kind: 'never', share: 0.1, otherwise: { kind: 'constant', ms: 1 } }, random),
    );
    expect(times.filter((ms) => ms === undefined)).toHaveLength(100);
  });
});

describe('a scenario', () => {
  const files = readdirSync(new URL('../../bench/scenarios/', import.meta.url));

  test.each(files)('%s can be run', (file) => {
    const text = readFileSync(new URL(`../../bench/scenarios/${file}`, import.meta.url), 'utf8');
    const { what, phases, nodes } = parseScenario(file, text);
    expect(what).not.toBe('');
    expect(phases.length).toBeGreaterThan(0);
    expect(nodes).toBeGreaterThan(0);
  });

  test('the eight that everybody needs are there', () => {
    expect(files.map((file) => file.replace('.yaml', '')).sort()).toEqual([
      'backlog-drain',
      'engine-outage',
      'million-pending',
      'node-kill',
      'rolling-restart',
      'slow-service',
      'spike',
      'steady',
    ]);
  });

  test('everything that is wrong is told at once, with its place, what was found and what is allowed', () => {
    const text = `
      nodes: 0
      delay: { kind: sometimes }
      phases: [{ seconds: 10, perSecond: [1, 2, 3] }, { perSecond: 5 }]
      replicas: 2
      faults: [{ atS: 1, what: killNode, node: 7 }, { atS: 11.5, what: natsOutage }]
      colour: blue`;
    let message = '';
    try {
      parseScenario('mine', text);
    } catch (error) {
      expect(error).toBeInstanceOf(ScenarioError);
      message = (error as Error).message;
    }
    expect(message.split('\n')).toEqual([
      'mine: phases[0]: perSecond: found [1,2,3]; allowed: a rate, or two of them: [from, to]',
      'mine: phases[1]: seconds: missing; allowed: a number from 1',
      'mine: delay: kind: found "sometimes"; allowed: constant, exponential, heavyTail, never',
      'mine: nodes: found 0; allowed: a whole number from 1 to 20',
      'mine: replicas: found 2; allowed: 1, 3',
      expect.stringMatching(/^mine: colour: no such setting \(what, /),
      'mine: faults: killNode of node 7; there are 1',
      'mine: faults: natsOutage at 11.5 s; the load ends at 11 s',
    ]);
  });

  test('what is no YAML is said to be none', () => {
    expect(() => parseScenario('mine', 'a: [')).toThrow(/^mine: not YAML/);
  });
});

describe('latencies', () => {
  test('percentiles are those of the values, to three digits, also when processes have recorded apart', () => {
    const values = fc.array(fc.double({ min: 0.001, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(values, values, (here, there) => {
        const [a, b] = [new Latencies(), new Latencies()];
        for (const ms of here) a.record(ms);
        for (const ms of there) b.record(ms);
        const all = Latencies.of(a.counts(), b.counts());
        const sorted = [...here, ...there].sort((x, y) => x - y);
        expect(all.count).toBe(sorted.length);
        for (const percentile of [50, 90, 99]) {
          const true_ = sorted[Math.ceil((percentile / 100) * sorted.length) - 1]!;
          expect(Math.abs(all.percentile(percentile) - true_)).toBeLessThanOrEqual(true_ * 0.002 + 0.001);
        }
        const leg = all.asLeg('x');
        expect(leg.histogram.reduce((sum, { count }) => sum + count, 0)).toBe(sorted.length);
      }),
      { numRuns: 25 },
    );
  });

  test('of nothing there are none', () => {
    expect(new Latencies().asLeg('x')).toMatchObject({ count: 0, mean: 0, p50: 0, max: 0, histogram: [] });
  });
});

describe('what a node says', () => {
  const before = parseExposition(`# HELP x
leg_bucket{leg="a",le="0.001"} 5
leg_bucket{leg="a",le="0.01"} 5
leg_bucket{leg="a",le="+Inf"} 5
leg_sum{leg="a"} 0.003
pending{lane="x"} 3
pending{lane="y\\"z"} 4`);
  const after = parseExposition(`leg_bucket{leg="a",le="0.001"} 55
leg_bucket{leg="a",le="0.01"} 105
leg_bucket{leg="a",le="+Inf"} 106
leg_bucket{leg="b",le="+Inf"} 9
leg_sum{leg="a"} 0.404`);

  test('is added up over labels', () => {
    expect(sumOf(before, 'pending')).toBe(7);
    expect(sumOf(before, 'pending', { lane: 'x' })).toBe(3);
    expect(sumOf(before, 'nothing')).toBe(0);
  });

  test('has percentiles within the bucket in which they lie', () => {
    const since = minus(bucketsOf(after, 'leg', { leg: 'a' }), bucketsOf(before, 'leg', { leg: 'a' }));
    const leg = legOf('a', since, sumOf(after, 'leg_sum', { leg: 'a' }) - sumOf(before, 'leg_sum', { leg: 'a' }));
    expect(leg).toMatchObject({ count: 101, min: 0, max: 10 });
    expect(leg.p50).toBeCloseTo(1.09, 2);
    expect(leg.p90).toBeCloseTo(1 + 9 * ((0.9 * 101 - 50) / 50), 5);
    expect(leg.mean).toBeCloseTo((0.401 / 101) * 1_000, 5);
  });
});
