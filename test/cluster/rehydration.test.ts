// What a new owner makes of the records of the dead: which requests they cover, and that those records last as long as any
// job that anybody has found under them.
import { describe, expect, test } from 'vitest';
import type { Incarnation, JobKey, Revision, ShardId } from '../../src/actors/ids.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { jobKeyName, sentKey, toJson } from '../../src/cluster/names.ts';
import type { KvEntry } from '../../src/cluster/ports.ts';
import { Rehydration } from '../../src/cluster/rehydration.ts';
import { keptForMs, parseSent } from '../../src/cluster/sent-record.ts';
import { SentWatermark } from '../../src/cluster/sent-watermark.ts';
import { Store } from '../../src/cluster/store.ts';
import { HELD } from '../actors/snapshot-samples.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { FIXED, MemoryKv, storeOver } from './memory.ts';

const DAY_MS = 24 * 3_600_000;
const SHARD = 3 as ShardId;
const DEAD = 'dead-1' as Incarnation;

class Takeover {
  readonly clock = new ManualClock();
  readonly kv = new MemoryKv();
  readonly ttlMs: (number | undefined)[] = [];

  constructor() {
    const { kv } = this;
    const { put } = kv;
    kv.put = (key, value, expected, options) => {
      this.ttlMs.push(options?.ttlMs);
      return put(key, value, expected, options);
    };
    kv.write(sentKey(DEAD), toJson({ upTo: 1_000, except: [['13', 1]] }));
  }

  /** Another node rehydrates held jobs of the dead one, whose reply timeouts are these; its own routes say an hour. */
  async by(name: string, replyTimeoutsMs: Readonly<Record<string, number>>) {
    const { clock, kv } = this;
    const incarnation = name as Incarnation;
    const [control, jobs] = [storeOver(kv, clock), storeOver(kv, clock)];
    const watermark = new SentWatermark({
      clock,
      control,
      jobs,
      incarnation,
      longestReplyTimeoutMs: 3_600_000,
      onFailed: () => {},
    });
    const rehydration = new Rehydration({ control, incarnation, watermark, onUnreadable: () => {} });
    const entries = Object.entries(replyTimeoutsMs).map(([jobKey, replyTimeoutMs]) => {
      const held: Snapshot = { ...HELD, incarnation: DEAD, settings: { ...HELD.settings, replyTimeoutMs } };
      const key = jobKeyName(SHARD, jobKey as JobKey);
      return [
        jobKey as JobKey,
        { key, value: encodeSnapshot(held, 1), revision: 10 as Revision, writtenMs: 0 },
      ] as const;
    });
    const found = await rehydration.read(SHARD, new Map(entries));
    await clock.advance(0);
    return { found, watermark };
  }

  get record() {
    return this.kv.entries.get(sentKey(DEAD));
  }
}

test('the record of the dead is kept for the jobs found under it, not for the routes of today', async () => {
  const takeover = new Takeover();
  const { found, watermark } = await takeover.by('b-1', { 12: DAY_MS, 13: 60 * DAY_MS });
  expect(found.map(({ jobKey, covered }) => [jobKey, covered])).toEqual([
    ['12', true],
    ['13', false],
  ]);
  expect(takeover.ttlMs).toEqual([120 * DAY_MS]);
  expect(parseSent(takeover.record)).toEqual({ upTo: 1_000, except: [['13', 1]] });
  // And our own, which speaks for them from now on.
  expect(watermark.ttlMs).toBe(120 * DAY_MS);
});

test('whoever finds only short jobs under it does not shorten what another one needs', async () => {
  const takeover = new Takeover();
  await takeover.by('b-1', { 12: 60 * DAY_MS });
  await takeover.by('c-1', { 13: DAY_MS });
  expect(takeover.ttlMs).toEqual([120 * DAY_MS, 120 * DAY_MS]);
});

