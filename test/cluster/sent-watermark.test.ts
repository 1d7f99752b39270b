// The record may be late, and must never lie: whatever it covers, Kafka has acknowledged, at any moment at which the node
// may die; and it is late by no more than the time to flush.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Incarnation, JobKey, Lane, Revision, ShardId } from '../../src/actors/ids.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import type { KvEntry, KvPort, KvPutAnswer } from '../../src/cluster/ports.ts';
import { covers, keptFor, keptForMs, parseSent, type SentRecord } from '../../src/cluster/sent-record.ts';
import { SentWatermark } from '../../src/cluster/sent-watermark.ts';
import { Store } from '../../src/cluster/store.ts';
import { ManualClock, settled } from '../support/manual-clock.ts';

const SELF = 'node-1-abc' as Incarnation;
const LANE = 'charge' as Lane;
const SHARD = 3 as ShardId;
const DAY_MS = 24 * 3_600_000;
const HALF = { float: () => 0.5, bytes: (count: number) => new Uint8Array(count) };

interface Try {
  readonly key: string;
  readonly value: Uint8Array;
  readonly expected: Revision;
  readonly answer: (answer: KvPutAnswer) => void;
}

/** A bucket whose writes are answered when, and as, the test says. */
class Bucket {
  readonly entries = new Map<string, KvEntry>();
  readonly tries: Try[] = [];
  /** Keys whose writes are answered at once. */
  prompt: (key: string) => boolean = () => true;
  /** Of the last try. */
  ttlMs: number | undefined;
  #sequence = 0;

  readonly port: KvPort = {
    put: (key, value, expected, options) =>
      new Promise((answer) => {
        this.ttlMs = options?.ttlMs;
        const one = { key, value, expected, answer };
        if (this.prompt(key)) answer(this.land(one));
        else this.tries.push(one);
      }),
    get: async (key) => this.entries.get(key),
    getRevision: async (revision) => [...this.entries.values()].find((entry) => entry.revision === revision),
    bucketId: async () => 'bucket',
    watch: () => Promise.reject(new Error('nobody watches here')),
  };

  land({ key, value, expected }: Pick<Try, 'key' | 'value' | 'expected'>): KvPutAnswer {
    const standing = this.entries.get(key)?.revision ?? (0 as Revision);
    if (standing !== expected) return { kind: 'refused', revision: standing };
    const revision = ++this.#sequence as Revision;
    this.entries.set(key, { key, value, revision, writtenMs: 0 });
    return { kind: 'stored', revision };
  }
}

/** A node as far as the watermark sees it: holds are written, published, acknowledged, written again. */
class Node {
  readonly clock = new ManualClock();
  readonly bucket = new Bucket();
  readonly jobs: Store;
  readonly watermark: SentWatermark;
  readonly acked = new Set<string>();
  /** When a hold was acknowledged by Kafka or first written. */
  readonly movedMs = new Map<string, number>();
  readonly #published = new Set<string>();

  constructor() {
    const options = { kv: this.bucket.port, clock: this.clock, random: HALF, maxInFlight: 100, onRestored: () => {} };
    this.jobs = new Store(options);
    this.watermark = new SentWatermark({
      clock: this.clock,
      control: new Store(options),
      jobs: this.jobs,
      incarnation: SELF,
      longestReplyTimeoutMs: 0,
      onFailed: () => {},
    });
  }

  /** As the pending job does it. `again`: the shard comes back, and what stands is written once more. */
  async hold(key: string, again: boolean, replyTimeoutMs = 1_000, lane = LANE): Promise<void> {
    const jobKey = key as JobKey;
    const standing = this.bucket.entries.get(key)?.revision ?? (0 as Revision);
    if (standing > 0 && !again) return;
    if (standing > 0 && this.acked.has(key)) return;
    this.watermark.issued(SHARD, jobKey, 1, lane, replyTimeoutMs);
    const answer = await this.jobs.put(key, Buffer.from(`${key} at ${this.clock.monotonicMs()}`), standing);
    if (answer.kind !== 'stored') return this.watermark.refused(jobKey, 1);
    this.watermark.stored(jobKey, 1, answer.revision);
    this.movedMs.set(key, this.clock.monotonicMs());
    this.#published.add(key);
  }

