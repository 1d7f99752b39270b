// The adapters on a real server: what a write answers, what a watch delivers over kill and restart, who is not there.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LocalNats, startNats } from '../../deploy/local/index.ts';
import { ABSENT, type Revision } from '../../src/actors/ids.ts';
import { bucketName, inspectBucket, makeBucket } from '../../src/cluster/nats/bucket.ts';
import { NatsBus } from '../../src/cluster/nats/bus.ts';
import { connectNats, type LinkStatus, type NatsLink, olderThan } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import { readMonitoring } from '../../src/cluster/nats/monitoring.ts';
import type { KvPutAnswer, KvWatchHandler } from '../../src/cluster/ports.ts';
import { Store, StoreClosed } from '../../src/cluster/store.ts';
import { SystemClock, SystemRandom } from '../../src/gateway/system-clock.ts';

const text = (value: Uint8Array): string => Buffer.from(value).toString();
const bytes = (value: string): Uint8Array => Buffer.from(value);

function stored(answer: KvPutAnswer): Revision {
  expect(answer.kind).toBe('stored');
  return answer.kind === 'stored' ? answer.revision : ABSENT;
}

/** Writes down everything a watch says, in order. */
class Recorder implements KvWatchHandler {
  readonly said: string[] = [];
  readonly latest = new Map<string, string>();
  resets: string[] = [];
  caughtUp = 0;
  knownWhenCaughtUp = new Set<string>();

  onEntry(entry: { key: string; value: Uint8Array }, pending: number): void {
    this.said.push(`${entry.key}=${text(entry.value)} (${pending})`);
    this.latest.set(entry.key, text(entry.value));
  }
  onCaughtUp(): void {
    this.said.push('caught up');
    this.knownWhenCaughtUp = new Set(this.latest.keys());
    this.caughtUp += 1;
  }
  onReset(bucketId: string): void {
    this.said.push('reset');
    this.resets.push(bucketId);
  }
}

interface Client extends AsyncDisposable {
  readonly link: NatsLink;
  readonly inbox: Inbox;
  readonly kv: NatsKv;
  readonly bus: NatsBus;
  readonly store: Store;
  /** What the store said when it found that the bucket went back in time. */
  readonly restored: string[];
}

async function client(url: string, cluster: string): Promise<Client> {
  const link = await connectNats({ url, name: 'test' });
  const inbox = new Inbox(link);
  const kv = new NatsKv(link, inbox, bucketName(cluster));
  const restored: string[] = [];
  const onRestored = (reason: string): void => void restored.push(reason);
  const store = new Store({ kv, clock: new SystemClock(), random: new SystemRandom(), maxInFlight: 500, onRestored });
  const dispose = async (): Promise<void> => {
    store.close();
    await link.close();
  };
  return { link, inbox, kv, bus: new NatsBus(link, inbox), store, restored, [Symbol.asyncDispose]: dispose };
}

/** Writes what must be stored in the end, through whatever happens to the server. */
async function settle(c: Client, key: string, value: string, expected: Revision, ttlMs?: number): Promise<Revision> {
  const answer = await c.store.put(key, bytes(value), expected, ttlMs === undefined ? {} : { ttlMs });
  expect(answer.kind).toBe('stored');
  return answer.kind === 'stored' ? answer.revision : ABSENT;
}

