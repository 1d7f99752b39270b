// Latencies in an HDR histogram: three digits from a microsecond to a day, in one form that processes can send each other,
// that adds up, and that a result file keeps.
import { build, type JsHistogram } from 'hdr-histogram-js';
import type { LegLatency } from '../load/result.ts';

const US_PER_MS = 1_000;
const DAY_US = 24 * 3_600 * 1_000 * US_PER_MS;

/** How often each value occurred, from low to high. */
export type Counts = readonly (readonly [us: number, count: number])[];

export class Latencies {
  readonly #histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: DAY_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  }) as JsHistogram;

  /** @param counts what others recorded */
  static of(...counts: readonly Counts[]): Latencies {
    const latencies = new Latencies();
    for (const [us, count] of counts.flat()) latencies.#histogram.recordValueWithCount(us, count);
    return latencies;
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(Math.max(1, Math.round(ms * US_PER_MS)), DAY_US));
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** ms, at or below which this share of all lies; 0 when there is none. @param percentile 0 to 100 */
  percentile(percentile: number): number {
    return this.count === 0 ? 0 : this.#histogram.getValueAtPercentile(percentile) / US_PER_MS;
  }

  counts(): Counts {
    const counts: [number, number][] = [];
    const values = this.#histogram.recordedValuesIterator;
    values.reset();
    while (values.hasNext()) {
      const { valueIteratedTo, countAtValueIteratedTo } = values.next();
      counts.push([valueIteratedTo, countAtValueIteratedTo]);
    }
    return counts;
  }

  asLeg(leg: string): LegLatency {
    const { count } = this;
    const some = (ms: number) => (count === 0 ? 0 : ms / US_PER_MS);
    return {
      leg,
      count,
      mean: some(this.#histogram.mean),
      min: some(this.#histogram.minNonZeroValue),
      p50: this.percentile(50),
      p90: this.percentile(90),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      max: some(this.#histogram.maxValue),
      histogram: this.counts().map(([us, times]) => ({ ms: us / US_PER_MS, count: times })),
    };
  }
}
