// What JSON says of a message that protobufjs has read; to-protobuf.ts tells the conventions. A field without presence is
// always there, also when it is zero: for a process, `"paid": false` and nothing are not the same.
import protobuf from 'protobufjs';
import { below, checkDepth } from './codec.ts';
import { knownMessage } from './protobuf-known.ts';
import { isLong, longOf, scalarToJson } from './protobuf-scalars.ts';
import { hasPresence, jsonName } from './to-protobuf.ts';

/** A value for JSON.stringify. @throws Misfit */
export function fromProtobuf(type: protobuf.Type, anyMessage: object, path: string, depth: number): unknown {
  checkDepth(depth, path);
  const message = anyMessage as Record<string, unknown>;
  const known = knownMessage(type);
  if (known !== undefined) return known.write(message, path, depth, type);
  const json: Record<string, unknown> = Object.create(null);
  for (const field of type.fieldsArray) {
    if (hasPresence(field) && !Object.hasOwn(message, field.name)) continue;
    const name = jsonName(field);
    json[name] = fieldToJson(field, message[field.name], below(path, name), depth);
  }
  return json;
}

function fieldToJson(field: protobuf.Field, value: unknown, path: string, depth: number): unknown {
  if (field instanceof protobuf.MapField) return mapToJson(field, value as object, path, depth);
  if (!field.repeated) return valueToJson(field, value, path, depth);
  return (value as unknown[]).map((item, i) => valueToJson(field, item, below(path, i), depth));
}

function mapToJson(field: protobuf.MapField, map: object, path: string, depth: number): unknown {
  const json: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(map)) {
    const name = isLong(field.keyType) ? longKey(key, field.keyType) : key;
    json[name] = valueToJson(field, item, below(path, name), depth);
  }
  return json;
}

/** protobufjs packs keys of 64 bits into texts of eight characters. */
function longKey(hash: string, type: string): string {
  const { lo, hi } = protobuf.util.LongBits.fromHash(hash);
  return String(longOf({ low: lo, high: hi }, type));
}

function valueToJson(field: protobuf.FieldBase, value: unknown, path: string, depth: number): unknown {
  const type = field.resolvedType;
  if (type instanceof protobuf.Type) return fromProtobuf(type, value as object, path, depth + 1);
  // A number that the enum does not have (yet) stays a number.
  if (type instanceof protobuf.Enum) return type.valuesById[value as number] ?? value;
  return scalarToJson(field.type, value, path);
}
