// Records with thousands of headers, through kafkajs's own encoder and decoder as they are patched by connectKafka.
import { createRequire } from 'node:module';
import { beforeAll, expect, it } from 'vitest';
import { connectKafka } from '../../../src/gateway/kafka/connect.ts';
import { MOST_HEADERS } from '../../../src/gateway/kafka/header-decoding.ts';
import { SILENT } from '../../../src/gateway/log.ts';

type Headers = Readonly<Record<string, Buffer | Buffer[]>>;
interface Decoder {
  readVarInt(): number;
}

const kafkajs = createRequire(import.meta.url);
const Decoder = kafkajs('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => Decoder;
const encode = kafkajs('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => { buffer: Buffer };
const decode = kafkajs('kafkajs/src/protocol/recordBatch/record/v0/decoder') as (
  decoder: Decoder,
  batch: object,
) => { headers: Headers; value: Buffer };

beforeAll(() => void connectKafka({ brokers: ['127.0.0.1:1'] }, SILENT));

function decoded(headers: Headers): Headers {
  const decoder = new Decoder(encode({ key: null, value: Buffer.from('{}'), headers }).buffer);
  decoder.readVarInt(); // its length
  const record = decode(decoder, { firstOffset: '0', firstTimestamp: '0' });
  expect(String(record.value)).toBe('{}');
  return record.headers;
}

it('headers come by name, several of one name as a list in their order, whatever their names are', () => {
  const [a, b, c] = ['1', '2', '3'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];
  const headers: [string, Buffer | Buffer[]][] = [
    ['one', a],
    ['two', [a, b]],
    ['three', [c, b, a]],
    ['constructor', b],
    ['__proto__', c],
  ];
  expect(Object.entries(decoded(Object.fromEntries(headers)))).toEqual(headers);
  expect(Object.entries(decoded({}))).toEqual([]);
});

it.each([
  ['of different names', (count: number) => Object.fromEntries(numbered(count).map((name) => [name, Buffer.alloc(0)]))],
  ['of one name', (count: number) => ({ a: numbered(count).map((name) => Buffer.from(name)) })],
])('of 50,000 headers %s the first ones are kept, and none keeps the process from everything else', (_, headersOf) => {
  const headers = headersOf(50_000);
  const sinceMs = performance.now();
  const kept = Object.values(decoded(headers)).flat();
  expect(kept).toHaveLength(MOST_HEADERS);
  expect(kept[MOST_HEADERS - 1]).toEqual(Object.values(headers).flat()[MOST_HEADERS - 1]);
  // kafkajs alone takes minutes, or six seconds when they have one name.
  expect(performance.now() - sinceMs).toBeLessThan(2_000);
});

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `h${number.toString(36)}`);
}
