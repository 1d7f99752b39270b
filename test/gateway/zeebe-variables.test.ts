// Which variables the engine takes: the bounds one by one, and then any JSON against what Number and BigInt make of it.
// That the bounds are the engine's own is seen in zeebe-edge.servers.test.ts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultOfVariables } from '../../src/gateway/zeebe/variables.ts';

const HALF = 'of which the engine would make "?"';
const MANY = '1'.repeat(400);

describe('taken are', () => {
  it.each([
    '18446744073709551615',
    '-9223372036854775808',
    '1e308',
    '-1.7976931348623157e308',
    '1.797693134862315807e308',
    `${'1'.repeat(309)}.5`,
    `0.${MANY}`,
    `${MANY}e-200`,
    // A double all the same.
    ...['18446744073709551616.0', '1e20', '18446744073709551616e0', '0e999', '1e-400', '-0', '0.1000000000000000055'],
    ...['"1e400"', '"18446744073709551616"', '"3e400, "', '{"1e400":1}'],
    ...['"\\ud83d\\ude00"', '"\\uD83D\\uDE00"', '"\u{1f600}"', '"\\\\ud83d"', '"\\\\\\\\ud83d"', '"\\u00e9\\uffff"'],
    '"\\"\\ud83d\\ude00\\\\"',
    ...[deep(999), `["${'['.repeat(3_000)}"]`, JSON.stringify('\\'.repeat(3_000))],
    // Any reader takes the last one; the engine does too.
    '{"a":1,"a":2}',
  ])('%s', (value) => {
    expect(faultOfVariables(`{"x":${value}}`)).toBeUndefined();
    expect(faultOfVariables(` { "a" : [ ] ,\n"x"\t:${value} } `)).toBeUndefined();
  });

  it('many lists beside each other', () => {
    expect(faultOfVariables(`{"x":[${'[[],{}],'.repeat(2_000)}1]}`)).toBeUndefined();
  });
});

describe('not taken are', () => {
  it.each([
    [
      '18446744073709551616',
      'x is 18446744073709551616, and the engine takes whole numbers from -9223372036854775808 to',
    ],
    ['-9223372036854775809', 'x is -9223372036854775809, and'],
    ['100000000000000000000', 'x is 100000000000000000000, and'],
    [`-${MANY}`, `x is -${'1'.repeat(58)}…, and`],
    ['1e309', 'x is 1e309, more than a double holds; the engine would make "Infinity" of it'],
    ['-1E+0400', 'x is -1E+0400, more'],
    ['1.797693134862315808e308', 'x is 1.797693134862315808e308, more'],
    [`${MANY}.5`, `x is ${'1'.repeat(59)}…, more`],
    [`${MANY}e-50`, `x is ${'1'.repeat(59)}…, more`],
    ['"\\ud83d"', `x has half a character (\\ud83d without its other half), ${HALF}`],
    ['"\\uDE00 a"', `x has half a character (\\uDE00 without its other half), ${HALF}`],
    ['"a\\ud83d\\\\ude00"', 'x has half a character (\\ud83d '],
    ['"\\ud83d\\ud83d\\ude00"', 'x has half a character (\\ud83d '],
    ['"\\ude00\\ud83d"', 'x has half a character (\\ude00 '],
    ['"\\ud83d\u{1f600}"', 'x has half a character (\\ud83d '],
    ['"\\\\\\ud83d"', 'x has half a character (\\ud83d '],
    ['{"a\\ud83d":1}', 'a name in x has half a character (\\ud83d '],
    [deep(1000), `x${'[0]'.repeat(11)}… is nested more than 1000 levels deep`],
    ['{"a":'.repeat(1000) + 1 + '}'.repeat(1000), `x${'.a'.repeat(11)}… is nested more than 1000 levels deep`],
    [deep(100_000), 'x[0][0]'],
  ])('%.60s', (value, message) => {
    expect(faultOfVariables(`{"x":${value}}`)?.startsWith(message)).toBe(true);
    expect(faultOfVariables(` { "a" : [ ] ,\n"x"\t:${value} } `)?.startsWith(message)).toBe(true);
  });

  it.each(['-9223372036854775809', '1e309', '"\\ud83d"'])('%s, wherever it stands', (value) => {
    for (let before = 0; before < 60; before++) {
      expect(faultOfVariables(`{${' '.repeat(before)}"x":${value}}`)).toBeDefined();
      expect(faultOfVariables(`{"y":"${'7'.repeat(before)}","x":${value}}`)).toBeDefined();
    }
  });

  it.each([
    ['{"a":[{},[1],{"b c":{"d":[0,"x",1e400]}}]}', 'a[2]["b c"].d[2] is'],
    ['{"a":{"x":[1,2]},"b":1e400}', 'b is'],
    ['{"a":[],"b":[{}, 1e400]}', 'b[1] is'],
    ['{"a":[{"x":1},{"y":"z","x":1e400 }]}', 'a[1].x is'],
    ['{"a\\"b":{"größe":1e400}}', '["a\\"b"].größe is'],
    ['{"\\ud800":1}', 'a name in the reply has half'],
    [`{"${'n'.repeat(100)}":1e400}`, `${'n'.repeat(59)}… is`],
  ])('and the place is said: %s', (variables, message) => {
    expect(faultOfVariables(variables)?.slice(0, message.length)).toBe(message);
  });
});

