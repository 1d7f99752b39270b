// A dead letter as people see it: what its headers say of it, and every header as text.
//
// What must hold: nothing here believes a letter. Anybody who may write to the topic can put a record there, so a header that is
// missing or has another form than ours is shown as missing, and a correlation id names a job without having been verified.
// The value is shown only to who may see payloads; so are headers that speak of the business.
import { namedJob } from '../../actors/correlation-id.ts';
import { type HeaderNames, isTechnical } from '../header-names.ts';
import type { IncomingRecord } from '../ports.ts';
import { timeOf } from '../record-time.ts';
import { correlationOf } from '../replies/contract.ts';
import { LETTER } from '../replies/dead-letters.ts';
import { textOf } from '../replies/headers.ts';
import type { DeadLetterSummary, DeadLetterView } from './model/dead-letters.ts';

/** On a reply that was put on the reply topic again: the audit's id of whoever did it. */
export const REDRIVEN = 'holdfast-redriven';

/** What is in the list, and what is searched besides. */
export interface Letter {
  readonly summary: DeadLetterSummary;
  readonly key: string | null;
}

/** A larger value is not parsed for an id in its body: a list has many letters. */
const LARGEST_BODY_PARSED_BYTES = 64 * 1024;
/** Enough to tell one from another; a message of ours has at most 4,000. */
const MOST_TEXT_CHARS = 4_000;

export function letterOf(partition: number, record: IncomingRecord, names: HeaderNames): Letter {
  const bytes = record.value?.byteLength ?? 0;
  const small = bytes <= LARGEST_BODY_PARSED_BYTES ? record : { ...record, value: null };
  const correlationId = correlationOf(small, names).id ?? null;
  const has = (name: string) => record.headers.some((header) => header.name === name);
  const summary: DeadLetterSummary = {
    partition,
    offset: record.offset,
    atMs: record.timestampMs,
    reason: short(textOf(record, LETTER.reason)),
    message: short(textOf(record, LETTER.message)),
    correlationId: correlationId === null ? null : short(correlationId),
    jobKey: correlationId === null ? null : (namedJob(correlationId) ?? null),
    bytes,
    original: {
      topic: short(textOf(record, LETTER.topic)),
      partition: Number(integerOf(record, LETTER.partition) ?? -1),
      offset: String(integerOf(record, LETTER.offset) ?? -1),
      atMs: timeOf(integerOf(record, LETTER.timestamp)) ?? null,
    },
    truncated: has(LETTER.truncated) ? short(textOf(record, LETTER.truncated)) : null,
    redriven: has(REDRIVEN),
  };
  return { summary, key: record.key === null ? null : short(textOrHex(record.key)) };
}

export function viewOf(
  partition: number,
  record: IncomingRecord,
  names: HeaderNames,
  withPayload: boolean,
): DeadLetterView {
  const { summary } = letterOf(partition, record, names);
  return {
    ...summary,
    key: record.key === null ? null : textOrHex(record.key),
    headers: record.headers.map(({ name, value }) => ({
      name,
      value: withPayload || isTechnical(name, names) ? headerText(value) : '(not for this role)',
    })),
    value: withPayload && record.value !== null ? (utf8Of(record.value) ?? null) : null,
  };
}

/**
 * Text, where it is text. Spring writes numbers as 4 or 8 bytes, big-endian; other bytes are shown in hexadecimal. (Four printable
 * characters could be a number too: no number that Spring or we write has them, but for partitions above 500 million.)
 */
export function headerText(bytes: Uint8Array): string {
  const text = utf8Of(bytes);
  if (text !== undefined && !CONTROLS.test(text)) return text;
  return String(integerIn(bytes) ?? hexOf(bytes));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what tells numbers from text
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function textOrHex(bytes: Uint8Array): string {
  return utf8Of(bytes) ?? hexOf(bytes);
}

function hexOf(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

function integerOf(record: IncomingRecord, name: string): bigint | undefined {
  const header = record.headers.findLast((candidate) => candidate.name === name);
  return header === undefined ? undefined : integerIn(header.value);
}

function integerIn(bytes: Uint8Array): bigint | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.byteLength === 4) return BigInt(buffer.readInt32BE());
  return buffer.byteLength === 8 ? buffer.readBigInt64BE() : undefined;
}

function short(text: string): string {
  return (text.length <= MOST_TEXT_CHARS ? text : `${text.slice(0, MOST_TEXT_CHARS - 1)}…`).toWellFormed();
}
