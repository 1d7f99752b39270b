// What the seeder writes is what a node would have written: the product reads it, places it and takes it for sent.
import { expect, test } from 'vitest';
import { JobTable } from '../../bench/alone/job-table.ts';
import { bodyOf } from '../../bench/alone/measure.ts';
import { lastSequenceIn } from '../../bench/alone/stage.ts';
import { peakRssBytesIn } from '../../bench/million/measure.ts';
import { shardLines } from '../../bench/million/rehydrated.ts';
import { type SeedPlan, Seeds, seedCount, seededKeys } from '../../bench/million/seeds.ts';
import { readFlags, UsageError } from '../../bench/parts/flags.ts';
import { type Incarnation, type NodeName, shardOf } from '../../src/actors/ids.ts';
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { parseKey } from '../../src/cluster/names.ts';
import { loadConfig } from '../../src/gateway/config/config.ts';
import { nodeEnv } from '../support/nodes.ts';

const SERVERS = { natsUrl: 'nats://127.0.0.1:4222', kafkaBrokers: '127.0.0.1:9092', zeebeAddress: '127.0.0.1:26500' };
const ROUTE = { jobType: 'waiting', requestTopic: 'waiting.requests', replyTimeout: 'P180D', lateWindow: 'P1D' };
const NOW_MS = 1_790_000_000_000;

const plan: SeedPlan = {
  cluster: 'many',
  shards: 128,
  pending: 5,
  tombstones: 3,
  route: loadConfig(nodeEnv(SERVERS, 'n0', 'x', 8080), () => JSON.stringify({ cluster: 'many', routes: [ROUTE] }))
    .routes[0]!,
  variables: bodyOf(300),
  node: 'n0' as NodeName,
  incarnation: 'n0-1' as Incarnation,
  secret: { id: 'bench', key: new Uint8Array(32) },
  clock: {
    wallMs: () => NOW_MS,
    monotonicMs: () => 0,
    setTimer: () => ({ cancel() {} }),
  },
  random: { float: () => 0.5, bytes: (count) => new Uint8Array(count) },
};

const seeds = new Seeds(plan);
const all = Array.from({ length: seedCount(plan) }, (_, index) => seeds.at(index)).map(({ key, value, ttlMs }) => {
  const name = parseKey(key);
  if (name.kind !== 'job') throw new Error(`${key} is no job's`);
  return { ...name, ttlMs, snapshot: decodeSnapshot(value) };
});

test('every key is a job of its own, in the shard that a node looks for it in', () => {
  expect(all).toHaveLength(20);
  expect(new Set(all.map(({ jobKey }) => jobKey)).size).toBe(20);
  for (const { shard, jobKey } of all) expect(shard).toBe(shardOf(jobKey, plan.shards));
});

test('of four in a row three have ended, and the last waits with its request for months', () => {
  const kinds = all.map(({ snapshot }) => snapshot.kind);
  expect(kinds).toEqual(Array.from({ length: 5 }, () => ['ended', 'ended', 'ended', 'held']).flat());
  for (const { snapshot, ttlMs, jobKey } of all) {
    expect(snapshot).toMatchObject({ attempt: 1, incarnation: 'n0-1', lane: 'waiting' });
    if (snapshot.kind === 'ended') {
      expect(snapshot).toMatchObject({ outcome: 'completed', request: undefined });
      expect(ttlMs).toBe(24 * 3_600_000);
    } else {
      expect(ttlMs).toBeUndefined();
      expect(snapshot.request?.body).toHaveLength(300);
      expect(snapshot.replyDeadlineMs).toBe(NOW_MS + 180 * 24 * 3_600_000);
      expect(snapshot.request?.headers[0]?.[1]).toContain(BigInt(jobKey).toString(36));
    }
  }
});

test('the engine double knows the pending keys and no other', () => {
  const table = new JobTable(seededKeys(plan));
  const known = all.filter(({ jobKey }) => table.updateTimeout(Number(jobKey), 1, 0) === 'ok');
  expect(known.map(({ snapshot }) => snapshot.kind)).toEqual(Array.from({ length: 5 }, () => 'held'));
});

test('the most that was resident is read, and a process that has ended has none', () => {
  expect(peakRssBytesIn('Name:\tnode\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n')).toBe(2 ** 21);
  expect(() => peakRssBytesIn('Name:\tnode\n')).toThrow('has ended');
});

test('sequences, log lines and flags', () => {
  const jsz = { account_details: [{}, { stream_detail: [{ name: 'KV_a', state: { last_seq: 7 } }] }] };
  expect(lastSequenceIn(jsz, 'KV_a')).toBe(7);
  expect(() => lastSequenceIn(jsz, 'KV_b')).toThrow('KV_b');
  const line = { time: '2026-01-01T00:00:00.000Z', message: 'shard rehydrated', jobs: 3, republished: 0 };
  expect(shardLines([line, { ...line, message: 'other' }])).toEqual([
    { atMs: Date.parse(line.time), jobs: 3, republished: 0 },
  ]);
  const flags = { pending: { otherwise: 5, least: 1, most: 9 } };
  expect(readFlags([], 'u', flags, ['json'])).toEqual({ numbers: { pending: 5 }, texts: { json: '' } });
  expect(readFlags(['--pending', '9', '--json', 'f'], 'u', flags, ['json']).numbers.pending).toBe(9);
  for (const wrong of [['--pending', '10'], ['--pending', 'x'], ['--other'], ['extra'], ['--json', '']])
    expect(() => readFlags(wrong, 'u', flags, ['json'])).toThrow(UsageError);
});
