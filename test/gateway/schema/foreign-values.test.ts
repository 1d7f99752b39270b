// Values that Confluent's own Python client wrote (fixtures/foreign-values.py): read, they are this JSON; this JSON, written,
// is those bytes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { avroCodec } from '../../../src/gateway/schema/avro.ts';
import { jsonSchemaCodec } from '../../../src/gateway/schema/json-schema.ts';
import { protobufCodec } from '../../../src/gateway/schema/protobuf.ts';

interface ForeignValue {
  readonly name: string;
  readonly type: 'AVRO' | 'JSON' | 'PROTOBUF';
  readonly schema: string;
  readonly references: readonly { readonly name: string; readonly schema: string }[];
  readonly message: string;
  readonly json: string;
  /** Hexadecimal, without magic and id. */
  readonly payload: string;
}

const values: readonly ForeignValue[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/foreign-values.json'), 'utf8'),
);
const codecs = { AVRO: avroCodec, JSON: jsonSchemaCodec, PROTOBUF: protobufCodec };

test.each(values)('$name', ({ type, schema, references, message, json, payload }) => {
  const codec = codecs[type]({
    type,
    text: schema,
    references: references.map(({ name, schema }) => ({ name, text: schema })),
  });
  // That client writes numbers of JSON in its own way, with a space after each colon and comma or without.
  const compact = (text: string) => (type === 'JSON' ? text.replaceAll(' ', '') : text);
  expect(compact(codec.decode(Buffer.from(payload, 'hex')))).toBe(compact(json));
  expect(Buffer.from(codec.encode(compact(json), message)).toString('hex')).toBe(payload);
});
