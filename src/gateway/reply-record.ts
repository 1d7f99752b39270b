// What a record on the reply topic is, judged by itself: a reply to one of our jobs, or a dead letter and why.
//
// The value is parsed only to know that it is a JSON object; what travels on is its text, so that no number changes. A
// record that carries a verified id but no usable value is both: a dead letter, and bad news for its job.
import type { JobKey } from '../actors/ids.ts';
import type { DeadLetterReason, ReplyContent } from '../actors/messages.ts';
import type { IncomingRecord } from './ports.ts';
import { CORRELATION_HEADER } from './requests.ts';

/** Of a correlation id: whose it is, or that it only looks like one of ours, or does not even. */
export type VerifiedId =
  | { readonly kind: 'ok'; readonly jobKey: JobKey; readonly attempt: number }
  | { readonly kind: 'forged' }
  | { readonly kind: 'unknown' };

export type VerifyId = (correlationId: string) => VerifiedId;

export type JudgedRecord =
  | { readonly kind: 'reply'; readonly jobKey: JobKey; readonly attempt: number; readonly content: ReplyContent }
  /** Its id is none of ours: it may be a business key, or nothing at all. */
  | { readonly kind: 'businessKey'; readonly businessKey: string; readonly content: ReplyContent }
  | { readonly kind: 'deadLetter'; readonly reason: DeadLetterReason; readonly message: string };

const STATUS_HEADER = 'reply-status';
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** `maxBytes`: the largest value that is passed on. */
export function judge(record: IncomingRecord, verify: VerifyId, maxBytes: number): JudgedRecord {
  const id = correlationIdOf(record);
  if (id === undefined) return deadLetter('no-id', `the record has no header ${CORRELATION_HEADER}`);
  const verified = verify(id);
  if (verified.kind === 'forged') return deadLetter('forged', 'the correlation id was not made by this cluster');
  const content = contentOf(record.value, maxBytes);
  if (verified.kind === 'unknown') return { kind: 'businessKey', businessKey: id, content };
  const { jobKey, attempt } = verified;
  return { kind: 'reply', jobKey, attempt, content };
}

/** The last header of that name counts, as in Kafka's own clients. Empty is absent. */
export function correlationIdOf(record: IncomingRecord): string | undefined {
  const header = record.headers.findLast(({ name }) => name === CORRELATION_HEADER);
  return header === undefined || header.value.byteLength === 0 ? undefined : Buffer.from(header.value).toString('utf8');
}

/** A sign of life, as far as its status header says. */
export function isHeartbeat(record: IncomingRecord): boolean {
  const status = record.headers.findLast(({ name }) => name === STATUS_HEADER);
  return status !== undefined && Buffer.from(status.value).toString('utf8') === 'heartbeat';
}

function contentOf(value: Uint8Array | null, maxBytes: number): ReplyContent {
  if (value === null || value.byteLength === 0) return malformed('not-json', 'the reply has no value');
  if (value.byteLength > maxBytes) {
    return malformed('too-large', `the reply has ${value.byteLength} bytes, at most ${maxBytes} are taken`);
  }
  let body: string;
  let parsed: unknown;
  try {
    body = utf8.decode(value);
    parsed = JSON.parse(body);
  } catch (error) {
    return malformed('not-json', `the reply is not JSON in UTF-8: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return malformed('not-object', 'the reply is JSON, but not an object');
  }
  const plain = { code: '', message: '', retries: undefined, backoffMs: undefined, headers: [] };
  return { kind: 'reply', status: 'result', body, ...plain };
}

function malformed(reason: DeadLetterReason, message: string): ReplyContent {
  return { kind: 'malformed', reason, message };
}

function deadLetter(reason: DeadLetterReason, message: string): JudgedRecord {
  return { kind: 'deadLetter', reason, message };
}
