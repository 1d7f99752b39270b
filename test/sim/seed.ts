// One seed: a whole cluster of the product, a storm over it, then calm; and what became of what must hold.
//
// Everything is drawn from the seed: how many nodes and jobs, the rates at which calls fail, which troubles strike and how
// often, the settings of the route. First the safety phase, in which everything may fail; then all is healed and, within a
// bounded time, every job must end and every shard have one owner (I7). What must hold at any time (I1–I6, I8–I10) is asked
// of the whole history afterwards. The same seed gives the same history, to the hash.
import { LIMITS } from '../../src/actors/limits.ts';
import type { Route } from '../../src/gateway/config/config.ts';
import { bridgeNodes, roughRoute } from './bridge-node.ts';
import type { Violation } from './checker.ts';
import { type Faults, rough } from './faults.ts';
import { SeededRandom } from './random.ts';
import { Sightings } from './sightings.ts';
import { drawTroubles, storm, type Trouble } from './storm.ts';
import { JOB_TYPE, World } from './world.ts';

const LEASE_TTL_MS = 5_000;
/** Where owners are cut off. */
const LONG_LEASE_TTL_MS = 15_000;
const STORM_MS = 42_000;
/** Replies that services still think of come in it, and the longest locks run out. */
const CALMING_MS = 18_000;
const FINISH_WITHIN_MS = 120_000;
const LEAST_TROUBLES = 5;
/** First locks change so often; the last is the usual one, for what is locked longer than this storm and its calm lasts never ends. */
const LOCK_STEP_MS = 10_000;

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
  const jobs = (30 + random.int(20)) * (cutsOff(seed) ? 3 : 1);
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

function cutsOff(seed: number): boolean {
  return seed % 10 === 2;
}

interface Drawn {
  readonly faults: Faults;
  readonly route: Partial<Route>;
  readonly troubles: readonly Trouble[];
  readonly leaseTtlMs: number;
}

/** In every tenth seed owners are cut off with a long lease, and attempts follow one another: what they know is soon old. */
function cuttingOff(seed: number, { faults, route }: Drawn): Drawn {
  const { service } = faults;
  return {
    faults: {
      ...faults,
      engine: { ...faults.engine, ...{ delayMs: [1, 300], activationLost: 0 } },
      service: { ...service, ...{ delayMs: [50, 2_500], failure: 0.9, late: 0, never: 0, unkeyed: true } },
    },
    route: { ...route, ...{ retryBackoffMs: 200, replyTimeoutMs: 600_000, heartbeatTimeoutMs: 0, maxPending: 10_000, correlationKey: seed % 20 === 2 ? '' : 'claim' } },
    troubles: ['cutOff'],
    leaseTtlMs: LONG_LEASE_TTL_MS,
  };
}

/** In every fifth seed writes take their time to stand: others to the same key are turned away meanwhile. */
function withReplication(seed: number, faults: Faults): Faults {
  if (seed % 5 !== 3) return faults;
  const replicationMs = new SeededRandom(seed).fork('replication').pick([2, 30, 300]);
  return { ...faults, kv: { ...faults.kv, replicationMs } };
}

/** In every fifth seed: as if renewals did not come in time, now more, now less. Mutants are known by others, which stay as they are. */
function drawFirstLocks(seed: number, nowMs: () => number): { firstLockMs?(): number } {
  if (seed % 5 !== 4) return {};
  const random = new SeededRandom(seed).fork('first locks');
  const steps = Array.from({ length: STORM_MS / LOCK_STEP_MS }, () => LIMITS.activationLockMs * random.pick([1, 2, 4]));
  return { firstLockMs: () => steps[Math.floor(nowMs() / LOCK_STEP_MS)] ?? LIMITS.activationLockMs };
}
