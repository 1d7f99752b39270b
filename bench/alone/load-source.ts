// Where the double's jobs come from: a *closed loop* keeps so many unfinished (each that ends makes the next one), an *open*
// one makes so many a second whatever becomes of them. Per job type; counted from its start, timed from creation to completion.
import { build, type Histogram } from 'hdr-histogram-js';

export type Load = { readonly inFlight: number } | { readonly perSecond: number };

export interface LoadFigures {
  readonly created: number;
  readonly completed: number;
  /** Created → completed since the last lap. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const TICK_MS = 5;
const US_PER_MS = 1_000;
/** Values in µs, up to ten minutes. */
const HISTOGRAM = {
  lowestDiscernibleValue: 1,
  highestTrackableValue: 600_000_000,
  numberOfSignificantValueDigits: 3,
} as const;

export class LoadSource {
  readonly #create: () => void;
  readonly #latencies: Histogram = build(HISTOGRAM);
  #load: Load = { inFlight: 0 };
  #timer: NodeJS.Timeout | undefined;
  #created = 0;
  #completed = 0;
  /** Jobs that an open loop owes, counted from `#sinceMs`. */
  #owed = 0;
  #sinceMs = 0;

  constructor(create: () => void) {
    this.#create = create;
  }

  set(load: Load): void {
    clearInterval(this.#timer);
    this.#load = load;
    if ('inFlight' in load) return this.#fill();
    this.#owed = 0;
    this.#sinceMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  completed(afterMs: number): void {
    this.#completed += 1;
    this.#latencies.recordValue(
      Math.min(HISTOGRAM.highestTrackableValue, Math.max(1, Math.round(afterMs * US_PER_MS))),
    );
    if ('inFlight' in this.#load) this.#fill();
  }

  figures(): LoadFigures {
    const at = (percentile: number) => this.#latencies.getValueAtPercentile(percentile) / US_PER_MS;
    const { maxValue } = this.#latencies;
    const counts = { created: this.#created, completed: this.#completed };
    return { ...counts, p50Ms: at(50), p99Ms: at(99), maxMs: maxValue / US_PER_MS };
  }

  /** The figures, and latencies are measured anew from here. */
  lap(): LoadFigures {
    const figures = this.figures();
    this.#latencies.reset();
    return figures;
  }

  #fill(): void {
    if (!('inFlight' in this.#load)) return;
    while (this.#created - this.#completed < this.#load.inFlight) this.#make();
  }

  #tick(): void {
    if (!('perSecond' in this.#load)) return;
    const due = ((performance.now() - this.#sinceMs) * this.#load.perSecond) / 1_000;
    for (; this.#owed < due; this.#owed++) this.#make();
  }

  #make(): void {
    this.#created += 1;
    this.#create();
  }
}
