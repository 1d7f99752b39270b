// One seed: a whole cluster of the product, a storm over it, then calm; and what became of what must hold.
//
// Everything is drawn from the seed: how many nodes and jobs, the rates at which calls fail, which troubles strike and how
// often, the settings of the route. First the safety phase, in which everything may fail; then all is healed and, within a
// bounded time, every job must end and every shard have one owner (I7). What must hold at any time (I1–I6, I8–I10) is asked
// of the whole history afterwards. The same seed gives the same history, to the hash.
import { bridgeNodes, roughRoute } from './bridge-node.ts';
import type { Violation } from './checker.ts';
import { rough } from './faults.ts';
import { SeededRandom } from './random.ts';
import { cutsOff, cuttingOff, drawFirstLocks, LEASE_TTL_MS, STORM_MS, withReplication } from './seed-kinds.ts';
import { Sightings } from './sightings.ts';
import { drawTroubles, storm } from './storm.ts';
import { JOB_TYPE, World } from './world.ts';

/** Replies that services still think of come in it, and the longest locks run out. */
const CALMING_MS = 18_000;
const FINISH_WITHIN_MS = 120_000;
const LEAST_TROUBLES = 5;

export interface Broken {
  readonly invariant: Violation['invariant'] | 'I7';
  readonly atMs: number;
  readonly jobKey: string;
  readonly message: string;
  /** The last events of the job. */
  readonly tail: readonly string[];
}

export interface SeedReport {
  readonly seed: number;
  readonly nodes: number;
  readonly jobs: number;
  /** How often each trouble struck. */
  readonly troubles: Readonly<Record<string, number>>;
  readonly virtualMs: number;
  /** Timers and deliveries that ran. */
  readonly events: number;
  readonly hash: string;
  /** What came up, and how often. */
  readonly sights: ReadonlyMap<string, number>;
  readonly broken: readonly Broken[];
}

export interface SeedOptions {
  /** The history keeps what nodes log; changes nothing else. */
  readonly keepLogs?: boolean;
  /** Sees the world when it is over. */
  onEnd?(world: World): void;
}

export async function runSeed(seed: number, { keepLogs = false, onEnd }: SeedOptions = {}): Promise<SeedReport> {
  const random = new SeededRandom(seed);
  const calls = withReplication(seed, rough(random));
  const settings = roughRoute(random, calls);
  const acknowledgements = random.chance(0.3);
  const nodes = random.pick([3, 3, 3, 3, 4, 4, 5, 7]);
  const jobs = (30 + random.int(20)) * (cutsOff(seed) ? 4 : 1);
  const drawn = { faults: calls, route: settings, troubles: drawTroubles(random), leaseTtlMs: LEASE_TTL_MS };
  const { faults, route, troubles, leaseTtlMs } = cutsOff(seed) ? cuttingOff(seed, drawn) : drawn;
  const sightings = new Sightings();
  const firstLocks = drawFirstLocks(seed, () => world.nowMs);
  const factory = bridgeNodes({ leaseTtlMs, route, acknowledgements, ...firstLocks, ...sightings.hooks });
  const world: World = new World({ seed, nodes, factory, acknowledgements, faults, keepLogs });
  sightings.drained = (node) => world.drained.has(node);
  world.startAll();
  world.startInstances(jobs, 30_000, JOB_TYPE, { sharing: 0.15 });
  const everyMs = random.pick([1_500, 3_000, 5_000]);
  const struck = storm(world, {
    forMs: STORM_MS,
    everyMs,
    leaseTtlMs,
    troubles,
    atLeast: LEAST_TROUBLES,
  });
  await world.run(STORM_MS);
  const total = () => [...struck.values()].reduce((sum, count) => sum + count, 0);
  while (total() < LEAST_TROUBLES) await world.run(everyMs);
  world.healAll();
  await world.run(CALMING_MS);
  const stuck = await world.finish(FINISH_WITHIN_MS).then(
    () => undefined,
    (error: Error) => error.message,
  );
  const broken: Broken[] = world.violations().map((violation) => ({
    ...violation,
    tail: world.history.tail(violation.jobKey, 40, violation.atMs),
  }));
  if (stuck !== undefined) {
    const jobKey = [...world.engine.jobs.open][0]?.key ?? '';
    broken.push({ invariant: 'I7', atMs: world.nowMs, jobKey, message: stuck, tail: [] });
  }
  sightings.read(world.history);
  onEnd?.(world);
  return {
    seed,
    nodes,
    jobs,
    troubles: Object.fromEntries(struck),
    virtualMs: world.nowMs,
    events: world.clock.steps,
    hash: world.history.hash(),
    sights: sightings.counts,
    broken,
  };
}
