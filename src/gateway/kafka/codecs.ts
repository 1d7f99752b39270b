// Compression of replies: kafkajs brings gzip only, and a batch in any other codec would stop its partition for good.
// Services choose their producers' compression by themselves, so all of Kafka's codecs must be readable. Only reading: what
// we write is small and goes uncompressed.
//
// Snappy comes in two forms: Kafka's Java client writes the xerial stream (a header, then blocks with their lengths),
// librdkafka and others may write one raw block.
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import { decompressFrame } from 'lz4-napi';
import { uncompress } from 'snappy';

const { CompressionCodecs, CompressionTypes } = kafkajs;
const unzstd = promisify(zstdDecompress);

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** The magic, then the version written and the oldest one that can read it, 4 bytes each. */
const XERIAL_HEADER_BYTES = XERIAL_MAGIC.length + 8;

/** Can be called more than once. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = () => readOnly(unsnappy);
  CompressionCodecs[CompressionTypes.LZ4] = () => readOnly(decompressFrame);
  CompressionCodecs[CompressionTypes.ZSTD] = () => readOnly(unzstd);
}

export async function unsnappy(data: Buffer): Promise<Buffer> {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return rawSnappy(data);
  const blocks: Promise<Buffer>[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < data.length; ) {
    // Concatenated streams repeat the header.
    if (data.subarray(at, at + XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
      at += XERIAL_HEADER_BYTES;
      continue;
    }
    const length = data.readInt32BE(at);
    blocks.push(rawSnappy(data.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return Buffer.concat(await Promise.all(blocks));
}

async function rawSnappy(data: Buffer): Promise<Buffer> {
  const plain = await uncompress(data, { asBuffer: true });
  return typeof plain === 'string' ? Buffer.from(plain) : plain;
}

function readOnly(decompress: (data: Buffer) => Promise<Buffer>) {
  return {
    decompress,
    compress: () => Promise.reject(new Error('requests and dead letters are written uncompressed')),
  };
}
