// Figures as people read them.
import { describe, expect, test } from 'vitest';
import {
  age,
  bytes,
  clock,
  count,
  duration,
  many,
  parseDuration,
  rate,
  relative,
  shardList,
} from '../../../../src/gateway/http/page/browser/format.ts';

const S = 1_000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

describe('an age', () => {
  test.each([
    [-5 * S, '0 s'],
    [999, '0 s'],
    [59 * S + 999, '59 s'],
    [M, '1 min 00 s'],
    [3 * M + 7 * S, '3 min 07 s'],
    [59 * M + 59 * S, '59 min 59 s'],
    [H, '1 h 00 min'],
    [2 * H + 5 * M + 59 * S, '2 h 05 min'],
    [D, '1 d 00 h'],
    [3 * D + 4 * H, '3 d 04 h'],
  ])('%i ms is %s', (ms, text) => expect(age(ms)).toBe(text));

  test('and is said from now on, or since', () => {
    expect(relative(10 * S, 15 * S)).toBe('5 s ago');
    expect(relative(15 * S, 10 * S)).toBe('in 5 s');
  });
});

describe('a duration', () => {
  test.each([
    [0, '0 ms'],
    [3.4, '3 ms'],
    [850, '850 ms'],
    [1_250, '1.3 s'],
    [5 * S, '5 s'],
    [15 * M, '15 min'],
    [90 * S, '1 min 30 s'],
    [36 * H, '1 d 12 h'],
    [D + 5 * M, '1 d'],
    [59 * S + 700, '1 min'],
  ])('%d ms is %s', (ms, text) => expect(duration(ms)).toBe(text));

  test.each([
    ['90 s', 90 * S],
    ['15 min', 15 * M],
    ['15m', 15 * M],
    ['2h', 2 * H],
    ['1 d 12 h', 36 * H],
    ['1.5 h', 90 * M],
    ['500 ms', 500],
    ['PT15M', 15 * M],
    ['P1DT2H', 26 * H],
    ['pt0.5s', 500],
  ])('%s is read', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '15', 'soon', 'P', 'PT', 'P1', '-5 s', '15 minutes', '1 h x', '5 s, 3 s'])('%j is none', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );

  test('is read as it was written', () => {
    for (const ms of [S, 59 * S, M, 90 * S, 15 * M, H, 36 * H, 366 * D]) expect(parseDuration(duration(ms))).toBe(ms);
  });
});

test.each([
  [0, '0'],
  [0.01, '<0.1'],
  [0.44, '0.4'],
  [9.94, '9.9'],
  [9.96, '10'],
  [1204.4, '1,204'],
])('%d per second is %s', (perSecond, text) => expect(rate(perSecond)).toBe(text));

test('counts have separators, and one is singular', () => {
  expect(count(1_000_000)).toBe('1,000,000');
  expect([many(0, 'job'), many(1, 'job'), many(1_200, 'job'), many(2, 'entry', 'entries')]).toEqual([
    ...['0 jobs', '1 job', '1,200 jobs', '2 entries'],
  ]);
  expect([bytes(812), bytes(1_229), bytes(3_565_158)]).toEqual(['812 B', '1.2 KiB', '3.4 MiB']);
});

test('the day is said only when it is another one', () => {
  const noon = new Date(2026, 4, 4, 12, 3, 7).getTime();
  expect(clock(noon, noon + 2 * H)).toBe('12:03:07');
  expect(clock(noon, noon + D)).toBe('2026-05-04 12:03:07');
});

test('shards in a row are a range, and what is too much is counted', () => {
  expect(shardList([])).toBe('');
  expect(shardList([7, 3, 4, 5, 3])).toBe('3–5, 7');
  expect(shardList([1, 3, 5, 7, 9, 10, 11], 3)).toBe('1, 3, 5 and 4 more');
});
