import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, InvalidDuration, parseDuration } from '../../src/actors/duration.ts';

test.each([
  ['P7D', 604_800_000],
  ['PT30S', 30_000],
  ['PT1H30M', 5_400_000],
  ['PT0.5S', 500],
  ['PT1.001S', 1001],
  ['PT4.35S', 4350],
  ['P1DT2H3M4S', 93_784_000],
  ['PT90M', 5_400_000],
  ['PT0S', 0],
  ['P0D', 0],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

const wrong: readonly unknown[] = [
  ...['', 'P', 'PT', 'P1DT', '10m', '30', 'PT30', 'P1Y', 'P1M', 'P1W', 'PT1M1H', 'pt30s', '-PT1S', 'PT-1S', 'PT1,5S'],
  ...['PT1.5M', 'PT.5S', 'PT1.S', 'PT0.0001S', ' PT1S', 'PT1S\n', 'PT1S1S', 'P9999999D', 30, undefined, null, ['PT1S']],
];

test.each(wrong.map((text) => [text]))('%j is refused', (text) => {
  expect(() => parseDuration(text)).toThrow(InvalidDuration);
});

test('the error shows what was found and what is allowed', () => {
  expect(() => parseDuration('10m')).toThrow(/^"10m" is not a duration; allowed is .*PT30S/);
});

test('what is formatted is parsed to the same, and formatted the same again', () => {
  expect([0, 500, 5_400_000, 604_800_000, 93_784_001].map(formatDuration)).toEqual([
    ...['PT0S', 'PT0.5S', 'PT1H30M', 'P7D', 'P1DT2H3M4.001S'],
  ]);
  fc.assert(
    fc.property(fc.nat({ max: 999_999 * 86_400_000 }), (ms) => {
      const text = formatDuration(ms);
      expect(parseDuration(text)).toBe(ms);
      expect(formatDuration(parseDuration(text))).toBe(text);
    }),
  );
  expect(() => formatDuration(-1)).toThrow(RangeError);
});
