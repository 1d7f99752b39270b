// Of some seeds the world is another one: what is rare in a storm of everything is frequent there. Which seeds, their numbers say;
// the others are drawn as if these did not exist, for mutants are known by seeds, which stay as they are.
import { LIMITS } from '../../src/actors/limits.ts';
import type { Route } from '../../src/gateway/config/config.ts';
import type { Faults } from './faults.ts';
import { SeededRandom } from './random.ts';
import type { Trouble } from './storm.ts';

export const LEASE_TTL_MS = 5_000;
/** Where owners are cut off. */
const LONG_LEASE_TTL_MS = 15_000;
export const STORM_MS = 42_000;
/** First locks change so often; the last is the usual one, for what is locked longer than this storm and its calm lasts never ends. */
const LOCK_STEP_MS = 10_000;

interface Drawn {
  readonly faults: Faults;
  readonly route: Partial<Route>;
  readonly troubles: readonly Trouble[];
  readonly leaseTtlMs: number;
}

export function cutsOff(seed: number): boolean {
  return seed % 10 === 2;
}

/**
 * In every tenth seed owners are cut off under a long lease, and attempts follow one another: what they know is soon old. Half of
 * these have business keys.
 */
export function cuttingOff(seed: number, { faults, route }: Drawn): Drawn {
  const { engine, service } = faults;
  return {
    faults: {
      ...faults,
      engine: { ...engine, delayMs: [1, 300], activationLost: 0 },
      service: { ...service, delayMs: [50, 1_500], failure: 0.9, late: 0, never: 0, unkeyed: true },
    },
    route: {
      ...route,
      ...{ retryBackoffMs: 200, replyTimeoutMs: 600_000, heartbeatTimeoutMs: 0, maxPending: 10_000 },
      correlationKey: seed % 20 === 2 ? '' : 'claim',
    },
    troubles: ['cutOff'],
    leaseTtlMs: LONG_LEASE_TTL_MS,
  };
}

/** In every fifth seed writes take their time to stand: others to the same key are turned away meanwhile. */
export function withReplication(seed: number, faults: Faults): Faults {
  if (seed % 5 !== 3) return faults;
  const replicationMs = new SeededRandom(seed).fork('replication').pick([2, 30, 300]);
  return { ...faults, kv: { ...faults.kv, replicationMs } };
}

/** In every fifth seed: as if renewals did not come in time, now more, now less. */
export function drawFirstLocks(seed: number, nowMs: () => number): { firstLockMs?(): number } {
  if (seed % 5 !== 4) return {};
  const random = new SeededRandom(seed).fork('first locks');
  const steps = Array.from({ length: STORM_MS / LOCK_STEP_MS }, () => LIMITS.activationLockMs * random.pick([1, 2, 4]));
  return { firstLockMs: () => steps[Math.floor(nowMs() / LOCK_STEP_MS)] ?? LIMITS.activationLockMs };
}
