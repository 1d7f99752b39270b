// What nodes tell of themselves in their member records, and what the others make of it.
import { expect, test } from 'vitest';
import { parseClaim } from '../../src/cluster/claims.ts';
import { type MemberRecord, parseMember } from '../../src/cluster/member-record.ts';
import { VIRTUAL_EPOCH_MS } from '../support/manual-clock.ts';
import { bridgeNodes } from './bridge-node.ts';
import { repeatedRequests } from './checker.ts';
import { SESSION_MS } from './kafka-group.ts';
import { NAMES, World } from './world.ts';

const SECOND = 1_000;

/** The node's record as it stands. */
function recordOf(world: World, node: string): MemberRecord | undefined {
  const entry = world.bucket.current(`_member.${node}`);
  return entry && parseMember(entry.value);
}

/** A calm world of three, whose records are renewed every 3 s, and which partitions of the reply topic each has. */
function threeNodes(seed: number) {
  const partitionsOf = new Map<string, readonly number[]>();
  const world = new World({
    seed,
    factory: bridgeNodes({
      leaseTtlMs: 15 * SECOND,
      onEvent: (node, { from, event }) => {
        if (from === 'replies' && event.kind === 'assigned') partitionsOf.set(node, event.partitions);
      },
    }),
  });
  world.startAll();
  const until = (what: string, condition: () => boolean, withinMs = 10 * SECOND) =>
    world.clock.until(condition, withinMs, () => what);
  /** How long it takes until all partitions are read again, ms. */
  const readAgain = async (): Promise<number> => {
    const startMs = world.nowMs;
    partitionsOf.clear();
    await until('all partitions are read', () => [...partitionsOf.values()].flat().length === 4, 2 * SESSION_MS);
    return world.nowMs - startMs;
  };
  return { world, until, readAgain };
}

test('a node that dies soon after its consumer joined anew is shown out of the group by its present name', async () => {
  const { world, until, readAgain } = threeNodes(4);
  await world.run(8 * SECOND);
  const { consumerMemberId = '', renewal } = recordOf(world, 'n2') ?? {};
  await until('a renewal', () => recordOf(world, 'n2')?.renewal !== renewal);
  expect(world.kafka.group.leave(consumerMemberId)).toBe(true);
  await world.run(2 * SECOND);
  world.kill('n2');
  expect(await readAgain()).toBeLessThan(4 * SECOND);
});

test('a node that was shown out in error, and dies later, is shown out again', async () => {
  const { world, until, readAgain } = threeNodes(5);
  await world.run(8 * SECOND);
  const { consumerMemberId, incarnation } = recordOf(world, 'n2') ?? {};
  world.cut('n2', 'nats', 'down');
  await world.run(3 * SECOND);
  world.heal('n2', 'nats');
  await until('a new name', () => recordOf(world, 'n2')?.consumerMemberId !== consumerMemberId);
  expect(recordOf(world, 'n2')?.incarnation).toBe(incarnation);
  await world.run(8 * SECOND);
  world.kill('n2');
  expect(await readAgain()).toBeLessThan(4 * SECOND);
});

/** Shards whose claim names this node. */
function claimedBy(world: World, node: string): number {
  const claims = [...world.bucket.all()].filter(({ key }) => key.endsWith('._owner'));
  return claims.filter(({ value, revision }) => parseClaim(value, revision).node === node).length;
}

test('a node whose clock is off takes no jobs and gives its shards away, and is as good as any once it is right', async () => {
  const { world, until } = threeNodes(6);
  await until('its share', () => claimedBy(world, 'n2') === 5 || claimedBy(world, 'n2') === 6);
  world.startInstances(400, 30 * SECOND);
  await world.run(5 * SECOND);
  const offMs = world.nowMs;
  world.host('n2').clock.setSkew(8 * SECOND);
  await until('it gave all away', () => claimedBy(world, 'n2') === 0);
  expect(world.nowMs - offMs).toBeLessThan(4 * SECOND);
  await world.run(5 * SECOND);
  expect([recordOf(world, 'n2')?.state, claimedBy(world, 'n2')]).toEqual(['notReady', 0]);
  const taken = world.history.of('activated').filter(({ node, atMs }) => node === 'n2' && atMs > offMs + SECOND);
  expect(taken).toEqual([]);
  const rightMs = world.nowMs;
  world.host('n2').clock.setSkew(0);
  await until('its share again', () => claimedBy(world, 'n2') >= 5);
  await world.run(5 * SECOND);
  expect(world.history.of('activated').some(({ node, atMs }) => node === 'n2' && atMs > rightMs)).toBe(true);
  await world.finish(60 * SECOND);
  world.assertHolds();
  // Nobody was ever told that replies are read up to a time that had not come yet.
  const told = world.history.of('stored').filter(({ key }) => key.startsWith('_member.'));
  const ahead = told.flatMap(({ value, atMs }) =>
    Object.values(parseMember(value)?.replyProgress ?? {}).filter((mark) => mark > VIRTUAL_EPOCH_MS + atMs),
  );
  expect(told.length).toBeGreaterThan(20);
  expect(ahead).toEqual([]);
});

