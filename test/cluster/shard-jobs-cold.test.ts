// The bytes of the jobs that only wait, on every way on which a job comes and goes: the store has those that are packed, one
// each, and no other; and when all have left there is nothing in it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Incarnation, JobKey, Revision, ShardId } from '../../src/actors/ids.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import { encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { Arrivals, isJob } from '../../src/cluster/arrivals.ts';
import { jobKeyName } from '../../src/cluster/names.ts';
import type { PendingJob } from '../../src/cluster/pending-job.ts';
import { World as Job, LOCK_MS } from '../actors/pending-job-world.ts';
import { HELD, REPLIED } from '../actors/snapshot-samples.ts';
import { storeOver } from './memory.ts';
import { Host, SHARD } from './shard-host.ts';

const OTHER = 'other-1' as Incarnation;
const MONTH_MS = 30 * 24 * 3_600_000;

class Scene {
  readonly host = new Host();
  readonly arrivals: Arrivals;
  /** Delivered by a wave, and not yet taken in. */
  waiting: PendingJob[] = [];
  #offset = 0;

  constructor() {
    const { host } = this;
    this.arrivals = new Arrivals({
      context: host.context,
      control: storeOver(host.kv, host.clock),
      watermark: host.watermark,
      cold: host.cold,
      resting: (shard, jobKey, resting) => host.jobs.resting(shard, jobKey, resting),
    });
  }

  /** Another node wrote it; its request is sent, or it is a reply that came before its job. */
  written(jobKey: JobKey, kind: 'held' | 'parked') {
    const { kv, clock } = this.host;
    const heldAtMs = clock.wallMs();
    const sample = kind === 'held' ? HELD : { ...REPLIED, kind: 'parked' as const };
    const times = { heldAtMs, replyDeadlineMs: heldAtMs + MONTH_MS };
    const value = encodeSnapshot({ ...sample, ...times, incarnation: OTHER, sentAttempt: sample.attempt });
    const key = jobKeyName(SHARD, jobKey);
    kv.write(key, value);
    return kv.entries.get(key)!;
  }

  arrive(jobKey: JobKey, kind: 'held' | 'parked'): void {
    const arrived = this.arrivals.arrived(SHARD, jobKey, this.written(jobKey, kind));
    if (isJob(arrived)) this.waiting.push(arrived);
  }

  take(): void {
    for (const job of this.waiting.splice(0)) this.host.jobs.rest(job);
  }

  activate(jobKey: JobKey): void {
    const activation = new Job().activation(this.host.clock.wallMs() + LOCK_MS);
    void this.host.jobs.activated(SHARD, { ...activation, jobKey });
  }

  reply(jobKey: JobKey): void {
    this.#offset += 1;
    void this.host.jobs.replied(SHARD, { ...new Job().reply(this.#offset, {}), jobKey });
  }

  check(): void {
    const packed = [...this.host.jobs.all()].filter((job) => job.packed).length;
    expect(this.host.cold.count).toBe(packed + this.waiting.length);
  }
}

const KEYS = ['4711', '4712', '4713', '4714', '4715'] as JobKey[];
const deed = fc.record({
  do: fc.constantFrom(
    ...(['arrive', 'arriveParked', 'take', 'letGo', 'activate', 'ack', 'reply', 'foreign'] as const),
    ...(['look', 'cool', 'cool', 'probe', 'drop', 'dropAtOnce'] as const),
  ),
  key: fc.constantFrom(...KEYS),
});

async function act(scene: Scene, what: (typeof deed extends fc.Arbitrary<infer D> ? D : never)['do'], key: JobKey) {
  const { host } = scene;
  const { jobs, clock, kv } = host;
  switch (what) {
    case 'arrive':
      return scene.arrive(key, 'held');
    case 'arriveParked':
      return scene.arrive(key, 'parked');
    case 'take':
      return scene.take();
    case 'letGo':
      for (const job of scene.waiting.splice(0)) job.abandon();
      return;
    case 'activate':
      return scene.activate(key);
    case 'ack':
      return host.kafkaAcks();
    case 'reply':
      return scene.reply(key);
    case 'foreign':
      jobs.delivered(SHARD, key, scene.written(key, 'held'));
      return;
    case 'look':
      for (const job of jobs.all()) job.peek();
      return;
    case 'cool':
      return clock.advance(2 * LIMITS.coolAfterMs);
    case 'probe':
      return clock.advance(LIMITS.probeEveryMs);
    case 'drop':
      await clock.advance(0);
      jobs.drop(SHARD);
      kv.entries.clear();
      return jobs.open(SHARD);
    case 'dropAtOnce': // whatever is under way
      jobs.drop(SHARD);
      return jobs.open(SHARD);
  }
}

test('whatever comes and goes, the store has what is packed; and nothing when all have gone', async () => {
  let packed = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { maxLength: 30 }), fc.boolean(), async (deeds, atOnce) => {
      const scene = new Scene();
      const { host } = scene;
      void host.watermark.start();
      await host.clock.advance(0);
      for (const { do: what, key } of deeds) {
        await act(scene, what, key);
        if (!atOnce) await host.clock.advance(0);
        scene.check();
        packed += host.cold.count;
      }
      await act(scene, 'letGo', KEYS[0]!);
      host.jobs.drop(SHARD);
      expect([host.cold.count, host.cold.aliveBytes]).toEqual([0, 0]);
      await host.clock.advance(LIMITS.probeEveryMs); // what was warm is not packed any more
      expect([host.cold.count, host.cold.aliveBytes, host.jobs.size]).toEqual([0, 0, 0]);
      host.jobs.stop();
    }),
    { numRuns: 300 },
  );
  expect(packed).toBeGreaterThan(500);
});

test('jobs that are answered leave nothing behind', async () => {
  const scene = new Scene();
  const { host } = scene;
  for (const key of KEYS) scene.arrive(key, 'held');
  scene.take();
  expect([host.cold.count, host.lanes.total]).toEqual([5, 5]);
  for (const key of KEYS) scene.reply(key);
  await host.clock.advance(0);
  expect([host.cold.count, host.cold.aliveBytes, host.jobs.size, host.lanes.total]).toEqual([0, 0, 0, 0]);
});

test('of a job that was let go while somebody had it in his hands, nothing stands', () => {
  const scene = new Scene();
  scene.arrive(KEYS[0]!, 'held');
  scene.take();
  const [job] = [...scene.host.jobs.all()];
  scene.host.jobs.drop(3 as ShardId);
  expect([job!.packed, job!.bytes, job!.heldAtMs, job!.peek().snapshot]).toEqual([false, undefined, 0, undefined]);
  expect(job!.revision).not.toBe(0 as Revision);
});
