// A shard is handed over in order: whoever takes it next finds said, of each request, whether it was sent.
import { describe, expect, test } from 'vitest';
import type { JobKey, Revision, ShardId } from '../../src/actors/ids.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { jobKeyName } from '../../src/cluster/names.ts';
import type { KvPort } from '../../src/cluster/ports.ts';
import { covers } from '../../src/cluster/sent-record.ts';
import { ShardLoader } from '../../src/cluster/shard-loader.ts';
import { JOB, World as Job, LOCK_MS } from '../actors/pending-job-world.ts';
import { Host, KEY, SELF, SHARD } from './shard-host.ts';

const OTHER_SHARD = 4 as ShardId;
const EMPTY_SHARD = 5 as ShardId;
const OTHER_JOB = '2251799813685251' as JobKey;

/** Our job is held and sent, while a hold of another shard, begun before it, waits for its answer. */
async function behindASlowWrite() {
  const host = new Host();
  const { clock, kv, jobs, watermark } = host;
  const direct = kv.put;
  let arrive = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  kv.put = (async (...write) => {
    if (write[0] === jobKeyName(OTHER_SHARD, OTHER_JOB)) await arrived;
    return direct(...write);
  }) satisfies KvPort['put'];
  await watermark.start();
  jobs.open(OTHER_SHARD);
  const slow = { ...new Job().activation(clock.wallMs() + LOCK_MS), jobKey: OTHER_JOB };
  void jobs.activated(OTHER_SHARD, slow);
  await clock.advance(0);
  await host.held();
  host.kafkaAcks();
  const never = () => {
    throw new Error('a drain reads nothing');
  };
  const loader = new ShardLoader({
    clock,
    kv,
    incarnation: SELF,
    shardCount: 8,
    jobs,
    rehydration: { read: never } as never,
    requests: { withdraw: never } as never,
    watermark,
    arrivals: never,
    epochOf: never,
    isRehydrating: () => false,
    barrierPassed: never,
    onClaim: never,
    onEntry: never,
    onReset: never,
    onEvent: never,
    onUnreadable: never,
    onFailed: never,
  });
  let drained = false;
  void loader.drain(SHARD).then(() => {
    drained = true;
  });
  const covered = () => covers(host.sent, kv.entries.get(KEY)!.revision, JOB, 1);
  return { clock, kv, arrive, covered, loader, drained: () => drained };
}

test('it is not released before the record of what was sent speaks for its requests, however slow other writes', async () => {
  const { clock, arrive, covered, drained } = await behindASlowWrite();
  await clock.advance(1_000);
  expect([drained(), covered()]).toEqual([false, false]);
  arrive();
  await clock.advance(CLUSTER_LIMITS.drainLookMs);
  expect([drained(), covered()]).toEqual([true, true]);
});

test('a shard in which nobody waits is released at once, whatever the record says', async () => {
  const { clock, kv, arrive, loader } = await behindASlowWrite();
  kv.put = () => new Promise(() => {}); // the record has news, and cannot be written
  arrive();
  await clock.advance(0);
  let drained = false;
  void loader.drain(EMPTY_SHARD).then(() => {
    drained = true;
  });
  await clock.advance(0);
  expect(drained).toBe(true);
});

test('a write that is never answered holds it up for so long and no longer', async () => {
  const { clock, covered, drained } = await behindASlowWrite();
  await clock.advance(CLUSTER_LIMITS.drainRecordMs);
  expect(drained()).toBe(false);
  await clock.advance(2 * CLUSTER_LIMITS.drainLookMs);
  expect([drained(), covered()]).toEqual([true, false]);
});

