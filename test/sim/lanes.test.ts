// One kind of call must not be held up by another one's trouble.
import { expect, test } from 'vitest';
import { parseMember } from '../../src/cluster/member-record.ts';
import { bridgeNodes } from './bridge-node.ts';
import { CALM } from './faults.ts';
import { JOB_TYPE, World } from './world.ts';

const SECOND = 1_000;
const STUCK = 'ship-parcel';

test('a topic that takes nothing stops the lane of its jobs, on every node, and no other lane however busy', async () => {
  let ended = 0;
  const gaveBack: { jobType: string; atMs: number }[] = [];
  const world: World = new World({
    seed: 12,
    nodes: 2,
    // Slow enough that a busy lane has a hundred requests per node on their way.
    faults: { ...CALM, kafka: { ...CALM.kafka, delayMs: [100, 400] } },
    factory: bridgeNodes({
      moreRoutes: [{ jobType: STUCK, requestTopic: 'stuck.requests' }],
      onEvent: (_, event) => {
        if (event.from === 'cluster' && event.event.kind === 'stored' && event.event.snapshot.kind === 'ended')
          ended += 1;
        if (event.from !== 'intake' || event.event.kind !== 'gaveBack') return;
        gaveBack.push({ jobType: event.jobType, atMs: world.nowMs });
      },
    }),
  });
  world.kafka.log.createTopic('stuck.requests', 3);
  world.kafka.stuckTopics.add('stuck.requests');
  world.startAll();
  await world.run(5 * SECOND);
  world.startInstances(1_400, 5 * SECOND, STUCK);
  await world.run(15 * SECOND);
  // An owner is full of it, and says so: nobody activates what might only be given back.
  const members = [...world.bucket.all()].filter(({ key }) => key.startsWith('_member.'));
  expect(Math.min(...members.map(({ value }) => parseMember(value)?.room[STUCK] ?? Infinity))).toBe(0);
  const fullMs = world.nowMs;
  await world.run(10 * SECOND);
  expect(gaveBack.filter(({ atMs }) => atMs > fullMs)).toEqual([]);
  world.startInstances(900, 3 * SECOND);
  await world.clock.until(
    () => ended === 900,
    6 * SECOND,
    () => `${ended} of 900 are done`,
  );
  expect(gaveBack.filter(({ jobType }) => jobType === JOB_TYPE)).toEqual([]);
  world.assertHolds();
});
