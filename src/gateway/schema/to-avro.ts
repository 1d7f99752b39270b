// What a value of an Avro type is in JSON. This file reads JSON; from-avro.ts writes it.
//   null, boolean, int, long, float, double, string, array, map, record: as in JSON, integers of 64 bits exact
//   enum: its symbol            bytes, fixed: base64            decimal: the number, all of its digits
//   union: the bare value; written, it takes the first branch that fits
//   other logical types (date, timestamp-millis, uuid…): the number or text that Avro carries
// A field that a record does not have is no fit, for it would be lost; an absent one takes the schema's default.
import type avsc from 'avsc';
import { below, bytesOf, checkDepth, wellFormed } from './codec.ts';
import { describe, Misfit } from './errors.ts';
import { decimalOf, type Json } from './exact-json.ts';
import { doubleOf, floatOf, INT32, INT64, integerOf } from './numbers.ts';

/** What may still be spent on one body. */
export interface Budget {
  wrongBranches: number;
}

/** The parts of avsc's types that are looked at. */
export interface AvroType extends avsc.Type {
  readonly symbols: readonly string[];
  readonly size: number;
  readonly precision: number;
  readonly scale: number;
  readonly underlyingType: AvroType;
  readonly itemsType: AvroType;
  readonly valuesType: AvroType;
  readonly fields: readonly { readonly name: string; readonly type: AvroType; defaultValue(): unknown }[];
  readonly types: readonly AvroType[];
}

/** @throws Misfit */
export function toAvro(anyType: avsc.Type, json: Json, path: string, depth: number, budget: Budget): unknown {
  const type = anyType as AvroType;
  checkDepth(depth, path);
  switch (type.typeName) {
    case 'null':
      return json === null ? null : misfit(path, json, 'null');
    case 'boolean':
      return typeof json === 'boolean' ? json : misfit(path, json, 'a boolean');
    case 'int':
      return Number(integerOf(json, INT32, path));
    case 'abstract:long':
      return integerOf(json, INT64, path);
    case 'float':
      return floatOf(json, path);
    case 'double':
      return doubleOf(json, path);
    case 'string':
      return typeof json === 'string' ? wellFormed(json, path) : misfit(path, json, 'a text');
    case 'bytes':
      return typeof json === 'string' ? bytesOf(json, path) : misfit(path, json, 'bytes in base64');
    case 'fixed':
      return fixedOf(type, json, path);
    case 'logical:decimal':
      return decimalBytes(type, json, path);
    case 'enum':
      if (typeof json === 'string' && type.symbols.includes(json)) return json;
      return misfit(path, json, `one of ${type.symbols.join(', ')}`);
    case 'array':
      if (!Array.isArray(json)) return misfit(path, json, 'a list');
      return json.map((item, i) => toAvro(type.itemsType, item, below(path, i), depth + 1, budget));
    case 'map':
      return mapOf(type, json, path, depth, budget);
    case 'union:wrapped':
      return branchOf(type, json, path, depth, budget);
    case 'record':
    case 'error':
      return recordOf(type, json, path, depth, budget);
    default:
      throw new Misfit(path, describe(json), `a value of the Avro type ${type.typeName}, which is not supported`);
  }
}

function mapOf(type: AvroType, json: Json, path: string, depth: number, budget: Budget): unknown {
  if (!isObject(json)) return misfit(path, json, 'an object');
  const map: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(json)) {
    map[wellFormed(name, path)] = toAvro(type.valuesType, value, below(path, name), depth + 1, budget);
  }
  return map;
}

function recordOf(type: AvroType, json: Json, path: string, depth: number, budget: Budget): unknown {
  if (!isObject(json)) return misfit(path, json, `an object (${type.name ?? 'record'})`);
  const record: Record<string, unknown> = Object.create(null);
  for (const field of type.fields) {
    if (Object.hasOwn(json, field.name)) {
      record[field.name] = toAvro(field.type, json[field.name] as Json, below(path, field.name), depth + 1, budget);
    } else if (field.defaultValue() === undefined) {
      throw new Misfit(below(path, field.name), 'absent', `${nameOf(field.type)}, for the schema has no default`);
    }
  }
  for (const name of Object.keys(json)) {
    if (type.fields.some((field) => field.name === name)) continue;
    throw new Misfit(below(path, name), 'unknown', `one of ${type.fields.map((field) => field.name).join(', ')}`);
  }
  return record;
}

function branchOf(type: AvroType, json: Json, path: string, depth: number, budget: Budget): unknown {
  const misfits: Misfit[] = [];
  for (const branch of type.types) {
    try {
      const value = toAvro(branch, json, path, depth + 1, budget);
      return value === null ? null : { [branch.branchName as string]: value };
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      if (budget.wrongBranches-- <= 0)
        throw new Misfit(path, describe(json), 'a value whose branches are found sooner');
      misfits.push(error);
    }
  }
  // The branch that was understood furthest tells most: of ["null", Order] the missing field of the order.
  const deepest = misfits.reduce(
    (best, one) => (one.path.length > best.path.length ? one : best),
    misfits[0] as Misfit,
  );
  if (deepest.path !== path) throw deepest;
  return misfit(path, json, misfits.map(({ expected }) => expected).join(', or '));
}

function fixedOf(type: AvroType, json: Json, path: string): Buffer {
  const expected = `${type.size} bytes in base64`;
  if (typeof json !== 'string') return misfit(path, json, expected);
  const bytes = bytesOf(json, path);
  return bytes.length === type.size ? bytes : misfit(path, json, expected);
}

/**
 * The unscaled value in two's complement, big-endian: as short as it can be, or as long as its `fixed`. A text is taken
 * too, for numbers with more digits than the engine's own have.
 */
function decimalBytes(type: AvroType, json: Json, path: string): Buffer {
  const expected = `a decimal number of ${type.precision} digits, ${type.scale} of them after the point`;
  if (typeof json !== 'number' && typeof json !== 'bigint' && typeof json !== 'string') {
    return misfit(path, json, expected);
  }
  const decimal = decimalOf(String(json));
  const shift = decimal === undefined ? -1 : decimal.exponent + type.scale;
  if (decimal === undefined || shift < 0 || shift > type.precision) return misfit(path, json, expected);
  const unscaled = decimal.digits * 10n ** BigInt(shift);
  if (unscaled.toString().replace('-', '').length > type.precision) return misfit(path, json, expected);
  let length = 1;
  while (BigInt.asIntN(length * 8, unscaled) !== unscaled) length++;
  const size = type.underlyingType.size ?? length;
  if (length > size) return misfit(path, json, `a decimal number that fits into ${size} bytes`);
  const hex = BigInt.asUintN(size * 8, unscaled).toString(16);
  return Buffer.from(hex.padStart(size * 2, '0'), 'hex');
}

function nameOf(type: AvroType): string {
  return type.name ?? type.branchName ?? 'a union';
}

function isObject(json: Json): json is { [name: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function misfit(path: string, json: Json, expected: string): never {
  throw new Misfit(path, describe(json), expected);
}
