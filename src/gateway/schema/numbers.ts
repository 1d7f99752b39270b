// JSON numbers as the numbers of Avro and Protobuf, and back. A number that its field cannot hold as it is does not fit: no
// field rounds, cuts or wraps. Whole numbers may be written with a fraction of zeros or an exponent, as JSON allows.

import { describe, Misfit } from './errors.ts';
import { rawNumber, sameDecimal } from './exact-json.ts';

export interface IntegerKind {
  readonly name: string;
  readonly min: bigint;
  readonly max: bigint;
}

const signed = (name: string, bits: bigint): IntegerKind => ({
  name: `${name} (-2^${bits - 1n} to 2^${bits - 1n} - 1)`,
  min: -(2n ** (bits - 1n)),
  max: 2n ** (bits - 1n) - 1n,
});
const unsigned = (name: string, bits: bigint): IntegerKind => ({
  name: `${name} (0 to 2^${bits} - 1)`,
  min: 0n,
  max: 2n ** bits - 1n,
});

export const INT32 = signed('a 32-bit integer', 32n);
export const INT64 = signed('a 64-bit integer', 64n);
export const UINT32 = unsigned('an unsigned 32-bit integer', 32n);
export const UINT64 = unsigned('an unsigned 64-bit integer', 64n);

export function integerOf(value: unknown, kind: IntegerKind, path: string): bigint {
  const whole = typeof value === 'bigint' ? value : Number.isInteger(value) ? BigInt(value as number) : undefined;
  if (whole === undefined || whole < kind.min || whole > kind.max) throw new Misfit(path, describe(value), kind.name);
  return whole;
}

export function doubleOf(value: unknown, path: string): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') {
    const near = Number(value);
    if (BigInt(near) === value || sameDecimal(String(value), near)) return near;
    throw new Misfit(path, describe(value), 'a number that a double holds without rounding');
  }
  throw new Misfit(path, describe(value), 'a number');
}

export function floatOf(value: unknown, path: string): number {
  const double = doubleOf(value, path);
  const float = Math.fround(double);
  if (Number.isFinite(float) && (float === double || shortestFloat(float) === double)) return float;
  throw new Misfit(path, describe(value), 'a number that a 32-bit float holds without rounding');
}

/** A float of 32 bits, as the shortest decimal that reads back as it: 0.1, not 0.10000000149011612. */
export function floatToJson(value: number, path: string): unknown {
  return doubleToJson(Number.isFinite(value) ? shortestFloat(value) : value, path);
}

export function doubleToJson(value: number, path: string): unknown {
  if (!Number.isFinite(value)) throw new Misfit(path, String(value), 'a finite number, for JSON has no other');
  // JSON.stringify takes the sign of -0 away.
  return Object.is(value, -0) ? rawNumber('-0.0') : value;
}

function shortestFloat(value: number): number {
  for (let precision = 1; precision <= 9; precision++) {
    const shorter = Number(value.toPrecision(precision));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}
