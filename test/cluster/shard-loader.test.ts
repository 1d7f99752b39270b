// A shard is handed over in order: whoever takes it next finds said, of each request, whether it was sent.
import { expect, test } from 'vitest';
import type { JobKey, ShardId } from '../../src/actors/ids.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { jobKeyName } from '../../src/cluster/names.ts';
import type { KvPort } from '../../src/cluster/ports.ts';
import { covers } from '../../src/cluster/sent-watermark.ts';
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
