// JSON inside of Protobuf: google.protobuf.Struct, Value and ListValue, as protobufjs has them. Their numbers are doubles.
import { below, checkDepth, wellFormed } from './codec.ts';
import type { Json } from './exact-json.ts';
import { doubleOf, doubleToJson } from './numbers.ts';
import { misfit } from './protobuf-scalars.ts';

type Fields = Readonly<Record<string, unknown>>;

/** @throws Misfit */
export function structValueOf(json: Json, path: string, depth: number): Fields {
  checkDepth(depth, path);
  if (json === null) return { nullValue: 0 };
  if (typeof json === 'boolean') return { boolValue: json };
  if (typeof json === 'string') return { stringValue: wellFormed(json, path) };
  if (typeof json !== 'object') return { numberValue: doubleOf(json, path) };
  return Array.isArray(json) ? { listValue: listOf(json, path, depth) } : { structValue: structOf(json, path, depth) };
}

/** @throws Misfit */
export function structOf(json: Json, path: string, depth: number): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return misfit(path, json, 'an object');
  const fields: Record<string, unknown> = Object.create(null);
  for (const [name, item] of Object.entries(json)) {
    fields[wellFormed(name, path)] = structValueOf(item, below(path, name), depth + 1);
  }
  return { fields };
}

/** @throws Misfit */
export function listOf(json: Json, path: string, depth: number): Fields {
  if (!Array.isArray(json)) return misfit(path, json, 'a list');
  return { values: json.map((item, i) => structValueOf(item, below(path, i), depth + 1)) };
}

/** @throws Misfit */
export function structValueToJson(message: Fields, path: string, depth: number): unknown {
  checkDepth(depth, path);
  const has = (name: string): boolean => Object.hasOwn(message, name);
  if (has('structValue')) return structToJson(message.structValue as Fields, path, depth);
  if (has('listValue')) return listToJson(message.listValue as Fields, path, depth);
  if (has('numberValue')) return doubleToJson(message.numberValue as number, path);
  if (has('stringValue')) return message.stringValue;
  return has('boolValue') ? message.boolValue : null;
}

/** @throws Misfit */
export function structToJson(message: Fields, path: string, depth: number): unknown {
  const json: Record<string, unknown> = Object.create(null);
  for (const [name, item] of Object.entries(message.fields as Record<string, Fields>)) {
    json[name] = structValueToJson(item, below(path, name), depth + 1);
  }
  return json;
}

/** @throws Misfit */
export function listToJson(message: Fields, path: string, depth: number): unknown {
  return (message.values as Fields[]).map((item, i) => structValueToJson(item, below(path, i), depth + 1));
}
