// What nodes say at /metrics, as far as measurements read it: sums of gauges and counters, and histograms, whose percentiles
// lie somewhere between two bounds of a bucket and are told as if values were spread evenly in it.
import type { LegLatency } from '../load/result.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** How many values lie at or below each bound, s; the last bound is Infinity. */
export type Buckets = ReadonlyMap<number, number>;

export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const [, name, labelText = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const labels: Record<string, string> = {};
    for (const [, label = '', text = ''] of labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[label] = text;
    samples.push({ name, labels, value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value) });
  }
  return samples;
}

/** @throws when the node does not answer in time, or whoever answers there is no node: a proxy, another's port */
export async function scrape(httpUrl: string): Promise<Sample[]> {
  const response = await fetch(`${httpUrl}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`answered ${response.status} ${response.statusText}`.trimEnd());
  const samples = parseExposition(text);
  if (!samples.some(({ name }) => name.startsWith('holdfast_'))) throw new Error('answered without metrics of a node');
  return samples;
}

export function sumOf(samples: readonly Sample[], name: string, labels: Sample['labels'] = {}): number {
  return matching(samples, name, labels).reduce((sum, { value }) => sum + value, 0);
}

export function bucketsOf(samples: readonly Sample[], name: string, labels: Sample['labels'] = {}): Buckets {
  const buckets = new Map<number, number>();
  for (const { labels: has, value } of matching(samples, `${name}_bucket`, labels)) {
    const bound = has.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(has.le);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  return new Map([...buckets].sort(([a], [b]) => a - b));
}

/** What came since; a node that was started again in between counts from 0. */
export function minus(after: Buckets, before: Buckets): Buckets {
  return new Map([...after].map(([bound, count]) => [bound, Math.max(0, count - (before.get(bound) ?? 0))]));
}

/** @param values their sum, s; the mean comes from it */
export function legOf(leg: string, buckets: Buckets, values: number): LegLatency {
  const steps = stepsOf(buckets);
  const count = steps.reduce((sum, step) => sum + step.count, 0);
  const at = (percentile: number) => percentileMs(steps, count, percentile);
  const [first, last] = [steps.find((step) => step.count > 0), steps.findLast((step) => step.count > 0)];
  return {
    leg,
    count,
    mean: count === 0 ? 0 : (values / count) * 1_000,
    min: first?.fromMs ?? 0,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: last?.toMs ?? 0,
    histogram: steps.filter((step) => step.count > 0).map((step) => ({ ms: step.toMs, count: step.count })),
  };
}

interface Step {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/** Of what lies above the last bound nothing is known but that: it counts as that bound. */
function stepsOf(buckets: Buckets): Step[] {
  const steps: Step[] = [];
  let [from, below] = [0, 0];
  for (const [bound, count] of buckets) {
    const to = Number.isFinite(bound) ? bound : from;
    steps.push({ fromMs: from * 1_000, toMs: to * 1_000, count: Math.max(0, count - below) });
    [from, below] = [to, count];
  }
  return steps;
}

function percentileMs(steps: readonly Step[], count: number, percentile: number): number {
  let left = (count * percentile) / 100;
  for (const { fromMs, toMs, count: here } of steps) {
    if (here > 0 && left <= here) return fromMs + (toMs - fromMs) * (left / here);
    left -= here;
  }
  return 0;
}

function matching(samples: readonly Sample[], name: string, labels: Sample['labels']): Sample[] {
  const wanted = Object.entries(labels);
  return samples.filter(
    (sample) => sample.name === name && wanted.every(([label, text]) => sample.labels[label] === text),
  );
}
