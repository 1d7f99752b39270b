// The names of everything technical that travels beside a body. Most are those that the services' frameworks read and
// write by themselves; all can be configured, because a service that has its own words for them should not change.
//
// What must hold: no two settings have the same name, and no static or mapped header has the name of a technical one;
// the configuration checks both (`isTechnical`).

export interface HeaderNames {
  /** Spring for Apache Kafka and NestJS. */
  readonly correlationId: string;
  readonly replyTopic: string;
  readonly replyPartition: string;
  /** SmallRye, which is Quarkus' messaging. */
  readonly smallryeCorrelationId: string;
  readonly smallryeReplyTopic: string;
  /** CloudEvents extension attributes (a-z, 0-9); in binary mode their headers begin with `ce_`. */
  readonly ceCorrelationId: string;
  readonly ceReplyTopic: string;
  /** The top-level field of the body, for services that keep no header. */
  readonly bodyField: string;

  readonly jobId: string;
  readonly attempt: string;
  readonly process: string;
  readonly element: string;
  readonly replyDeadline: string;
  readonly cancel: string;

  readonly replyStatus: string;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly errorRetries: string;
  readonly errorBackoff: string;
  /** What a NestJS handler that threw leaves. */
  readonly nestError: string;
}

export const DEFAULT_HEADER_NAMES: HeaderNames = {
  correlationId: 'kafka_correlationId',
  replyTopic: 'kafka_replyTopic',
  replyPartition: 'kafka_replyPartition',
  smallryeCorrelationId: 'REPLY_CORRELATION_ID',
  smallryeReplyTopic: 'REPLY_TOPIC',
  ceCorrelationId: 'correlationid',
  ceReplyTopic: 'replytopic',
  bodyField: 'correlationId',
  jobId: 'job-id',
  attempt: 'attempt',
  process: 'process',
  element: 'element',
  replyDeadline: 'reply-deadline',
  cancel: 'holdfast-cancel',
  replyStatus: 'reply-status',
  errorCode: 'error-code',
  errorMessage: 'error-message',
  errorRetries: 'error-retries',
  errorBackoff: 'error-backoff',
  nestError: 'kafka_nest-err',
};

export const CONTENT_TYPE = 'content-type';
export const TRACE = 'traceparent';

/** Binary mode: the header of a CloudEvents attribute. */
export function ceHeader(attribute: string): string {
  return `ce_${attribute}`;
}

/** Of transports and frameworks: bookkeeping of Spring, NestJS and Kafka Connect, W3C trace context, CloudEvents' frame. */
const FRAMEWORKS =
  /^(kafka_|__|spring_json_|holdfast-|traceparent$|tracestate$|baggage$|content-type$|ce_(specversion|id|datacontenttype)$)/;

/** Whether a header is the bridge's or a framework's own, and says nothing about the business. */
export function isTechnical(name: string, names: HeaderNames): boolean {
  return FRAMEWORKS.test(name) || ownNames(names).has(name);
}

const known = new WeakMap<HeaderNames, ReadonlySet<string>>();

function ownNames(names: HeaderNames): ReadonlySet<string> {
  let own = known.get(names);
  if (own === undefined) {
    const { ceCorrelationId, ceReplyTopic, bodyField: _, ...headers } = names;
    own = new Set([...Object.values(headers), ceHeader(ceCorrelationId), ceHeader(ceReplyTopic)]);
    known.set(names, own);
  }
  return own;
}
