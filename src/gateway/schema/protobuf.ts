// Protobuf. protobufjs reads the schemas and does the binary encoding; what JSON means to each type is in to-protobuf.ts and
// from-protobuf.ts.
//
// A schema is a whole file, so the bytes begin with the place of their message in it: the number of steps, then the index
// at each level (`[1, 0]`: the first message inside the second one), as zigzag varints; a single 0 stands for `[0]`. Source:
// docs.confluent.io, "Wire format". Only messages that the file declares are counted, not those it imports.
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/google/protobuf/descriptor.json' with { type: 'json' };
import type { PayloadCodec, RegisteredSchema } from './codec.ts';
import { Misfit } from './errors.ts';
import { parseExact } from './exact-json.ts';
import { fromProtobuf } from './from-protobuf.ts';
import { toProtobuf } from './to-protobuf.ts';

interface Place {
  readonly type: protobuf.Type;
  readonly indexes: readonly number[];
}

/** Messages within each other in one file. */
const MAX_STEPS = 32;
/** As what the file itself is parsed; no reference has such a name. */
const MAIN = '<schema>';

/** @throws Error with the reason when the schema is not valid, or an import is missing that is needed */
export function protobufCodec({ text, references }: RegisteredSchema): PayloadCodec {
  const root = new protobuf.Root();
  const parsed = [...references, { name: MAIN, text }].map((file) => parse(root, file.name, file.text));
  for (const name of new Set(parsed.flatMap(({ imports }) => imports ?? []))) {
    const known = wellKnown(name);
    if (known !== undefined) root.addJSON(known);
  }
  root.resolveAll();
  const places = declared(root, []);
  if (places.length === 0) throw new Error('it declares no message');
  return {
    encode(jsonText, message) {
      const { type, indexes } = named(places, parsed.at(-1)?.package, message);
      const writer = protobuf.Writer.create();
      if (indexes.length === 1 && indexes[0] === 0) writer.sint32(0);
      else for (const index of [indexes.length, ...indexes]) writer.sint32(index);
      return type.encode(toProtobuf(type, parseExact(jsonText), '', 0), writer).finish();
    },
    decode(payload) {
      const { type, message } = read(places, payload);
      return JSON.stringify(fromProtobuf(type, message, '', 0));
    },
  };
}

function parse(root: protobuf.Root, name: string, text: string): protobuf.IParserResult {
  // Well-known types come with the library; some registries list them as references all the same.
  if (wellKnown(name) !== undefined) return { package: undefined, imports: [name], weakImports: undefined, root };
  if (/^[A-Za-z0-9+/]{8,}={0,2}$/.test(text)) {
    throw new Error(
      `${name} is registered as a binary descriptor, and this registry gives it back as such: register its text`,
    );
  }
  // The parser marks what it reads with the name of the file, from this variable.
  (protobuf.parse as unknown as { filename: string | null }).filename = name;
  return protobuf.parse(text, root, { keepCase: true });
}

/** The files of google/protobuf that the library brings. Others are read only where the registry lists them as references. */
function wellKnown(name: string): { [name: string]: protobuf.AnyNestedObject } | undefined {
  if (name === 'google/protobuf/descriptor.proto') return descriptor.nested as never;
  return protobuf.common.get(name)?.nested;
}

/** The messages of the file, in its order, each before those inside it. */
function declared(namespace: protobuf.NamespaceBase, above: readonly number[]): Place[] {
  const places: Place[] = [];
  let next = 0;
  const visit = (within: protobuf.NamespaceBase): void => {
    for (const object of within.nestedArray) {
      if (object instanceof protobuf.Type) {
        if (object.filename !== MAIN) continue;
        const indexes = [...above, next++];
        places.push({ type: object, indexes }, ...declared(object, indexes));
      } else if (object instanceof protobuf.Namespace) {
        visit(object);
      }
    }
  };
  visit(namespace);
  return places;
}

function named(places: readonly Place[], packageName: string | undefined, message: string): Place {
  const names = [`.${message}`, ...(packageName === undefined ? [] : [`.${packageName}.${message}`])];
  const place = message === '' ? places[0] : places.find(({ type }) => names.includes(type.fullName));
  if (place !== undefined) return place;
  const known = places.map(({ type }) => type.fullName.slice(1)).join(', ');
  throw new Misfit('', `to be written as the message ${message}`, `one of the schema: ${known}`);
}

function read(places: readonly Place[], payload: Uint8Array): { type: protobuf.Type; message: protobuf.Message } {
  try {
    const reader = new StrictReader(payload);
    const steps = reader.sint32();
    if (steps < 0 || steps > MAX_STEPS) throw new Error(`${steps} message indexes`);
    const indexes = steps === 0 ? [0] : Array.from({ length: steps }, () => reader.sint32());
    const place = places.find((one) => one.indexes.join() === indexes.join());
    if (place === undefined) throw new Error(`the schema has no message at [${indexes}]`);
    return { type: place.type, message: place.type.decode(reader) };
  } catch (error) {
    throw new Misfit('', `bytes that Protobuf cannot read (${(error as Error).message})`, 'a message of this schema');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Its own readers shorten a text that is cut off, and replace what is not UTF-8, without a word. */
class StrictReader extends protobuf.Reader {
  override string(): string {
    return utf8.decode(this.bytes());
  }
}
