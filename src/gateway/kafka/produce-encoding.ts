// A produce request, written in one pass into one buffer.
//
// kafkajs 2.2.4 makes an encoder of its own, with half a kilobyte of zeroed memory, for every record and every header of it, and
// copies each into the next larger one. Here a request is written front to back, in place of its own function and byte for
// byte as that does it. Before a text and before a record stands how long it is, which is known when it is written: room is left for
// what that usually takes, and where it takes more or less, what was written is moved.
//
// Without compression, transaction, idempotence and times of the records' own, that is: whatever else is asked for, kafkajs does.
import { createRequire } from 'node:module';
import type { IHeaders, Message } from 'kafkajs';
import { crc32c } from './crc32c.ts';

export interface ProduceArguments {
  readonly acks: number;
  readonly timeout: number;
  readonly compression?: number;
  readonly transactionalId?: string | null;
  /** Below 0: none, as it is not idempotent. */
  readonly producerId?: unknown;
  readonly topicData: readonly TopicData[];
}

interface TopicData {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number; readonly messages: readonly Message[] }[];
}

/** What of kafkajs's encoder is read of a request. */
interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

interface ProduceRequest {
  encode(): Promise<Encoded>;
}

const kafkajs = createRequire(import.meta.url);
/** The later versions that kafkajs knows are made of it, and written the same. */
const REQUEST = 'kafkajs/src/protocol/requests/produce/v3/request';
const requestOf = kafkajs(REQUEST) as (args: ProduceArguments) => ProduceRequest;

/** https://kafka.apache.org/documentation/#recordbatch */
const BATCH_HEADER_BYTES = 61;
const LENGTH_AT = 8;
const CRC_AT = 17;
const CHECKED_FROM = 21;
const MAGIC = 2;
const NO_PRODUCER = -1n;

/** Can be called more than once, before the first record is sent: kafkajs loads what writes it then. */
export function encodeInOnePass(): void {
  const module = kafkajs.cache[kafkajs.resolve(REQUEST)];
  if (module === undefined) throw new Error(`kafkajs has no ${REQUEST}`);
  module.exports = (args: ProduceArguments): ProduceRequest => {
    const request = requestOf(args);
    return isPlain(args) ? { ...request, encode: async () => encodedRequest(args, Date.now()) } : request;
  };
}

function isPlain({ compression = 0, transactionalId = null, producerId = -1, topicData }: ProduceArguments): boolean {
  const isTimed = ({ timestamp }: Message) => timestamp !== undefined && timestamp !== null;
  return (
    compression === 0 &&
    transactionalId === null &&
    Number(producerId) < 0 &&
    !topicData.some(({ partitions }) => partitions.some(({ messages }) => messages.some(isTimed)))
  );
}

/** https://kafka.apache.org/protocol#The_Messages_Produce, versions 3 to 8. */
function encodedRequest({ acks, timeout, topicData }: ProduceArguments, nowMs: number): Encoded {
  const buf = Buffer.allocUnsafe(topicData.reduce((sum, topic) => sum + mostBytesOf(topic), 16));
  let at = buf.writeInt16BE(-1, 0); // no transaction
  at = buf.writeInt16BE(acks, at);
  at = buf.writeInt32BE(timeout, at);
  at = buf.writeInt32BE(topicData.length, at);
  for (const { topic, partitions } of topicData) {
    const nameBytes = buf.write(topic, at + 2);
    buf.writeInt16BE(nameBytes, at);
    at = buf.writeInt32BE(partitions.length, at + 2 + nameBytes);
    for (const { partition, messages } of partitions) {
      at = buf.writeInt32BE(partition, at);
      const end = writeBatch(buf, at + 4, messages, BigInt(nowMs));
      buf.writeInt32BE(end - at - 4, at);
      at = end;
    }
  }
  const buffer = buf.subarray(0, at);
  return { buf: buffer, buffer };
}

