// What a service may answer, whichever framework it uses: whose reply a record is, and what it says of itself, before
// anybody knows the job. What the job makes of it depends on its settings: interpret.ts.
//
// A name that appears twice counts by its last header, as in Kafka's own clients; an empty header is none. What is wrong
// is said in words that the service's developer can act on, for it ends in a dead letter and in the job's failure.
import { OURS } from '../../actors/correlation-id.ts';
import { DURATION_FORM, InvalidDuration, parseDuration } from '../../actors/duration.ts';
import { LIMITS } from '../../actors/limits.ts';
import type { DeadLetterReason, Malformed, ReplyContent } from '../../actors/messages.ts';
import { ceHeader, type HeaderNames } from '../header-names.ts';
import { withoutMember } from '../json/slices.ts';
import type { IncomingRecord } from '../ports.ts';
import { businessHeaders, shortMessage, textOf } from './headers.ts';
import { dataOf, envelopeOf, isPlainObject, jsonOf, type ReplyValue } from './value.ts';

/** `from`: where it stood. An id without a place is none. */
export type FoundId =
  | { readonly id: string; readonly from: 'header' | 'envelope' | 'body' }
  | { readonly id: undefined; readonly from: undefined };

type Status = (ReplyContent & { kind: 'reply' })['status'];

const STATUSES: readonly Status[] = ['result', 'error', 'failure', 'heartbeat'];
const MAX_RETRIES = 2 ** 31 - 1;
/** A longer one is no code that a model catches; cut, it would be another one. */
export const MAX_ERROR_CODE_CHARS = 256;
/** What NestJS adds to the last record of a handler. */
const NEST_DISPOSED = 'kafka_nest-is-disposed';
const NO_ID: FoundId = { id: undefined, from: undefined };

/**
 * The correlation id in the words of any profile. A service that itself asks another one may leave that call's headers in
 * its reply, so among several headers one with an id of our own form goes first.
 */
export function correlationOf(record: IncomingRecord, names: HeaderNames): FoundId {
  const found = [names.correlationId, names.smallryeCorrelationId, ceHeader(names.ceCorrelationId)]
    .map((name) => textOf(record, name))
    .filter((id) => id !== '');
  const id = found.find((candidate) => OURS.test(candidate)) ?? found[0];
  if (id !== undefined) return { id, from: 'header' };
  const value = jsonOf(record.value);
  if (value.kind !== 'json' || !isPlainObject(value.parsed)) return NO_ID;
  const envelope = envelopeOf(record, value);
  const inside = envelope === undefined ? value.parsed[names.bodyField] : envelope[names.ceCorrelationId];
  if (typeof inside !== 'string' || inside === '') return NO_ID;
  return { id: inside, from: envelope === undefined ? 'body' : 'envelope' };
}

/** @param maxBytes the largest value that is passed on */
export function readReply(record: IncomingRecord, names: HeaderNames, maxBytes: number): ReplyContent {
  const outer = jsonOf(record.value, maxBytes);
  if (outer.kind === 'unusable') return malformed(outer.reason, outer.message);
  const envelope = envelopeOf(record, outer);
  const value = envelope !== undefined && outer.kind === 'json' ? dataOf(outer) : outer;
  if (value.kind === 'unusable') return malformed(value.reason, value.message);

  const nestError = textOf(record, names.nestError);
  const said = textOf(record, names.replyStatus) || (nestError === '' ? 'result' : 'failure');
  const status = STATUSES.find((known) => known === said);
  if (status === undefined) {
    return malformed('malformed', `${names.replyStatus} is ${quote(said)}; allowed is ${STATUSES.join(', ')}`);
  }
  if (status === 'result' && value.kind === 'absent') return malformed('not-json', noValue(record));

  const error = errorHeaders(record, names, status);
  if ('kind' in error) return error;
  return {
    kind: 'reply',
    status,
    body: bodyOf(record, value, names),
    ...error,
    message: shortMessage(textOf(record, names.errorMessage) || messageOfNest(nestError)),
    headers: businessHeaders(record, names, envelope ?? {}),
  };
}

/**
 * Byte for byte, but for one case: an id that we put into the body ourselves, for services that keep no headers, is
 * technical and becomes no process variable. A business key that stands there is business and stays.
 */
function bodyOf(record: IncomingRecord, value: ReplyValue, names: HeaderNames): string {
  if (value.kind !== 'json') return '';
  const mayHaveOne = isPlainObject(value.parsed) && Object.hasOwn(value.parsed, names.bodyField);
  const { id, from } = mayHaveOne ? correlationOf(record, names) : NO_ID;
  return from === 'body' && OURS.test(id) ? withoutMember(value.text, names.bodyField) : value.text;
}

function noValue(record: IncomingRecord): string {
  if (!record.headers.some(({ name }) => name === NEST_DISPOSED)) return 'the reply has no value';
  return 'the reply has no value: the NestJS handler returned nothing; let it return an object, {} if there is nothing to say';
}

/** An exception as NestJS writes it: the text that it was made of, or JSON of an object with the text in `message`. */
function messageOfNest(error: string): string {
  if (!error.startsWith('{')) return error;
  const thrown = jsonOf(Buffer.from(error));
  if (thrown.kind !== 'json' || !isPlainObject(thrown.parsed)) return error;
  const { message } = thrown.parsed;
  return typeof message === 'string' && message !== '' ? message : error;
}

/** Only what the status makes use of is judged: a result is not lost for a wrong header that says nothing about it. */
function errorHeaders(
  record: IncomingRecord,
  names: HeaderNames,
  status: Status,
): { code: string; retries: number | undefined; backoffMs: number | undefined } | Malformed {
  if (status !== 'error' && status !== 'failure') return { code: '', retries: undefined, backoffMs: undefined };
  const code = textOf(record, names.errorCode);
  if (code.length > MAX_ERROR_CODE_CHARS) {
    return malformed(
      'malformed',
      `${names.errorCode} has ${code.length} characters; allowed is ${MAX_ERROR_CODE_CHARS}`,
    );
  }
  const retries = textOf(record, names.errorRetries);
  if (retries !== '' && !(/^\d{1,10}$/.test(retries) && Number(retries) <= MAX_RETRIES)) {
    const allowed = `a whole number from 0 to ${MAX_RETRIES}`;
    return malformed('malformed', `${names.errorRetries} is ${quote(retries)}; allowed is ${allowed}`);
  }
  const backoff = textOf(record, names.errorBackoff);
  try {
    return {
      code,
      retries: retries === '' ? undefined : Number(retries),
      backoffMs: backoff === '' ? undefined : parseDuration(backoff, LIMITS.errorBackoffMs),
    };
  } catch (error) {
    if (!(error instanceof InvalidDuration)) throw error;
    const allowed = `${DURATION_FORM}, of at most 365 days`;
    return malformed('malformed', `${names.errorBackoff} is ${quote(backoff)}; allowed is ${allowed}`);
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length <= 100 ? text : `${text.slice(0, 99)}…`);
}

function malformed(reason: DeadLetterReason, message: string): Malformed {
  return { kind: 'malformed', reason, message };
}
