// Compression of replies: services choose their producers' compression by themselves, so all of Kafka's codecs are read.
// Only reading: what we write is small and goes uncompressed.
//
// None of them yields more than `mostBytes`: a batch of a few kilobytes can say that it is gigabytes, and zstd and gzip can make
// them so. zlib counts while it writes; snappy and LZ4 are measured before anything is allocated.
//
// Snappy comes in two forms: Kafka's Java client writes the xerial stream (a header, then blocks with their lengths),
// librdkafka and others may write one raw block.
import { promisify } from 'node:util';
import { unzip, zstdDecompress } from 'node:zlib';
import { decompressFrame } from 'lz4-napi';
import { uncompress } from 'snappy';
import { plainBytesOfLz4 } from './lz4-size.ts';

const [unzipped, unzstd] = [promisify(unzip), promisify(zstdDecompress)];

/** By the number in a batch's attributes; 0 is no compression. */
const CODECS: Readonly<Record<number, (data: Buffer, mostBytes: number) => Promise<Buffer>>> = {
  1: (data, maxOutputLength) => unzipped(data, { maxOutputLength }),
  2: unsnappy,
  3: unlz4,
  4: (data, maxOutputLength) => unzstd(data, { maxOutputLength }),
};

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** The magic, then the version written and the oldest one that can read it, 4 bytes each. */
const XERIAL_HEADER_BYTES = XERIAL_MAGIC.length + 8;

/** @throws when it is no such data, or more than `mostBytes` */
export async function decompress(codec: number, data: Buffer, mostBytes: number): Promise<Buffer> {
  const read = CODECS[codec];
  if (read === undefined) throw new Error(`there is no codec ${codec}`);
  try {
    return await read(data, mostBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(mostBytes);
    throw error;
  }
}

async function unsnappy(data: Buffer, mostBytes: number): Promise<Buffer> {
  const blocks = snappyBlocks(data);
  const plainBytes = blocks.reduce((sum, block) => sum + plainBytesOfSnappy(block), 0);
  if (plainBytes > mostBytes) throw tooLarge(mostBytes);
  return Buffer.concat(await Promise.all(blocks.map(rawSnappy)));
}

function snappyBlocks(data: Buffer): Buffer[] {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [data];
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < data.length; ) {
    // Concatenated streams repeat the header.
    if (data.subarray(at, at + XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
      at += XERIAL_HEADER_BYTES;
      continue;
    }
    const length = data.readInt32BE(at);
    if (length <= 0) throw new Error(`a snappy block of ${length} bytes`);
    blocks.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

/** A block begins with it, as a varint; a block that turns out to be longer is refused by snappy itself. */
function plainBytesOfSnappy(block: Buffer): number {
  let bytes = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block[at] ?? 0;
    bytes += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) break;
  }
  return bytes;
}

async function rawSnappy(data: Buffer): Promise<Buffer> {
  const plain = await uncompress(data, { asBuffer: true });
  return typeof plain === 'string' ? Buffer.from(plain) : plain;
}

async function unlz4(data: Buffer, mostBytes: number): Promise<Buffer> {
  if (plainBytesOfLz4(data) > mostBytes) throw tooLarge(mostBytes);
  return decompressFrame(data);
}

function tooLarge(mostBytes: number): Error {
  return new Error(`it decompresses to more than ${mostBytes} bytes`);
}
