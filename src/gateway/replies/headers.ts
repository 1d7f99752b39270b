// The headers of a reply as text: one by its name, and those that speak of the business, for expressions.
//
// What must hold: what is taken of a reply's headers is bounded, because it crosses nodes and stands in a snapshot beside
// the largest body: 16 KB of business headers, 12 KB of message, and a short code.
import { ceHeader, type HeaderNames, isTechnical } from '../header-names.ts';
import type { IncomingRecord } from '../ports.ts';

export const MAX_BUSINESS_HEADERS_BYTES = 16 * 1024;
const MAX_MESSAGE_CHARS = 4_000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The last header of that name; '' when there is none. Bytes that are not UTF-8 become U+FFFD. */
export function textOf(record: IncomingRecord, name: string): string {
  const header = record.headers.findLast((candidate) => candidate.name === name);
  if (header === undefined) return '';
  const { buffer, byteOffset, byteLength } = header.value;
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
}

/** Messages are for people: a long one is cut, and a half character made whole. */
export function shortMessage(message: string): string {
  return (message.length <= MAX_MESSAGE_CHARS ? message : `${message.slice(0, MAX_MESSAGE_CHARS - 1)}…`).toWellFormed();
}

/**
 * In the record's order, each name once. Attributes of a structured CloudEvent are named as its binary mode would name
 * them, so that an expression need not know the mode. Bytes that are not UTF-8, and what is beyond the limit, are left out.
 */
export function businessHeaders(
  record: IncomingRecord,
  names: HeaderNames,
  envelope: Readonly<Record<string, unknown>>,
): [name: string, value: string][] {
  const all = new Map<string, string>();
  for (const [attribute, value] of Object.entries(envelope)) {
    if (attribute === 'data' || attribute === 'data_base64') continue;
    if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
      all.set(ceHeader(attribute), String(value).toWellFormed());
    }
  }
  for (const { name, value } of record.headers) {
    if (isTechnical(name, names)) continue; // most are, where a service sends back what it got
    const text = textIn(value);
    if (text === undefined) continue;
    // The last one of a name counts, at its own place.
    all.delete(name);
    all.set(name, text);
  }
  let room = MAX_BUSINESS_HEADERS_BYTES;
  return [...all].filter(([name, value]) => {
    if (isTechnical(name, names)) return false;
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value);
    if (bytes > room) return false;
    room -= bytes;
    return true;
  });
}

function textIn(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
