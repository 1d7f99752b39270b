// An owner that is cut off from JetStream under a long lease: its shards are with others, its jobs are in later attempts, and replies
// to those come to the old owner. What it knows says that they are late, or second answers; it must not say so.
import { expect, test } from 'vitest';
import { bridgeNodes } from './bridge-node.ts';
import { CALM } from './faults.ts';
import { Sightings } from './sightings.ts';
import { World } from './world.ts';

test('a reply to an attempt that its owner does not know of is neither dropped nor called late', async () => {
  const sightings = new Sightings();
  const service = { ...CALM.service, delayMs: [400, 1_500], failure: 1, unkeyed: true } as const;
  for (let seed = 1; seed <= 3; seed++) {
    const factory = bridgeNodes({ leaseTtlMs: 15_000, route: { retryBackoffMs: 200 }, ...sightings.hooks });
    const world = new World({ seed, factory, faults: { ...CALM, service } });
    world.startAll();
    await world.run(20_000);
    world.startInstances(60);
    await world.run(500);
    // Answers come, and the engine does not hear of them yet.
    world.engine.goAway(1_500);
    await world.run(1_000);
    world.cut('n1', 'nats', 'down');
    await world.run(10_000);
    world.heal('n1', 'nats');
    await world.run(20_000);
    world.assertHolds();
  }
  expect(sightings.counts.get('reply to an attempt not known yet')).toBeGreaterThan(0);
});
