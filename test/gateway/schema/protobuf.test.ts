// Protobuf messages between JSON and bytes, and the place of a message in its file in front of them.
import { expect, test } from 'vitest';
import { Misfit } from '../../../src/gateway/schema/errors.ts';
import { protobufCodec } from '../../../src/gateway/schema/protobuf.ts';

const codecOf = (text: string, references: { name: string; text: string }[] = []) =>
  protobufCodec({ type: 'PROTOBUF', text, references });

const proto3 = (body: string) => codecOf(`syntax = "proto3"; package shop; ${body}`);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test.each([
  ['int64', '9223372036854775807'],
  ['int64', '-9223372036854775808'],
  ['sint64', '-9007199254740993'],
  ['sfixed64', '-9007199254740993'],
  ['uint64', '18446744073709551615'],
  ['fixed64', '18446744073709551615'],
  ['int32', '-2147483648'],
  ['uint32', '4294967295'],
  ['float', '0.1'],
  ['double', '-0.0'],
  ['bool', 'true'],
  ['string', '"Grüße 🎉"'],
  ['bytes', '"AP8="'],
  ['repeated int64', '[9007199254740993,0]'],
  ['repeated Kind', '["OLD",7]'],
  ['Kind', '"OLD"'],
  ['Inner', '{"n":1}'],
  ['map<string, int64>', '{"a b":9007199254740993,"__proto__":1}'],
  ['map<int64, string>', '{"-9007199254740993":"x"}'],
  ['map<uint64, string>', '{"18446744073709551615":"x"}'],
  ['map<bool, int32>', '{"true":1,"false":2}'],
  ['map<string, Inner>', '{"a":{"n":1}}'],
])('%s carries %s', (type, json) => {
  const codec = proto3(`message Order { ${type} value = 1; }
    message Inner { int32 n = 1; } enum Kind { NEW = 0; OLD = 1; }`);
  expect(codec.decode(codec.encode(`{"value":${json}}`, ''))).toBe(`{"value":${json}}`);
});

test.each([
  ['Timestamp', '"2026-02-28T23:59:59.120+01:00"', '"2026-02-28T22:59:59.120Z"'],
  ['Timestamp', '"0001-01-01T00:00:00.000000001Z"', '"0001-01-01T00:00:00.000000001Z"'],
  ['Duration', '"-0.5s"', '"-0.500s"'],
  ['Struct', '{"a":[1,null,"x",{"b":true}]}', '{"a":[1,null,"x",{"b":true}]}'],
  ['Value', 'null', 'null'],
  ['ListValue', '[1]', '[1]'],
  ['Int64Value', '9007199254740993', '9007199254740993'],
  ['StringValue', '""', '""'],
  ['BytesValue', '"AP8="', '"AP8="'],
])('google.protobuf.%s carries %s', (type, json, back) => {
  const file = ['Struct', 'Value', 'ListValue'].includes(type) ? 'struct' : type.toLowerCase();
  const codec = proto3(`import "google/protobuf/${file.endsWith('value') ? 'wrappers' : file}.proto";
    message Order { google.protobuf.${type} value = 1; }`);
  expect(codec.decode(codec.encode(`{"value":${json}}`, ''))).toBe(`{"value":${back}}`);
});

test('fields go by their JSON names and are read by either; a service that says zero says something', () => {
  const codec = proto3(`message Order { int64 order_id = 1; bool paid = 2; string x = 3 [json_name = "other"];
    optional bool sent = 4; repeated int32 steps = 5; Order parent = 6; }`);
  expect(codec.decode(codec.encode('{"order_id":"5","other":"o","parent":null,"paid":false}', ''))).toBe(
    '{"orderId":5,"paid":false,"other":"o","steps":[]}',
  );
  expect(codec.decode(codec.encode('{"orderId":0,"sent":false}', ''))).toContain('"sent":false');
});

test('presence is as the syntax has it', () => {
  const proto2 = codecOf('syntax = "proto2"; message A { required int32 id = 1; optional int32 n = 2 [default = 7]; }');
  expect(proto2.decode(proto2.encode('{"id":0}', ''))).toBe('{"id":0}');
  expect(() => proto2.encode('{}', '')).toThrow('id is absent');
  const edition = codecOf('edition = "2023"; message A { int32 n = 1; }');
  expect(edition.decode(edition.encode('{"n":0}', ''))).toBe('{"n":0}');
});