describe('one server', () => {
  let nats: LocalNats;
  beforeAll(async () => {
    nats = await startNats({ maxPayload: 1 << 20 });
  });
  afterAll(() => nats?.stop());

  test('a write is stored, refused with what stands, never, or in doubt', async () => {
    await using c = await client(nats.url, 'writes');
    expect(await c.kv.put('1.10', bytes('a'), ABSENT), 'no bucket yet').toEqual({
      kind: 'inDoubt',
      reason: 'noResponders',
    });
    expect(await makeBucket(c.inbox, 'writes', 1)).toBe('made');
    expect(await makeBucket(c.inbox, 'writes', 1)).toBe('stands');

    const first = stored(await c.kv.put('1.10', bytes('a'), ABSENT));
    expect(await c.kv.put('1.10', bytes('b'), ABSENT)).toEqual({ kind: 'refused', revision: first });
    const second = stored(await c.kv.put('1.10', bytes('b'), first));
    expect(second).toBeGreaterThan(first);
    expect(await c.kv.put('1.10', bytes('c'), first)).toEqual({ kind: 'refused', revision: second });
    expect(await c.kv.put('1.11', bytes('x'), 7 as Revision), 'update of what is absent').toEqual({
      kind: 'refused',
      revision: ABSENT,
    });

    const standing = await c.kv.get('1.10');
    expect(standing).toMatchObject({ key: '1.10', revision: second });
    expect(text(standing?.value ?? bytes(''))).toBe('b');
    expect(Math.abs((standing?.writtenMs ?? 0) - Date.now())).toBeLessThan(10_000);
    expect(await c.kv.getRevision(second)).toEqual(standing);
    expect(await c.kv.getRevision(first), 'overwritten').toBeUndefined();
    expect(await c.kv.get('1.99')).toBeUndefined();

    expect((await c.kv.put('1.12', new Uint8Array((1 << 20) + 1), ABSENT)).kind).toBe('never');
    expect(c.link.connected(), 'and the server did not throw us out').toBe(true);
    expect((await c.kv.put('1.12', new Uint8Array((1 << 20) - 200), ABSENT)).kind).toBe('stored');
  });

  test('other tools read what we write, and a key they deleted counts as absent', async () => {
    await using c = await client(nats.url, 'tools');
    await makeBucket(c.inbox, 'tools', 1);
    const bucket = await new Kvm(jetstream(c.link.nc)).open(bucketName('tools'));
    const revision = stored(await c.kv.put('_member.a', bytes('{"n":1}'), ABSENT));
    expect(await bucket.get('_member.a')).toMatchObject({ revision, key: '_member.a' });
    expect((await bucket.get('_member.a'))?.string()).toBe('{"n":1}');

    await bucket.delete('_member.a');
    expect(await c.kv.get('_member.a')).toBeUndefined();
    expect(await c.kv.put('_member.a', bytes('2'), revision)).toEqual({ kind: 'refused', revision: ABSENT });
    expect((await c.kv.put('_member.a', bytes('3'), ABSENT)).kind).toBe('stored');
    expect((await bucket.get('_member.a'))?.string()).toBe('3');
  });

  test('a record with a TTL expires silently, and its key can be created again', async () => {
    await using c = await client(nats.url, 'ttl');
    await makeBucket(c.inbox, 'ttl', 1);
    const watched = new Recorder();
    await c.kv.watch(['>'], watched);
    const revision = stored(await c.kv.put('1.10', bytes('done'), ABSENT, { ttlMs: 1 }));
    expect(await c.kv.get('1.10')).toMatchObject({ revision });
    await expect.poll(() => c.kv.get('1.10'), { timeout: 5_000 }).toBeUndefined();
    expect(await c.kv.put('1.10', bytes('x'), revision)).toEqual({ kind: 'refused', revision: ABSENT });
    stored(await c.kv.put('1.10', bytes('again'), ABSENT));
    await expect.poll(() => watched.said, { timeout: 5_000 }).toEqual(['caught up', '1.10=done (0)', '1.10=again (0)']);
  });

  test('a watch over many filters: the last of each key, then caught up once, then every write', async () => {
    await using c = await client(nats.url, 'watch');
    await makeBucket(c.inbox, 'watch', 1);
    for (let shard = 0; shard < 60; shard++) {
      const first = stored(await c.kv.put(`${shard}.1`, bytes('old'), ABSENT));
      stored(await c.kv.put(`${shard}.1`, bytes('new'), first));
    }
    const some = new Recorder();
    const filters = Array.from({ length: 50 }, (_, shard) => `${shard}.>`);
    const watch = await c.kv.watch(filters, some);
    await expect.poll(() => some.caughtUp).toBe(1);
    expect(some.said).toEqual([...filters.map((_, shard) => `${shard}.1=new (${49 - shard})`), 'caught up']);
    stored(await c.kv.put('7.2', bytes('later'), ABSENT));
    stored(await c.kv.put('55.2', bytes('not ours'), ABSENT));
    stored(await c.kv.put('8.2', bytes('last'), ABSENT));
    await expect.poll(() => some.latest.get('8.2')).toBe('last');
    expect(some.said.slice(51)).toEqual(['7.2=later (0)', '8.2=last (0)']);

    watch.stop();
    const nothing = new Recorder();
    await c.kv.watch(['777.>', '*._owner'], nothing);
    await expect.poll(() => nothing.said).toEqual(['caught up']);
    expect(some.said, 'a stopped watch is silent').toHaveLength(53);
  });

  test('a watch narrowed under writes leaves out nothing of what it still watches, and hears no more of the rest', async () => {
    await using c = await client(nats.url, 'narrowed');
    await makeBucket(c.inbox, 'narrowed', 1);
    const seen = new Recorder();
    const watch = await c.kv.watch(['>'], seen);
    await expect.poll(() => seen.caughtUp).toBe(1);
    const write = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_, i) => from + i).flatMap((i) =>
          [1, 2].map((shard) => c.kv.put(`${shard}.${i}`, bytes(`v${i}`), ABSENT)),
        ),
      );
    const writes = write(0, 300);
    watch.narrow(['1.*']);
    await writes;
    await expect.poll(() => seen.resets.length).toBe(1);
    await write(300, 400);
    const keys = (shard: number) => [...seen.latest.keys()].filter((key) => key.startsWith(`${shard}.`));
    await expect.poll(() => keys(1).length).toBe(400);
    expect(keys(2).filter((key) => Number(key.slice(2)) >= 300)).toEqual([]);
    await expect.poll(() => seen.caughtUp).toBe(2);
    watch.stop();
  });

  test('caught up under writes: no key is unknown then, although overwritten entries leave the count too early', async () => {
    await using c = await client(nats.url, 'overwritten');
    await makeBucket(c.inbox, 'overwritten', 1);
    const keys = Array.from({ length: 3_000 }, (_, n) => `1.${n}`);
    const revisions = await Promise.all(keys.map((key) => settle(c, key, 'x'.repeat(300), ABSENT)));
    let stop = false;
    // At random: in order, each write would replace the entry that is delivered first.
    const writer = async (from: number): Promise<void> => {
      while (!stop) {
        const n = from + 50 * Math.floor((Math.random() * keys.length) / 50);
        revisions[n] = await settle(c, `1.${n}`, 'y'.repeat(300), revisions[n] ?? ABSENT);
      }
    };
    const writers = Array.from({ length: 50 }, (_, from) => writer(from));
    await using reader = await client(nats.url, 'overwritten');
    for (let round = 0; round < 6; round++) {
      const watched = new Recorder();
      const watch = await reader.kv.watch(['1.>', '2.>'], watched);
      await expect.poll(() => watched.caughtUp, { timeout: 20_000 }).toBe(1);
      expect(keys.filter((key) => !watched.knownWhenCaughtUp.has(key))).toEqual([]);
      watch.stop();
    }
    stop = true;
    await Promise.all(writers);
  });

  test('caught up also comes when the last entries expire before their turn', async () => {
    await using c = await client(nats.url, 'expiring');
    await makeBucket(c.inbox, 'expiring', 1);
    const keys = Array.from({ length: 2_000 }, (_, n) => `1.${n}`);
    await Promise.all(keys.map((key, n) => settle(c, key, 'x'.repeat(300), ABSENT, n < 1_000 ? undefined : 1_000)));
    const watches = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const watched = new Recorder();
        await c.kv.watch(['1.>'], watched);
        return watched;
      }),
    );
    await expect.poll(() => watches.map(({ caughtUp }) => caughtUp), { timeout: 10_000 }).toEqual(watches.map(() => 1));
  });

  test('the bucket is inspected, and each fault has a sentence', async () => {
    await using c = await client(nats.url, 'inspect');
    expect(await inspectBucket(c.link, c.inbox, 'inspect', 1)).toBeUndefined();
    await makeBucket(c.inbox, 'inspect', 1);
    const report = await inspectBucket(c.link, c.inbox, 'inspect', 1);
    expect(report).toMatchObject({
      bucket: 'holdfast_inspect_jobs',
      faults: [],
      replicas: 1,
      maxPayloadBytes: 1 << 20,
    });
    expect(olderThan(report?.serverVersion ?? '', '2.14.6')).toBe(false);
    const wanting = await inspectBucket(c.link, c.inbox, 'inspect', 3);
    expect(wanting?.faults).toEqual([expect.stringMatching(/^num_replicas is 1, should be 3: /)]);

    await new Kvm(jetstream(c.link.nc)).create(bucketName('foreign'), { history: 5, markerTTL: 1_000 });
    const foreign = await inspectBucket(c.link, c.inbox, 'foreign', 1);
    expect(foreign?.faults.map((fault) => fault.split(' ')[0])).toEqual([
      'max_msgs_per_subject',
      'allow_direct',
      'subject_delete_marker_ttl',
      'max_consumers',
    ]);
    const [url = ''] = nats.monitorUrls;
    expect(await readMonitoring([url, `${url}/`, 'http://127.0.0.1:1'])).toMatchObject({
      servers: [{ at: new URL(url).host, peers: 0, flush: { always: false, intervalMs: 120_000 } }],
      silent: ['127.0.0.1:1'],
    });
  });

  test('a bucket made again is reported under another identity before its entries', async () => {
    await using c = await client(nats.url, 'remade');
    await makeBucket(c.inbox, 'remade', 1);
    const before = await c.kv.bucketId();
    for (let n = 0; n < 5; n++) stored(await c.kv.put(`1.${n}`, bytes('old'), ABSENT));
    const watched = new Recorder();
    await c.kv.watch(['1.>'], watched);
    await expect.poll(() => watched.caughtUp).toBe(1);

    const { streams } = await jetstreamManager(c.link.nc);
    await streams.delete(`KV_${bucketName('remade')}`);
    await expect(c.kv.bucketId()).rejects.toMatchObject({ code: 'KV_UNAVAILABLE' });
    await makeBucket(c.inbox, 'remade', 1);
    stored(await c.kv.put('1.9', bytes('new'), ABSENT));
    await expect.poll(() => watched.latest.get('1.9'), { timeout: 10_000 }).toBe('new');
    await expect.poll(() => watched.said.slice(6)).toEqual(['reset', '1.9=new (0)', 'caught up']);
    expect(watched.resets).toEqual([await c.kv.bucketId()]);
    expect(watched.resets[0]).not.toBe(before);
  });

  test('asking: an answer, nobody there, silence; and a dead subscriber is known at once', async () => {
    await using asker = await client(nats.url, 'bus');
    const subscriber = await client(nats.url, 'bus');
    subscriber.bus.subscribe('holdfast.bus.echo', ({ data }) => data);
    subscriber.bus.subscribe('holdfast.bus.mute', () => undefined);
    subscriber.bus.subscribe('holdfast.bus.broken', () => {
      throw new Error('a fault of the handler');
    });
    await subscriber.link.nc.flush();
    const ask = async (subject: string) => (await asker.bus.request(`holdfast.bus.${subject}`, bytes('hi'), 300)).kind;
    expect(await asker.bus.request('holdfast.bus.echo', bytes('hi'), 300)).toMatchObject({ data: bytes('hi') });
    expect(await ask('mute')).toBe('silence');
    expect(await ask('broken')).toBe('silence');
    expect(await ask('echo'), 'a handler that throws does not end the reading').toBe('answer');
    expect(await ask('absent')).toBe('noResponders');

    await subscriber.link.close();
    expect(subscriber.bus.connected()).toBe(false);
    await expect.poll(() => ask('echo'), { timeout: 2_000 }).toBe('noResponders');
  });

  test('over kill -9 and restart: cut off at once, nothing sent late, no write missed', async () => {
    await using c = await client(nats.url, 'restart');
    await makeBucket(c.inbox, 'restart', 1);
    const bucketId = await c.kv.bucketId();
    const watched = new Recorder();
    const heard: string[] = [];
    c.bus.subscribe('holdfast.restart.heard', ({ data }) => {
      heard.push(text(data));
      return data;
    });
    const changes: boolean[] = [];
    c.bus.onConnection((connected) => changes.push(connected));
    await c.kv.watch(['1.>'], watched);
    const [server] = nats.servers;
    for (const round of [1, 2]) {
      let revision = stored(await c.kv.put(`1.${round}`, bytes('before'), ABSENT));
      const unanswered = c.bus.request('holdfast.restart.silent', bytes('x'), 60_000);
      c.link.nc.subscribe('holdfast.restart.silent', { callback: () => undefined });
      await server?.kill();
      await expect.poll(() => c.bus.connected(), { timeout: 2_000 }).toBe(false);
      expect((await unanswered).kind, 'does not wait for its timeout').not.toBe('answer');
      c.bus.publish('holdfast.restart.heard', bytes('published while away'));
      expect(await c.kv.put(`1.${round}`, bytes('while away'), revision)).toEqual({
        kind: 'notSent',
        reason: 'disconnected',
      });
      expect((await c.bus.request('holdfast.restart.heard', bytes('asked while away'), 50)).kind).toBe('silence');
      await expect(c.kv.get('1.1')).rejects.toMatchObject({ code: 'KV_UNAVAILABLE' });

      await server?.restart();
      await expect.poll(() => c.bus.connected(), { timeout: 5_000 }).toBe(true);
      for (let n = 0; n < 20; n++) revision = await settle(c, `1.${round}`, `after ${n}`, revision);
      stored(await c.kv.put(`1.${round}00`, bytes('another'), ABSENT));
      await expect.poll(() => watched.latest.get(`1.${round}00`), { timeout: 10_000 }).toBe('another');
      expect(watched.latest.get(`1.${round}`)).toBe('after 19');
    }
    expect(await c.bus.request('holdfast.restart.heard', bytes('after'), 1_000)).toMatchObject({ kind: 'answer' });
    expect(heard, 'nothing published while away comes later').toEqual(['after']);
    expect(changes).toEqual([false, true, false, true]);
    const last = (what: string) => watched.said.lastIndexOf(what);
    await expect.poll(() => last('caught up')).toBeGreaterThan(last('reset'));
    expect(watched.caughtUp).toBeLessThanOrEqual(1 + watched.resets.length);
    expect(watched.resets.length).toBeGreaterThanOrEqual(2);
    expect(new Set(watched.resets)).toEqual(new Set([bucketId]));
  });

  test('an older copy of the bucket put back: the watch reports another bucket and reads it from scratch', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-nats-'));
    const own = await startNats({ dir });
    try {
      await using c = await client(own.url, 'rewound');
      await makeBucket(c.inbox, 'rewound', 1);
      stored(await c.kv.put('1.1', bytes('kept'), ABSENT));
      const [server] = own.servers;
      await server?.stop();
      await cp(join(dir, 'nats-1'), join(dir, 'copy'), { recursive: true });
      await server?.restart();
      const watched = new Recorder();
      await expect.poll(() => c.kv.watch(['1.>'], watched).then(() => 'open', String), { timeout: 5_000 }).toBe('open');
      for (let n = 2; n < 9; n++) await settle(c, `1.${n}`, 'to be lost', ABSENT);
      await expect.poll(() => watched.latest.size).toBe(8);

      await server?.stop();
      await rm(join(dir, 'nats-1'), { recursive: true });
      await cp(join(dir, 'copy'), join(dir, 'nats-1'), { recursive: true });
      watched.said.length = 0;
      await server?.restart();
      const another = () => c.kv.put('1.98', bytes('by another node'), ABSENT);
      await expect.poll(async () => (await another()).kind, { timeout: 10_000 }).toBe('stored');
      await expect(c.store.put('1.99', bytes('new'), ABSENT)).rejects.toThrow(StoreClosed);
      expect(c.restored).toHaveLength(1);
      await expect.poll(() => watched.said.at(-1), { timeout: 15_000 }).toBe('caught up');
      const all = ['1.1=kept (2)', '1.98=by another node (1)', '1.99=new (0)'];
      expect(watched.said).toEqual(['reset', ...all, 'caught up']);
      expect(watched.resets).not.toContain(await c.kv.bucketId());
    } finally {
      await own.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });

  test('the first connection waits for the server, saying why', async () => {
    const [server] = nats.servers;
    await server?.kill();
    const said: LinkStatus[] = [];
    const connecting = connectNats({ url: nats.url, name: 'early', onStatus: (status) => said.push(status) });
    await expect.poll(() => said.length, { timeout: 5_000 }).toBeGreaterThan(1);
    expect(said[0]).toMatchObject({ kind: 'waiting', reason: expect.stringContaining('127.0.0.1') });
    await server?.restart();
    await using link = await connecting;
    expect(said.at(-1)?.kind).toBe('connected');
    expect(link.connected()).toBe(true);
    const ended = AbortSignal.abort(new Error('enough'));
    await expect(connectNats({ url: nats.url, name: 'ended', signal: ended })).rejects.toThrow('enough');
  });
});
