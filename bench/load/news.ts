// What the starters tell, put together second by second: the lines of the result, and the live progress.
import { type Counts, Latencies } from '../parts/latency.ts';
import type { Lines } from './series-lines.ts';
import type { StarterSaid, Tally } from './starter.ts';

export interface Second {
  readonly atS: number;
  readonly started: number;
  readonly completed: number;
  readonly open: number;
  /** ms, of those that ended in this second; undefined: none did. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

const NOTHING: Tally = { started: 0, refusals: 0, completed: 0, failed: 0, open: 0 };

export class News {
  readonly #lines: Lines;
  readonly #tallies = new Map<string, Tally>();
  #recent: Counts[] = [];
  #before = NOTHING;

  constructor(lines: Lines) {
    this.#lines = lines;
  }

  hear(name: string, { tally, latencies }: Extract<StarterSaid, { kind: 'tick' }>): void {
    this.#tallies.set(name, tally);
    this.#recent.push(latencies);
  }

  get open(): number {
    return sumOfTallies([...this.#tallies.values()]).open;
  }

  second(atS: number): Second {
    const tally = sumOfTallies([...this.#tallies.values()]);
    const recent = Latencies.of(...this.#recent);
    this.#recent = [];
    const started = Math.max(0, tally.started - this.#before.started);
    const completed = Math.max(0, tally.completed - this.#before.completed);
    this.#before = tally;
    this.#lines.put('throughput', 'started', 'calls/s', atS, started);
    this.#lines.put('throughput', 'completed', 'calls/s', atS, completed);
    this.#lines.put('pending', 'instances open', 'jobs', atS, tally.open);
    if (recent.count === 0) return { atS, started, completed, open: tally.open, p50: undefined, p99: undefined };
    const [p50, p99] = [recent.percentile(50), recent.percentile(99)];
    this.#lines.put('latency', 'p50', 'ms', atS, p50);
    this.#lines.put('latency', 'p99', 'ms', atS, p99);
    return { atS, started, completed, open: tally.open, p50, p99 };
  }
}

export function sumOfTallies(tallies: readonly Tally[]): Tally {
  const total = (of: (tally: Tally) => number) => tallies.reduce((all, tally) => all + of(tally), 0);
  return {
    started: total((tally) => tally.started),
    refusals: total((tally) => tally.refusals),
    completed: total((tally) => tally.completed),
    failed: total((tally) => tally.failed),
    open: total((tally) => tally.open),
  };
}
