// Storms in which the engine takes one command at a time: nearly every command waits for its turn, and meanwhile its lease
// ends, its connection goes, its shard moves. What may not be emitted any more must not be.
import { expect, test, vi } from 'vitest';
import { bridgeNodes } from './bridge-node.ts';
import { rough } from './faults.ts';
import { SeededRandom } from './random.ts';
import { storm } from './storm.ts';
import { World } from './world.ts';

vi.mock('../../src/cluster/limits.ts', async (original) => {
  const { CLUSTER_LIMITS } = await original<typeof import('../../src/cluster/limits.ts')>();
  return { CLUSTER_LIMITS: { ...CLUSTER_LIMITS, engineInFlight: 1 } };
});

const SECOND = 1_000;
const SEEDS = Math.ceil(Number(process.env.HOLDFAST_SIM_SEEDS ?? 40) / 4);
const FIRST = Number(process.env.HOLDFAST_SIM_FROM ?? Math.floor(Date.now() / 1000) % 1_000_000);

test(`what waited for its turn asks again whether it may, in storms with fresh seeds, from ${FIRST} on`, async () => {
  let commands = 0;
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const world = new World({ seed, nodes: 4, factory: bridgeNodes(), faults: rough(new SeededRandom(seed)) });
    world.startAll();
    world.startInstances(40, 30 * SECOND);
    storm(world, { forMs: 45 * SECOND, everyMs: 3 * SECOND, leaseTtlMs: 5 * SECOND });
    await world.run(45 * SECOND);
    world.assertHolds();
    commands += world.history.of('command').length;
  }
  expect(commands).toBeGreaterThan(10 * SEEDS);
}, 60_000);