test.each([
  ['shorter', 30, [120, 120]],
  ['longer', 200, [120]],
])(
  'one that was renewed by another at the same moment, for a %s time: the longer one counts',
  async (_, days, triedDays) => {
    const takeover = new Takeover();
    const { put } = takeover.kv;
    takeover.kv.put = (key, value, expected, options) => {
      if (takeover.ttlMs.length === 0)
        takeover.kv.write(key, toJson({ upTo: 1_000, except: [], ttlMs: days * DAY_MS }));
      return put(key, value, expected, options);
    };
    await takeover.by('b-1', { 12: 60 * DAY_MS });
    await takeover.clock.advance(1_000);
    expect(takeover.ttlMs).toEqual(triedDays.map((tried) => tried * DAY_MS));
    expect(keptForMs(takeover.record)).toBe(Math.max(120, days) * DAY_MS);
  },
);

test('two that renew it for the same time write different bytes: a write in doubt is known by its own', async () => {
  const renewed = async (name: string) => {
    const takeover = new Takeover();
    await takeover.by(name, { 12: DAY_MS });
    return Buffer.from(takeover.record?.value ?? []).toString();
  };
  expect(await renewed('b-1')).not.toBe(await renewed('c-1'));
});

describe('shards that come together, all written by the same dead node', () => {
  const entryOf = (shard: number, replyTimeoutMs: number): [JobKey, KvEntry] => {
    const held: Snapshot = { ...HELD, incarnation: DEAD, settings: { ...HELD.settings, replyTimeoutMs } };
    const key = jobKeyName(shard as ShardId, '12' as JobKey);
    return ['12' as JobKey, { key, value: encodeSnapshot(held, 1), revision: 10 as Revision, writtenMs: 0 }];
  };

  function node({ kv, clock }: Takeover, onRestored: (reason: string) => void = () => {}) {
    const incarnation = 'b-1' as Incarnation;
    const control = new Store({ kv, clock, random: FIXED, maxInFlight: 100, onRestored });
    const shared = { clock, control, incarnation };
    const watermark = new SentWatermark({ ...shared, jobs: control, longestReplyTimeoutMs: 1, onFailed: () => {} });
    const rehydration = new Rehydration({ ...shared, watermark, onUnreadable: () => {} });
    return (shard: number, replyTimeoutMs: number) =>
      rehydration.read(shard as ShardId, new Map([entryOf(shard, replyTimeoutMs)]));
  }

  test('renew its record once, and once more only for a longer time', async () => {
    const takeover = new Takeover();
    const read = node(takeover);
    await Promise.all(Array.from({ length: 40 }, (_, shard) => read(shard, 60 * DAY_MS)));
    await takeover.clock.advance(0);
    expect(takeover.ttlMs).toEqual([120 * DAY_MS]);
    await Promise.all([read(41, 60 * DAY_MS), read(42, 90 * DAY_MS)]);
    await takeover.clock.advance(0);
    expect(takeover.ttlMs.slice(1)).toContain(180 * DAY_MS);
    expect(keptForMs(takeover.record)).toBe(180 * DAY_MS);
  });

  test('a renewal that is in doubt is not taken for an earlier one of the same node, and the bucket for an older one', async () => {
    const takeover = new Takeover();
    const restored: string[] = [];
    const read = node(takeover, (reason) => restored.push(reason));
    const { kv, clock } = takeover;
    const old = takeover.record;
    await read(1, DAY_MS);
    await clock.advance(0);
    const standing = takeover.record;
    // Another shard's read of the record was under way meanwhile, and the first try of its renewal is not answered.
    kv.get = async () => old;
    const { put } = kv;
    let tries = 0;
    kv.put = async (...asked) =>
      ++tries === 1 ? { kind: 'inDoubt', reason: 'another write is in flight' } : put(...asked);
    await read(2, DAY_MS);
    await clock.advance(5_000);
    expect(tries).toBeGreaterThan(1);
    expect(restored).toEqual([]);
    expect(takeover.record).toBe(standing);
  });
});