  kafkaAcks(key: string): void {
    if (!this.#published.delete(key)) return;
    this.acked.add(key);
    this.movedMs.set(key, this.clock.monotonicMs());
    this.watermark.settled(key as JobKey, 1);
  }

  get record(): SentRecord {
    return parseSent(this.bucket.entries.get(`_sent.${SELF}`));
  }

  covered(key: string): boolean {
    const entry = this.bucket.entries.get(key);
    return entry !== undefined && covers(this.record, entry.revision, key as JobKey, 1);
  }
}

type Event =
  | { readonly do: 'hold'; readonly key: number; readonly again: boolean }
  | { readonly do: 'answer'; readonly which: number; readonly how: 'lands' | 'landsUnseen' | 'isLost' | 'hangs' }
  | { readonly do: 'foreign' }
  | { readonly do: 'ack'; readonly key: number }
  | { readonly do: 'time'; readonly ms: number }
  | { readonly do: 'flush' };

const key = fc.nat(5);
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('hold' as const), key, again: fc.boolean() }), weight: 4 },
  {
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      which: fc.nat(3),
      how: fc.constantFrom('lands' as const, 'lands' as const, 'landsUnseen' as const, 'isLost' as const),
    }),
    weight: 6,
  },
  { arbitrary: fc.constant({ do: 'foreign' as const }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant('ack' as const), key }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(20, 60, 160, 700) }), weight: 4 },
  { arbitrary: fc.constant({ do: 'flush' as const }), weight: 1 },
);

test('at whatever moment the node dies, what its record covers was acknowledged by Kafka, and the record is not late', async () => {
  const seen = { covered: 0, uncovered: 0, named: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent, { maxLength: 60, size: 'max' }), async (events) => {
      const node = new Node();
      const { bucket, clock, watermark } = node;
      await watermark.start();
      bucket.prompt = (name) => name.startsWith('_sent');
      let upTo = 0;
      for (const event of events) {
        if (event.do === 'hold') void node.hold(`1${event.key}`, event.again);
        else if (event.do === 'ack') node.kafkaAcks(`1${event.key}`);
        else if (event.do === 'time') await clock.advance(event.ms);
        else if (event.do === 'flush') void watermark.flush();
        else if (event.do === 'foreign') {
          const other = { key: '99', value: new Uint8Array(), expected: bucket.entries.get('99')?.revision };
          const answer = bucket.land({ ...other, expected: other.expected ?? (0 as Revision) });
          if (answer.kind === 'stored') node.jobs.noteDelivered(answer.revision);
        } else {
          const [one] = bucket.tries.splice(event.which % Math.max(1, bucket.tries.length), 1);
          const doubt = { kind: 'inDoubt', reason: 'no answer' } as const;
          if (one !== undefined && event.how === 'isLost') one.answer(doubt);
          else if (one !== undefined) {
            const answer = bucket.land(one);
            one.answer(event.how === 'lands' ? answer : doubt);
          }
        }
        await clock.advance(0);
        const { record } = node;
        expect(record.upTo).toBeGreaterThanOrEqual(upTo);
        upTo = record.upTo;
        seen.named += record.except.length;
        for (const name of ['10', '11', '12', '13', '14', '15']) {
          if (node.covered(name)) {
            seen.covered += 1;
            expect(node.acked, `${name} is covered by ${JSON.stringify(record)}`).toContain(name);
          } else seen.uncovered += 1;
        }
      }
      // What hangs in doubt keeps the record low, but nothing else does.
      if (bucket.tries.length > 0 || node.jobs.inDoubt > 0) return;
      await clock.advance(500);
      for (const name of node.acked) expect(node.covered(name), `${name} after 500 ms`).toBe(true);
    }),
    { numRuns: Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 300) },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
});

test('a hold that is written again stays named until that write is settled, also when it is refused', async () => {
  const node = new Node();
  const { bucket, watermark } = node;
  await watermark.start();
  await node.hold('10', false);
  await node.hold('11', false);
  node.kafkaAcks('11');
  await watermark.flush();
  expect(node.record.except).toEqual([['10', 1]]);
  bucket.prompt = (name) => name.startsWith('_sent');
  void node.hold('10', true);
  watermark.refused('10' as JobKey, 1);
  await watermark.flush();
  expect(node.covered('11')).toBe(true);
  expect(node.covered('10')).toBe(false);
});

test('a first write that is given up and may stand all the same is named, where it would count as sent', async () => {
  const node = new Node();
  const { bucket, watermark } = node;
  await watermark.start();
  bucket.prompt = (name) => name.startsWith('_sent');
  void node.hold('10', false);
  await settled();
  bucket.land(bucket.tries[0]!);
  watermark.refused('10' as JobKey, 1, true);
  bucket.prompt = () => true;
  await node.hold('11', false);
  node.kafkaAcks('11');
  await watermark.flush();
  expect(node.covered('11')).toBe(true);
  expect(node.covered('10')).toBe(false);
});

test('the record says nothing before it is started, and covers nothing that is absent or unreadable', async () => {
  const node = new Node();
  await node.watermark.start();
  expect(node.record).toEqual({ upTo: 0, except: [] });
  for (const bytes of ['', '{"upTo":"9","except":[]}', '{"upTo":9}', '[]']) {
    const entry = { key: '_sent.x', value: Buffer.from(bytes), revision: 1 as Revision, writtenMs: 0 };
    expect(covers(parseSent(entry), 1 as Revision, '10' as JobKey, 1)).toBe(false);
  }
  expect(covers(parseSent(undefined), 1 as Revision, '10' as JobKey, 1)).toBe(false);
});

