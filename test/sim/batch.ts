// Many seeds, one after another, and what they say together: which failed, what was never seen, how fast they ran.
import { commit } from '../support/commit.ts';
import { type Broken, runSeed, type SeedOptions, type SeedReport } from './seed.ts';
import { SIGHTS } from './sightings.ts';

/** A batch of so many has seen everything in `SIGHTS`, or the simulator has gone blind on one eye. */
export const SEES_ALL_FROM = 200;

export interface BatchReport {
  readonly commit: string;
  readonly from: number;
  readonly seeds: number;
  readonly failed: readonly { readonly seed: number; readonly broken: Broken }[];
  /** Of all seeds together. */
  readonly sights: Readonly<Record<string, number>>;
  readonly troubles: Readonly<Record<string, number>>;
  readonly medianEvents: number;
  readonly eventsPerSecond: number;
  readonly seedsPerSecond: number;
  /** The smallest of the batch. */
  readonly least: {
    readonly nodes: number;
    readonly jobs: number;
    readonly troubles: number;
    readonly virtualMs: number;
  };
}

export interface BatchOptions extends SeedOptions {
  onSeed?(report: SeedReport): void;
}

export async function runBatch(from: number, seeds: number, options: BatchOptions = {}): Promise<BatchReport> {
  const failed: { seed: number; broken: Broken }[] = [];
  const sights: Record<string, number> = {};
  const troubles: Record<string, number> = {};
  const events: number[] = [];
  const least = { nodes: Infinity, jobs: Infinity, troubles: Infinity, virtualMs: Infinity };
  const beganMs = performance.now();
  for (let seed = from; seed < from + seeds; seed++) {
    const report = await runSeed(seed, options);
    const [broken] = report.broken;
    if (broken !== undefined) failed.push({ seed, broken });
    for (const [name, times] of report.sights) sights[name] = (sights[name] ?? 0) + times;
    for (const [name, times] of Object.entries(report.troubles)) troubles[name] = (troubles[name] ?? 0) + times;
    events.push(report.events);
    least.nodes = Math.min(least.nodes, report.nodes);
    least.jobs = Math.min(least.jobs, report.jobs);
    const struck = Object.values(report.troubles).reduce((sum, times) => sum + times, 0);
    least.troubles = Math.min(least.troubles, struck);
    least.virtualMs = Math.min(least.virtualMs, report.virtualMs);
    options.onSeed?.(report);
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  return {
    commit: commit(),
    from,
    seeds,
    failed,
    sights,
    troubles,
    medianEvents: events.toSorted((a, b) => a - b)[events.length >> 1] ?? 0,
    eventsPerSecond: Math.round(events.reduce((sum, count) => sum + count, 0) / seconds),
    seedsPerSecond: Number((seeds / seconds).toFixed(2)),
    least,
  };
}

/** What should have come up, and did not; a small batch may miss what is rare. */
export function unseen({ seeds, sights }: Pick<BatchReport, 'seeds' | 'sights'>): readonly string[] {
  return seeds < SEES_ALL_FROM ? [] : SIGHTS.filter((name) => (sights[name] ?? 0) === 0);
}

export function describeFailure(seed: number, { invariant, atMs, jobKey, message, tail }: Broken): string {
  const what = `seed ${seed}, commit ${commit()}, at ${atMs.toFixed(1)} ms of virtual time: ${invariant} is broken: job ${jobKey}: ${message}`;
  return [what, ...tail, `replay: npm run sim -- --seed ${seed}`].join('\n');
}
