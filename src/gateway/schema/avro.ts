// Avro. avsc reads the schemas and does the binary encoding; what JSON means to each type is in to-avro.ts and from-avro.ts.
//
// avsc is told three things: `long` is a BigInt (its own refuses what a JavaScript number cannot hold), values of unions
// name their branch (so that its guessing is not ours), and decimals are recognised as such. Each schema has its own
// registry of names, since two versions of a record have one name.
import avsc from 'avsc';
import type { PayloadCodec, RegisteredSchema } from './codec.ts';
import { Misfit } from './errors.ts';
import { parseExact } from './exact-json.ts';
import { fromAvro } from './from-avro.ts';
import { type Budget, toAvro } from './to-avro.ts';

/** Branches of unions that a body may fail to fit while the right ones are looked for. */
const MAX_WRONG_BRANCHES = 10_000;

/** @throws Error with the reason when the schema is not valid Avro */
export function avroCodec({ text, references }: RegisteredSchema): PayloadCodec {
  const options = optionsOf();
  for (const reference of references) avsc.Type.forSchema(schemaOf(reference.text), options);
  const type = avsc.Type.forSchema(schemaOf(text), options);
  checkItems(type, new Set());
  return {
    encode(jsonText) {
      const budget: Budget = { wrongBranches: MAX_WRONG_BRANCHES };
      return type.toBuffer(toAvro(type, parseExact(jsonText), '', 0, budget));
    },
    decode(payload) {
      const value = read(type, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
      return checkUnicode(JSON.stringify(fromAvro(type, value, '', 0)), payload);
    },
  };
}

// Defaults may be 64-bit integers too. A schema may be the bare name of a type, and registries keep that with and without
// quotes.
function schemaOf(text: string): avsc.Schema {
  return (/^[\w.]+$/.test(text) ? text : parseExact(text)) as avsc.Schema;
}

function read(type: avsc.Type, payload: Buffer): unknown {
  try {
    return type.fromBuffer(payload);
  } catch (error) {
    throw new Misfit('', `bytes that Avro cannot read (${(error as Error).message})`, 'a value of this schema');
  }
}

const REPLACEMENT = Buffer.from('\ufffd', 'utf8');

/** avsc replaces what is not UTF-8 by U+FFFD without a word: that character, out of bytes without it, was another one. */
function checkUnicode(text: string, payload: Uint8Array): string {
  if (
    text.includes('\ufffd') &&
    !Buffer.from(payload.buffer, payload.byteOffset, payload.length).includes(REPLACEMENT)
  ) {
    throw new Misfit('', 'bytes with a text that is not UTF-8', 'UTF-8');
  }
  return text;
}

function optionsOf(): Partial<avsc.ForSchemaOptions> {
  return {
    registry: {},
    wrapUnions: true,
    logicalTypes: { decimal: DecimalType },
    typeHook: (schema) => (isLong(schema) ? longType : undefined),
  };
}

function isLong(schema: avsc.Schema): boolean {
  return schema === 'long' || (typeof schema === 'object' && 'type' in schema && schema.type === 'long');
}

const longType = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  // Only defaults go through these, on their way out of the schema and when they are copied.
  fromJSON: BigInt,
  toJSON: (value: bigint) => value,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

/** Marks the type for to-avro.ts and from-avro.ts; its values stay the bytes that they are. */
class DecimalType extends avsc.types.LogicalType {
  readonly precision: number;
  readonly scale: number;

  constructor(schema: avsc.Schema, options?: unknown) {
    super(schema, options);
    const { scale = 0, precision } = schema as unknown as { scale?: unknown; precision?: unknown };
    // avsc takes the error as the specification wants it: an invalid decimal is the plain type beneath.
    if (!isCount(precision) || !isCount(scale) || scale > precision) throw new Error('an invalid decimal');
    this.precision = precision;
    this.scale = scale;
  }

  protected override _fromValue(value: unknown): unknown {
    return value;
  }

  protected override _toValue(value: unknown): unknown {
    return value;
  }

  protected override _resolve(): undefined {
    return undefined;
  }
}

const MAX_PRECISION = 1_000;

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_PRECISION;
}

/** Items without a single byte could be claimed by the billion in a few bytes. */
function checkItems(type: avsc.Type, seen: Set<avsc.Type>): void {
  if (seen.has(type)) return;
  seen.add(type);
  const { itemsType, valuesType, fields, types } = type as Parts;
  if (itemsType !== undefined && isEmpty(itemsType, new Set())) throw new Error('the items of an array take no bytes');
  const fieldTypes = fields?.map((field) => field.type) ?? [];
  for (const part of [itemsType, valuesType, ...fieldTypes, ...(types ?? [])]) {
    if (part !== undefined) checkItems(part, seen);
  }
}

function isEmpty(type: avsc.Type, above: Set<avsc.Type>): boolean {
  if (type.typeName === 'null') return true;
  const { fields } = type as Parts;
  if (fields === undefined || above.has(type)) return false;
  return fields.every((field) => isEmpty(field.type, new Set([...above, type])));
}

type Parts = avsc.Type &
  Partial<{
    readonly itemsType: avsc.Type;
    readonly valuesType: avsc.Type;
    readonly fields: readonly { readonly type: avsc.Type }[];
    readonly types: readonly avsc.Type[];
  }>;
