// Which lines are drawn over time, in which plot: a plot for each group of series and each unit in it (for different
// units have no scale in common), in an order that leads from what a caller feels to why. Both runs begin at 0 and
// share one x axis, so that all plots can share one cursor. Pure: the page's script draws what comes out of here.
import type { LoadResult, Series, SeriesGroup } from '../load/result.ts';

export interface Line {
  /** Index in the plot's names: the same for both runs, and so is the colour. */
  readonly name: number;
  readonly earlier: boolean;
  /** One for each x. */
  readonly values: readonly (number | null)[];
}

export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly names: readonly string[];
  readonly x: readonly number[];
  /** By name; of each name this run's line before the earlier one's. */
  readonly lines: readonly Line[];
}

const TITLES: readonly (readonly [SeriesGroup, string])[] = [
  ['latency', 'Latency'],
  ['throughput', 'Throughput'],
  ['pending', 'Pending'],
  ['takeovers', 'Takeovers'],
  ['cluster', 'Shards by node'],
  ['cpu', 'CPU'],
  ['memory', 'Memory'],
];

export function timePlots(result: LoadResult, earlier: LoadResult | undefined): Plot[] {
  const both = [...result.series, ...(earlier?.series ?? [])];
  const seconds = both.reduce((most, { values }) => Math.max(most, values.length), 0);
  const x = Array.from({ length: seconds }, (_, second) => second);
  return TITLES.flatMap(([group, title]) => {
    const units = unique(both.filter((series) => series.group === group).map(({ unit }) => unit));
    return units.map((unit): Plot => {
      const here = (series: Series) => series.group === group && series.unit === unit;
      const names = unique(both.filter(here).map(({ name }) => name));
      const lines = linesOf(names, result.series.filter(here), earlier?.series.filter(here) ?? [], seconds);
      return { title, unit, names, x, lines };
    });
  });
}

function linesOf(names: readonly string[], now: readonly Series[], earlier: readonly Series[], seconds: number) {
  return names.flatMap((name, index): Line[] =>
    [now, earlier].flatMap((run, i) => {
      const series = run.find((one) => one.name === name);
      if (series === undefined) return [];
      const values = Array.from({ length: seconds }, (_, second) => series.values[second] ?? null);
      return [{ name: index, earlier: i === 1, values }];
    }),
  );
}

export function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** Of a latency plot: whether its outages would press all the rest flat against the axis of a linear scale. */
export function needsLogarithm({ lines }: Plot): boolean {
  const values = lines.flatMap((line) => line.values.filter((value) => value !== null && value > 0)) as number[];
  const inOrder = values.sort((a, b) => a - b);
  const median = inOrder[inOrder.length >> 1];
  return median !== undefined && inOrder.at(-1)! > FLAT * median;
}

const FLAT = 30;