test('in front, the place of the message among those of the file', () => {
  const codec = codecOf(
    `syntax = "proto3"; package shop; import "money.proto";
     message First { Money m = 1; message Inner { int32 n = 1; } message Other { int32 n = 1; } }
     enum Between { NONE = 0; } message Second { message Inner { int32 n = 1; } }`,
    [{ name: 'money.proto', text: 'syntax = "proto3"; package shop; message Money { int32 n = 1; }' }],
  );
  expect(hex(codec.encode('{}', ''))).toBe('00');
  expect(hex(codec.encode('{}', 'Second'))).toBe('0202');
  expect(hex(codec.encode('{"n":1}', 'shop.First.Other'))).toBe('0400020801');
  expect(hex(codec.encode('{"n":1}', 'Second.Inner'))).toBe('0402000801');
  expect(codec.decode(Buffer.from('0402000801', 'hex'))).toBe('{"n":1}');
  expect(codec.decode(Buffer.from('0200', 'hex'))).toBe('{}'); // [0], not in its short form
  expect(() => codec.encode('{}', 'Money')).toThrow('one of the schema: shop.First, shop.First.Inner');
});

test.each([
  ['{"id":9223372036854775808}', 'id is a whole number, expected a 64-bit integer'],
  ['{"id":1.5}', 'id is a number with a fraction'],
  ['{"lines":{"a":{"count":2147483648}}}', 'lines.a.count is a whole number'],
  ['{"nope":1}', 'nope is unknown, expected one of id, kind'],
  ['{"kind":"NOW"}', 'kind is a text of 3 characters, expected one of NEW, OLD'],
  ['{"card":"x","cash":true}', 'how is both card and cash'],
  ['{"card":"\\ud800"}', 'lone surrogate'],
  ['{"raw":"%"}', 'base64'],
  ['{"flags":{"maybe":1}}', 'expected true or false'],
  ['{"order_no":1,"orderNo":2}', 'given twice'],
  ['{"at":"2026-02-30T00:00:00Z"}', 'RFC 3339'],
  ['[]', 'it is a list of 0, expected an object (Order)'],
  ['{"extra":9007199254740993}', 'without rounding'],
])('%s is refused', (json, words) => {
  const codec = proto3(`import "google/protobuf/timestamp.proto"; import "google/protobuf/struct.proto";
    message Order { int64 id = 1; Kind kind = 2; map<string, Line> lines = 3; oneof how { string card = 4; bool cash = 5; }
      bytes raw = 6; map<bool, int32> flags = 7; int32 order_no = 8; google.protobuf.Timestamp at = 9;
      google.protobuf.Value extra = 10; }
    message Line { int32 count = 1; } enum Kind { NEW = 0; OLD = 1; }`);
  const encode = () => codec.encode(json, '');
  expect(encode).toThrow(Misfit);
  expect(encode).toThrow(words);
});

test.each([
  ['', 'cannot read'],
  ['0228', 'no message at [20]'],
  ['04', 'cannot read'],
  ['ff01', 'message indexes'],
  ['000a05', 'cannot read'],
  ['000a01ff', 'utf-8'],
  ['0015000080ff', 'finite'],
])('the bytes %s are refused', (bytes, words) => {
  const decode = () => proto3('message Order { string text = 1; float rate = 2; }').decode(Buffer.from(bytes, 'hex'));
  expect(decode).toThrow(Misfit);
  expect(decode).toThrow(words);
});

test('options of other tools do no harm, a type that is missing does', () => {
  const codec = proto3(`import "google/protobuf/descriptor.proto"; import "confluent/meta.proto";
    extend google.protobuf.FieldOptions { string hint = 50000; }
    message Order { int32 n = 1 [(hint) = "x", (confluent.field_meta).doc = "y"]; }`);
  expect(codec.decode(codec.encode('{"n":1}', ''))).toBe('{"n":1}');
  expect(() => proto3('import "money.proto"; message Order { pay.Money total = 1; }')).toThrow('pay.Money');
  expect(() => proto3('enum Kind { NEW = 0; }')).toThrow('no message');
  expect(() => codecOf('Cgttb25leS5wcm90bxIDcGF5')).toThrow('binary descriptor');
});
