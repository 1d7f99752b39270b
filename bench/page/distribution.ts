// The latencies' distribution by leg, as two plots over the same logarithmic axis of ms: which share of the calls took
// longer (percentiles, in nines, because the tail is what matters), and how many took about so long (histogram). The bars
// of a result are finer than a screen and differ from run to run; here they are counted anew into equal steps of the
// axis, which both runs and all legs share. Pure: the page's script draws what comes out of here.
import type { LegLatency, LoadResult } from '../load/result.ts';
import { type Line, type Plot, unique } from './lines.ts';

/** Steps for each factor of ten: as fine as a screen for the percentiles, as coarse as the eye for the histogram. */
const FINE = 100;
const COARSE = 20;
/** What took no time has no place on a logarithmic axis. */
const LEAST_MS = 0.001;

/** y: 1 ÷ the share that took longer, so 10 is the 90th percentile and 1000 the 99.9th. */
export function percentilePlot(result: LoadResult, earlier: LoadResult | undefined): Plot {
  return plotOf(result, earlier, FINE, 'Percentiles', '%', (counts, all) => {
    let upToHere = 0;
    let over = false;
    return counts.map((count) => {
      if (over) return null;
      upToHere += count;
      over = upToHere === all;
      // The slowest of n is the last that can be told: the share 1/n.
      return over ? all : all / (all - upToHere);
    });
  });
}

/** y: percent of the leg's calls within a step. */
export function histogramPlot(result: LoadResult, earlier: LoadResult | undefined): Plot {
  return plotOf(result, earlier, COARSE, 'Histogram', '% of calls', (counts, all) =>
    counts.map((count) => (100 * count) / all),
  );
}

type Curve = (counts: readonly number[], all: number) => (number | null)[];

function plotOf(
  result: LoadResult,
  earlier: LoadResult | undefined,
  perDecade: number,
  title: string,
  unit: string,
  curve: Curve,
): Plot {
  const runs = [result.latencies, earlier?.latencies ?? []];
  const names = unique(runs.flat().map(({ leg }) => leg));
  const steps = runs.flat().flatMap(({ histogram }) => histogram.map(({ ms }) => stepOf(ms, perDecade)));
  const least = steps.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) - 1;
  const most = steps.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) + 1;
  const x =
    steps.length === 0 ? [] : Array.from({ length: most - least + 1 }, (_, i) => 10 ** ((least + i) / perDecade));
  const lines = names.flatMap((name, index): Line[] =>
    runs.flatMap((run, i) => {
      const leg = run.find((one) => one.leg === name);
      if (leg === undefined || leg.count === 0) return [];
      const counts = countsOf(leg, x.length, (ms) => stepOf(ms, perDecade) - least);
      return [{ name: index, earlier: i === 1, values: curve(counts, leg.count) }];
    }),
  );
  return { title, unit, names, x, lines };
}

function countsOf({ histogram }: LegLatency, length: number, indexOf: (ms: number) => number): number[] {
  const counts = Array.from({ length }, () => 0);
  for (const { ms, count } of histogram) counts[indexOf(ms)]! += count;
  return counts;
}

/** The step ends at 10 ** (step / perDecade) ms and includes its end, as a bar of the result does. */
function stepOf(ms: number, perDecade: number): number {
  return Math.ceil(Math.log10(Math.max(ms, LEAST_MS)) * perDecade - ROUNDING);
}

const ROUNDING = 1e-9;
