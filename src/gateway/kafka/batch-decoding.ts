// What a fetch has brought, decoded within bounds; and a batch that cannot be decoded is passed over, not met again for ever.
//
// kafkajs 2.2.4 decompresses whatever it is given: a batch of 1 MB on the reply topic, where every service may write, becomes
// gigabytes and ends the process, and then the next node that reads the partition. And where decoding throws, its consumer
// ends, begins anew, and throws again. So the records of a fetch are decoded here, in place of its own function:
//
//  * A batch of more than MOST_BYTES or MOST_RECORDS, or one that is damaged, is *refused*: in its place comes one record without
//    a value, at the batch's last offset, that says so (`refusalOf`). Whoever reads it goes on behind it.
//  * A fetch is decoded until it has cost FETCH_BUDGET_BYTES, and a partition of it up to the first batch that is refused; what
//    is left is fetched again. So a fetch of many batches has the bound of few, and a row of bombs holds up no heartbeat.
//
// The checksum is compared too (kafkajs does not): what agrees with it has been validated by the broker, record by record, and
// what does not might be a wrong answer. It may have been changed on its way only, so it is fetched again a few times before it is
// refused: what is passed over is lost.
import { createRequire } from 'node:module';
import type { KafkaMessage } from 'kafkajs';
import { decompress } from './codecs.ts';
import { crc32c } from './crc32c.ts';

/**
 * Of one batch, decompressed. The largest reply has 2 MiB, and a batch as Kafka takes it by default 1 MiB: compressed JSON has
 * a tenth or a twentieth of its size, and 64 MiB leave room beyond that. Far more would not fit beside the rest of a node.
 */
export const MOST_BYTES = 64 * 1024 * 1024;
/** A reply has a hundred bytes at the least, of which most are its correlation id: Kafka's 1 MiB are ten thousand of them. */
export const MOST_RECORDS = 100_000;
/** Of all its records; ten thousand of them have sixty thousand. */
export const MOST_HEADERS_OF_BATCH = 500_000;
/** About what one record takes beside its bytes, and what one header does. */
const RECORD_COST_BYTES = 1_024;
const HEADER_COST_BYTES = 200;
const FETCH_BUDGET_BYTES = MOST_BYTES;
/** How often a batch with a wrong checksum is fetched before it is refused. */
export const FETCHES_OF_A_CHANGED_BATCH = 4;

export interface Refusal {
  readonly firstOffset: string;
  readonly lastOffset: string;
  readonly reason: string;
}

interface Decoder {
  readonly buffer: Buffer;
  readonly offset: number;
  readInt32(): number;
  canReadBytes(length: number): boolean;
  readBytes(length: number): Buffer;
  readVarIntBytes(): Buffer;
}

interface Context {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly maxTimestamp: string;
  readonly timestampType: number;
  readonly magicByte: number;
  readonly isControlBatch: boolean;
  readonly inTransaction: boolean;
  readonly producerId: string;
}

interface Decoded {
  readonly records: readonly KafkaMessage[];
  /** Bytes of memory, about. */
  readonly cost: number;
  readonly refused: boolean;
}

type DecodeFetch = (decoder: Decoder) => Promise<KafkaMessage[]>;

const MAGIC = 2;
const MAGIC_AT = 16;
const HEADER_BYTES = 61;
/** What stands before the length, and the length itself. */
const UNCOUNTED_BYTES = 12;
const CHECKED_FROM = 21;

