// What stands in keys and subjects is read right, and foreign ones are not taken for ours.
import { expect, test } from 'vitest';
import type { Incarnation, JobKey, NodeName, ShardId } from '../../src/actors/ids.ts';
import { claimKey, jobKeyName, META_KEY, memberKey, parseKey, sentKey } from '../../src/cluster/names.ts';
import { readPosition } from '../../src/cluster/nats/push-consumer.ts';

test('every key that is written is read as what it is', () => {
  const shard = 17 as ShardId;
  expect(parseKey(jobKeyName(shard, '2251799813685249' as JobKey))).toEqual({
    kind: 'job',
    shard,
    jobKey: '2251799813685249',
  });
  expect(parseKey(claimKey(shard))).toEqual({ kind: 'claim', shard });
  expect(parseKey(memberKey('n-1' as NodeName))).toEqual({ kind: 'member', node: 'n-1' });
  expect(parseKey(sentKey('n-1-ab' as Incarnation))).toEqual({ kind: 'other' });
});

test.each([
  '',
  '.',
  '17',
  '17.',
  '.5',
  '17.x',
  'x.5',
  '17.5.6',
  '-1.5',
  '1e3.5',
  '17._other',
  '１.5',
  META_KEY,
  '_alias.0a',
])('the key "%s" is nobody’s', (key) => {
  expect(parseKey(key)).toEqual({ kind: 'other' });
});

test.each([
  ['$JS.ACK.KV_a.name.1.4711.12.1790000000123456789.3'],
  ['$JS.ACK._.hash.KV_a.name.1.4711.12.1790000000123456789.3'],
  ['$JS.ACK._.hash.KV_a.name.1.4711.12.1790000000123456789.3.token'],
])('the position in %s', (reply) => {
  expect(readPosition(reply)).toEqual({ revision: 4711, count: 12, writtenMs: 1_790_000_000_123, pending: 3 });
});

test('an answer to something else is no position', () => {
  expect([readPosition(''), readPosition('_INBOX.x.y'), readPosition('$JS.FC.KV_a.name.x')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
