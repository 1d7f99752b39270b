// What the plots of a load run's page show, before anything is drawn: which lines, over which axis, with which values; where
// axes are marked; where labels of events find room.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoadResult, Series } from '../../bench/load/result.ts';
import { histogramPlot, percentilePlot } from '../../bench/page/distribution.ts';
import { changeOf, clock, figure } from '../../bench/page/figures.ts';
import { layOut } from '../../bench/page/labels.ts';
import { needsLogarithm, timePlots } from '../../bench/page/lines.ts';
import { logTicks, percentileText, percentileTicks } from '../../bench/page/ticks.ts';
import { leg, SAMPLE } from './results.ts';

describe('the distribution', () => {
  const result = withLegs([
    leg('a', [
      [1, 90],
      [10, 9],
      [100, 1],
    ]),
  ]);
  const earlier = withLegs([leg('b', [[10, 4]]), leg('a', [[0.5, 10]]), leg('empty', [])]);

  test('by percentiles: what took longer than so many ms, and a line that ends with the slowest', () => {
    const { x, lines, names } = percentilePlot(result, undefined);
    expect(names).toEqual(['a']);
    const at = (ms: number) => lines[0]!.values[x.findIndex((one) => Math.abs(one - ms) < ms / 1_000)];
    expect([at(1), at(5.0119), at(10), at(50.119), at(100)]).toEqual([10, 10, 100, 100, 100]);
    expect(lines[0]!.values[0]).toBe(1);
    expect(lines[0]!.values.at(-1)).toBeNull();
  });

  test('as a histogram: all bars together are all calls', () => {
    const { lines } = histogramPlot(result, earlier);
    const sums = lines.map(({ values }) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0));
    expect(lines.map(({ name, earlier: old }) => [name, old])).toEqual([
      [0, false],
      [0, true],
      [1, true],
    ]);
    for (const sum of sums) expect(sum).toBeCloseTo(100, 9);
  });

  test('whatever the bars are: no call is lost, and percentiles only rise', () => {
    const bars = fc
      .uniqueArray(fc.double({ min: 0, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 30 })
      .map((all) => all.toSorted((a, b) => a - b).map((ms, i) => [ms, 1 + (i % 3)] as const));
    fc.assert(
      fc.property(bars, (all) => {
        const run = withLegs([leg('a', all)]);
        const shares = histogramPlot(run, undefined).lines[0]!.values.map((value) => value ?? 0);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 6);
        const values = percentilePlot(run, undefined).lines[0]!.values.filter((value) => value !== null);
        expect(values).toEqual(values.toSorted((a, b) => a - b));
        expect(values.at(-1)).toBe(run.latencies[0]!.count);
      }),
    );
  });

  test('of nothing is nothing', () => {
    expect(percentilePlot(withLegs([]), withLegs([leg('empty', [])]))).toMatchObject({ x: [], lines: [] });
  });
});

describe('the course', () => {
  const series = (group: Series['group'], name: string, unit: string, values: Series['values']): Series => ({
    ...{ group, name, unit, values },
  });
  const result: LoadResult = {
    ...SAMPLE,
    series: [
      series('takeovers', 'taken over', 'shards', [0, 3]),
      series('cluster', 'node-1', 'claims', [1]),
      series('cpu', 'node-1', 'cores', [0.5]),
      series('cluster', 'node-1', 'shards', [64, 64]),
      series('latency', 'p99', 'ms', [4, null, 6]),
      series('cpu', 'node-2', 'cores', [0.25]),
    ],
  };
  const earlier: LoadResult = {
    ...SAMPLE,
    series: [series('cpu', 'node-2', 'cores', [1, 2, 3, 4]), series('cpu', 'node-9', 'cores', [7])],
  };

  test('has a plot for each group and unit, in the order of the groups', () => {
    const plots = timePlots(result, undefined);
    expect(plots.map(({ title, unit, names }) => [title, unit, ...names])).toEqual([
      ['Latency', 'ms', 'p99'],
      ['Takeovers', 'shards', 'taken over'],
      ['Shards by node', 'claims', 'node-1'],
      ['Shards by node', 'shards', 'node-1'],
      ['CPU', 'cores', 'node-1', 'node-2'],
    ]);
    expect(plots.map(({ x }) => x)).toEqual(Array.from({ length: 5 }, () => [0, 1, 2]));
  });

  test('puts both runs over one axis, the same name in the same place', () => {
    const cpu = timePlots(result, earlier).find(({ title }) => title === 'CPU')!;
    expect(cpu.names).toEqual(['node-1', 'node-2', 'node-9']);
    expect(cpu.x).toEqual([0, 1, 2, 3]);
    expect(cpu.lines).toEqual([
      { name: 0, earlier: false, values: [0.5, null, null, null] },
      { name: 1, earlier: false, values: [0.25, null, null, null] },
      { name: 1, earlier: true, values: [1, 2, 3, 4] },
      { name: 2, earlier: true, values: [7, null, null, null] },
    ]);
  });

  test('takes a logarithm only where outages would hide the rest', () => {
    const plot = (values: readonly (number | null)[]) =>
      timePlots({ ...SAMPLE, series: [series('latency', 'p99', 'ms', values)] }, undefined)[0]!;
    expect(needsLogarithm(plot([10, 12, 14, 300]))).toBe(false);
    expect(needsLogarithm(plot([10, 12, 14, 3_000]))).toBe(true);
    expect(needsLogarithm(plot([null, 0]))).toBe(false);
  });
});

