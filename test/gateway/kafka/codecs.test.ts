// Each codec of Kafka gives back what was written and no more than it may; snappy in both its forms, from bytes written by
// hand after the format's description.
import { randomBytes } from 'node:crypto';
import { compressFrameSync } from 'lz4-napi';
import { describe, expect, it } from 'vitest';
import { decompress } from '../../../src/gateway/kafka/codecs.ts';
import { plainBytesOfLz4 } from '../../../src/gateway/kafka/lz4-size.ts';
import { CODECS, xerial } from './bombs.ts';

const MB = 1024 * 1024;
const MOST_BYTES = 64 * MB;
const SNAPPY = 2;
const LZ4 = 3;

/** One literal: its length as a varint, the tag (length − 1) << 2, the bytes. */
const block = (text: string) => Buffer.concat([Buffer.from([text.length, (text.length - 1) << 2]), Buffer.from(text)]);
const framed = (text: string) => Buffer.concat([Buffer.from([0, 0, 0, block(text).length]), block(text)]);
const unsnappy = (data: Buffer) => decompress(SNAPPY, data, MOST_BYTES);

describe.each(CODECS)('$name', ({ number, compress }) => {
  const [head, tail] = [randomBytes(1_000), randomBytes(1_000)];

  it('reads a large batch', async () => {
    const plain = await decompress(number, compress(head, 60 * MB, tail), MOST_BYTES);
    expect(plain.length).toBe(60 * MB + 2_000);
    expect([plain.subarray(0, 1_000).equals(head), plain.subarray(-1_000).equals(tail)]).toEqual([true, true]);
  });

  it('reads up to the limit, and not a byte beyond it', async () => {
    const plain = compress(head, 10_000, tail);
    expect((await decompress(number, plain, 12_000)).length).toBe(12_000);
    await expect(decompress(number, plain, 11_999)).rejects.toThrow('it decompresses to more than 11999 bytes');
  });

  it('refuses a gigabyte, soon and without allocating it', async () => {
    const bomb = compress(head, 1_024 * MB, tail);
    const [before, sinceMs] = [process.resourceUsage().maxRSS, performance.now()];
    await expect(decompress(number, bomb, MOST_BYTES)).rejects.toThrow('it decompresses to more than');
    expect(performance.now() - sinceMs).toBeLessThan(5_000);
    expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(400);
  });

  it('refuses what is no such data', async () => {
    await expect(decompress(number, Buffer.from('hello, this is nothing'), MOST_BYTES)).rejects.toThrow();
    await expect(decompress(number, compress(head, 10_000, tail).subarray(0, 600), MOST_BYTES)).rejects.toThrow();
  });
});

it('knows no other codec', async () => {
  await expect(decompress(5, Buffer.alloc(10), MOST_BYTES)).rejects.toThrow('there is no codec 5');
});

it('reads snappy as one raw block, a stream of blocks, and streams that follow one another', async () => {
  expect(String(await unsnappy(block('hello')))).toBe('hello');
  expect(String(await unsnappy(xerial(Buffer.concat([framed('hello '), framed('world')]))))).toBe('hello world');
  expect(String(await unsnappy(Buffer.concat([xerial(framed('a')), xerial(framed('b'))])))).toBe('ab');
  await expect(unsnappy(Buffer.from([5, 16, 104]))).rejects.toThrow();
});

it('does not go back in a stream of snappy blocks for ever', async () => {
  const [back, nothing] = [xerial(Buffer.from([0xff, 0xff, 0xff, 0xfc])), xerial(Buffer.alloc(4))];
  await expect(unsnappy(back)).rejects.toThrow('a snappy block of -4 bytes');
  await expect(unsnappy(nothing)).rejects.toThrow('a snappy block of 0 bytes');
});

it('measures LZ4 of any content, with every option of the frame, as the decoder decompresses it', async () => {
  const texts = [Buffer.alloc(0), Buffer.from('a'), randomBytes(200_000), Buffer.from('abcdefg '.repeat(50_000))];
  texts.push(
    Buffer.concat(texts),
    Buffer.from(JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ i, j: i * i })))),
  );
  for (const text of texts) {
    for (const options of [{}, { contentChecksum: true }, { blockChecksums: true, contentChecksum: true }]) {
      const frame = compressFrameSync(text, options);
      expect(plainBytesOfLz4(frame)).toBe(text.length);
      expect((await decompress(LZ4, frame, text.length)).equals(text)).toBe(true);
    }
  }
  const two = Buffer.concat([compressFrameSync(texts[2]!), compressFrameSync(texts[3]!)]);
  expect(plainBytesOfLz4(two)).toBe(600_000);
});
