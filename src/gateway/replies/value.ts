// The value of a reply as JSON text, and the event that it may be wrapped in. JSON is parsed only to know that it is JSON,
// and to look at an envelope's attributes; what travels on is text, so that no number changes.
//
// A structured CloudEvent is recognised as its Kafka binding says, by the content type, and only when the value is one:
// services that carry the headers of a request over to their reply carry that one too.
import type { DeadLetterReason } from '../../actors/messages.ts';
import { CONTENT_TYPE } from '../header-names.ts';
import { whereIn } from '../json/fault.ts';
import { members } from '../json/slices.ts';
import type { IncomingRecord } from '../ports.ts';

export type ReplyValue =
  | { readonly kind: 'absent' }
  /** `parsed` is to look at, never to pass on. */
  | { readonly kind: 'json'; readonly text: string; readonly parsed: unknown }
  | { readonly kind: 'unusable'; readonly reason: DeadLetterReason; readonly message: string };

const ABSENT: ReplyValue = { kind: 'absent' };
const STRUCTURED = /^application\/cloudevents\+json\s*(;|$)/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });

export function jsonOf(bytes: Uint8Array | null, maxBytes = Number.POSITIVE_INFINITY): ReplyValue {
  if (bytes === null || bytes.byteLength === 0) return ABSENT;
  if (bytes.byteLength > maxBytes) {
    return unusable('too-large', `the reply has ${bytes.byteLength} bytes, at most ${maxBytes} are taken`);
  }
  try {
    const text = utf8.decode(bytes);
    return { kind: 'json', text, parsed: JSON.parse(text) };
  } catch (error) {
    return unusable('not-json', `the reply is not JSON in UTF-8${whereIn(error)}`);
  }
}

/** The attributes of a structured CloudEvent; undefined: the record is none. */
export function envelopeOf(record: IncomingRecord, value: ReplyValue): Readonly<Record<string, unknown>> | undefined {
  if (value.kind !== 'json' || !isPlainObject(value.parsed)) return undefined;
  const type = record.headers.findLast(({ name }) => name === CONTENT_TYPE)?.value;
  if (type === undefined || !STRUCTURED.test(Buffer.from(type).toString('latin1'))) return undefined;
  return typeof value.parsed.specversion === 'string' ? value.parsed : undefined;
}

/** What a structured CloudEvent carries. */
export function dataOf(envelope: ReplyValue & { kind: 'json' }): ReplyValue {
  const slices = members(envelope.text);
  const text = slices.get('data');
  if (text !== undefined) return { kind: 'json', text, parsed: (envelope.parsed as { data: unknown }).data };
  const base64 = slices.get('data_base64');
  if (base64 === undefined) return ABSENT;
  const bytes: unknown = JSON.parse(base64);
  if (typeof bytes !== 'string') return unusable('malformed', 'data_base64 of the event is not a string');
  return jsonOf(Buffer.from(bytes, 'base64'));
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(reason: DeadLetterReason, message: string): ReplyValue {
  return { kind: 'unusable', reason, message };
}