describe('shards that are acquired', () => {
  /** A loader before a bucket whose watches catch up when the test says so. */
  function acquiring() {
    const host = new Host();
    const { watches } = host.kv;
    const gone = new Set<ShardId>();
    const nothing = () => undefined;
    const loader = new ShardLoader({
      clock: host.clock,
      kv: host.kv,
      incarnation: SELF,
      shardCount: 8,
      jobs: host.jobs,
      rehydration: { read: async () => [] } as never,
      requests: {} as never,
      watermark: host.watermark,
      arrivals: () => ({ arrived: (_: ShardId, __: JobKey, entry: unknown) => entry }) as never,
      epochOf: () => 1 as Revision,
      isRehydrating: (shard) => !gone.has(shard),
      barrierPassed: nothing,
      onClaim: nothing,
      onEntry: nothing,
      onReset: nothing,
      onEvent: nothing,
      onUnreadable: nothing,
      onFailed: (error) => {
        throw error;
      },
    });
    const acquire = (...shards: number[]) => void loader.acquire(shards as ShardId[]);
    const settle = () => host.clock.advance(0);
    return { loader, clock: host.clock, watches, gone, acquire, settle };
  }

  test('go in waves one after another, and what comes meanwhile goes together', async () => {
    const { watches, gone, acquire, settle } = acquiring();
    acquire(1);
    await settle();
    acquire(2);
    acquire(3, 4);
    acquire(2);
    gone.add(3 as ShardId);
    await settle();
    expect(watches.map(({ filters }) => filters)).toEqual([['1.*']]);
    watches[0]!.handler.onCaughtUp();
    await settle();
    expect(watches.map(({ filters }) => filters)).toEqual([['1.*'], ['2.*', '4.*']]);
    acquire(5);
    watches[1]!.handler.onCaughtUp();
    await settle();
    expect(watches.map(({ filters }) => filters)).toEqual([['1.*'], ['2.*', '4.*'], ['5.*']]);
  });

  test('one that is released before its wave begins is in none until it is acquired again', async () => {
    const { loader, watches, acquire, settle } = acquiring();
    acquire(1);
    await settle();
    acquire(2);
    loader.released(2 as ShardId); // and claimed again, which is not told yet
    watches[0]!.handler.onCaughtUp();
    await settle();
    expect(watches.map(({ filters }) => filters)).toEqual([['1.*']]);
    acquire(2);
    await settle();
    expect(watches.map(({ filters }) => filters)).toEqual([['1.*'], ['2.*']]);
  });

  test('never more in a wave than the server is to look for at once', async () => {
    const { watches, acquire, settle } = acquiring();
    acquire(...Array.from({ length: CLUSTER_LIMITS.shardsPerWave + 1 }, (_, shard) => shard));
    await settle();
    watches[0]!.handler.onCaughtUp();
    await settle();
    expect(watches.map(({ filters }) => filters.length)).toEqual([CLUSTER_LIMITS.shardsPerWave, 1]);
  });

  test('given away one by one, they are watched no longer from a while after the first', async () => {
    const { loader, clock, watches, acquire, settle } = acquiring();
    acquire(1, 2, 3, 4);
    await settle();
    watches[0]!.handler.onCaughtUp();
    for (const shard of [1, 3]) {
      loader.released(shard as ShardId);
      await clock.advance(CLUSTER_LIMITS.narrowAfterMs / 2 - 1);
    }
    expect(watches.map(({ filters }) => filters)).toEqual([['1.*', '2.*', '3.*', '4.*']]);
    await clock.advance(2);
    expect(watches.map(({ filters }) => filters)).toEqual([['2.*', '4.*']]);
    loader.released(2 as ShardId);
    loader.stop();
    await clock.advance(CLUSTER_LIMITS.narrowAfterMs);
    expect(watches.map(({ filters, stopped }) => [filters, stopped])).toEqual([[['2.*', '4.*'], true]]);
  });

  test('those of a wave that was given up do not hold up the next', async () => {
    const { loader, watches, acquire, settle } = acquiring();
    acquire(1);
    await settle();
    acquire(2);
    loader.released(1 as ShardId);
    await settle();
    expect(watches.map(({ filters }) => filters)).toEqual([['1.*'], ['2.*']]);
  });
});
