// What a load run found out: the JSON that `npm run load -- --json` writes, and all that its page shows. Times are ms unless
// a name says otherwise; series have one value per second of the run, null where there was none.

export interface LoadResult {
  readonly format: 1;
  readonly scenario: string;
  /** As it was run: the scenario's settings and what the command line changed. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** ISO 8601 */
  readonly startedAt: string;
  /** Nothing arrived from then on, and what was open was not waited for; absent: it came to its end. */
  readonly interruptedAtS?: number;
  readonly machine: { readonly cores: number; readonly memoryMb: number; readonly cpu: string };
  readonly versions: Readonly<Record<string, string>>;
  readonly totals: LoadTotals;
  readonly latencies: readonly LegLatency[];
  readonly series: readonly Series[];
  /** Faults, takeovers, where a phase begins, what becomes of the backlog. */
  readonly events: readonly { readonly atS: number; readonly what: string }[];
}

export interface LoadTotals {
  /** Arrivals that the plan asked for. */
  readonly planned: number;
  readonly started: number;
  /** The engine was asked again: its limit of requests was exhausted, or it was away. */
  readonly refusals: number;
  readonly completed: number;
  /** Ended otherwise. */
  readonly failed: number;
  /** Neither, when the run was over; those of a backlog that is answered are among them. */
  readonly open: number;
  /** Requests that the service left without an answer for good, as the scenario has it; absent: none. */
  readonly unanswered?: number;
  readonly seconds: number;
  readonly completedPerSecond: number;
}

/** `atMs` percentiles of one leg. Open-loop legs count from when an arrival was due, not from when it got its turn. */
export interface LegLatency {
  readonly leg: string;
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** The whole distribution, from low to high: how many values lie above the bar before and up to `ms`. */
  readonly histogram: readonly { readonly ms: number; readonly count: number }[];
}

/** `cluster`: who owns shards; `takeovers`: shards of dead or suspected nodes that others took. */
export type SeriesGroup = 'latency' | 'throughput' | 'pending' | 'cpu' | 'memory' | 'cluster' | 'takeovers';

/** One line of one plot; its value number i is that of second i. */
export interface Series {
  readonly group: SeriesGroup;
  readonly name: string;
  /** `ms`, `calls/s`, `jobs`, `cores`, `MiB`, `shards` … */
  readonly unit: string;
  readonly values: readonly (number | null)[];
}
