// Numbers between JSON and the fields of schemas: exact, or refused.
import { expect, test } from 'vitest';
import { Misfit } from '../../../src/gateway/schema/errors.ts';
import { parseExact, rawNumber } from '../../../src/gateway/schema/exact-json.ts';
import {
  doubleOf,
  doubleToJson,
  floatOf,
  floatToJson,
  INT32,
  INT64,
  integerOf,
  UINT64,
} from '../../../src/gateway/schema/numbers.ts';

test.each([
  ['0', 0],
  ['-0', -0],
  ['1.50', 1.5],
  ['1E2', 100],
  ['9007199254740991', 9007199254740991],
  ['9007199254740993', 9007199254740993n],
  ['-9223372036854775808', -(2n ** 63n)],
  ['9007199254740993.0', 9007199254740993n],
  ['1e23', 10n ** 23n],
  ['0.30000000000000004', 0.30000000000000004],
  ['5e-324', 5e-324],
])('%s is read as it is', (text, value) => {
  expect(parseExact(text)).toBe(value);
});

test.each(['1e400', '0.99999999999999999999', '9007199254740993.5', '1e-400', `1${'0'.repeat(500)}`, '{', '1,'])(
  '%s is refused',
  (text) => {
    expect(() => parseExact(text)).toThrow(Misfit);
  },
);

test.each([
  [2147483647, INT32, 2147483647n],
  [1.0, INT32, 1n],
  [9223372036854775807n, INT64, 2n ** 63n - 1n],
  [18446744073709551615n, UINT64, 2n ** 64n - 1n],
])('the integer %s', (value, kind, expected) => {
  expect(integerOf(value, kind, 'x')).toBe(expected);
});

test.each([
  [2147483648, INT32],
  [1.5, INT32],
  [2n ** 63n, INT64],
  [-1, UINT64],
  ['1', INT32],
  [null, INT32],
  [true, INT64],
])('no such integer: %s', (value, kind) => {
  expect(() => integerOf(value, kind, 'x')).toThrow(/^x is .*, expected an? .*integer/);
});

test('a double takes a large integer only when nothing is rounded', () => {
  expect(doubleOf(2n ** 60n, 'x')).toBe(2 ** 60);
  expect(doubleOf(parseExact('1e23'), 'x')).toBe(1e23);
  expect(() => doubleOf(9007199254740993n, 'x')).toThrow('without rounding');
});

test('a float takes what it holds, and is written as its shortest decimal', () => {
  expect(floatOf(0.1, 'x')).toBe(Math.fround(0.1));
  expect(floatToJson(Math.fround(0.1), 'x')).toBe(0.1);
  expect(floatToJson(Math.fround(16777217), 'x')).toBe(16777216);
  for (const value of [0.123456789, 16777217, 1e39]) expect(() => floatOf(value, 'x')).toThrow('32-bit float');
});

test('JSON has no NaN and no infinity, and the sign of zero stays', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(() => doubleToJson(value, 'x')).toThrow('finite');
    expect(() => floatToJson(value, 'x')).toThrow('finite');
  }
  expect(JSON.stringify([doubleToJson(-0, 'x'), rawNumber(2n ** 64n)])).toBe('[-0.0,18446744073709551616]');
});
