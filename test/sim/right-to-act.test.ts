// That the world notices an effect which its node had no right to: by a node that is sound, with somebody beside it who
// acts over its ports without asking.
import { expect, test } from 'vitest';
import type { JobKey } from '../../src/actors/ids.ts';
import { bridgeNodes } from './bridge-node.ts';
import { NAMES, type NodePorts, World } from './world.ts';

const SECOND = 1_000;

/** A world of one node, which has been a member for a while, and its ports for whoever acts without asking. */
async function joined(): Promise<{ world: World; act: (takesMs?: number) => Promise<string[]> }> {
  let ports: NodePorts | undefined;
  const factory = bridgeNodes({ leaseTtlMs: 5 * SECOND });
  const world = new World({
    seed: 1,
    nodes: 1,
    factory: (given) => {
      ports = given;
      return factory(given);
    },
  });
  world.startAll();
  await world.run(8 * SECOND);
  expect(world.violations()).toEqual([]);
  /** A command and a record now; what the checker says of both. */
  const act = async (takesMs = 100) => {
    const known = world.violations().length;
    void ports?.engine.updateTimeout('1' as JobKey, 1, takesMs);
    void ports?.writer.send(NAMES.requestTopic, [{ key: null, value: null, headers: [] }], 100, () => true);
    await world.run(10);
    const found = world.violations().slice(known);
    return found.map(({ invariant, message }) => `${invariant}: ${message.replace(/[\d.]+ ms/g, '… ms')}`);
  };
  return { world, act };
}

test('while it may, nothing is said; but of a call that may outlive the lease', async () => {
  const { act } = await joined();
  expect(await act()).toEqual([]);
  expect(await act(4_001)).toEqual(['I4: n1 emitted it for … ms with … ms of its lease left']);
});

test.each([false, true])(
  'with a write unanswered for over a second, and after the lease; the node frozen: %s',
  async (frozen) => {
    const { world, act } = await joined();
    expect(await act()).toEqual([]);
    world.cut('n1', 'nats', 'silent');
    if (frozen) world.pause('n1');
    await world.run(2.6 * SECOND);
    const written = 'with its write of _member.n1 unanswered for … ms';
    // Frozen, it had nothing to write; what it does first when it wakes is within the lease.
    expect(await act()).toEqual(frozen ? [] : [`I4: n1 emitted it ${written}`, `I4: n1 emitted it ${written}`]);
    await world.run(2 * SECOND);
    expect(await act()).toEqual(['I4: n1 emitted it without a lease', 'I4: n1 emitted it without a lease']);
  },
);

test('while it has no connection to NATS, and before a new life has its first lease', async () => {
  const { world, act } = await joined();
  world.cut('n1', 'nats', 'down');
  expect(await act()).toEqual(new Array(2).fill('I4: n1 emitted it while cut off from NATS'));
  world.kill('n1');
  world.start('n1');
  expect(await act()).toEqual(new Array(2).fill('I4: n1 emitted it without a lease'));
});