describe('figures', () => {
  test.each([
    [0, '0'],
    [0.01234, '0.0123'],
    [9.876, '9.88'],
    [99.96, '100'],
    [123.4, '123'],
    [1_234_567, '1,234,567'],
  ])('%d is printed as %s', (value, text) => {
    expect(figure(value)).toBe(text);
  });

  test.each([
    [110, 100, 'more', '+10 %', 'better'],
    [110, 100, 'less', '+10 %', 'worse'],
    [110, 100, 'either', '+10 %', undefined],
    [90, 100, 'more', '−10 %', 'worse'],
    [90, 100, 'less', '−10 %', 'better'],
    [104, 100, 'less', '+4 %', undefined],
    [100.01, 100, 'less', '±0 %', undefined],
    [301, 100, 'more', '+201 %', 'better'],
    [1_150, 100, 'less', '×11.5', 'worse'],
    [200_000, 2, 'either', '×100,000', undefined],
    [1, 3, 'less', '−66.7 %', 'better'],
    [0, 0, 'less', '±0 %', undefined],
    [0, 5, 'less', '−100 %', 'better'],
    [5, 0, 'less', 'new', 'worse'],
  ] as const)('from %3$s: %d after %d, wanted %s', (now, earlier, wanted, text, verdict) => {
    expect(changeOf(now, earlier, wanted)).toEqual({ text, verdict });
  });

  test.each([
    [0, '0:00'],
    [75.9, '1:15'],
    [3_600, '1:00:00'],
  ])('%d s is %s', (seconds, text) => {
    expect(clock(seconds)).toBe(text);
  });
});

describe('axes', () => {
  test.each([
    [1, 1_000, 3, [1, 100]],
    [1, 1_000, 5, [1, 10, 100, 1_000]],
    [1, 1_000, 8, [1, 3, 10, 30, 100, 300, 1_000]],
    [0.2, 5, 6, [0.2, 0.5, 1, 2, 5]],
    [2.5, 7.5, 9, [3, 4, 5, 6, 7]],
    [1, 1e6, 3, [1, 1_000, 1e6]],
  ])('from %d to %d with room for %d', (min, max, most, ticks) => {
    expect(logTicks(min, max, most)).toEqual(ticks);
  });

  test('percentiles are marked at every nine, and at the median if there is room', () => {
    const texts = (most: number) => percentileTicks(10_000, most).map(percentileText);
    expect(texts(8)).toEqual(['0 %', '50 %', '90 %', '99 %', '99.9 %', '99.99 %']);
    expect(texts(7)).toEqual(['0 %', '90 %', '99 %', '99.9 %', '99.99 %']);
    expect(percentileText(1_234)).toBe('99.919 %');
  });
});

describe('labels', () => {
  test('stand in full where there is room, else short, else not at all', () => {
    const at = (x: number) => ({ x, full: 50, short: 10 });
    expect(layOut([at(0), at(60)], 1, 200)).toEqual([
      { row: 0, left: 0, full: true },
      { row: 0, left: 60, full: true },
    ]);
    expect(layOut([at(0), at(20)], 1, 200)).toEqual([
      { row: 0, left: 0, full: false },
      { row: 0, left: 20, full: true },
    ]);
    expect(layOut([at(0), at(5)], 1, 200)).toEqual([{ row: 0, left: 0, full: false }, undefined]);
    expect(layOut([at(190)], 1, 200)).toEqual([{ row: 0, left: 150, full: true }]);
  });

  test('never lie one over another, nor beyond the end', () => {
    const width = fc.integer({ min: 5, max: 80 });
    const labels = fc
      .array(fc.record({ x: fc.integer({ min: 0, max: 500 }), full: width, short: width }), { maxLength: 30 })
      .map((all) => all.map((one) => ({ ...one, short: Math.min(one.short, one.full) })).toSorted((a, b) => a.x - b.x));
    fc.assert(
      fc.property(labels, fc.integer({ min: 1, max: 4 }), (all, rows) => {
        const spans = layOut(all, rows, 500).flatMap((place, i) =>
          place === undefined ? [] : [{ ...place, end: place.left + (place.full ? all[i]!.full : all[i]!.short) }],
        );
        for (const [i, one] of spans.entries()) {
          expect(one.end).toBeLessThanOrEqual(500);
          const over = spans
            .slice(i + 1)
            .filter(({ row, left, end }) => row === one.row && left < one.end && end > one.left);
          expect(over).toEqual([]);
        }
      }),
    );
  });
});

function withLegs(latencies: LoadResult['latencies']): LoadResult {
  return { ...SAMPLE, latencies };
}
