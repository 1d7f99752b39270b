// A request, and the word that nobody waits for it any more, as Kafka records in the words of the service's framework.
//
// What must hold: the value is the body's text and nothing else. Everything technical is in headers, except in the two
// profiles that say otherwise: `cloudevents-structured` puts the body into an envelope, as that format has it, and `body`
// adds one field for services that keep no headers. In both the text of the body is taken over as it stands.
import type { CancelRecord, Profile } from '../../actors/messages.ts';
import { ceHeader, type HeaderNames, TRACE } from '../header-names.ts';
import { isObject, withMember } from '../json/slices.ts';
import type { KafkaHeader, OutgoingRecord } from '../ports.ts';
import { binaryHeaders, cancelHeaders, envelopeText, structuredHeaders } from './cloud-events.ts';
import type { Call, RequestCall } from './service-call.ts';

/** cancelled: the job is gone from the engine; timedOut: no reply came in time. */
export type CancelReason = CancelRecord['reason'];

/** The text of the incident when a body cannot be written in this profile; undefined when it can. */
export function profileFault(profile: Profile, body: string, names: HeaderNames): string | undefined {
  if (profile !== 'body' || isObject(body)) return undefined;
  return (
    `The request has to carry its correlation id in the field ${JSON.stringify(names.bodyField)} of its body, and the ` +
    'body is not a JSON object. Map an object into the task, or choose a profile that uses headers.'
  );
}

/** The body is one without a `profileFault`. */
export function requestRecord(call: RequestCall, names: HeaderNames): OutgoingRecord {
  const headers = [
    ...correlationHeaders(call, names),
    ...replyToHeaders(call, names),
    ...contentHeaders(call),
    ...jobHeaders(call, names),
    header(names.replyDeadline, new Date(call.replyDeadlineMs).toISOString()),
    ...traceHeaders(call),
  ];
  // The last header of a name counts: what came behind a technical one would take its place.
  const taken = new Set(headers.map(({ name }) => name));
  for (const [name, value] of call.headers) if (!taken.has(name)) headers.push(header(name, value));
  return { key: keyOf(call), value: bodyOf(call, names), headers };
}

/** Key and correlation headers as in the request, no value, and the reason in a header. */
export function cancelRecord(call: Call, reason: CancelReason, names: HeaderNames): OutgoingRecord {
  const headers = [
    ...correlationHeaders(call, names),
    ...(isCloudEvent(call) ? cancelHeaders(call) : []),
    ...jobHeaders(call, names),
    header(names.cancel, reason),
    ...traceHeaders(call),
  ];
  return { key: keyOf(call), value: null, headers };
}

function keyOf({ key, correlationId }: Call): string {
  return key === '' ? correlationId : key;
}

function bodyOf(call: RequestCall, names: HeaderNames): string | Uint8Array {
  const { profile, body, correlationId } = call;
  if (typeof body !== 'string') return body;
  if (profile === 'body' && isObject(body)) return withMember(body, names.bodyField, JSON.stringify(correlationId));
  return profile === 'cloudevents-structured' ? envelopeText(call, body, names) : body;
}

/** In structured mode the envelope says it too; the binding allows both, and a cancel record has no envelope. */
function correlationHeaders(call: Call, names: HeaderNames): KafkaHeader[] {
  if (isCloudEvent(call)) return [header(ceHeader(names.ceCorrelationId), call.correlationId)];
  const name = call.profile === 'smallrye' ? names.smallryeCorrelationId : names.correlationId;
  return [header(name, call.correlationId)];
}

function replyToHeaders(call: RequestCall, names: HeaderNames): KafkaHeader[] {
  const { profile, replyTopic, replyPartition } = call;
  if (isCloudEvent(call)) return [header(ceHeader(names.ceReplyTopic), replyTopic)];
  if (profile === 'smallrye') return [header(names.smallryeReplyTopic, replyTopic)];
  const topic = header(names.replyTopic, replyTopic);
  if (replyPartition === undefined) return [topic];
  // NestJS reads text, and takes a leading zero byte for a schema's mark; Spring reads four bytes.
  const partition = profile === 'nest' ? String(replyPartition) : int32(replyPartition);
  return [topic, { name: names.replyPartition, value: partition }];
}

function contentHeaders(call: RequestCall): KafkaHeader[] {
  if (call.profile === 'cloudevents') return binaryHeaders(call);
  return call.profile === 'cloudevents-structured' ? structuredHeaders() : [];
}

function jobHeaders({ jobId, attempt, processId, elementId }: Call, names: HeaderNames): KafkaHeader[] {
  return [
    header(names.jobId, jobId),
    header(names.attempt, String(attempt)),
    header(names.process, processId),
    header(names.element, elementId),
  ];
}

function traceHeaders({ trace }: Call): KafkaHeader[] {
  return trace === '' ? [] : [header(TRACE, trace)];
}

function isCloudEvent({ profile }: Call): boolean {
  return profile === 'cloudevents' || profile === 'cloudevents-structured';
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function header(name: string, value: string): KafkaHeader {
  return { name, value };
}