/** Holds of a lane until it has no room, named from this number on; answers how many. */
async function fill(node: Node, lane: Lane, from: number): Promise<number> {
  let number = from;
  for (; node.watermark.room(lane) > 0; number++) await node.hold(String(number), false, 1_000, lane);
  return number - from;
}

test('a lane may owe half of what the others leave, so that a stuck one stops itself and leaves room for the others', async () => {
  const node = new Node();
  const { watermark } = node;
  await watermark.start();
  const lanes = ['a', 'b', 'c', 'd'].map((name) => name as Lane);
  expect(watermark.room(lanes[0]!)).toBe(CLUSTER_LIMITS.watermarkExceptions / 2);
  const owed: number[] = [];
  for (const [index, lane] of lanes.entries()) owed.push(await fill(node, lane, (index + 1) * 10_000));
  expect(owed).toEqual([500, 250, 125, CLUSTER_LIMITS.laneUnackedLeast]);
  // Who came first owes more than its share by now, and is not let in before it owes less; what is settled frees all.
  expect(watermark.room(lanes[0]!)).toBe(0);
  for (let number = 0; number < 300; number++) node.kafkaAcks(String(10_000 + number));
  expect(lanes.map((lane) => watermark.room(lane))).toEqual([62, 37, 100, 112]);
  expect(watermark.room('quiet' as Lane)).toBe(162);
});

test('however many lanes are stuck, each further one has its least share', async () => {
  const node = new Node();
  await node.watermark.start();
  for (let lane = 0; lane < 12; lane++) {
    const owed = await fill(node, `lane-${lane}` as Lane, (lane + 1) * 10_000);
    expect(owed).toBeGreaterThanOrEqual(CLUSTER_LIMITS.laneUnackedLeast);
  }
  expect(node.watermark.unacked()).toBeGreaterThan(CLUSTER_LIMITS.watermarkExceptions);
});

test('with more unacknowledged requests than it may name it stays below the first that does not fit', async () => {
  const node = new Node();
  const { bucket, watermark } = node;
  await watermark.start();
  const most = CLUSTER_LIMITS.watermarkExceptions;
  for (let number = 0; number < most + 50; number++) await node.hold(String(100_000 + number), false);
  node.kafkaAcks(String(100_000 + most + 49));
  await watermark.flush();
  expect(node.record.except).toHaveLength(most);
  expect(node.covered(String(100_000 + most + 49))).toBe(false);
  const { record } = node;
  const covered = [...bucket.entries.values()].filter(({ key, revision }) =>
    covers(record, revision, key as JobKey, 1),
  );
  expect(covered).toEqual([]);
  for (let number = 0; number < 100; number++) node.kafkaAcks(String(100_000 + number));
  await watermark.flush();
  expect(node.covered(String(100_000 + most + 49))).toBe(true);
});

test('somebody who renews the record while taking over does not stop its owner from writing it', async () => {
  const node = new Node();
  const { bucket, watermark } = node;
  await watermark.start();
  const standing = bucket.entries.get(`_sent.${SELF}`)!;
  bucket.land({ key: standing.key, value: standing.value, expected: standing.revision });
  await node.hold('10', false);
  node.kafkaAcks('10');
  await watermark.flush();
  expect(node.covered('10')).toBe(true);
});

test('it outlives every job it has spoken for, whatever the routes say by now, and by at least 30 days', async () => {
  const node = new Node();
  const { bucket, watermark } = node;
  await watermark.start();
  expect(bucket.ttlMs).toBe(30 * DAY_MS);
  await node.hold('10', false, 40 * DAY_MS);
  await watermark.flush();
  expect(bucket.ttlMs).toBe(80 * DAY_MS);
  await node.hold('11', false, DAY_MS);
  node.kafkaAcks('10');
  await watermark.flush();
  expect(bucket.ttlMs).toBe(80 * DAY_MS);
});

test('its writer keeps it for as long as whoever took over from him and has jobs with longer reply timeouts', async () => {
  const node = new Node();
  const { bucket, watermark } = node;
  await watermark.start();
  const standing = bucket.entries.get(`_sent.${SELF}`)!;
  bucket.land({
    key: standing.key,
    value: keptFor(standing, 90 * DAY_MS, 'other-1' as Incarnation),
    expected: standing.revision,
  });
  await node.hold('10', false);
  node.kafkaAcks('10');
  await watermark.flush();
  expect(node.covered('10')).toBe(true);
  expect([bucket.ttlMs, keptForMs(bucket.entries.get(standing.key))]).toEqual([90 * DAY_MS, 90 * DAY_MS]);
});
