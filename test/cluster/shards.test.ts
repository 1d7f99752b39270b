// One shard on one node whose writes are answered when the test says so: what an answer that comes late may still change.
import { expect, test } from 'vitest';
import type { Incarnation, NodeName, Revision, ShardId } from '../../src/actors/ids.ts';
import { ABSENT } from '../../src/actors/ids.ts';
import { Claims, claimRecord } from '../../src/cluster/claims.ts';
import type { Membership } from '../../src/cluster/membership.ts';
import { claimKey, toJson } from '../../src/cluster/names.ts';
import { place } from '../../src/cluster/placement.ts';
import type { Bus, KvEntry } from '../../src/cluster/ports.ts';
import { Shards } from '../../src/cluster/shards.ts';
import type { Store, StoreAnswer } from '../../src/cluster/store.ts';
import type { Suspicion } from '../../src/cluster/suspicion.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SHARDS = 2;
const [US, OTHER] = ['n1' as NodeName, 'n2' as NodeName];
const OURS = 'n1-1' as Incarnation;
/** One that goes to the other node as soon as there is one. */
const SHARD = place([US, OTHER], SHARDS).indexOf(OTHER) as ShardId;

test('a release in doubt that is answered when the shard is here again under another claim gives up nothing', async () => {
  const clock = new ManualClock();
  const claims = new Claims(SHARDS);
  const puts: { readonly expected: Revision; readonly answer: (answer: StoreAnswer) => void }[] = [];
  const drains: (() => void)[] = [];
  let others: NodeName[] = [];
  const shards = new Shards({
    ...{ clock, cluster: 'c', node: US, incarnation: OURS, shards: SHARDS, claims },
    bus: { publish: () => undefined } as unknown as Bus,
    control: {
      put: (key: string, _: Uint8Array, expected: Revision) =>
        new Promise<StoreAnswer>((answer) => {
          if (key === claimKey(SHARD)) puts.push({ expected, answer });
        }),
    } as unknown as Store,
    membership: {
      state: 'ready',
      peers: () =>
        new Map(others.map((node) => [node, { record: { node, incarnation: `${node}-1`, state: 'ready' } }])),
      isDead: () => false,
    } as unknown as Membership,
    suspicion: { isSuspected: () => false } as unknown as Suspicion,
    onAcquired: () => undefined,
    drain: () => new Promise<void>((drained) => drains.push(drained)),
    onReleased: () => undefined,
    onTransition: () => undefined,
    onTakeover: () => undefined,
    onFailed: (error) => expect.unreachable(String(error)),
  });
  const settle = () => clock.advance(0);
  const claim = async (revision: number, put: number) => {
    others = [];
    shards.reconcile();
    puts[put]?.answer({ kind: 'stored', revision: revision as Revision });
    await settle();
    shards.barrierPassed(SHARD);
    expect(shards.stateOf(SHARD)).toBe('owned');
  };
  const askForIt = async () => {
    others = [OTHER];
    shards.releaseAsked(toJson({ node: OTHER, shards: [SHARD] }));
    await settle();
    expect(shards.stateOf(SHARD)).toBe('draining');
  };
  const entry = (node: NodeName | '', revision: number): KvEntry => ({
    ...{ key: claimKey(SHARD), revision: revision as Revision, writtenMs: 0 },
    value: claimRecord(node, node && OURS, ABSENT, 0),
  });

  await claim(10, 0);
  await askForIt();
  drains[0]?.();
  await settle();
  expect(puts[1]?.expected).toBe(10);
  // It landed, unheard; the watch tells.
  claims.seen(SHARD, entry('', 11));
  shards.claimSeen(SHARD);
  expect(shards.stateOf(SHARD)).toBe('released');

  await claim(12, 2);
  claims.seen(SHARD, entry(US, 12));
  await askForIt();
  puts[1]?.answer({ kind: 'conflict', standing: entry(US, 12) });
  await settle();
  expect([shards.stateOf(SHARD), shards.epochOf(SHARD)]).toEqual(['draining', 12]);

  drains[1]?.();
  await settle();
  expect(puts[3]?.expected).toBe(12);
  puts[3]?.answer({ kind: 'stored', revision: 13 as Revision });
  await settle();
  expect(shards.stateOf(SHARD)).toBe('released');
});
