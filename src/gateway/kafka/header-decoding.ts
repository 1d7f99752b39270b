// Headers of records that were read, gathered in linear time.
//
// kafkajs 2.2.4 copies all headers gathered so far for each further one: 16,000 of them, a record of 95 KB, keep the process
// for three quarters of a minute, in which it loses its lease and its place in the group; so would the next node that
// reads the record, and the one after that. Its decoder hands the list of headers only to the function that copies them,
// so the list given to it here does the gathering by itself.
//
// Of a record with more than MOST_HEADERS the first ones are kept: an empty header takes two bytes in Kafka, and some two hundred
// in memory. They are the last that a record has, so the rest need not be read.
import { createRequire } from 'node:module';

/** No service has more than some dozens; nor has a gateway in between that adds its own. */
export const MOST_HEADERS = 10_000;

interface Header {
  readonly key: string;
  readonly value: Buffer | null;
}

type Gathered = Record<string, Header['value'] | Header['value'][]>;

interface Decoder {
  readVarInt(): number;
  readVarIntArray(reader: (decoder: Decoder) => Header): { reduce(): Gathered };
}

/** Where kafkajs has it; nothing else reads arrays of this kind. */
const { prototype: decoder } = createRequire(import.meta.url)('kafkajs/src/protocol/decoder') as { prototype: Decoder };

/** Can be called more than once. */
export function gatherHeadersQuickly(): void {
  decoder.readVarIntArray = function (this: Decoder, reader) {
    const count = Math.min(this.readVarInt(), MOST_HEADERS);
    const headers: Header[] = [];
    for (let i = 0; i < count; i++) headers.push(reader(this));
    return { reduce: () => gathered(headers) };
  };
}

/** By name, in the order of the names; of one name that comes again a list. No name is one that all objects have. */
function gathered(headers: readonly Header[]): Gathered {
  const byName: Gathered = Object.create(null);
  for (const { key, value } of headers) {
    const before = byName[key];
    if (before === undefined) byName[key] = value;
    else if (Array.isArray(before)) before.push(value);
    else byName[key] = [before, value];
  }
  return byName;
}