test('a node that is drained by hand gives its shards away and takes no jobs, as long as it is not taken back', async () => {
  const { world, until } = threeNodes(9);
  await until('its share', () => claimedBy(world, 'n2') >= 5);
  world.startInstances(300, 30 * SECOND);
  await world.run(5 * SECOND);
  const drainedMs = world.nowMs;
  world.drain('n2', true);
  await until('it gave all away', () => claimedBy(world, 'n2') === 0);
  expect(world.nowMs - drainedMs).toBeLessThan(3 * SECOND);
  await world.run(10 * SECOND);
  expect([recordOf(world, 'n2')?.state, claimedBy(world, 'n2')]).toEqual(['notReady', 0]);
  const taken = world.history.of('activated').filter(({ node, atMs }) => node === 'n2' && atMs > drainedMs + SECOND);
  expect(taken).toEqual([]);
  world.drain('n2', false);
  await until('its share again', () => claimedBy(world, 'n2') >= 5);
  await world.finish(60 * SECOND);
  expect(repeatedRequests(world.history, NAMES.requestTopic)).toEqual([]);
  world.assertHolds();
});

test('the last node that is ready keeps its shards, drained or not: what is pending goes on', async () => {
  const world = new World({ seed: 10, nodes: 1, factory: bridgeNodes() });
  world.startAll();
  await world.run(5 * SECOND);
  world.startInstances(40);
  await world.run(300);
  world.drain('n1', true);
  await world.run(10 * SECOND);
  expect([claimedBy(world, 'n1'), world.unfinished().length]).toEqual([16, 0]);
  world.startInstances(1);
  await world.run(5 * SECOND);
  expect(world.unfinished().length).toBe(1);
  world.drain('n1', false);
  await world.finish(20 * SECOND);
  world.assertHolds();
});

test('where no clock is right, the shards stay with whoever has them: what is pending goes on, nothing new is taken', async () => {
  const world = new World({ seed: 7, nodes: 1, factory: bridgeNodes() });
  world.startAll();
  await world.run(5 * SECOND);
  world.startInstances(40);
  await world.run(300);
  world.host('n1').clock.setSkew(2_500);
  await world.run(10 * SECOND);
  expect([claimedBy(world, 'n1'), world.unfinished().length]).toEqual([16, 0]);
  world.startInstances(1);
  await world.run(5 * SECOND);
  expect([claimedBy(world, 'n1'), world.unfinished().length]).toEqual([16, 1]);
  world.assertHolds();
});

test('a node that Kafka has not given an assignment is given no shards; one that had one keeps them when Kafka goes away', async () => {
  const { world, until } = threeNodes(8);
  world.kill('n3');
  await until('two share', () => claimedBy(world, 'n1') === 8 && claimedBy(world, 'n2') === 8);
  world.start('n3');
  world.cut('n3', 'kafka', 'down');
  await world.run(15 * SECOND);
  expect([recordOf(world, 'n3')?.state, claimedBy(world, 'n3')]).toEqual(['notReady', 0]);
  world.heal('n3', 'kafka');
  await until('its share', () => claimedBy(world, 'n3') === 5);
  const renewals = world.history.of('stored').length;
  world.kafka.goAway(30 * SECOND);
  await world.run(25 * SECOND);
  const states = world.history
    .of('stored')
    .slice(renewals)
    .filter(({ key }) => key.startsWith('_member.'))
    .map(({ value }) => parseMember(value)?.state);
  expect(new Set(states)).toEqual(new Set(['ready']));
  expect(claimedBy(world, 'n3')).toBe(5);
});

test('a cluster that starts while Kafka is away owns nothing, and begins when Kafka comes', async () => {
  const world = new World({ seed: 9, factory: bridgeNodes() });
  world.kafka.goAway(40 * SECOND);
  world.startAll();
  world.startInstances(30);
  await world.run(35 * SECOND);
  expect(['n1', 'n2', 'n3'].map((node) => claimedBy(world, node))).toEqual([0, 0, 0]);
  await world.finish(60 * SECOND);
  world.assertHolds();
});
