// Avro values between JSON and bytes: what arrives, and what is refused with which words.
import { expect, test } from 'vitest';
import { avroCodec } from '../../../src/gateway/schema/avro.ts';
import { Misfit } from '../../../src/gateway/schema/errors.ts';

const codecOf = (schema: unknown, references: { name: string; text: string }[] = []) =>
  avroCodec({ type: 'AVRO', text: JSON.stringify(schema), references });

const record = (fields: readonly unknown[], name = 'Order') => ({ type: 'record', name, fields });

const roundTrip = (schema: unknown, json: string): string => {
  const codec = codecOf(schema);
  return codec.decode(codec.encode(json, ''));
};

const decimal = { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 };

test.each([
  ['long', '9223372036854775807'],
  ['long', '-9223372036854775808'],
  ['int', '-2147483648'],
  ['double', '0.1'],
  ['double', '-0.0'],
  ['float', '0.1'],
  ['string', '"Grüße 🎉 \\u0000"'],
  ['bytes', '"AP8="'],
  ['null', 'null'],
  ['boolean', 'false'],
  [{ type: 'long', logicalType: 'timestamp-millis' }, '9007199254740993'],
  [{ type: 'array', items: ['null', 'long'] }, '[null,9007199254740993]'],
  [{ type: 'map', values: 'long' }, '{"a b":9007199254740993,"":-1}'],
  [{ type: 'enum', name: 'Kind', symbols: ['NEW', 'OLD'] }, '"OLD"'],
  [{ type: 'fixed', name: 'Hash', size: 2 }, '"AP8="'],
  [decimal, '12.30'],
  [decimal, '-0.01'],
  [decimal, '0.00'],
  [decimal, '99999999.99'],
  [{ ...decimal, type: 'fixed', name: 'Money', size: 8 }, '-12.30'],
  [['null', decimal], '12.30'],
  [['null', 'int', 'long', 'string', { type: 'array', items: 'int' }], '2147483648'],
  [['null', 'string', 'bytes'], '"AP8="'],
])('%j carries %s', (schema, json) => {
  expect(roundTrip(schema, json)).toBe(json);
});

test('numbers may be written in other ways, and are the same numbers', () => {
  expect(roundTrip('long', '1e3')).toBe('1000');
  expect(roundTrip('int', '7.0')).toBe('7');
  expect(roundTrip(decimal, '12.3')).toBe('12.30');
  expect(roundTrip({ ...decimal, precision: 30 }, '"1234567890123456789012345678.90"')).toBe(
    '1234567890123456789012345678.90',
  );
});

test('an absent field takes the default of the schema, also one of 64 bits', () => {
  const schema = `{"type":"record","name":"Order","fields":[
    {"name":"id","type":"long","default":9007199254740993},{"name":"note","type":["null","string"],"default":null}]}`;
  const codec = avroCodec({ type: 'AVRO', text: schema, references: [] });
  expect(codec.decode(codec.encode('{}', ''))).toBe('{"id":9007199254740993,"note":null}');
});

test('of a union, the first branch that fits', () => {
  const a = record([{ name: 'x', type: 'int' }], 'A');
  const b = record([{ name: 'x', type: ['int', 'string'] }], 'B');
  const codec = codecOf(['null', a, b]);
  expect(codec.encode('{"x":1}', '')[0]).toBe(2); // index 1, zigzag
  expect(codec.encode('{"x":"y"}', '')[0]).toBe(4);
});

