// Three servers, three replicas: writes and watches over the death of the stream's leader, with the store on top.
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalNats, startNats } from '../../deploy/local/index.ts';
import { ABSENT, type Revision } from '../../src/actors/ids.ts';
import { bucketName, inspectBucket, makeBucket } from '../../src/cluster/nats/bucket.ts';
import { connectNats } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import type { KvEntry } from '../../src/cluster/ports.ts';
import { Store } from '../../src/cluster/store.ts';
import { SystemClock, SystemRandom } from '../../src/gateway/system-clock.ts';

const KEYS = 40;
const KILLS = 2;
const SETTLE_MS = 30_000;

let nats: LocalNats;
beforeAll(async () => {
  nats = await startNats({ servers: 3 });
});
afterAll(() => nats?.stop());

test('the leader is killed under load: every put settles once, the watch misses nothing, nobody cries wolf', async () => {
  await using link = await connectNats({ url: nats.url, name: 'test' });
  const inbox = new Inbox(link);
  const cluster = 'replicas';
  // A cluster that has just started may not have agreed yet who places streams.
  await expect
    .poll(() => makeBucket(inbox, cluster, 3).catch((error: Error) => error.message), { timeout: 20_000 })
    .toMatch(/^(made|stands)$/);
  expect(await inspectBucket(link, inbox, cluster, 3)).toMatchObject({ faults: [], replicas: 3 });
  const kv = new NatsKv(link, inbox, bucketName(cluster));
  const bucketId = await kv.bucketId();
  const restored: string[] = [];
  const store = new Store({
    kv,
    clock: new SystemClock(),
    random: new SystemRandom(),
    maxInFlight: 1_000,
    onRestored: (reason) => restored.push(reason),
  });

  const delivered = new Map<string, Revision>();
  const resets: string[] = [];
  const watch = await kv.watch(['1.>'], {
    onEntry: (entry: KvEntry) => {
      store.noteDelivered(entry.revision);
      delivered.set(entry.key, entry.revision);
    },
    onCaughtUp: () => undefined,
    onReset: (id) => resets.push(id),
  });

  let stop = false;
  let puts = 0;
  let slowestMs = 0;
  /** One writer a key, as an actor is; a conflict is impossible for it. */
  const writer = async (key: string): Promise<Revision> => {
    let revision = ABSENT;
    for (let n = 0; !stop; n++) {
      const startMs = performance.now();
      const answer = await store.put(key, Buffer.from(`${key} ${n}`), revision);
      expect(answer).toMatchObject({ kind: 'stored' });
      if (answer.kind === 'stored') revision = answer.revision;
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      puts += 1;
    }
    return revision;
  };
  const writers = Array.from({ length: KEYS }, (_, n) => writer(`1.${n}`));
  const { streams } = await jetstreamManager(link.nc, { checkAPI: false });
  const peers = async () => (await streams.info(`KV_${bucketName(cluster)}`).catch(() => undefined))?.cluster;
  const leader = async () => (await peers())?.leader;
  const inSync = async () => (await peers())?.replicas?.filter(({ current, offline }) => current && !offline).length;
  for (let kill = 0; kill < KILLS; kill++) {
    await expect.poll(inSync, { timeout: SETTLE_MS }).toBe(2);
    const before = puts;
    await expect.poll(() => puts, { timeout: SETTLE_MS }).toBeGreaterThan(before + KEYS * 3);
    const name = await leader();
    const server = nats.servers.find((candidate) => candidate.name === name);
    await server?.kill();
    const atKill = puts;
    await expect.poll(leader, { timeout: SETTLE_MS }).not.toBe(name);
    await expect.poll(() => puts, { timeout: SETTLE_MS }).toBeGreaterThan(atKill + KEYS * 3);
    await server?.restart();
  }
  stop = true;
  const finals = await Promise.all(writers);
  for (const [n, revision] of finals.entries()) {
    expect(await store.get(`1.${n}`)).toMatchObject({ revision });
    await expect.poll(() => delivered.get(`1.${n}`), { timeout: SETTLE_MS }).toBe(revision);
  }
  watch.stop();
  store.close();
  expect(restored).toEqual([]);
  expect(new Set(resets).size, 'the bucket is the same').toBeLessThanOrEqual(1);
  for (const id of resets) expect(id).toBe(bucketId);
  expect(slowestMs, 'writes did wait for a new leader').toBeGreaterThan(1_000);
});
