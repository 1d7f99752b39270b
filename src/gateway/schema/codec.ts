// What every kind of schema can do, once it is compiled, and the limits that they share. A codec is pure: all that it needs
// from the registry was fetched before.
import { Misfit } from './errors.ts';

/** A schema as a registry keeps it, with everything that it refers to. */
export interface RegisteredSchema {
  readonly type: string;
  readonly text: string;
  /** Those it refers to, each before those that refer to it. `name` is how the schemas name it. */
  readonly references: readonly { readonly name: string; readonly text: string }[];
}

/** The part of a value after the five bytes of magic and id. */
export interface PayloadCodec {
  /** `message` names one of a Protobuf file's; '' is the first. @throws Misfit */
  encode(jsonText: string, message: string): Uint8Array;
  /** JSON text. @throws Misfit */
  decode(payload: Uint8Array): string;
}

/** Levels of lists and objects within each other; Protobuf's own limit is 100 messages. */
const MAX_DEPTH = 100;

export function checkDepth(depth: number, path: string): void {
  if (depth > MAX_DEPTH) throw new Misfit(path, 'nested deeper', `at most ${MAX_DEPTH} levels`);
}

/** `order.items[0]`, and quoted where a name is no word: `order["a b"]`. */
export function below(path: string, name: string | number): string {
  if (typeof name === 'number') return `${path}[${name}]`;
  if (!/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

/** A text that UTF-8 can carry: a lone surrogate would arrive as another character. */
export function wellFormed(text: string, path: string): string {
  if (!text.isWellFormed()) throw new Misfit(path, 'a text with a lone surrogate', 'well-formed Unicode');
  return text;
}

/** Bytes are base64 in JSON, as in Protobuf's mapping; the URL-safe alphabet is understood too. */
export function bytesOf(text: string, path: string): Buffer {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw new Misfit(path, 'a text that is not base64', 'bytes in base64');
  return Buffer.from(text, 'base64');
}
