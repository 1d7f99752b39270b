// What nodes tell of themselves in their member records, and what the others make of it.
import { expect, test } from 'vitest';
import { type MemberRecord, parseMember } from '../../src/cluster/member-record.ts';
import { bridgeNodes } from './bridge-node.ts';
import { SESSION_MS } from './kafka-group.ts';
import { World } from './world.ts';

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
