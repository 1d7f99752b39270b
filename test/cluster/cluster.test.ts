// How a node's lives follow each other and end, whatever moment the end is asked for.
import { expect, test } from 'vitest';
import type { CorrelationId, JobKey, NodeName, ShardId } from '../../src/actors/ids.ts';
import type { EngineAnswer } from '../../src/actors/ports.ts';
import { Cluster, type ClusterEnd } from '../../src/cluster/cluster.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { fromJson, META_KEY, memberKey, toJson } from '../../src/cluster/names.ts';
import { World as Job, plainMeaning } from '../actors/pending-job-world.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { FIXED, MemoryBus, MemoryKv } from './memory.ts';

class OneNode {
  readonly clock = new ManualClock();
  readonly kv = new MemoryKv();
  readonly bus = new MemoryBus();
  readonly events: string[] = [];
  readonly metas: string[] = [];
  prepare: () => Promise<void> = async () => {};
  engine: () => Promise<EngineAnswer> = async () => ({ code: 'transient', unseen: false, message: 'away' });
  end: ClusterEnd | undefined;
  #number = 0;
  readonly cluster: Cluster;

  constructor() {
    const { clock, kv, bus } = this;
    const engine = () => this.engine();
    this.cluster = new Cluster({
      clock,
      random: { ...FIXED, bytes: (count) => new Uint8Array(count).fill(++this.#number) },
      kv,
      bus,
      engine: {
        complete: engine,
        fail: engine,
        throwError: engine,
        updateTimeout: engine,
        publishMessage: engine,
      },
      requests: {
        publish: () => {},
        withdraw: () => 'unknown',
        giveUp: () => {},
        cancel: () => {},
        discardAll: () => {},
      },
      cluster: 'c',
      node: 'self' as NodeName,
      shards: 4,
      leaseTtlMs: 5_000,
      longestReplyTimeoutMs: 0,
      prepare: () => this.prepare(),
      report: () => ({ consumerMemberId: '', replyProgress: {}, secrets: [], snapshotVersions: [1, 2] }),
      correlationId: () => 'id' as CorrelationId,
      interpret: plainMeaning,
      assignedOnce: () => true,
      replyPartitions: () => 1,
      onGone: () => {},
      onMeta: (value) => this.metas.push(String(value)),
      onEvent: ({ kind }) => this.events.push(kind),
    });
  }

  async run(): Promise<void> {
    void this.cluster.run().then((end) => {
      this.end = end;
    });
    await this.clock.advance(0);
  }
}

test('asked to leave while it still waits for its bucket, a node joins no more', async () => {
  const node = new OneNode();
  const prepared = Promise.withResolvers<void>();
  node.prepare = () => prepared.promise;
  await node.run();
  await node.cluster.leave();
  prepared.resolve();
  await node.clock.advance(1_000);
  expect(node.end?.kind).toBe('left');
  expect(node.events).toEqual([]);
});

test('asked to leave before the view of the others is complete, it leaves', async () => {
  const node = new OneNode();
  await node.run();
  expect(node.kv.watched).toBeDefined(); // and it never catches up
  await node.cluster.leave();
  await node.clock.advance(1_000);
  expect(node.end?.kind).toBe('left');
});

test('asked to leave while JetStream does not answer, it leaves in order too', async () => {
  const node = new OneNode();
  node.kv.bucketId = () => node.kv.get('nothing').then(() => 'bucket');
  node.kv.up = false;
  await node.run();
  await node.cluster.leave();
  await node.clock.advance(1_000);
  expect(node.end).toEqual({ kind: 'left', reason: 'asked to leave' });
});

test('a renewal of its own former life that lands late does not pass for another process', async () => {
  const node = new OneNode();
  await node.run();
  node.kv.caughtUp();
  await node.clock.advance(500);
  const former = node.kv.entries.get(memberKey('self' as NodeName))!;
  node.cluster.life?.lose('for the test');
  // Between the look at the name and the first record of the next life.
  const put = node.kv.put;
  node.kv.put = async (key, ...rest) => {
    if (key === former.key) {
      node.kv.put = put;
      node.kv.write(former.key, former.value);
    }
    return put(key, ...rest);
  };
  await node.clock.advance(3_000);
  node.kv.caughtUp();
  await node.clock.advance(500);
  expect(node.end).toBeUndefined();
  expect(node.events.filter((kind) => kind === 'joined')).toHaveLength(2);
  const standing = fromJson(node.kv.entries.get(former.key)!.value) as { incarnation: string };
  expect(standing.incarnation).toBe(node.cluster.life?.incarnation);
});

test('a record of the bucket that changes under a running node is told to whoever keeps the secrets', async () => {
  const node = new OneNode();
  await node.run();
  const { handler } = node.kv.watches.find(({ filters }) => filters.includes(META_KEY))!;
  handler.onEntry(node.kv.write(META_KEY, Buffer.from('changed')), 0);
  expect(node.metas).toEqual(['changed']);
});

test('what waits for its turn with the engine when a life ends is told at once, and never sent', async () => {
  const node = new OneNode();
  await node.run();
  node.kv.caughtUp();
  await node.clock.advance(500);
  const asked: ((answer: EngineAnswer) => void)[] = [];
  node.engine = () => new Promise((answer) => asked.push(answer));
  const life = node.cluster.life!;
  const shard = 0 as ShardId;
  life.jobs.open(shard);
  const answers: unknown[] = [];
  for (let job = 0; job < CLUSTER_LIMITS.engineInFlight + 5; job++) {
    const reply = { ...new Job().reply(job, {}), jobKey: String(job) as JobKey };
    void life.jobs.replied(shard, reply).then((answer) => answers.push(answer));
  }
  await node.clock.advance(0);
  expect(asked).toHaveLength(CLUSTER_LIMITS.engineInFlight);
  life.lose('for the test');
  await node.clock.advance(0);
  expect(answers).toEqual(new Array(5).fill('retry'));
  for (const answer of asked) answer({ code: 'ok', unseen: false, message: '' });
  await node.clock.advance(100);
  expect(asked).toHaveLength(CLUSTER_LIMITS.engineInFlight);
});

test('after a break a node acts again once it has heard what became of its jobs, not only whose its shards are', async () => {
  const node = new OneNode();
  const { clock, kv, bus, events } = node;
  await node.run();
  for (let turn = 0; turn < 5; turn++) {
    const writtenMs = clock.wallMs();
    for (const { handler } of kv.watches)
      for (const entry of kv.entries.values()) handler.onEntry({ ...entry, writtenMs }, 0);
    kv.caughtUp();
    await clock.advance(500);
  }
  expect(events.filter((kind) => kind === 'rehydrated')).toHaveLength(4);
  const { gate } = node.cluster.life!;
  expect(gate.mayAct()).toBe(true);
  bus.connection(false);
  bus.connection(true);
  await clock.advance(2_000); // the claims were read long since
  expect(gate.mayAct()).toBe(false);
  kv.caughtUp();
  await clock.advance(0);
  expect(gate.mayAct()).toBe(true);
});

test('snapshots are written as a node of the version before reads them, also for a while after it has gone', async () => {
  const node = new OneNode();
  const record = { node: 'old', incarnation: 'old-1', state: 'left', renewal: 3, snapshotVersions: [1] };
  await node.run();
  const { handler } = node.kv.watches.find(({ filters }) => filters.includes('_member.*'))!;
  handler.onEntry(node.kv.write(memberKey('old' as NodeName), toJson(record)), 0);
  node.kv.caughtUp();
  await node.clock.advance(500);
  const life = node.cluster.life!;
  life.jobs.open(0 as ShardId);
  const versionOfHold = async (jobKey: string) => {
    const activation = new Job().activation(node.clock.wallMs() + 20_000);
    void life.jobs.activated(0 as ShardId, { ...activation, jobKey: jobKey as JobKey });
    await node.clock.advance(10);
    return node.kv.entries.get(`0.${jobKey}`)?.value[0];
  };
  expect(await versionOfHold('1')).toBe(1);
  // It came back, of this version; then it is gone for good.
  handler.onEntry(node.kv.write(memberKey('old' as NodeName), toJson({ ...record, snapshotVersions: [1, 2] })), 0);
  expect(await versionOfHold('2')).toBe(2);
  handler.onEntry(node.kv.write(memberKey('older' as NodeName), toJson({ ...record, node: 'older' })), 0);
  expect(await versionOfHold('3')).toBe(1);
  await node.clock.advance(CLUSTER_LIMITS.versionOfGoneMs);
  expect(await versionOfHold('4')).toBe(2);
});