test.each([
  ['int', '2147483648', 'it is a whole number, expected a 32-bit integer (-2^31 to 2^31 - 1)'],
  ['long', '9223372036854775808', 'it is a whole number, expected a 64-bit integer'],
  ['long', '"1"', 'it is a text of 1 character, expected a 64-bit integer'],
  ['long', '1e400', 'it is or holds a number'],
  ['string', '1', 'it is a whole number, expected a text'],
  ['string', '"\\ud800"', 'lone surrogate'],
  ['bytes', '"%"', 'base64'],
  [{ type: 'fixed', name: 'Hash', size: 3 }, '"AP8="', 'expected 3 bytes in base64'],
  [decimal, '0.001', 'expected a decimal number of 10 digits, 2 of them after the point'],
  [decimal, '100000000.00', 'expected a decimal number'],
  [decimal, '"1e999999999"', 'expected a decimal number'],
  [{ type: 'enum', name: 'Kind', symbols: ['NEW', 'OLD'] }, '"NOW"', 'expected one of NEW, OLD'],
  [['null', { type: 'enum', name: 'Kind', symbols: ['NEW'] }], '"NOW"', 'expected null, or one of NEW'],
  [{ type: 'array', items: record([{ name: 'sku', type: 'string' }]) }, '[{"sku":"a"},{}]', '[1].sku is absent'],
  [
    record([{ name: 'lines', type: ['null', record([{ name: 'n', type: 'int' }], 'L')] }]),
    '{"lines":{"n":"x"}}',
    'lines.n',
  ],
  [record([{ name: 'id', type: 'int' }]), '{"id":1,"x y":2}', '["x y"] is unknown, expected one of id'],
  [record([]), '[]', 'it is a list of 0, expected an object (Order)'],
  ['string', '{', 'no JSON'],
])('%j refuses %s', (schema, json, words) => {
  const encode = () => codecOf(schema).encode(json, '');
  expect(encode).toThrow(Misfit);
  expect(encode).toThrow(words);
});

test.each([
  ['string', '04ff', 'Avro cannot read'],
  ['string', '02ff', 'not UTF-8'],
  ['long', '0000', 'Avro cannot read'],
  ['double', '000000000000f87f', 'NaN'],
  [{ type: 'enum', name: 'Kind', symbols: ['NEW'] }, '02', 'Avro cannot read'],
])('%j does not read the bytes %s', (schema, hex, words) => {
  const decode = () => codecOf(schema).decode(Buffer.from(hex, 'hex'));
  expect(decode).toThrow(Misfit);
  expect(decode).toThrow(words);
});

test('a body that goes deeper than any document is refused, not a stack overflow', () => {
  const schema = record([{ name: 'next', type: ['null', 'Order'], default: null }]);
  const nested = (levels: number) => `${'{"next":'.repeat(levels)}null${'}'.repeat(levels)}`;
  expect(roundTrip(schema, nested(20))).toBe(nested(20));
  expect(() => codecOf(schema).encode(nested(500), '')).toThrow('nested deeper');
});

test('a body that fits none of many branches ends soon', () => {
  const b = record([{ name: 'l', type: ['null', 'A', 'B'] }], 'B');
  const codec = codecOf(record([{ name: 'l', type: ['null', 'A', b] }], 'A'));
  const nested = (levels: number) => `${'{"l":'.repeat(levels)}1${'}'.repeat(levels)}`;
  expect(() => codec.encode(nested(3), '')).toThrow('l.l.l is a whole number');
  expect(() => codec.encode(nested(16), '')).toThrow('branches are found sooner');
});

test('items that take no bytes are refused with the schema: a few bytes would claim billions of them', () => {
  expect(() => codecOf({ type: 'array', items: 'null' })).toThrow('take no bytes');
  expect(() => codecOf(record([{ name: 'a', type: { type: 'array', items: record([], 'E') } }]))).toThrow(
    'take no bytes',
  );
});

test('a type may come from a referenced schema, and two schemas may have one name', () => {
  const line = { name: 'Line', text: JSON.stringify(record([{ name: 'sku', type: 'long' }], 'Line')) };
  const order = record([{ name: 'line', type: 'Line' }]);
  for (const codec of [codecOf(order, [line]), codecOf(order, [line])]) {
    expect(codec.decode(codec.encode('{"line":{"sku":9007199254740993}}', ''))).toBe(
      '{"line":{"sku":9007199254740993}}',
    );
  }
  expect(() => codecOf(order)).toThrow('undefined type name: Line');
});