/** Where it ends. */
function writeBatch(buf: Buffer, start: number, messages: readonly Message[], nowMs: bigint): number {
  buf.fill(0, start, start + BATCH_HEADER_BYTES);
  buf[start + 16] = MAGIC;
  buf.writeInt32BE(messages.length - 1, start + 23);
  buf.writeBigInt64BE(nowMs, start + 27);
  buf.writeBigInt64BE(nowMs, start + 35);
  buf.writeBigInt64BE(NO_PRODUCER, start + 43);
  buf.writeInt32BE(messages.length, start + 57);
  let at = start + BATCH_HEADER_BYTES;
  for (const [index, message] of messages.entries()) at = writeRecord(buf, at, message, index);
  buf.writeInt32BE(at - start - LENGTH_AT - 4, start + LENGTH_AT);
  buf.writeUInt32BE(crc32c(buf.subarray(start + CHECKED_FROM, at)), start + CRC_AT);
  return at;
}

/** Left for the length of a record: 64 to 8191 bytes it has. */
const RECORD_LENGTH_BYTES = 2;

function writeRecord(buf: Buffer, start: number, { key, value, headers = {} }: Message, index: number): number {
  const from = start + RECORD_LENGTH_BYTES;
  buf[from] = 0; // attributes
  buf[from + 1] = 0; // as old as the batch
  let at = writeVarInt(buf, from + 2, index);
  at = writeSized(buf, at, key);
  at = writeSized(buf, at, value);
  at = writeVarInt(buf, at, countOf(headers));
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (!Array.isArray(value)) at = writeSized(buf, writeSized(buf, at, name), value);
    else for (const one of value) at = writeSized(buf, writeSized(buf, at, name), one);
  }
  return putLength(buf, from, at, RECORD_LENGTH_BYTES);
}

function countOf(headers: IHeaders): number {
  let count = 0;
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    count += Array.isArray(value) ? value.length : 1;
  }
  return count;
}

type Data = string | Buffer | null | undefined;

function writeSized(buf: Buffer, at: number, data: Data): number {
  if (data === null || data === undefined) return writeVarInt(buf, at, -1);
  if (typeof data !== 'string') {
    const from = writeVarInt(buf, at, data.byteLength);
    return from + data.copy(buf, from);
  }
  const left = varIntBytes(data.length);
  return putLength(buf, at + left, at + left + buf.write(data, at + left), left);
}

/** Puts before what lies between `from` and `to` how long it is, where `left` bytes are left for that. */
function putLength(buf: Buffer, from: number, to: number, left: number): number {
  const takes = varIntBytes(to - from);
  if (takes !== left) buf.copyWithin(from - left + takes, from, to);
  writeVarInt(buf, from - left, to - from);
  return to - left + takes;
}

function writeVarInt(buf: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest > 0x7f) {
    buf[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buf[at] = rest;
  return at + 1;
}

/** Of a number that is not negative. */
function varIntBytes(value: number): number {
  return value < 64 ? 1 : value < 8_192 ? 2 : value < 1_048_576 ? 3 : value < 134_217_728 ? 4 : 5;
}

/** With 5 bytes for each length and 3 for each unit of a text, which is the most that they take. */
function mostBytesOf({ topic, partitions }: TopicData): number {
  let bytes = 8 + mostOf(topic);
  for (const { messages } of partitions) {
    bytes += 8 + BATCH_HEADER_BYTES;
    for (const { key, value, headers = {} } of messages) {
      bytes += 20 + mostOf(key) + mostOf(value);
      for (const name of Object.keys(headers)) {
        const value = headers[name];
        if (!Array.isArray(value)) bytes += mostOf(name) + mostOf(value);
        else for (const one of value) bytes += mostOf(name) + mostOf(one);
      }
    }
  }
  return bytes;
}

function mostOf(data: Data): number {
  if (data === null || data === undefined) return 5;
  return 5 + (typeof data === 'string' ? 3 * data.length : data.byteLength);
}
