// The same key must go to the same partition as by every other client, or an upgrade would part the requests of a key.
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashOfKey } from '../../../src/gateway/kafka/key-hash.ts';

const murmur2 = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (
  key: Buffer,
) => number;

// From the tests of Kafka's own client (org.apache.kafka.common.utils.UtilsTest), before they are made positive.
it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('hashes %s as Kafka does', (key, hash) => {
  expect(hashOfKey(Buffer.from(key))).toBe(hash & 0x7fffffff);
});

it('hashes any key as kafkajs does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(hashOfKey(bytes)).toBe(murmur2(Buffer.from(bytes)) & 0x7fffffff);
    }),
    { numRuns: 1_000 },
  );
});
