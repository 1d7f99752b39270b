// Requests that kafkajs does not have, or has in older versions only: what a user may do (KIP-430: Metadata 8, DescribeGroups 3), and
// of which version a broker is (KIP-584: ApiVersions 3). Each is handed to the connections of a broker of kafkajs, which are logged in
// and know of deadlines; its encoder and decoder are used.
//
// https://kafka.apache.org/protocol has the layouts. A broker that is too old for a version is never asked in it: it would close
// the connection.
import { createRequire } from 'node:module';
import type { Broker } from 'kafkajs';
import { productVersion } from '../product.ts';

export type Operation = 'READ' | 'WRITE' | 'CREATE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS';

/** Of one topic or group. `error` is Kafka's error code, and 0 none; without `may` Kafka did not say. */
export interface Authorized {
  readonly error: number;
  readonly may: ReadonlySet<Operation> | undefined;
}

/** What a broker is able to, and what the cluster has agreed upon, as levels of `metadata.version`. */
export interface FeatureLevels {
  readonly supported: number | undefined;
  readonly finalized: number | undefined;
}

/** kafkajs's request and response in one. */
interface OwnRequest<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<Encoder>;
  };
  readonly response: { decode(payload: Buffer): Promise<T>; parse(decoded: T): Promise<T> };
}

/** What brokers of kafkajs have, and its types do not. */
interface Speaking {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
  readonly connectionPool: { send<T>(request: OwnRequest<T>): Promise<T> };
}

interface Encoder {
  writeInt8(value: number): Encoder;
  writeBoolean(value: boolean): Encoder;
  writeArray(values: readonly string[]): Encoder;
  writeUVarIntString(value: string): Encoder;
}

interface Decoder {
  readInt8(): number;
  readInt16(): number;
  readInt32(): number;
  readString(): string;
  /** Default: of the length that stands before it. */
  readBytes(length?: number): Buffer;
  readBoolean(): boolean;
  readArray<T>(one: (decoder: Decoder) => T): T[];
  readUVarInt(): number;
  readUVarIntString(): string;
  readUVarIntArray<T>(one: (decoder: Decoder) => T): T[] | null;
  readTaggedFields(): unknown;
}

const kafkajs = createRequire(import.meta.url);
const EncoderOf = kafkajs('kafkajs/src/protocol/encoder') as new () => Encoder;
const DecoderOf = kafkajs('kafkajs/src/protocol/decoder') as new (payload: Buffer) => Decoder;

const METADATA = 3;
const DESCRIBE_GROUPS = 15;
const API_VERSIONS = 18;

/** By topic. Undefined: Kafka is older than 2.3. Topics are not created by it. */
export async function authorizedOnTopics(
  broker: Broker,
  topics: readonly string[],
): Promise<ReadonlyMap<string, Authorized> | undefined> {
  const fill = (encoder: Encoder) =>
    encoder
      .writeArray(topics)
      .writeBoolean(false) // creates none
      .writeBoolean(false) // nothing about the cluster: no right on it is needed
      .writeBoolean(true);
  const found = await send(broker, METADATA, 8, 'Metadata', fill, (decoder) => {
    decoder.readInt32(); // throttle
    decoder.readArray(skipBroker);
    decoder.readString(); // cluster id
    decoder.readInt32(); // controller
    return decoder.readArray((topic): [string, Authorized] => {
      const error = topic.readInt16();
      const name = topic.readString();
      topic.readBoolean(); // internal
      topic.readArray(skipPartition);
      return [name, { error, may: operations(topic.readInt32()) }];
    });
  });
  return found && new Map(found);
}

/** Undefined: Kafka is older than 2.3. @param coordinator of the group; another broker answers with an error */
export async function authorizedOnGroup(coordinator: Broker, groupId: string): Promise<Authorized | undefined> {
  const fill = (encoder: Encoder) => encoder.writeArray([groupId]).writeBoolean(true);
  const found = await send(coordinator, DESCRIBE_GROUPS, 3, 'DescribeGroups', fill, (decoder) => {
    decoder.readInt32(); // throttle
    return decoder.readArray((group): Authorized => {
      const error = group.readInt16();
      for (let texts = 0; texts < 4; texts++) group.readString(); // id, state, protocol type, protocol
      group.readArray(skipMember);
      return { error, may: operations(group.readInt32()) };
    });
  });
  return found?.[0];
}

