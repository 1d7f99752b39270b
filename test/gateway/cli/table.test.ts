import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Column, fields, Table, table } from '../../../src/gateway/cli/table.ts';
import { cutTo, printable, widthOf } from '../../../src/gateway/cli/text-width.ts';
import { grouped, localTime, span, when } from '../../../src/gateway/cli/words.ts';
import { anyText } from './any-text.ts';

interface Row {
  readonly name: string | null;
  readonly count: number;
  readonly note: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', of: ({ name }) => name },
  { title: 'COUNT', align: 'right', of: ({ count }) => count, style: ({ count }) => (count > 9 ? 'red' : undefined) },
  { title: 'NOTE', least: 6, of: ({ note }) => note },
];
const PLAIN = { width: undefined, paint: (_style: unknown, text: string) => text };

test('columns are aligned by cells of the terminal, numbers to the right, and nothing is empty', () => {
  const rows = [
    { name: 'charge', count: 7, note: '' },
    { name: '注文', count: 12, note: 'wide' },
    { name: null, count: 0, note: 'e\u0301clair 🚀' },
  ];
  expect(table(COLUMNS, rows, PLAIN)).toEqual([
    'NAME    COUNT  NOTE',
    'charge      7  -',
    '注文       12  wide',
    '-           0  e\u0301clair 🚀',
  ]);
});

test('on a terminal the flexible column gives way; elsewhere nothing is cut', () => {
  const rows = [{ name: 'charge', count: 7, note: 'a long explanation of what happened' }];
  expect(table(COLUMNS, rows, { ...PLAIN, width: 30 })[1]).toBe('charge      7  a long explana…');
  expect(table(COLUMNS, rows, { ...PLAIN, width: 5 })[1]).toBe('charge      7  a lon…');
  expect(table(COLUMNS, rows, PLAIN)[1]).toBe('charge      7  a long explanation of what happened');
});

test('page by page there is one header, and columns do not shrink', () => {
  const pages = new Table(COLUMNS, PLAIN);
  expect(pages.lines([{ name: 'a-long-name', count: 1, note: 'x' }])).toHaveLength(2);
  expect(pages.lines([{ name: 'b', count: 2, note: 'y' }])).toEqual(['b                2  y']);
});

test('colour does not count as width', () => {
  const paint = (_style: unknown, text: string) => `<${text}>`;
  // NAME is 4 cells wide, a gap of 2, COUNT 5.
  expect(table(COLUMNS, [{ name: 'a', count: 10, note: 'x' }], { width: undefined, paint })).toEqual([
    '<NAME>  <COUNT>  <NOTE>',
    `a${' '.repeat(8)}<10>  x`,
  ]);
});

describe('text from elsewhere', () => {
  test.each([
    ['\u001b[2Jgone', '\\x1b[2Jgone'],
    ['\u009b31m', '\\x9b31m'],
    ['two\nlines\r\n', 'two\\nlines\\r\\n'],
    ['abc\u202egnp.exe', 'abc\\u{202e}gnp.exe'],
    ['\ud800', '\\u{d800}'],
    ['👩\u200d🚀 é', '👩\u200d🚀 é'],
  ])('%j is shown as %s', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test('nothing that a terminal obeys gets through a table or a list of fields', () => {
    fc.assert(
      fc.property(anyText(), fc.integer({ min: 10, max: 200 }), (text, width) => {
        const sheet = { ...PLAIN, width };
        const lines = [
          ...table(COLUMNS, [{ name: text, count: 1, note: text }], sheet),
          ...fields([[text, text]], sheet),
        ];
        for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });

  test('what is cut fits, and is the beginning', () => {
    const any = fc.oneof(anyText(), fc.stringMatching(/^[あ漢a🚀 ]*$/u));
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 40 }), (text, width) => {
        const cut = cutTo(text, width);
        expect(widthOf(cut)).toBeLessThanOrEqual(width);
        expect(text.startsWith(cut === text ? text : cut.slice(0, -1))).toBe(true);
      }),
    );
  });
});

describe('times and durations', () => {
  test.each([
    [0, '0ms'],
    [-3, '-3ms'],
    [999.9, '999ms'],
    [12_300, '12s'],
    [200_000, '3m20s'],
    [7_500_000, '2h05m'],
    [3_600_000 * 76, '3d04h'],
    [-61_000, '-1m01s'],
    [Number.NaN, '?'],
  ])('%d ms is %s', (ms, text) => {
    expect(span(ms)).toBe(text);
  });

  test('a local time names its moment exactly, with how long ago or how soon', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (atMs) => {
        expect(Date.parse(localTime(atMs))).toBe(Math.floor(atMs / 1_000) * 1_000);
      }),
    );
    expect(when(1_000, 61_000)).toMatch(/ \(1m00s ago\)$/);
    expect(when(61_000, 1_000)).toMatch(/ \(in 1m00s\)$/);
    expect(grouped(1_234_567)).toBe('1,234,567');
    expect(grouped(999)).toBe('999');
  });
});

test('where a terminal is too narrow for all, the columns that tell least are left out, from the right', () => {
  const columns: readonly Column<Row>[] = [
    { title: 'NAME', of: ({ name }) => name },
    { title: 'ONE', extra: true, of: () => '12345' },
    { title: 'TWO', extra: true, of: () => '12345' },
    { title: 'NOTE', least: 6, of: ({ note }) => note },
  ];
  const head = (width: number) =>
    table(columns, [{ name: 'charge', count: 1, note: 'a long one' }], { ...PLAIN, width })[0];
  expect(head(28)).toBe('NAME    ONE    TWO    NOTE');
  expect(head(27)).toBe('NAME    ONE    NOTE');
  expect(head(10)).toBe('NAME    NOTE');
});
