// Snappy in both its forms, from bytes written by hand after the format's description.
import { expect, it } from 'vitest';
import { unsnappy } from '../../../src/gateway/kafka/codecs.ts';

/** One literal: its length as a varint, the tag (length − 1) << 2, the bytes. */
const block = (text: string) => Buffer.concat([Buffer.from([text.length, (text.length - 1) << 2]), Buffer.from(text)]);

function xerial(...blocks: Buffer[]): Buffer {
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const framed = blocks.flatMap((bytes) => [Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return Buffer.concat([header, ...framed]);
}

it('reads one raw block, a stream of blocks, and streams that follow one another', async () => {
  expect(String(await unsnappy(block('hello')))).toBe('hello');
  expect(String(await unsnappy(xerial(block('hello '), block('world'))))).toBe('hello world');
  expect(String(await unsnappy(Buffer.concat([xerial(block('a')), xerial(block('b'))])))).toBe('ab');
  await expect(unsnappy(Buffer.from([5, 16, 104]))).rejects.toThrow();
});
