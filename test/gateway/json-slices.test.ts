import fc from 'fast-check';
import { expect, test } from 'vitest';
import { members } from '../../src/gateway/json-slices.ts';

const entries = (text: string) => [...members(text)];

test.each([
  ['{}', []],
  [' \n\t\r{ } ', []],
  ['{"a":1}', [['a', '1']]],
  [
    '{ "a" : 1.50e+3 , "b" :true,"c":null }',
    [
      ['a', '1.50e+3'],
      ['b', 'true'],
      ['c', 'null'],
    ],
  ],
  [
    '{"a":{"b":[1,{"c":"}"}]},"d":[]}',
    [
      ['a', '{"b":[1,{"c":"}"}]}'],
      ['d', '[]'],
    ],
  ],
  [
    '{"a":"\\"},{\\\\","b":""}',
    [
      ['a', '"\\"},{\\\\"'],
      ['b', '""'],
    ],
  ],
  ['{"\\u0061\\"\\\\":1}', [['a"\\', '1']]],
  [
    '{"__proto__":1,"":2}',
    [
      ['__proto__', '1'],
      ['', '2'],
    ],
  ],
  ['{"n":18446744073709551615}', [['n', '18446744073709551615']]],
  ['[{"a":1}]', []],
  ['"{"', []],
  ['7', []],
])('%s', (text, expected) => {
  expect(entries(text)).toEqual(expected);
});

test('the last of two members of one name counts', () => {
  expect(entries('{"a":1,"\\u0061":{"b":2},"c":3}')).toEqual([
    ['a', '{"b":2}'],
    ['c', '3'],
  ]);
});

test('depth is no matter of the stack', () => {
  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  expect(members(`{"a":${deep},"b":1}`).get('a')).toBe(deep);
});

test('the parts say together what the whole says, however it is written', () => {
  const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }));
  const indent = fc.constantFrom(undefined, 1, '\t');
  fc.assert(
    fc.property(object, indent, (value, space) => {
      const text = JSON.stringify(value, null, space);
      const found = members(text);
      const again = `{${[...found].map(([name, slice]) => `${JSON.stringify(name)}:${slice}`).join()}}`;
      expect(JSON.parse(again)).toEqual(JSON.parse(text));
      for (const slice of found.values()) expect(text).toContain(slice);
    }),
  );
});
