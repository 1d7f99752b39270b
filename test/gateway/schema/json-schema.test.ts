// Values with a JSON Schema: the text travels untouched, or is refused with the place that does not fit.
import { expect, test } from 'vitest';
import { Misfit } from '../../../src/gateway/schema/errors.ts';
import { parseExact } from '../../../src/gateway/schema/exact-json.ts';
import { jsonSchemaCodec } from '../../../src/gateway/schema/json-schema.ts';

const codecOf = (schema: unknown, references: { name: string; text: string }[] = []) =>
  jsonSchemaCodec({ type: 'JSON', text: JSON.stringify(schema), references });

const order = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    kind: { enum: ['NEW', 'OLD'] },
    at: { type: 'string', format: 'date-time' },
    lines: { type: 'array', items: { type: 'object', properties: { sku: { type: 'string' } }, required: ['sku'] } },
    'a/b': { type: 'string', minLength: 2 },
  },
  additionalProperties: false,
  'connect.name': 'Order',
};

test('not a character changes: 64-bit integers, order, spaces, repeated names', () => {
  const text = '{ "lines":[], "id" : 9223372036854775807,"at":"soon", "id":18446744073709551615 }';
  const codec = codecOf(order);
  const bytes = codec.encode(text, '');
  expect(Buffer.from(bytes).toString('utf8')).toBe(text);
  expect(codec.decode(bytes)).toBe(text);
});

test.each([
  ['{"id":1.5}', 'id is a number with a fraction, expected a value that must be integer'],
  ['{"id":"1"}', 'id is a text of 1 character'],
  ['{"lines":[{"sku":"a"},{}]}', 'lines[1].sku is absent'],
  ['{"kind":"NOW"}', 'kind is a text of 3 characters, expected one of ["NEW","OLD"]'],
  ['{"a/b":"x"}', '["a/b"] is a text of 1 character'],
  ['{"more":1}', 'more is unknown'],
  ['[]', 'it is a list of 0'],
  ['{', 'no JSON'],
])('%s is refused, written or read', (text, words) => {
  const codec = codecOf(order);
  for (const refuse of [() => codec.encode(text, ''), () => codec.decode(Buffer.from(text))]) {
    expect(refuse).toThrow(Misfit);
    expect(refuse).toThrow(words);
  }
});

test.each([
  '{"id":"SECRET-4711"}',
  '{"id":4711.5}',
  '{"kind":"SECRET-4711"}',
  '{"lines":"SECRET-4711"}',
  'SECRET-4711',
  '{"id":SECRET-4711}',
  '["SECRET-4711" 4711]',
])('what is said of %s does not quote it: not everybody who is told may see payloads', (text) => {
  const said = (check: () => unknown) => {
    try {
      check();
    } catch (error) {
      return String(error);
    }
    return 'nothing';
  };
  for (const words of [said(() => codecOf(order).encode(text, '')), said(() => parseExact(text))]) {
    expect(words).not.toMatch(/SECRET|4711/);
  }
  expect(said(() => codecOf(order).encode(text, ''))).toMatch(/expected/);
});

test('bytes that are no UTF-8 are refused', () => {
  expect(() => codecOf({}).decode(Buffer.from('"\xff"', 'latin1'))).toThrow('no UTF-8');
});

test.each([
  ['http://json-schema.org/draft-06/schema#', { contains: { const: 1 } }, '[2]'],
  ['http://json-schema.org/draft-07/schema#', { if: { minItems: 1 }, else: false }, '[]'],
  ['https://json-schema.org/draft/2019-09/schema', { contains: { const: 1 }, minContains: 2 }, '[1]'],
  ['https://json-schema.org/draft/2020-12/schema', { prefixItems: [{ const: 1 }] }, '[2]'],
])('the draft %s has its own keywords', (draft, schema, wrong) => {
  const codec = codecOf({ $schema: draft, ...schema });
  expect(() => codec.encode(wrong, '')).toThrow(Misfit);
  codec.encode('[1,1]', '');
});

test('an old draft, and a reference that is missing, are refused with the schema', () => {
  expect(() => codecOf({ $schema: 'http://json-schema.org/draft-04/schema#' })).toThrow('draft 4');
  expect(() => codecOf({ $ref: 'Line.json' })).toThrow('Line.json');
});

test.each([undefined, 'https://example.org/schemas/Order.json'])('references, in a schema with the $id %s', ($id) => {
  const line = { name: 'Line.json', text: '{"type":"object","required":["sku"]}' };
  const codec = codecOf({ ...($id && { $id }), type: 'array', items: { $ref: 'Line.json' } }, [line]);
  codec.encode('[{"sku":1}]', '');
  expect(() => codec.encode('[{}]', '')).toThrow('[0].sku is absent');
});
