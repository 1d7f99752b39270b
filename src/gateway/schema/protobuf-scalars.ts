// Protobuf's scalars in JSON: 64-bit integers are numbers with all their digits (its own JSON mapping quotes them; quoted
// ones are read too), bytes are base64.
import { bytesOf, wellFormed } from './codec.ts';
import { describe, Misfit } from './errors.ts';
import type { Json } from './exact-json.ts';
import { rawNumber } from './exact-json.ts';
import { doubleOf, doubleToJson, floatOf, floatToJson, INT32, INT64, integerOf, UINT32, UINT64 } from './numbers.ts';

const INTEGERS = new Map(
  Object.entries({
    int32: INT32,
    sint32: INT32,
    sfixed32: INT32,
    uint32: UINT32,
    fixed32: UINT32,
    int64: INT64,
    sint64: INT64,
    sfixed64: INT64,
    uint64: UINT64,
    fixed64: UINT64,
  }),
);

/** protobufjs takes and gives the two halves of a 64-bit integer. */
export interface Halves {
  readonly low: number;
  readonly high: number;
}

/** A value as protobufjs encodes it. @throws Misfit */
export function scalarOf(type: string, json: Json, path: string): unknown {
  const kind = INTEGERS.get(type);
  if (kind !== undefined) {
    const quoted = typeof json === 'string' && /^-?\d{1,20}$/.test(json);
    const value = integerOf(quoted ? BigInt(json) : json, kind, path);
    return isLong(type) ? halvesOf(value) : Number(value);
  }
  switch (type) {
    case 'float':
      return floatOf(json, path);
    case 'double':
      return doubleOf(json, path);
    case 'bool':
      return typeof json === 'boolean' ? json : misfit(path, json, 'a boolean');
    case 'string':
      return typeof json === 'string' ? wellFormed(json, path) : misfit(path, json, 'a text');
    case 'bytes':
      return typeof json === 'string' ? bytesOf(json, path) : misfit(path, json, 'bytes in base64');
    default:
      throw new Misfit(path, describe(json), `a value of the type ${type}, which is not supported`);
  }
}

/** A value for JSON.stringify. @throws Misfit */
export function scalarToJson(type: string, value: unknown, path: string): unknown {
  if (isLong(type)) return rawNumber(longOf(value as Halves | 0, type));
  if (type === 'float') return floatToJson(value as number, path);
  if (type === 'double') return doubleToJson(value as number, path);
  if (type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  return value;
}

export function isLong(type: string): boolean {
  return type.endsWith('64');
}

export function halvesOf(value: bigint): Halves {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
}

export function longOf(value: Halves | 0, type: string): bigint {
  if (value === 0) return 0n;
  // Without the package `long` protobufjs would give numbers, and the lower digits would be gone.
  if (typeof value === 'number') throw new Error('protobufjs runs without the package "long"; install it');
  const bits = (BigInt(value.high) << 32n) | BigInt(value.low >>> 0);
  return type.startsWith('u') || type === 'fixed64' ? BigInt.asUintN(64, bits) : BigInt.asIntN(64, bits);
}

/** A scalar that is not written when its field has no presence: reading gives it back. */
export function isZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null && 'low' in value) {
    const { low, high } = value as Halves;
    return low === 0 && high === 0;
  }
  if (value instanceof Uint8Array) return value.length === 0;
  return value === '' || value === false || Object.is(value, 0);
}

export function misfit(path: string, json: Json, expected: string): never {
  throw new Misfit(path, describe(json), expected);
}
