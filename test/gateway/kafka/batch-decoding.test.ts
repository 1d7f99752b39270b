// What a fetch has brought, through kafkajs's own decoder of the whole answer: batches that are too large or damaged are passed
// over and say so, and a fetch of many large ones is decoded only as far as it may cost.
import { createRequire } from 'node:module';
import type { KafkaMessage } from 'kafkajs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  FETCHES_OF_A_CHANGED_BATCH,
  MOST_HEADERS_OF_BATCH,
  MOST_RECORDS,
  refusalOf,
} from '../../../src/gateway/kafka/batch-decoding.ts';
import { connectKafka } from '../../../src/gateway/kafka/connect.ts';
import { MOST_HEADERS } from '../../../src/gateway/kafka/header-decoding.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import { CODECS, recordBatch, recordBytes, zerosRecord } from './bombs.ts';

const MB = 1024 * 1024;

type Answer = { responses: { partitions: { messages: KafkaMessage[] }[] }[] };

beforeAll(() => void connectKafka({ brokers: ['127.0.0.1:1'] }, SILENT));

/** As a broker answers, in the version that kafkajs asks for. */
async function fetched(...partitions: Buffer[][]): Promise<KafkaMessage[][]> {
  const int32 = (value: number) => Buffer.from([value >> 24, value >> 16, value >> 8, value]);
  const [head, topic] = [Buffer.alloc(10), Buffer.from([0, 1, 0x74])];
  const parts = partitions.map((batches, partition) => {
    const bytes = Buffer.concat(batches);
    // Error code, three offsets, no aborted transactions, no replica to be preferred.
    const header = [int32(partition), Buffer.alloc(2 + 3 * 8), int32(0), int32(-1), int32(bytes.length)];
    return Buffer.concat([...header, bytes]);
  });
  const raw = Buffer.concat([head, int32(1), topic, int32(parts.length), ...parts]);
  const { decode } = createRequire(import.meta.url)('kafkajs/src/protocol/requests/fetch/v11/response') as {
    decode(raw: Buffer): Promise<Answer>;
  };
  const answer = await decode(raw);
  return answer.responses[0]!.partitions.map(({ messages }) => messages);
}

const good = (firstOffset: number, ...values: string[]) =>
  recordBatch({
    firstOffset,
    count: values.length,
    data: Buffer.concat(values.map((value, i) => recordBytes(Buffer.from(value), i))),
  });

/** Offsets with values; of a batch that was refused with the reason. */
const told = (messages: readonly KafkaMessage[]) =>
  messages.map((message) => [Number(message.offset), refusalOf(message)?.reason ?? String(message.value).slice(0, 20)]);

describe.each(CODECS)('$name', ({ number: codec, compress }) => {
  const zeros = (count: number, firstOffset = 0) => {
    const [head, tail] = zerosRecord(count);
    return recordBatch({ firstOffset, codec, data: compress(head, count, tail) });
  };

  it('reads a batch of many megabytes', async () => {
    const [messages] = await fetched([zeros(60 * MB)]);
    expect(messages!.map(({ offset, value }) => [offset, value?.length])).toEqual([['0', 60 * MB]]);
  });

  it('passes over a batch that is too large, and goes on', async () => {
    const batches = [good(0, 'a', 'b'), zeros(200 * MB, 2), good(3, 'c')];
    const reason = `it decompresses to more than ${64 * MB} bytes`;
    expect(told((await fetched(batches))[0]!)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, reason],
    ]);
    expect(told((await fetched(batches.slice(2)))[0]!)).toEqual([[3, 'c']]);
  });

  it('passes over a batch that does not decompress', async () => {
    const data = Buffer.from('no compressed data at all');
    const [messages] = await fetched([recordBatch({ firstOffset: 7, count: 3, codec, data })]);
    expect(messages).toHaveLength(1);
    expect(refusalOf(messages![0]!)).toEqual({ firstOffset: '7', lastOffset: '9', reason: expect.any(String) });
    expect(messages![0]!.offset).toBe('9');
  });

  it('leaves to the next fetch what would cost too much in this one, in all partitions', async () => {
    const most = [...Array(6).keys()].map((offset) => zeros(30 * MB, offset));
    const partitions = await fetched(most, most, [good(0, 'a')]);
    expect(partitions.map((messages) => messages.length)).toEqual([3, 0, 0]);
  });
});

it('a bomb in one partition does not keep the others from being read', async () => {
  const bomb = recordBatch({ count: MOST_RECORDS + 1, data: Buffer.alloc(100) });
  const reason = `it has ${MOST_RECORDS + 1} records, more than ${MOST_RECORDS}`;
  const partitions = await fetched([bomb, bomb], [good(0, 'a')]);
  expect(partitions.map(told)).toEqual([[[MOST_RECORDS, reason]], [[0, 'a']]]);
});

it('passes over a batch that was changed on its way, or whose records are cut off', async () => {
  const changed = good(5, 'answer');
  changed[changed.length - 4]! ^= 1;
  // Not at once: on its way again it may be whole.
  for (let fetches = 1; fetches < FETCHES_OF_A_CHANGED_BATCH; fetches++) {
    expect(told((await fetched([good(4, 'before'), changed]))[0]!)).toEqual([[4, 'before']]);
  }
  expect(told((await fetched([changed]))[0]!)).toEqual([[5, 'its checksum is wrong']]);
  const short = recordBatch({ count: 2, data: recordBytes(Buffer.from('one')) });
  expect((await fetched([short]))[0]!.map((message) => [message.offset, refusalOf(message) !== undefined])).toEqual([
    ['1', true],
  ]);
});

it('reads as many records as a batch may have', async () => {
  const record = recordBytes(null);
  const data = Buffer.concat(new Array<Buffer>(MOST_RECORDS).fill(record));
  expect((await fetched([recordBatch({ count: MOST_RECORDS, data })]))[0]).toHaveLength(MOST_RECORDS);
});

it('passes over a batch with more headers than there is memory for, though it has few bytes', async () => {
  const encode = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => {
    buffer: Buffer;
  };
  const headers = { a: new Array<Buffer>(MOST_HEADERS).fill(Buffer.alloc(0)) };
  const record = encode({ key: null, value: Buffer.from('v'), headers }).buffer;
  const batch = (count: number) => recordBatch({ count, data: Buffer.concat(new Array<Buffer>(count).fill(record)) });
  const most = MOST_HEADERS_OF_BATCH / MOST_HEADERS;
  expect((await fetched([batch(most)]))[0]).toHaveLength(most);
  const reason = `it has more than ${MOST_HEADERS_OF_BATCH} headers`;
  expect(told((await fetched([batch(most + 1)]))[0]!)).toEqual([[most, reason]]);
});

it('a batch that is cut off by the size of the fetch is fetched again', async () => {
  expect(told((await fetched([good(0, 'a'), good(1, 'b').subarray(0, 65)]))[0]!)).toEqual([[0, 'a']]);
});
