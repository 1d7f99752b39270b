// From JSON to what protobufjs encodes, after Protobuf's JSON mapping (protobuf.dev/programming-guides/json), which is strict
// where silence would lose something: a name that the message does not have is no fit.
//   message: an object; fields by their lowerCamelCase name (or json_name), or as the file writes them; null is absent
//   64-bit integers: numbers or quoted     enum: its name or number     bytes: base64     map: an object
import protobuf from 'protobufjs';
import { below, checkDepth, wellFormed } from './codec.ts';
import { Misfit } from './errors.ts';
import type { Json } from './exact-json.ts';
import { INT32, integerOf } from './numbers.ts';
import { knownMessage } from './protobuf-known.ts';
import { isZero, misfit, scalarOf } from './protobuf-scalars.ts';

/** @throws Misfit */
export function toProtobuf(type: protobuf.Type, json: Json, path: string, depth: number): Record<string, unknown> {
  checkDepth(depth, path);
  const known = knownMessage(type);
  if (known !== undefined) return known.read(json, path, depth, type);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return misfit(path, json, `an object (${type.name})`);
  }
  const message: Record<string, unknown> = Object.create(null);
  const names = fieldsByName(type);
  for (const [name, item] of Object.entries(json)) {
    const field = names.get(name);
    if (field === undefined) {
      throw new Misfit(below(path, name), 'unknown', `one of ${type.fieldsArray.map(jsonName).join(', ')}`);
    }
    if (item === null && !takesNull(field)) continue;
    if (field.name in message) throw new Misfit(below(path, name), 'a field given twice', 'one of its two names');
    const value = fieldOf(field, item, below(path, name), depth);
    if (hasPresence(field) || !isZero(value)) message[field.name] = value;
  }
  checkPresence(type, message, path);
  return message;
}

function checkPresence(type: protobuf.Type, message: Readonly<Record<string, unknown>>, path: string): void {
  for (const field of type.fieldsArray) {
    if (field.required && !(field.name in message)) throw new Misfit(below(path, jsonName(field)), 'absent', 'a value');
  }
  for (const oneof of type.oneofsArray) {
    const given = oneof.fieldsArray.filter((field) => field.name in message).map(jsonName);
    if (given.length > 1) throw new Misfit(below(path, oneof.name), `both ${given.join(' and ')}`, 'one of them');
  }
}

function fieldOf(field: protobuf.Field, json: Json, path: string, depth: number): unknown {
  if (field instanceof protobuf.MapField) return mapOf(field, json, path, depth);
  if (!field.repeated) return itemOf(field, json, path, depth);
  if (!Array.isArray(json)) return misfit(path, json, 'a list');
  return json.map((item, i) => itemOf(field, item, below(path, i), depth));
}

function mapOf(field: protobuf.MapField, json: Json, path: string, depth: number): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return misfit(path, json, 'an object');
  const map: Record<string, unknown> = Object.create(null);
  for (const [name, item] of Object.entries(json)) {
    map[keyOf(field.keyType, name, below(path, name))] = itemOf(field, item, below(path, name), depth);
  }
  return map;
}

/** Keys as protobufjs encodes them out of an object: all of them texts, of which only '' is false. */
function keyOf(type: string, name: string, path: string): string {
  if (type === 'string') return wellFormed(name, path);
  if (type === 'bool') {
    if (name === 'true' || name === 'false') return name === 'true' ? name : '';
    return misfit(path, name, 'true or false');
  }
  scalarOf(type, name, path);
  return name;
}

function itemOf(field: protobuf.FieldBase, json: Json, path: string, depth: number): unknown {
  const type = field.resolvedType;
  if (type instanceof protobuf.Type) return toProtobuf(type, json, path, depth + 1);
  if (!(type instanceof protobuf.Enum)) return scalarOf(field.type, json, path);
  const known = typeof json === 'string' && Object.hasOwn(type.values, json) ? type.values[json] : undefined;
  if (known !== undefined) return known;
  if (typeof json === 'number') return Number(integerOf(json, INT32, path));
  return misfit(path, json, `one of ${Object.keys(type.values).join(', ')}`);
}

/** Whether absent and zero are two things. */
export function hasPresence(field: protobuf.Field): boolean {
  if (field.repeated || field.map) return false;
  return field.hasPresence || field.resolvedType instanceof protobuf.Type;
}

function takesNull(field: protobuf.Field): boolean {
  return !field.repeated && !field.map && field.resolvedType?.fullName === '.google.protobuf.Value';
}

const namesOfType = new WeakMap<protobuf.Type, ReadonlyMap<string, protobuf.Field>>();

function fieldsByName(type: protobuf.Type): ReadonlyMap<string, protobuf.Field> {
  const known = namesOfType.get(type);
  if (known !== undefined) return known;
  const written = type.fieldsArray.map((field) => [field.name, field] as const);
  const names = new Map([...written, ...type.fieldsArray.map((field) => [jsonName(field), field] as const)]);
  namesOfType.set(type, names);
  return names;
}

/** `json_name`, or the name without underscores, the letter after each in upper case. */
export function jsonName(field: protobuf.Field): string {
  const given: unknown = field.getOption('json_name');
  return typeof given === 'string' ? given : field.name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());
}
