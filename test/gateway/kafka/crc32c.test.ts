import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32c } from '../../../src/gateway/kafka/crc32c.ts';

const byBytes = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;

// RFC 3720, appendix B.4.
it.each([
  ['zeros', Buffer.alloc(32), 0x8a9136aa],
  ['ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['rising', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
])('is the one of the RFC: %s', (_, bytes, checksum) => {
  expect(crc32c(bytes)).toBe(checksum);
});

it('is what kafkajs reckons byte by byte, wherever the bytes begin and however many there are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (all, from) => {
      const bytes = Buffer.from(all).subarray(from);
      expect(crc32c(bytes)).toBe(byBytes(bytes));
    }),
    { numRuns: 1_000 },
  );
});
