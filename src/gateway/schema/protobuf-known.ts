// Messages of google.protobuf whose JSON is not an object of their fields, after Protobuf's JSON mapping
// (protobuf.dev/programming-guides/json): times, durations, wrappers, and those of Struct, which are JSON itself.
import type protobuf from 'protobufjs';
import { Misfit } from './errors.ts';
import type { Json } from './exact-json.ts';
import { type Halves, halvesOf, longOf, misfit, scalarOf, scalarToJson } from './protobuf-scalars.ts';
import { listOf, listToJson, structOf, structToJson, structValueOf, structValueToJson } from './protobuf-struct.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface KnownMessage {
  /** @throws Misfit */
  read(json: Json, path: string, depth: number, type: protobuf.Type): Fields;
  /** @throws Misfit */
  write(message: Fields, path: string, depth: number, type: protobuf.Type): unknown;
}

/** undefined: an ordinary message. */
export function knownMessage(type: protobuf.Type): KnownMessage | undefined {
  return KNOWN.get(type.fullName);
}

/** From 0001-01-01 to 9999-12-31, as the mapping says. */
const FIRST_SECOND = -62_135_596_800n;
const LAST_SECOND = 253_402_300_799n;

const timestamp: KnownMessage = {
  read(json, path) {
    const expected = 'a time as in RFC 3339, such as 2026-01-31T12:00:00Z';
    const form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;
    const [, clock = '', fraction = '', zone = ''] = (typeof json === 'string' && form.exec(json)) || [];
    const [atMs, local] = [Date.parse(clock + zone), Date.parse(`${clock}Z`)];
    // A day that its month does not have would become one of the next.
    if (Number.isNaN(atMs) || new Date(local).toISOString().slice(0, 19) !== clock) return misfit(path, json, expected);
    const seconds = BigInt(atMs / 1_000);
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND) return misfit(path, json, expected);
    return { seconds: halvesOf(seconds), nanos: Number(fraction.padEnd(9, '0')) };
  },
  write(message, path) {
    const { seconds, nanos } = secondsOf(message);
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos > 999_999_999) {
      throw new Misfit(path, `the time ${seconds} s ${nanos} ns`, 'one of the years 1 to 9999');
    }
    const clock = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19);
    return `${clock}${fractionOf(nanos)}Z`;
  },
};

const duration: KnownMessage = {
  read(json, path) {
    const match = typeof json === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(json) : null;
    if (match === null) return misfit(path, json, 'a duration in seconds, such as 1.5s');
    const [, sign, whole = '', fraction = ''] = match;
    const nanos = Number(fraction.padEnd(9, '0'));
    return {
      seconds: halvesOf(sign ? -BigInt(whole) : BigInt(whole)),
      nanos: sign && nanos > 0 ? -nanos : nanos,
    };
  },
  write(message, path) {
    const { seconds, nanos } = secondsOf(message);
    if (Math.abs(nanos) > 999_999_999 || (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) {
      throw new Misfit(path, `the duration ${seconds} s ${nanos} ns`, 'both parts of one sign');
    }
    const sign = seconds < 0n || nanos < 0 ? '-' : '';
    return `${sign}${seconds < 0n ? -seconds : seconds}${fractionOf(Math.abs(nanos))}s`;
  },
};

const wrapper: KnownMessage = {
  read: (json, path, _, type) => ({ value: scalarOf(type.fields.value?.type ?? '', json, path) }),
  write: (message, path, _, type) => scalarToJson(type.fields.value?.type ?? '', message.value, path),
};

function secondsOf({ seconds, nanos }: Fields): { seconds: bigint; nanos: number } {
  return { seconds: longOf(seconds as Halves | 0, 'int64'), nanos: Number(nanos) };
}

/** Nothing, or as many digits as needed of 3, 6 and 9. */
function fractionOf(nanos: number): string {
  if (nanos === 0) return '';
  return `.${String(nanos)
    .padStart(9, '0')
    .replace(/(000){1,2}$/, '')}`;
}

const KNOWN = new Map<string, KnownMessage>(
  Object.entries({
    Timestamp: timestamp,
    Duration: duration,
    Struct: { read: structOf, write: structToJson },
    Value: { read: structValueOf, write: structValueToJson },
    ListValue: { read: listOf, write: listToJson },
    DoubleValue: wrapper,
    FloatValue: wrapper,
    Int64Value: wrapper,
    UInt64Value: wrapper,
    Int32Value: wrapper,
    UInt32Value: wrapper,
    BoolValue: wrapper,
    StringValue: wrapper,
    BytesValue: wrapper,
  }).map(([name, known]) => [`.google.protobuf.${name}`, known]),
);
