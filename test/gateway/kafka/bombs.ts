// Compressed data that grows to any size, in each codec of Kafka, made without ever being that large: a head, as many zeros as
// are wanted, a tail. And record batches around it, as a broker hands them out.
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';

export interface Codec {
  readonly name: string;
  /** In a batch's attributes. */
  readonly number: number;
  compress(head: Buffer, zeros: number, tail: Buffer): Buffer;
}

const GZIP_PIECE_BYTES = 16 * 1024 * 1024;
/** The largest block of an LZ4 frame with the header that lz4-napi writes. */
const BLOCK_BYTES = 64 * 1024;
const LZ4_HEADER_BYTES = 7;
/** Magic, no options, a window of 2 MiB. */
const ZSTD_HEADER = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]);
const [ZSTD_RAW, ZSTD_RUN, ZSTD_LAST] = [0, 2, 1];

export const CODECS: readonly Codec[] = [
  { name: 'gzip', number: 1, compress: (...parts) => joined(GZIP_PIECE_BYTES, gzipSync, ...parts) },
  { name: 'snappy', number: 2, compress: (...parts) => xerial(joined(BLOCK_BYTES, snappyBlock, ...parts)) },
  { name: 'lz4', number: 3, compress: (...parts) => lz4Frame(joined(BLOCK_BYTES, lz4Block, ...parts)) },
  { name: 'zstd', number: 4, compress: zstd },
];

/** For codecs whose pieces can follow one another. */
function joined(size: number, piece: (data: Buffer) => Buffer, head: Buffer, zeros: number, tail: Buffer): Buffer {
  const whole = new Array<Buffer>(Math.floor(zeros / size)).fill(piece(Buffer.alloc(size)));
  const [first, rest, last] = [head, Buffer.alloc(zeros % size), tail].map((data) =>
    data.length === 0 ? data : piece(data),
  );
  return Buffer.concat([first!, ...whole, rest!, last!]);
}

export function xerial(blocks: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]), blocks]);
}

function snappyBlock(data: Buffer): Buffer {
  const block = compressSync(data);
  const length = Buffer.alloc(4);
  length.writeInt32BE(block.length);
  return Buffer.concat([length, block]);
}

function lz4Block(data: Buffer): Buffer {
  return compressFrameSync(data).subarray(LZ4_HEADER_BYTES, -4);
}

/** One frame with all the blocks: Kafka's own reader reads no more than one. */
function lz4Frame(blocks: Buffer): Buffer {
  const header = compressFrameSync(Buffer.alloc(1)).subarray(0, LZ4_HEADER_BYTES);
  return Buffer.concat([header, blocks, Buffer.alloc(4)]);
}

/** Runs of one byte are blocks of four; head and tail stand there as they are. */
function zstd(head: Buffer, zeros: number, tail: Buffer): Buffer {
  const block = (kind: number, size: number, data: Buffer) => {
    const header = Buffer.alloc(3);
    header.writeUIntLE(kind + size * 8, 0, 3);
    return Buffer.concat([header, data]);
  };
  const run = (size: number) => block(ZSTD_RUN, size, Buffer.alloc(1));
  const whole = new Array<Buffer>(Math.floor(zeros / BLOCK_BYTES)).fill(run(BLOCK_BYTES));
  const [first, last] = [block(ZSTD_RAW, head.length, head), block(ZSTD_RAW + ZSTD_LAST, tail.length, tail)];
  return Buffer.concat([ZSTD_HEADER, first, ...whole, run(zeros % BLOCK_BYTES), last]);
}

const kafkajs = createRequire(import.meta.url);
const crc32c = kafkajs('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;
const encodeRecord = kafkajs('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => { buffer: Buffer };

/** Length, attributes, timestamp and offset in the batch, key, value, headers. */
export function recordBytes(value: Buffer | null, offsetDelta = 0): Buffer {
  return encodeRecord({ offsetDelta, timestampDelta: 0, key: null, value, headers: {} }).buffer;
}

/** One record whose value is so many zeros, in two parts: what stands before them and what stands behind. */
export function zerosRecord(zeros: number): readonly [head: Buffer, tail: Buffer] {
  const body = Buffer.concat([Buffer.from([0, 0, 0, 1]), varint(zeros)]);
  return [Buffer.concat([varint(body.length + zeros + 1), body]), Buffer.from([0])];
}

/** Zigzag, as everywhere in a record. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

export interface BatchParts {
  readonly firstOffset?: number;
  /** Default 1. */
  readonly count?: number;
  /** Default 0: `data` is not compressed. */
  readonly codec?: number;
  readonly data: Buffer;
}

export function recordBatch({ firstOffset = 0, count = 1, codec = 0, data }: BatchParts): Buffer {
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(BigInt(firstOffset), 0);
  header.writeInt32BE(49 + data.length, 8);
  header[16] = 2;
  header.writeInt16BE(codec, 21);
  header.writeInt32BE(count - 1, 23);
  header.writeBigInt64BE(-1n, 43);
  header.writeInt16BE(-1, 51);
  header.writeInt32BE(-1, 53);
  header.writeInt32BE(count, 57);
  const batch = Buffer.concat([header, data]);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}
