// The product as a whole cluster in one process, in virtual time: calm, through a kill, through seeded storms.
import { expect, test } from 'vitest';
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { bridgeNodes } from './bridge-node.ts';
import { completedTwice, repeatedRequests } from './checker.ts';
import { CALM, rough } from './faults.ts';
import { freshSeed } from './options.ts';
import { SeededRandom } from './random.ts';
import { storm } from './storm.ts';
import { NAMES, World } from './world.ts';

const SECOND = 1_000;

test('three nodes share the work: every job completes once, with the answer to its own request', async () => {
  const world = new World({ seed: 1, factory: bridgeNodes() });
  world.startAll();
  world.startInstances(60, 5 * SECOND);
  await world.run(6 * SECOND);
  await world.finish(20 * SECOND);
  world.assertHolds();
  expect(completions(world)).toBe(60);
  expect(repeatedRequests(world.history, NAMES.requestTopic)).toEqual([]);
  const writers = new Set(
    world.history
      .of('stored')
      .filter(({ key }) => /^\d+\.\d+$/.test(key))
      .map(({ node }) => node),
  );
  expect(writers).toEqual(new Set(['n1', 'n2', 'n3']));
});

test('a killed node is taken over within seconds: nothing is lost, and what was sent is not sent again', async () => {
  const faults = { ...CALM, service: { ...CALM.service, delayMs: [4 * SECOND, 8 * SECOND] as const } };
  const taken: number[] = [];
  const world: World = new World({
    seed: 2,
    faults,
    factory: bridgeNodes({
      leaseTtlMs: 15 * SECOND,
      onEvent: (_, { from, event }) => {
        if (from === 'cluster' && event.kind === 'rehydrated') taken.push(world.nowMs);
      },
    }),
  });
  world.startAll();
  await world.run(8 * SECOND);
  world.startInstances(60);
  await world.run(2 * SECOND);
  const killedMs = world.nowMs;
  world.kill('n2');
  await world.finish(60 * SECOND);
  world.assertHolds();
  expect(completions(world)).toBe(60);
  expect(repeatedRequests(world.history, NAMES.requestTopic)).toEqual([]);
  const takeovers = taken.filter((atMs) => atMs > killedMs);
  expect(takeovers.length).toBeGreaterThan(0);
  expect(Math.max(...takeovers) - killedMs).toBeLessThan(3 * SECOND);
});

test('a leaving node hands over without a pause and without repeating anything', async () => {
  const world = new World({ seed: 3, factory: bridgeNodes() });
  world.startAll();
  await world.run(8 * SECOND);
  world.startInstances(80, 6 * SECOND);
  await world.run(2 * SECOND);
  world.stop('n1');
  await world.run(6 * SECOND);
  expect(world.state('n1')).toBe('dead');
  await world.finish(20 * SECOND);
  world.assertHolds();
  expect(completions(world)).toBe(80);
  expect(repeatedRequests(world.history, NAMES.requestTopic)).toEqual([]);
  expect(completedTwice(world.history)).toEqual([]);
});

test('a job that is given back is so within the lease, however short that is', async () => {
  const factory = bridgeNodes({ leaseTtlMs: 2.5 * SECOND, route: { maxPending: 1 } });
  const world = new World({ seed: 4, nodes: 6, factory });
  world.startAll();
  await world.run(5 * SECOND);
  world.startInstances(60, 2 * SECOND);
  await world.run(5 * SECOND);
  const givenBack = world.history.of('command').filter(({ payload }) => payload.endsWith(NAMES.giveBack));
  expect(givenBack.length).toBeGreaterThan(5);
  world.assertHolds();
});

