// Against a real schema registry (Apicurio, over Confluent's API): each kind of schema there and back, values of a foreign
// client, and a registry that is away, silent, and back.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalRegistry, startRegistry } from '../../../deploy/local/index.ts';
import { RegistryUnavailable, SchemaMismatch, SchemaUnknown } from '../../../src/gateway/schema/errors.ts';
import { SchemaRegistry, schemaIdOf } from '../../../src/gateway/schema/registry.ts';
import { RegistryClient } from '../../../src/gateway/schema/registry-client.ts';
import { SystemClock } from '../../../src/gateway/system-clock.ts';

let local: LocalRegistry;

beforeAll(async () => {
  local = await startRegistry();
});

afterAll(() => local?.stop());

/** A bridge's view, with nothing remembered. */
function open(limits = {}): SchemaRegistry {
  return new SchemaRegistry({ source: new RegistryClient({ urls: [local.url] }), clock: new SystemClock(), limits });
}

interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

async function register(subject: string, type: string, schema: string, references: Reference[] = []): Promise<number> {
  const response = await fetch(`${local.url}/subjects/${encodeURIComponent(subject)}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schemaType: type, schema, references }),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = (await response.json()) as { id?: number };
  if (answer.id === undefined) throw new Error(`not registered: ${JSON.stringify(answer)}`);
  return answer.id;
}

const line = { type: 'record', name: 'Line', namespace: 'shop', fields: [{ name: 'sku', type: 'long' }] };
const order = {
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'lines', type: { type: 'array', items: 'Line' } },
    { name: 'note', type: ['null', 'string'], default: null },
  ],
};
const draft7 = 'http://json-schema.org/draft-07/schema#';
const money = 'syntax = "proto3"; package pay; message Money { int64 units = 1; }';
const orderProto = `syntax = "proto3"; package shop; import "money.proto";
  message Line { int64 sku = 1; } message Order { int64 id = 1; pay.Money total = 2; repeated Line lines = 3; }`;

const json = '{"id":9223372036854775807,"lines":[{"sku":-9007199254740993}],"note":null}';

test('Avro, with a type out of another subject', async () => {
  await register('line-value', 'AVRO', JSON.stringify(line));
  const reference = { name: 'shop.Line', subject: 'line-value', version: 1 };
  const id = await register('order-avro', 'AVRO', JSON.stringify(order), [reference]);
  const value = await open().encode('order-avro', json);
  expect(schemaIdOf(value)).toBe(id);
  expect(await open().decode(value)).toBe(json);
  await expect(open().encode('order-avro', '{"id":1,"lines":[{"sku":1.5}]}')).rejects.toThrow(
    `schema ${id}, the latest of subject order-avro: lines[0].sku is a number with a fraction, expected a 64-bit integer`,
  );
});

test('JSON Schema', async () => {
  const schema = { $schema: draft7, type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] };
  await register('order-json', 'JSON', JSON.stringify(schema));
  const value = await open().encode('order-json', json);
  expect(Buffer.from(value.subarray(5)).toString('utf8')).toBe(json);
  expect(await open().decode(value)).toBe(json);
  await expect(open().encode('order-json', '{}')).rejects.toThrow(SchemaMismatch);
});

test('Protobuf, with an imported file', async () => {
  await register('money.proto', 'PROTOBUF', money);
  const reference = { name: 'money.proto', subject: 'money.proto', version: 1 };
  await register('order-proto', 'PROTOBUF', orderProto, [reference]);
  const body = '{"id":9223372036854775807,"total":{"units":-9007199254740993},"lines":[{"sku":0}]}';
  const value = await open().encode('order-proto', body, 'Order');
  expect([...value.subarray(5, 7)]).toEqual([2, 2]);
  expect(await open().decode(value)).toBe(body);
  expect(await open().decode(await open().encode('order-proto', '{"sku":5}'))).toBe('{"sku":5}');
  await expect(open().encode('order-proto', '{"id":9223372036854775808}', 'Order')).rejects.toThrow(SchemaMismatch);
});

test('values that Confluent’s Python client wrote', async () => {
  const file = join(import.meta.dirname, 'fixtures/foreign-values.json');
  const values = JSON.parse(readFileSync(file, 'utf8')) as {
    type: string;
    schema: string;
    json: string;
    payload: string;
    references: { name: string; schema: string }[];
  }[];
  for (const { type, schema, json, payload, references } of values) {
    const referred: Reference[] = [];
    for (const { name, schema } of references) {
      await register(`foreign-${name}`, 'PROTOBUF', schema);
      referred.push({ name, subject: `foreign-${name}`, version: 1 });
    }
    const header = Buffer.alloc(5);
    header.writeInt32BE(await register(`foreign-${type}`, type, schema, referred), 1);
    const read = await open().decode(Buffer.concat([header, Buffer.from(payload, 'hex')]));
    expect(read.replaceAll(/([:,]) /g, '$1')).toBe(json.replaceAll(/([:,]) /g, '$1'));
  }
});

test('a new version is written once it is noticed, and what was written with the old one is still read', async () => {
  await register('growing', 'AVRO', '{"type":"record","name":"G","fields":[]}');
  const registry = open({ latestMs: 0 });
  const before = await registry.encode('growing', '{}');
  const more = { type: 'record', name: 'G', fields: [{ name: 'n', type: 'long', default: 7 }] };
  const id = await register('growing', 'AVRO', JSON.stringify(more));
  const after = await registry.encode('growing', '{}');
  expect(schemaIdOf(after)).toBe(id);
  expect([await registry.decode(before), await registry.decode(after)]).toEqual(['{}', '{"n":7}']);
  expect(await registry.encodeWith(schemaIdOf(before) ?? 0, '{}')).toEqual(before);
});

test('an unknown subject and an unknown id are verdicts, a wrong address is not', async () => {
  await expect(open().encode('no-such', '{}')).rejects.toThrow(new SchemaUnknown('subject no-such'));
  await expect(open().decode(Buffer.from('0000bc614e00', 'hex'))).rejects.toThrow('no schema with id 12345678');
  const elsewhere = new RegistryClient({ urls: [local.url.replace('ccompat', 'nowhere')] });
  await expect(elsewhere.schema(1)).rejects.toThrow(RegistryUnavailable);
});

test('a registry that is silent, stopped, and back: what was seen goes on, the rest waits', async () => {
  await register('seen', 'AVRO', '"long"');
  const unseenId = await register('unseen', 'AVRO', '"int"');
  const unseen = Buffer.from([0, 0, 0, 0, unseenId, 2]);
  const registry = open();
  const value = await registry.encode('seen', '9007199254740993');

  local.server.pause();
  const startMs = performance.now();
  await expect(registry.decode(unseen)).rejects.toThrow('did not answer in time');
  expect(performance.now() - startMs).toBeLessThan(8_000);
  local.server.resume();

  await local.server.stop();
  await expect(registry.decode(unseen)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', retryable: true });
  await expect(registry.encode('unseen', '1')).rejects.toThrow(RegistryUnavailable);
  expect(await registry.decode(value)).toBe('9007199254740993');
  expect(await registry.encode('seen', '9007199254740993')).toEqual(value);

  await local.server.restart();
  expect(await registry.decode(unseen)).toBe('1');
});
