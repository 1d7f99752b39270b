// Values with a schema: Confluent's wire format (a zero byte, the schema's id in four bytes, big-endian, and the payload) on
// one side, JSON text as the engine knows it on the other, and no number changed between them.
//
// A schema never changes under its id, so a compiled one is kept as long as there is room. Which one is a subject's latest
// does change, and is asked again after a while. A registry that is away therefore stops only what was never seen here.
//
// Of the libraries, avsc, ajv and protobufjs do the encoding. The client that is commonly put before them
// (@kafkajs/confluent-schema-registry 3.9) would not do: it writes no message indexes before Protobuf and guesses them when it
// reads, takes 64-bit integers through JavaScript numbers in JSON, shares one space of names between all Avro schemas, has no
// deadline, no limit to its caches, and reports a refused connection as an answer of status 400.
import type { Clock } from '../../actors/ports.ts';
import { avroCodec } from './avro.ts';
import type { PayloadCodec, RegisteredSchema } from './codec.ts';
import { Misfit, SchemaMismatch, SchemaUnknown, SchemaUnusable } from './errors.ts';
import { jsonSchemaCodec } from './json-schema.ts';
import { LoadingCache } from './loading-cache.ts';
import { protobufCodec } from './protobuf.ts';

/** Where schemas come from (registry-client.ts). Each call ends by itself; `retryable` on its errors says what kind they are. */
export interface SchemaSource {
  latestId(subject: string): Promise<number>;
  schema(id: number): Promise<RegisteredSchema>;
}

export interface SchemaLimits {
  /** Compiled schemas, at some ten to hundred kilobytes each. */
  readonly maxSchemas: number;
  readonly maxSubjects: number;
  /** How long a new version may stay unnoticed. */
  readonly latestMs: number;
  /** How long an unknown id or subject, or a schema that cannot be used, is not asked for again. */
  readonly unknownMs: number;
}

export const DEFAULT_SCHEMA_LIMITS: SchemaLimits = {
  maxSchemas: 500,
  maxSubjects: 500,
  latestMs: 60_000,
  unknownMs: 10_000,
};

const MAGIC = 0;
const HEADER_BYTES = 5;

const CODECS: Readonly<Record<string, (schema: RegisteredSchema) => PayloadCodec>> = {
  AVRO: avroCodec,
  JSON: jsonSchemaCodec,
  PROTOBUF: protobufCodec,
};

/** The id in front of a value; undefined when there is none. No JSON text begins with a zero byte. */
export function schemaIdOf(value: Uint8Array): number | undefined {
  if (value.length < HEADER_BYTES || value[0] !== MAGIC) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, HEADER_BYTES).readInt32BE(1);
}

export interface SchemaRegistryOptions {
  readonly source: SchemaSource;
  readonly clock: Clock;
  readonly limits?: Partial<SchemaLimits>;
}

export class SchemaRegistry {
  readonly #source: SchemaSource;
  readonly #codecs: LoadingCache<number, PayloadCodec>;
  readonly #latest: LoadingCache<string, number>;

  constructor({ source, clock, limits }: SchemaRegistryOptions) {
    const { maxSchemas, maxSubjects, latestMs, unknownMs } = { ...DEFAULT_SCHEMA_LIMITS, ...limits };
    this.#source = source;
    this.#codecs = new LoadingCache({
      clock,
      limit: maxSchemas,
      valueMs: Number.POSITIVE_INFINITY,
      errorMs: unknownMs,
    });
    this.#latest = new LoadingCache({ clock, limit: maxSubjects, valueMs: latestMs, errorMs: unknownMs });
  }

  /**
   * JSON text in the latest schema of a subject, with its id in front (`schemaIdOf` gives it back).
   *
   * @param message for Protobuf, the message of the file, by full name or by the name within its package; '' the first
   * @throws SchemaMismatch, SchemaUnknown, SchemaUnusable; RegistryUnavailable, which is the only retryable one
   */
  async encode(subject: string, jsonText: string, message = ''): Promise<Uint8Array> {
    const id = await this.#latest.get(subject, (name) => this.#source.latestId(name));
    return this.#encode(id, `schema ${id}, the latest of subject ${subject}`, jsonText, message);
  }

  /** The same in the schema of an id: the same bytes whenever it is done. @throws as `encode` */
  encodeWith(id: number, jsonText: string, message = ''): Promise<Uint8Array> {
    return this.#encode(id, `schema ${id}`, jsonText, message);
  }

  /** JSON text of a value with an id in front. @throws as `encode` */
  async decode(value: Uint8Array): Promise<string> {
    const id = schemaIdOf(value);
    if (id === undefined) {
      const found = value[0] === MAGIC ? `${value.length} bytes` : 'a value that begins otherwise';
      throw new SchemaMismatch('any schema', new Misfit('', found, 'a zero byte and the id of a schema in four bytes'));
    }
    const codec = await this.#codec(id);
    return explained(`schema ${id}`, () => codec.decode(value.subarray(HEADER_BYTES)));
  }

  async #encode(id: number, schema: string, jsonText: string, message: string): Promise<Uint8Array> {
    const codec = await this.#codec(id);
    const payload = explained(schema, () => codec.encode(jsonText, message));
    const value = Buffer.alloc(HEADER_BYTES + payload.length);
    value.writeInt32BE(id, 1);
    value.set(payload, HEADER_BYTES);
    return value;
  }

  #codec(id: number): Promise<PayloadCodec> {
    return this.#codecs.get(id, async () => {
      if (id <= 0) throw new SchemaUnknown(`schema with id ${id}, for ids begin with 1`);
      return compile(id, await this.#source.schema(id));
    });
  }
}

function compile(id: number, schema: RegisteredSchema): PayloadCodec {
  const codec = CODECS[schema.type];
  if (codec === undefined) throw new SchemaUnusable(`schema ${id}`, `its type is ${schema.type}`);
  try {
    return codec(schema);
  } catch (error) {
    throw new SchemaUnusable(
      `schema ${id} (${schema.type})`,
      error instanceof Error ? error.message : `${error}`,
      error,
    );
  }
}

/** What a library throws besides is about this value too: it found it too deep, or in a form that it does not know. */
function explained<T>(schema: string, convert: () => T): T {
  try {
    return convert();
  } catch (error) {
    const misfit = error instanceof Misfit ? error : new Misfit('', `such that ${error}`, 'a value of this schema');
    throw new SchemaMismatch(schema, misfit);
  }
}
