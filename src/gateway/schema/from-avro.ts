// What JSON says of a value that Avro has read; to-avro.ts tells the conventions.
import type avsc from 'avsc';
import { below, checkDepth } from './codec.ts';
import { Misfit } from './errors.ts';
import { rawNumber } from './exact-json.ts';
import { doubleToJson, floatToJson } from './numbers.ts';
import type { AvroType } from './to-avro.ts';

/** A value for JSON.stringify. @throws Misfit */
export function fromAvro(anyType: avsc.Type, value: unknown, path: string, depth: number): unknown {
  const type = anyType as AvroType;
  checkDepth(depth, path);
  switch (type.typeName) {
    case 'abstract:long':
      return rawNumber(value as bigint);
    case 'float':
      return floatToJson(value as number, path);
    case 'double':
      return doubleToJson(value as number, path);
    case 'bytes':
    case 'fixed':
      return (value as Buffer).toString('base64');
    case 'logical:decimal':
      return rawNumber(decimalText(value as Buffer, type.scale));
    case 'array':
      return (value as unknown[]).map((item, i) => fromAvro(type.itemsType, item, below(path, i), depth + 1));
    case 'map':
      return mapValues(value as object, (item, name) => fromAvro(type.valuesType, item, below(path, name), depth + 1));
    case 'union:wrapped':
      return fromBranch(type, value, path, depth);
    case 'record':
    case 'error':
      return fromRecord(type, value as Record<string, unknown>, path, depth);
    default:
      return value; // null, boolean, int, string, enum
  }
}

function fromRecord(type: AvroType, record: Record<string, unknown>, path: string, depth: number): unknown {
  const json: Record<string, unknown> = Object.create(null);
  for (const { name, type: fieldType } of type.fields) {
    json[name] = fromAvro(fieldType, record[name], below(path, name), depth + 1);
  }
  return json;
}

function fromBranch(type: AvroType, wrapped: unknown, path: string, depth: number): unknown {
  if (wrapped === null) return null;
  const [[name, value] = ['', null]] = Object.entries(wrapped as object);
  const branch = type.types.find(({ branchName }) => branchName === name);
  if (branch === undefined) throw new Misfit(path, `the branch ${name}`, 'one of the union');
  return fromAvro(branch, value, path, depth + 1);
}

function mapValues(map: object, convert: (value: unknown, name: string) => unknown): unknown {
  const json: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(map)) json[name] = convert(value, name);
  return json;
}

/** All digits of the scale are written: 12.30 stays 12.30. */
function decimalText(bytes: Buffer, scale: number): string {
  const unscaled = BigInt.asIntN(bytes.length * 8, bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`));
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  const fraction = scale === 0 ? '' : `.${digits.slice(point)}`;
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, point)}${fraction}`;
}
