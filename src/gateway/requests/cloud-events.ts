// A call as a CloudEvent 1.0, by the Kafka protocol binding: attributes in `ce_` headers around the bare body (binary
// mode), or in an envelope with the body as its `data` (structured mode).
//
// `ce_id` is what consumers deduplicate by, together with the source: it is the same for one attempt published twice, and
// another one for the record that cancels it.
import { CONTENT_TYPE, ceHeader, type HeaderNames } from '../header-names.ts';
import { withMember } from '../json/slices.ts';
import type { KafkaHeader } from '../ports.ts';
import type { Call, RequestCall } from './service-call.ts';

export const CE_REQUEST_TYPE = 'io.holdfast.request';
export const CE_CANCEL_TYPE = 'io.holdfast.cancel';
const CONTENT = 'application/json';
/** Its schema is named in the value itself. */
const ENCODED_CONTENT = 'application/octet-stream';
const STRUCTURED_CONTENT = 'application/cloudevents+json; charset=utf-8';

export function binaryHeaders(call: RequestCall): KafkaHeader[] {
  const value = typeof call.body === 'string' ? CONTENT : ENCODED_CONTENT;
  return [...attributeHeaders(call, call.correlationId, CE_REQUEST_TYPE), { name: CONTENT_TYPE, value }];
}

export function structuredHeaders(): KafkaHeader[] {
  return [{ name: CONTENT_TYPE, value: STRUCTURED_CONTENT }];
}

/** An event without data is always in binary mode. */
export function cancelHeaders(call: Call): KafkaHeader[] {
  return attributeHeaders(call, `${call.correlationId}-cancel`, CE_CANCEL_TYPE);
}

/** The body's text is taken over as it stands. */
export function envelopeText(call: RequestCall, body: string, names: HeaderNames): string {
  const attributes = JSON.stringify({
    specversion: '1.0',
    id: call.correlationId,
    source: sourceOf(call),
    type: CE_REQUEST_TYPE,
    datacontenttype: CONTENT,
    [names.ceCorrelationId]: call.correlationId,
    [names.ceReplyTopic]: call.replyTopic,
  });
  return withMember(attributes, 'data', body);
}

function attributeHeaders(call: Call, id: string, type: string): KafkaHeader[] {
  const attributes = { specversion: '1.0', id, source: sourceOf(call), type };
  return Object.entries(attributes).map(([name, value]) => ({ name: ceHeader(name), value }));
}

/** A URI reference, as CloudEvents wants it. */
function sourceOf({ cluster, processId, elementId }: Call): string {
  return `/holdfast/${[cluster, processId, elementId].map(encodeURIComponent).join('/')}`;
}