/** Undefined: Kafka is older than 2.4. */
export async function featureLevels(broker: Broker): Promise<FeatureLevels | undefined> {
  const fill = (encoder: Encoder) =>
    encoder
      .writeInt8(0) // tags of the header, which is of a newer kind than kafkajs writes
      .writeUVarIntString('holdfast')
      .writeUVarIntString(productVersion())
      .writeInt8(0);
  return send(broker, API_VERSIONS, 3, 'ApiVersions', fill, (decoder) => {
    decoder.readInt16(); // error
    decoder.readUVarIntArray((api) => {
      for (let numbers = 0; numbers < 3; numbers++) api.readInt16();
      api.readTaggedFields();
    });
    decoder.readInt32(); // throttle
    const tagged = taggedFields(decoder);
    return { supported: levelIn(tagged.get(0), true), finalized: levelIn(tagged.get(2), false) };
  });
}

async function send<T>(
  broker: Broker,
  apiKey: number,
  apiVersion: number,
  apiName: string,
  fill: (encoder: Encoder) => Encoder,
  read: (decoder: Decoder) => T,
): Promise<T | undefined> {
  const { versions, connectionPool } = broker as Broker & Speaking;
  if ((versions?.[apiKey]?.maxVersion ?? 0) < apiVersion) return undefined;
  return connectionPool.send({
    request: { apiKey, apiVersion, apiName, encode: async () => fill(new EncoderOf()) },
    response: { decode: async (payload) => read(new DecoderOf(payload)), parse: async (decoded) => decoded },
  });
}

/** Kafka's AclOperation: the bit that stands for it. */
const BITS: Readonly<Record<Operation, number>> = { READ: 3, WRITE: 4, CREATE: 5, DESCRIBE: 8, DESCRIBE_CONFIGS: 10 };
const NOT_SAID = -2_147_483_648;

function operations(bits: number): ReadonlySet<Operation> | undefined {
  if (bits === NOT_SAID) return undefined;
  return new Set((Object.keys(BITS) as Operation[]).filter((name) => (bits & (1 << BITS[name])) !== 0));
}

function skipBroker(decoder: Decoder): void {
  decoder.readInt32();
  decoder.readString();
  decoder.readInt32();
  decoder.readString();
}

function skipPartition(decoder: Decoder): void {
  decoder.readInt16(); // error
  for (let numbers = 0; numbers < 3; numbers++) decoder.readInt32(); // partition, leader, its epoch
  for (let lists = 0; lists < 3; lists++) decoder.readArray((one) => one.readInt32()); // replicas, in sync, offline
}

function skipMember(decoder: Decoder): void {
  for (let texts = 0; texts < 3; texts++) decoder.readString(); // member, client, host
  for (let blobs = 0; blobs < 2; blobs++) decoder.readBytes(); // metadata, assignment
}

/** By tag. */
function taggedFields(decoder: Decoder): ReadonlyMap<number, Buffer> {
  const fields = new Map<number, Buffer>();
  for (let left = decoder.readUVarInt(); left > 0; left--) {
    const tag = decoder.readUVarInt();
    fields.set(tag, decoder.readBytes(decoder.readUVarInt()));
  }
  return fields;
}

/** The highest `metadata.version` among features. Those of a broker say the lowest level first, those of the cluster the highest. */
function levelIn(field: Buffer | undefined, lowestFirst: boolean): number | undefined {
  if (field === undefined) return undefined;
  const features = new DecoderOf(field).readUVarIntArray((feature) => {
    const name = feature.readUVarIntString();
    const levels = [feature.readInt16(), feature.readInt16()] as const;
    feature.readTaggedFields();
    return { name, level: lowestFirst ? levels[1] : levels[0] };
  });
  return features?.find(({ name }) => name === 'metadata.version')?.level;
}