test('a snapshot that cannot be read costs its own job, with one alarm: other replies and all deadlines go on', async () => {
  const faults = { ...CALM, service: { ...CALM.service, delayMs: [4 * SECOND, 6 * SECOND] as const } };
  const alarms: string[] = [];
  const world: World = new World({
    seed: 4,
    faults,
    factory: bridgeNodes({
      onEvent: (_, { from, event }) => {
        if (from === 'cluster' && event.kind === 'unreadable') alarms.push(event.jobKey);
      },
    }),
  });
  world.startAll();
  await world.run(8 * SECOND);
  world.startInstances(20);
  await world.run(2 * SECOND);
  const { key, value, node } = world.history.of('stored').findLast((write) => /^\d+\.\d+$/.test(write.key))!;
  world.bucket.put(
    'disk',
    key,
    value.map((byte) => byte ^ 1),
    world.bucket.current(key)?.revision ?? 0,
    undefined,
  );
  world.kill(node);
  await world.run(60 * SECOND);
  const jobKey = key.split('.')[1];
  expect(alarms).toEqual([jobKey]);
  expect(completions(world)).toBe(19);
  const written = (topic: string) => world.history.of('written').filter((record) => record.topic === topic);
  expect(written(NAMES.deadLetterTopic).map((record) => record.jobKey)).toEqual([jobKey]);
  const ends = new Map(written(NAMES.replyTopic).map(({ partition, offset }) => [partition, offset + 1]));
  const committed = new Map(world.history.of('committed').map(({ partition, offset }) => [partition, offset]));
  for (const [partition, end] of ends) expect(committed.get(partition)).toBeGreaterThanOrEqual(end);
});

test('a reply of which only the engine could say whether its job lives does not wait for an engine that is away', async () => {
  const world = new World({ seed: 5, factory: bridgeNodes({ route: { lateWindowMs: SECOND } }) });
  world.startAll();
  world.startInstances(1);
  await world.run(15 * SECOND);
  expect(completions(world)).toBe(1);
  const { jobKey } = world.history.of('replied')[0]!;
  const records = world.kafka.log.partitions(NAMES.replyTopic).flat();
  const reply = records.find((record) => record !== null)!;
  world.engine.goAway(60 * SECOND);
  const again = world.kafka.log.append('', NAMES.replyTopic, reply);
  const { partition, offset } = { partition: again.partition, offset: Number(again.offset) };
  world.history.add({ kind: 'replied', jobKey, partition, offset, meant: 'result' });
  await world.run(10 * SECOND);
  const commits = world.history.of('committed').filter((commit) => commit.partition === partition);
  expect(commits.at(-1)?.offset).toBe(offset + 1);
  await world.run(180 * SECOND);
  const stored = world.history.of('stored').filter(({ key }) => /^\d+\.\d+$/.test(key));
  expect(stored.slice(-2).map(({ value }) => decodeSnapshot(value).outcome ?? 'parked')).toEqual(['parked', 'gone']);
  expect(world.history.of('written').some(({ topic }) => topic === NAMES.deadLetterTopic)).toBe(false);
  world.assertHolds();
});

const SEEDS = 10;
const FIRST = Number(process.env.HOLDFAST_SIM_FROM ?? freshSeed());

test(`kills alone, from seed ${FIRST} on: only requests of the last moments are published again`, async () => {
  let repeats = 0;
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const { kafka, service } = rough(new SeededRandom(seed));
    const faults = { ...CALM, kafka, service: { ...CALM.service, delayMs: service.delayMs } };
    const world = new World({ seed, nodes: 4, factory: bridgeNodes(), faults, recordsAreTaken: true });
    world.startAll();
    await world.run(5 * SECOND);
    world.startInstances(100, 20 * SECOND);
    storm(world, { forMs: 20 * SECOND, everyMs: 2 * SECOND, leaseTtlMs: 5 * SECOND, troubles: ['kill'] });
    await world.run(20 * SECOND);
    world.healAll();
    await world.finish(120 * SECOND);
    world.assertHolds();
    repeats += repeatedRequests(world.history, NAMES.requestTopic).length;
  }
  expect(repeats).toBeGreaterThan(0);
}, 60_000);

function completions(world: World): number {
  return world.history.of('accepted').filter(({ command }) => command === 'complete').length;
}
