// A shard is owned once its own claim was seen and pending was 0 once; everything that comes later is delivered one by one.
import { expect, test } from 'vitest';
import type { Incarnation, NodeName, Revision, ShardId } from '../../src/actors/ids.ts';
import { encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { claimRecord } from '../../src/cluster/claims.ts';
import { claimKey } from '../../src/cluster/names.ts';
import type { PendingJob } from '../../src/cluster/pending-job.ts';
import type { KvEntry } from '../../src/cluster/ports.ts';
import { Wave } from '../../src/cluster/wave.ts';
import { TOMBSTONE } from '../actors/snapshot-samples.ts';
import { MemoryKv } from './memory.ts';

const SELF = 'self-1' as Incarnation;
const shard = (number: number) => number as ShardId;

let epoch = 0;

async function open(...shards: number[]) {
  const kv = new MemoryKv();
  const log: string[] = [];
  const wave = new Wave(
    {
      kv,
      incarnation: SELF,
      shardCount: 5,
      epochOf: () => epoch as Revision,
      arrived: (_, __, entry) => entry,
      onBarrier: (passed, jobs) =>
        log.push(`barrier ${passed}: ${[...jobs].map(([key, { revision }]) => `${key}@${revision}`)}`),
      onDelivered: (of, jobKey, { revision }) => log.push(`${of}.${jobKey}@${revision}`),
      onClaim: () => {},
      onEntry: () => {},
      onReset: () => {},
    },
    shards.map(shard),
  );
  await wave.start();
  const { handler, filters } = kv.watched!;
  const job = (of: number, key: number, revision: number, value: Uint8Array = new Uint8Array()): KvEntry => ({
    key: `${of}.${key}`,
    value,
    revision: revision as Revision,
    writtenMs: 0,
  });
  const claim = (of: number, incarnation: string, revision: number): KvEntry => ({
    key: claimKey(shard(of)),
    value: claimRecord('n' as NodeName, incarnation as Incarnation, 0 as Revision, 0),
    revision: revision as Revision,
    writtenMs: 0,
  });
  return { kv, wave, log, handler, filters, job, claim };
}

test('one watch serves all shards of the wave', async () => {
  expect((await open(3, 17)).filters).toEqual(['3.*', '17.*']);
});

test('a wave of all shards reads the whole bucket, and takes from it what it is there for', async () => {
  const { filters, log, handler, job, claim } = await open(0, 1, 2, 3, 4);
  expect(filters).toEqual(['>']);
  for (const key of ['_member.n1', '_sent.n1-1', '_alias.0123456789abcdef', '_meta', '5.77'])
    handler.onEntry({ ...job(0, 1, 1), key }, 9);
  handler.onEntry(job(2, 7, 5), 5);
  for (const of of [0, 1, 2, 3, 4]) handler.onEntry(claim(of, SELF, 6 + of), 4 - of);
  handler.onCaughtUp();
  expect(log).toEqual(['barrier 0: ', 'barrier 1: ', 'barrier 2: 7@5', 'barrier 3: ', 'barrier 4: ']);
});

test('neither the claim alone nor the end of what was pending is enough', async () => {
  const { log, handler, job, claim } = await open(3, 4);
  handler.onEntry(job(3, 1, 5), 3);
  handler.onEntry(claim(3, SELF, 6), 2);
  handler.onEntry(job(3, 2, 7), 1); // a late write of the old owner, after our claim
  expect(log).toEqual([]);
  handler.onCaughtUp();
  expect(log).toEqual(['barrier 3: 1@5,2@7']);
  handler.onEntry(claim(4, 'other-1', 8), 0);
  expect(log).toHaveLength(1);
  handler.onEntry(claim(4, SELF, 9), 0);
  expect(log.at(-1)).toBe('barrier 4: ');
});

test('until it is taken a shard collects the newest entry of each job; from then on each is delivered', async () => {
  const { wave, log, handler, job, claim } = await open(3);
  handler.onEntry(claim(3, SELF, 1), 1);
  handler.onEntry(job(3, 1, 2), 0);
  handler.onCaughtUp();
  handler.onEntry(job(3, 1, 4), 0);
  handler.onEntry(job(3, 1, 3), 0);
  expect([...wave.take(shard(3))].map(([key, { revision }]) => `${key}@${revision}`)).toEqual(['1@4']);
  handler.onEntry(job(3, 1, 5), 0);
  expect(log).toEqual(['barrier 3: 1@2', '3.1@5']);
});

test('its watch ends with its last shard, and a shard that left is heard of no more', async () => {
  const { kv, wave, log, handler, job, claim } = await open(3, 4);
  handler.onCaughtUp();
  expect(wave.leave(shard(3))).toBe(false);
  handler.onEntry(claim(3, SELF, 1), 0);
  handler.onEntry(job(3, 1, 2), 0);
  expect([log, kv.watched?.stopped]).toEqual([[], false]);
  expect(wave.leave(shard(4))).toBe(true);
  expect(kv.watched?.stopped).toBe(true);
});

test('narrowed it watches the shards that are still its own, and only if one has left', async () => {
  const { kv, wave, log, handler, job, claim } = await open(0, 1, 2, 3, 4);
  for (const of of [0, 1, 2, 3, 4]) handler.onEntry(claim(of, SELF, 1 + of), 4 - of);
  handler.onCaughtUp();
  for (const of of [1, 2, 3, 4]) wave.take(shard(of));
  wave.narrow();
  expect(kv.watched?.filters).toEqual(['>']);
  for (const of of [1, 3]) wave.leave(shard(of));
  wave.narrow();
  expect(kv.watched?.filters.toSorted()).toEqual(['0.*', '2.*', '4.*']);
  kv.watched!.filters = [];
  wave.narrow();
  expect(kv.watched?.filters, 'asked for again').toEqual([]);
  handler.onReset('bucket');
  handler.onEntry(job(2, 1, 9), 0);
  expect([log.at(-1), kv.watches.length]).toEqual(['2.1@9', 1]);
});

test('a claim of an earlier tenure, shown by a replica that lags, passes no barrier', async () => {
  epoch = 9;
  const { handler, claim, log } = await open(4);
  handler.onEntry(claim(4, SELF, 5), 0);
  handler.onCaughtUp();
  expect(log).toEqual([]);
  handler.onEntry(claim(4, SELF, 9), 0);
  expect(log).toEqual(['barrier 4: ']);
  epoch = 0;
});

test('a tombstone takes its job away before the barrier, also from what comes again after a reset', async () => {
  const { log, handler, job, claim } = await open(3);
  handler.onEntry(job(3, 1, 1), 3);
  handler.onEntry(job(3, 2, 2), 2);
  handler.onEntry(job(3, 1, 4, encodeSnapshot(TOMBSTONE)), 1);
  handler.onReset('bucket');
  handler.onEntry(job(3, 1, 1), 2);
  handler.onEntry(job(3, 2, 2), 1);
  handler.onEntry(claim(3, SELF, 5), 0);
  handler.onCaughtUp();
  expect(log).toEqual(['barrier 3: 2@2']);
});

test('a job that ends between barrier and take is told of, not dropped', async () => {
  const { wave, log, handler, job, claim } = await open(3);
  handler.onEntry(job(3, 1, 1), 1);
  handler.onEntry(claim(3, SELF, 2), 0);
  handler.onCaughtUp();
  handler.onEntry(job(3, 1, 3, encodeSnapshot(TOMBSTONE)), 0);
  expect(log).toEqual(['barrier 3: 1@1']);
  expect([...wave.take(shard(3))].map(([key, { revision }]) => `${key}@${revision}`)).toEqual(['1@3']);
});

test('what was made small is let go where a later entry comes, its shard leaves, or all is over; and not once others have it', async () => {
  const gone: string[] = [];
  const kv = new MemoryKv();
  const small = (jobKey: string, { revision }: KvEntry) =>
    ({ revision, abandon: () => void gone.push(`${jobKey}@${revision}`) }) as unknown as PendingJob;
  const wave = new Wave(
    {
      ...{ kv, incarnation: SELF, shardCount: 9, epochOf: () => 0 as Revision },
      arrived: (_, jobKey, entry) => small(jobKey, entry),
      ...{ onBarrier: () => {}, onDelivered: () => {}, onClaim: () => {}, onEntry: () => {}, onReset: () => {} },
    },
    [1, 2, 3].map(shard),
  );
  await wave.start();
  const { handler } = kv.watched!;
  const { job, claim } = await open();
  for (const [i, [of, key]] of [
    [1, 7],
    [1, 7],
    [1, 8],
    [2, 9],
    [3, 10],
    [3, 11],
  ].entries())
    handler.onEntry(job(of!, key!, i + 1), 1);
  expect(gone).toEqual(['7@1']);
  handler.onEntry(job(1, 8, 20, encodeSnapshot(TOMBSTONE)), 1);
  expect(gone).toEqual(['7@1', '8@3']);
  handler.onEntry(claim(1, SELF, 21), 0);
  handler.onCaughtUp();
  wave.leave(shard(1)); // whoever loads it lets it go
  wave.leave(shard(2));
  expect(gone).toEqual(['7@1', '8@3', '9@4']);
  wave.stop();
  expect(gone).toEqual(['7@1', '8@3', '9@4', '10@5', '11@6']);
});

test('it is not narrowed before it has caught up, and can be after', async () => {
  const { kv, wave, handler } = await open(1, 2, 3);
  wave.leave(shard(2));
  wave.narrow();
  expect([kv.watched?.filters, wave.isWide]).toEqual([['1.*', '2.*', '3.*'], true]);
  handler.onCaughtUp();
  wave.narrow();
  expect([kv.watched?.filters, wave.isWide]).toEqual([['1.*', '3.*'], false]);
});

test('how far it is behind is what the server said with the last entry', async () => {
  const { wave, handler, job } = await open(3);
  handler.onEntry(job(3, 1, 5), 41);
  expect(wave.behind).toBe(41);
  handler.onEntry(job(3, 2, 6), 0);
  expect(wave.behind).toBe(0);
});

test('after a break it has caught up again once that is said anew, or when nobody waits any more', async () => {
  const { wave, handler } = await open(3);
  const settled: string[] = [];
  void wave.caughtUpAgain().then(() => settled.push('before it had caught up'));
  await Promise.resolve();
  expect(settled).toEqual(['before it had caught up']); // none of its jobs is here
  handler.onCaughtUp();
  void wave.caughtUpAgain().then(() => settled.push('again'));
  handler.onReset('bucket');
  await Promise.resolve();
  expect(settled).toHaveLength(1);
  handler.onCaughtUp();
  await Promise.resolve();
  expect(settled).toEqual(['before it had caught up', 'again']);
  void wave.caughtUpAgain().then(() => settled.push('stopped'));
  wave.leave(shard(3));
  await wave.caughtUpAgain();
  expect(settled.at(-1)).toBe('stopped');
});