it('any JSON is judged as Number and BigInt judge its numbers, and isWellFormed its texts', () => {
  const digits = (min: number, max: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: min, maxLength: max }).map((text) => text || '0');
  const whole = fc
    .oneof(
      digits(1, 22),
      digits(300, 320),
      fc.bigInt({ min: 2n ** 63n - 3n, max: 2n ** 63n + 3n }),
      fc.bigInt({ min: 2n ** 64n - 3n, max: 2n ** 64n + 3n }),
    )
    .map((text) => String(text).replace(/^0+(?=\d)/, ''));
  const exponent = fc.tuple(
    fc.constantFrom('e', 'E'),
    fc.constantFrom('', '+', '-'),
    fc.oneof(digits(1, 4), fc.integer({ min: 300, max: 312 }).map(String)),
  );
  const number = fc
    .tuple(
      fc.constantFrom('', '-'),
      whole,
      fc.option(digits(1, 25), { nil: undefined, freq: 2 }),
      fc.option(exponent, { nil: undefined, freq: 2 }),
    )
    .map(([sign, int, part, exp]) => `${sign}${int}${part === undefined ? '' : `.${part}`}${exp?.join('') ?? ''}`);
  const piece = fc.constantFrom(
    ...['\\ud83d', '\\uDE00', '\\ud83d\\ude00', '\\\\', '\\"', '\\u00e9', '\\n', 'ud83d', '\u{1f600}', 'ü'],
    ...['1e400 ', '18446744073709551616', '[', '}', ',', ':', '-', 'e'],
  );
  const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
  const space = fc.constantFrom('', '', '', ' ', '\n\t');
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      number,
      text.map((chars) => `"${chars}"`),
      fc.constantFrom('null', 'true', 'false'),
      fc.tuple(fc.array(tie('value'), { maxLength: 4 }), space).map(([items, s]) => `[${items.join(`${s},${s}`)}${s}]`),
      fc
        .tuple(fc.array(fc.tuple(text, tie('value')), { maxLength: 4 }), space)
        .map(([all, s]) => `{${s}${all.map(([name, of]) => `"${name}"${s}:${s}${of}`).join(`,${s}`)}${s}}`),
    ),
  }));
  const taken = { yes: 0, no: 0 };
  fc.assert(
    fc.property(value, (json) => {
      const variables = `{"x":${json}}`;
      const fault = faultOfVariables(variables);
      taken[fault === undefined ? 'yes' : 'no'] += 1;
      expect(fault === undefined, `${variables}: ${fault}`).toBe(isTaken(variables));
      expect(fault?.isWellFormed() ?? true).toBe(true);
    }),
    { numRuns: 5_000 },
  );
  expect(Math.min(taken.yes, taken.no)).toBeGreaterThan(500);
});

/**
 * Nothing but the definition, for each text and each number. They are cut out by expressions, for JSON.parse of Node 24.21
 * takes some names with a backslash for others, and does not show all numbers then.
 */
function isTaken(variables: string): boolean {
  const text = /"(?:[^"\\]|\\.)*"/g;
  const texts = variables.match(text) ?? [];
  const numbers = variables.replace(text, '""').match(/-?\d[\d.eE+-]*/g) ?? [];
  return (
    texts.every((written) => (JSON.parse(written) as string).isWellFormed()) &&
    numbers.every((written) =>
      /[.eE]/.test(written)
        ? Number.isFinite(Number(written))
        : BigInt(written) >= -(2n ** 63n) && BigInt(written) < 2n ** 64n,
    )
  );
}

function deep(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}
