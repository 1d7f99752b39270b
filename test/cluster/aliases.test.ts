// Who has a business key, and for how long.
import { beforeEach, expect, test } from 'vitest';
import { type Incarnation, type JobKey, shardOf } from '../../src/actors/ids.ts';
import { Aliases } from '../../src/cluster/aliases.ts';
import { aliasKey, fromJson, jobKeyName } from '../../src/cluster/names.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryKv, storeOver } from './memory.ts';

const SHARDS = 8;
const INCARNATION = 'n1-1' as Incarnation;
const ONE = '2251799813685249' as JobKey;
const TWO = '2251799813685250' as JobKey;

let clock: ManualClock;
let kv: MemoryKv;
let aliases: Aliases;

beforeEach(() => {
  clock = new ManualClock();
  kv = new MemoryKv();
  aliases = new Aliases({ store: storeOver(kv, clock), clock, incarnation: INCARNATION, shards: SHARDS });
});

/** As the server stamps it, with the world's clock. */
function stamped(): void {
  const put = kv.write.bind(kv);
  kv.write = (key, value) => {
    const entry = { ...put(key, value), writtenMs: clock.wallMs() };
    kv.entries.set(key, entry);
    return entry;
  };
}

const hold = (jobKey: JobKey) => kv.write(jobKeyName(shardOf(jobKey, SHARDS), jobKey), Uint8Array.of(1));

test('a key leads to the job that claimed it, and to nobody before; the same job may claim it again', async () => {
  expect(await aliases.jobOf('order-7')).toBeUndefined();
  expect(await aliases.claim('order-7', ONE, 60_000)).toBe('ours');
  expect(await aliases.jobOf('order-7')).toBe(ONE);
  expect(await aliases.claim('order-7', ONE, 60_000)).toBe('ours');
});

test('it is taken while its job has a snapshot, a tombstone included, and free when that is gone', async () => {
  await aliases.claim('order-7', ONE, 60_000);
  hold(ONE);
  expect(await aliases.claim('order-7', TWO, 60_000)).toBe('taken');
  expect(await aliases.jobOf('order-7')).toBe(ONE);
  kv.entries.delete(jobKeyName(shardOf(ONE, SHARDS), ONE));
  expect(await aliases.claim('order-7', TWO, 60_000)).toBe('ours');
  expect(await aliases.jobOf('order-7')).toBe(TWO);
});

test('a hold that may still be on its way keeps it taken', async () => {
  stamped();
  await aliases.claim('order-7', ONE, 60_000);
  await clock.advance(119_000);
  expect(await aliases.claim('order-7', TWO, 60_000)).toBe('taken');
  await clock.advance(1_000);
  expect(await aliases.claim('order-7', TWO, 60_000)).toBe('ours');
});

test('of two that claim it at once one has it', async () => {
  stamped();
  const answers = await Promise.all([aliases.claim('order-7', ONE, 60_000), aliases.claim('order-7', TWO, 60_000)]);
  expect(answers).toEqual(['ours', 'taken']);
});

test('whatever it looks like, it makes a legal name in the bucket, and foreign data under that name is nobody\u2019s', async () => {
  const odd = 'a.b > * \u0000 \u{1F600}'.repeat(99);
  expect(aliasKey(odd)).toMatch(/^_alias\.[0-9a-f]{32}$/);
  kv.write(aliasKey(odd), Buffer.from('no JSON'));
  expect(await aliases.jobOf(odd)).toBeUndefined();
  expect(await aliases.claim(odd, ONE, 60_000)).toBe('ours');
  expect(fromJson(kv.entries.get(aliasKey(odd))!.value)).toMatchObject({ businessKey: odd, jobKey: ONE });
});

test('no record is like another: a write in doubt is known by its bytes', async () => {
  const record = async () => {
    expect(await aliases.claim('order-7', ONE, 60_000)).toBe('ours');
    return Buffer.from(kv.entries.get(aliasKey('order-7'))!.value).toString();
  };
  const first = await record();
  expect(await record()).not.toBe(first);
});
