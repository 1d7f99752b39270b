// JSON Schema. The text that was validated is the text that travels: nothing is written anew, so that no number, name or
// order can change. ajv validates what JavaScript makes of the numbers, which is exact up to 2^53.
//
// A schema names its draft in `$schema`; without one it is draft 7, as for Confluent's own serializers. `format` is an
// annotation, as it is by default in the later drafts.
import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import draft6 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' };
import { below, type PayloadCodec, type RegisteredSchema } from './codec.ts';
import { describe, Misfit, notJson } from './errors.ts';

// Schemas of other tools bring keywords of their own (connect.type, javaType), which are none of ours to judge.
const OPTIONS: Options = { strict: false, validateFormats: false, logger: false, verbose: true };

/** @throws Error with the reason when the schema is not valid, of an unknown draft, or refers to one that is missing */
export function jsonSchemaCodec({ text, references }: RegisteredSchema): PayloadCodec {
  const schema: unknown = JSON.parse(text);
  const ajv = ajvFor(schema);
  for (const { name, text: referenced } of references) {
    for (const uri of urisOf(name, schema)) ajv.addSchema(JSON.parse(referenced), uri);
  }
  const validate = ajv.compile(schema as object | boolean);
  const check = (jsonText: string): void => {
    if (!validate(parse(jsonText))) throw misfitOf(validate.errors?.[0]);
  };
  return {
    encode(jsonText) {
      check(jsonText);
      return Buffer.from(jsonText, 'utf8');
    },
    decode(payload) {
      const jsonText = utf8(payload);
      check(jsonText);
      return jsonText;
    },
  };
}

function ajvFor(schema: unknown): Ajv {
  const draft = typeof schema === 'object' && schema !== null && '$schema' in schema ? String(schema.$schema) : '';
  if (draft.includes('2020-12')) return new Ajv2020(OPTIONS);
  if (draft.includes('2019-09')) return new Ajv2019(OPTIONS);
  if (draft.includes('draft-04')) throw new Error('it is of draft 4; drafts 6, 7, 2019-09 and 2020-12 are supported');
  return new Ajv(OPTIONS).addMetaSchema(draft6);
}

/** A registry's reference carries the name that `$ref` uses, which JSON Schema resolves against the schema's own `$id`. */
function urisOf(name: string, schema: unknown): Set<string> {
  const id = typeof schema === 'object' && schema !== null && '$id' in schema ? String(schema.$id) : '';
  return new Set(URL.canParse(name, id) ? [name, new URL(name, id).href] : [name]);
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function utf8(payload: Uint8Array): string {
  try {
    return decoder.decode(payload);
  } catch {
    throw new Misfit('', 'no UTF-8', 'JSON in UTF-8');
  }
}

function parse(jsonText: string): unknown {
  try {
    return JSON.parse(jsonText);
  } catch (error) {
    throw notJson(error);
  }
}

function misfitOf(error: ErrorObject | undefined): Misfit {
  if (error === undefined) return new Misfit('', 'something else', 'what the schema says');
  const path = error.instancePath.split('/').slice(1).map(unescapePointer).reduce(step, '');
  const { missingProperty, additionalProperty, allowedValues, allowedValue } = error.params;
  if (error.keyword === 'required') return new Misfit(below(path, missingProperty), 'absent', 'a value');
  if (additionalProperty !== undefined) {
    return new Misfit(below(path, additionalProperty), 'unknown', 'only the fields of the schema');
  }
  const values = allowedValues ?? (error.keyword === 'const' ? [allowedValue] : undefined);
  const expected = values === undefined ? `a value that ${error.message}` : `one of ${JSON.stringify(values)}`;
  return new Misfit(path, describe(error.data), expected);
}

/** A pointer does not say whether a number is an index; names of digits alone are rare. */
function step(path: string, name: string): string {
  return below(path, /^\d+$/.test(name) ? Number(name) : name);
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