const kafkajs = createRequire(import.meta.url);
const DecoderOf = kafkajs('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder;
const decodeRecord = kafkajs('kafkajs/src/protocol/recordBatch/record/v0/decoder') as (
  decoder: Decoder,
  context: Context,
) => KafkaMessage;
const FETCH_DECODER = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages';
const decodeAnyFetch = kafkajs(FETCH_DECODER) as DecodeFetch;

const refusals = new WeakMap<KafkaMessage, Refusal>();
/** Batches with a wrong checksum by what their headers say, with the number of fetches that brought them so; a handful at most. */
const changed = new Map<string, number>();
const MOST_CHANGED = 100;
/** By the decoder of the response, which all its partitions share. */
const spentBytes = new WeakMap<Decoder, number>();

/** Can be called more than once, before the first fetch: kafkajs loads what reads the answer then. */
export function decodeWithinBounds(): void {
  const module = kafkajs.cache[kafkajs.resolve(FETCH_DECODER)];
  if (module === undefined) throw new Error(`kafkajs has no ${FETCH_DECODER}`);
  module.exports = decodeFetch;
}

/** Why there is this record instead of a batch; undefined: it is a record as any. */
export function refusalOf(message: KafkaMessage): Refusal | undefined {
  return refusals.get(message);
}

/** The records of one partition. */
async function decodeFetch(decoder: Decoder): Promise<KafkaMessage[]> {
  // Batches of Kafka before 0.11; no broker of today answers with them.
  if (decoder.buffer[decoder.offset + 4 + MAGIC_AT] !== MAGIC) return decodeAnyFetch(decoder);
  const size = decoder.readInt32();
  if (size <= 0 || !decoder.canReadBytes(size)) return [];
  const bytes = decoder.readBytes(size);
  const messages: KafkaMessage[] = [];
  let spent = spentBytes.get(decoder) ?? 0;
  for (let at = 0; at + HEADER_BYTES <= bytes.length && spent < FETCH_BUDGET_BYTES; ) {
    const end = at + UNCOUNTED_BYTES + bytes.readInt32BE(at + 8);
    if (end < at + HEADER_BYTES) throw new Error('the log of the topic is damaged: a batch is shorter than its header');
    // The last one may be cut off by the fetch's size.
    if (end > bytes.length) break;
    const batch = bytes.subarray(at, end);
    const isChanged = wasChanged(batch);
    if (isChanged && !seenOftenEnough(batch)) break;
    const { records, cost, refused } = await decodeBatch(batch, isChanged);
    for (const record of records) messages.push(record);
    if (refused) break;
    spent += cost;
    at = end;
  }
  spentBytes.set(decoder, spent);
  return messages;
}

/** https://kafka.apache.org/documentation/#recordbatch */
async function decodeBatch(batch: Buffer, isChanged: boolean): Promise<Decoded> {
  const attributes = batch.readInt16BE(21);
  const context: Context = {
    firstOffset: batch.readBigInt64BE(0).toString(),
    firstTimestamp: batch.readBigInt64BE(27).toString(),
    maxTimestamp: batch.readBigInt64BE(35).toString(),
    timestampType: (attributes & 0x08) >> 3,
    magicByte: MAGIC,
    isControlBatch: (attributes & 0x20) !== 0,
    inTransaction: (attributes & 0x10) !== 0,
    producerId: batch.readBigInt64BE(43).toString(),
  };
  try {
    const count = Math.max(0, batch.readInt32BE(57));
    if (count > MOST_RECORDS) throw new Error(`it has ${count} records, more than ${MOST_RECORDS}`);
    if (isChanged) throw new Error('its checksum is wrong');
    const [codec, data] = [attributes & 0x07, batch.subarray(HEADER_BYTES)];
    const plain = codec === 0 || count === 0 ? data : await decompress(codec, data, MOST_BYTES);
    const decoder = new DecoderOf(plain);
    const records: KafkaMessage[] = [];
    let headers = 0;
    for (let i = 0; i < count; i++) {
      const record = decodeRecord(new DecoderOf(decoder.readVarIntBytes()), context);
      headers += headersOf(record);
      if (headers > MOST_HEADERS_OF_BATCH) throw new Error(`it has more than ${MOST_HEADERS_OF_BATCH} headers`);
      records.push(record);
    }
    const cost = plain.length + count * RECORD_COST_BYTES + headers * HEADER_COST_BYTES;
    return { records, cost, refused: false };
  } catch (error) {
    const lastOffset = (batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(23))).toString();
    const reason = error instanceof Error ? error.message : String(error);
    const record = placeholder(context, lastOffset);
    refusals.set(record, { firstOffset: context.firstOffset, lastOffset, reason });
    return { records: [record], cost: 0, refused: true };
  }
}

function headersOf({ headers = {} }: KafkaMessage): number {
  return Object.values(headers).reduce((sum, value) => sum + (Array.isArray(value) ? value.length : 1), 0);
}

function wasChanged(batch: Buffer): boolean {
  return crc32c(batch.subarray(CHECKED_FROM)) !== batch.readUInt32BE(17);
}

function seenOftenEnough(batch: Buffer): boolean {
  const name = batch.subarray(0, HEADER_BYTES).toString('latin1');
  const times = (changed.get(name) ?? 0) + 1;
  changed.delete(name);
  if (times >= FETCHES_OF_A_CHANGED_BATCH) return true;
  if (changed.size >= MOST_CHANGED) changed.clear();
  changed.set(name, times);
  return false;
}

/** As a record of that batch: of an aborted transaction it is left out with the rest. */
function placeholder(context: Context, offset: string): KafkaMessage {
  const record = {
    attributes: 0,
    timestamp: context.maxTimestamp,
    offset,
    key: null,
    value: null,
    headers: {},
    isControlRecord: false,
    batchContext: context,
  };
  return record satisfies Omit<KafkaMessage, 'size'> as unknown as KafkaMessage;
}
