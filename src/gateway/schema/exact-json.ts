// JSON whose numbers stay what they are. A whole number beyond 2^53 is read as BigInt, all others as numbers, and numbers
// that JavaScript does not have are written by their digits. What neither holds exactly is refused, never rounded.
import { Misfit, notJson } from './errors.ts';

export type Json = null | boolean | number | bigint | string | Json[] | { [name: string]: Json };

// JSON.rawJSON and the source text of a number, ECMAScript 2026, which TypeScript's library does not know yet.
interface ExactJson {
  parse(text: string, reviver: (name: string, value: unknown, context: { source?: string }) => unknown): Json;
  rawJSON(text: string): unknown;
}

const exact = JSON as unknown as ExactJson;

/** The longest double, written without an exponent, has 309 digits before the point; more are no number of an engine. */
const MAX_DIGITS = 400;

/** @throws Misfit when it is not JSON, or has a number that cannot be held exactly. */
export function parseExact(text: string): Json {
  try {
    return exact.parse(text, (_, value, { source }) =>
      typeof value === 'number' ? exactly(value, source ?? '') : value,
    );
  } catch (error) {
    throw error instanceof SyntaxError ? notJson(error) : error;
  }
}

/** A number in JSON, by its digits. `JSON.stringify` writes it as it is. */
export function rawNumber(digits: string | bigint): unknown {
  return exact.rawJSON(String(digits));
}

function exactly(value: number, source: string): number | bigint {
  if (source.length > MAX_DIGITS) throw new Misfit('', `or holds a number of ${source.length} digits`, 'a shorter one');
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    const { digits, exponent } = decimalOf(source) as Decimal;
    if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  }
  if (Number.isFinite(value) && sameDecimal(source, value)) return value;
  throw new Misfit('', 'or holds a number', 'one that a 64-bit integer or double holds exactly');
}

export function sameDecimal(source: string, value: number): boolean {
  const shortest = String(value);
  if (source === shortest) return true;
  const [a, b] = [decimalOf(source), decimalOf(shortest)];
  return a !== undefined && a.digits === b?.digits && a.exponent === b.exponent;
}

export interface Decimal {
  /** Without trailing zeros. */
  readonly digits: bigint;
  readonly exponent: number;
}

/** A JSON number as digits × 10^exponent; undefined when it is none. */
export function decimalOf(text: string): Decimal | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const all = `${whole}${fraction}`;
  const significant = all.replace(/0+$/, '');
  if (/^0*$/.test(significant)) return { digits: 0n, exponent: 0 };
  return {
    digits: BigInt(sign + significant),
    exponent: Number(exponent) - fraction.length + (all.length - significant.length),
  };
}
