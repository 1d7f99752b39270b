// The world as a whole, with a naive node in it: calm worlds end well, rough ones show what is lost and what is repeated,
// and one seed is one history.
import { expect, test } from 'vitest';
import { ABSENT, type Incarnation, type NodeName } from '../../src/actors/ids.ts';
import { claimRecord } from '../../src/cluster/claims.ts';
import { completedTwice, repeatedRequests } from './checker.ts';
import { CALM, rough } from './faults.ts';
import { NaiveNode, type NaiveOptions } from './naive-node.ts';
import { SeededRandom } from './random.ts';
import { storm } from './storm.ts';
import { NAMES, type NodePorts, World } from './world.ts';

const naive = (options: NaiveOptions) => (ports: NodePorts) => new NaiveNode(ports, options);
const careful = naive({ lockMs: 30_000, commitFirst: false });

test('in a calm world even a naive node completes every job once', async () => {
  const world = new World({ seed: 1, factory: careful });
  world.startAll();
  world.startInstances(40, 5_000);
  await world.run(6_000);
  await world.finish(20_000);
  // It stores nothing, so each of its requests would be lost with it: that is what a naive node is.
  expect(new Set(world.violations().map(({ message }) => message.replace(/^n\d/, 'n')))).toEqual(
    new Set(['n sends attempt 1, of which no hold was ever stored']),
  );
  expect(world.unfinished()).toEqual([]);
  expect(world.history.of('accepted').filter(({ command }) => command === 'complete')).toHaveLength(40);
  expect(repeatedRequests(world.history, NAMES.requestTopic)).toEqual([]);
  expect(completedTwice(world.history)).toEqual([]);
});

test('a kill makes the naive node send requests again, and the checker names each', async () => {
  const faults = { ...CALM, service: { ...CALM.service, delayMs: [2_000, 4_000] as const } };
  const world = new World({ seed: 2, factory: naive({ lockMs: 5_000, commitFirst: false }), faults });
  world.startAll();
  world.startInstances(30);
  await world.run(1_000);
  world.kill('n1');
  world.kill('n2');
  world.kill('n3');
  world.startAll();
  await world.finish(120_000);
  expect(repeatedRequests(world.history, NAMES.requestTopic).length).toBe(30);
});

test('committing first loses replies: found by the record that is nowhere, and by the job that never ends', async () => {
  const factory = naive({ lockMs: 3_600_000, commitFirst: true });
  const faults = { ...CALM, service: { ...CALM.service, delayMs: [500, 600] as const } };
  const world = new World({ seed: 3, factory, faults });
  world.startAll();
  await world.run(2_000);
  world.startInstances(30);
  await world.run(300);
  world.engine.goAway(5_000);
  await world.run(1_000);
  for (const name of world.names) world.kill(name);
  world.startAll();
  await world.run(60_000);
  expect(world.violations().map(({ invariant }) => invariant)).toContain('I5');
  expect(world.unfinished().length).toBe(30);
  await expect(world.finish(1_000)).rejects.toThrow(/jobs are unfinished; of the first:[\s\S]*started/);
});

test('a world is not at rest while a shard has two owners, none, or another than its claim names', async () => {
  const serving = (...names: string[]) => {
    const node = (ports: NodePorts) => ({
      start: () => new Promise<void>(() => {}),
      stop: async () => {},
      serves: () => [names.includes(ports.name)],
    });
    const world = new World({ seed: 1, factory: node });
    world.startAll();
    world.bucket.put(
      'n1',
      '0._owner',
      claimRecord('n1' as NodeName, 'i1' as Incarnation, ABSENT, 0),
      ABSENT,
      undefined,
    );
    return world.finish(1_000);
  };
  await serving('n1');
  await expect(serving('n1', 'n3')).rejects.toThrow('shard 0 is claimed by "n1" and served by [n1,n3]');
  await expect(serving()).rejects.toThrow('served by []');
  await expect(serving('n2')).rejects.toThrow('served by [n2]');
});

async function stormy(seed: number): Promise<World> {
  const world = new World({ seed, nodes: 4, factory: careful, faults: rough(new SeededRandom(seed)) });
  world.startAll();
  world.startInstances(40, 30_000);
  storm(world, { forMs: 45_000, everyMs: 3_000, leaseTtlMs: 5_000 });
  await world.run(45_000);
  world.healAll();
  await world.run(30_000);
  return world;
}

test('the same seed gives the same history, another seed another one', async () => {
  const [once, again, other] = [await stormy(7), await stormy(7), await stormy(8)];
  expect(again.history.events.length).toBe(once.history.events.length);
  expect(again.history.hash()).toBe(once.history.hash());
  expect(other.history.hash()).not.toBe(once.history.hash());
  expect(once.history.of('fault').length).toBeGreaterThan(8);
});

test('a process that was told to end, then frozen and replaced, is not the node once it has ended', async () => {
  const ends: (() => void)[] = [];
  const world = new World({
    seed: 4,
    factory: () => ({
      start: () => new Promise<void>(() => {}),
      stop: () => new Promise<void>((resolve) => void ends.push(resolve)),
    }),
  });
  world.start('n1');
  const first = world.host('n1');
  world.stop('n1');
  world.pause('n1');
  const resume = world.replace('n1');
  resume();
  ends[0]?.();
  await world.run(100);
  expect(first.clock.state).toBe('dead');
  world.kill('n1');
  expect(world.state('n1')).toBe('dead');
  world.start('n1');
});
