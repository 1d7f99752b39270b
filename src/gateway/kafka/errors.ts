// What kafkajs's errors mean for us, in one table by Kafka's own error names. kafkajs wraps errors in errors (retries
// exceeded, not retriable; several in one), so the first one in the chain of causes that carries a Kafka error name counts.
import { describeRefusal } from './refusals.ts';

/**
 *  - `refused`: this record, or this topic, will not be taken however often it is tried.
 *  - `unknownTopic`: perhaps refused; kafkajs says it also of healthy topics when another one is gone (writer.ts).
 *  - `transient`: everything else. To try once more is always safe, to refuse is not.
 */
export type ErrorMeaning = 'refused' | 'unknownTopic' | 'transient';

const MEANINGS: Readonly<Record<string, readonly [ErrorMeaning, remedy: string]>> = {
  MESSAGE_TOO_LARGE: ['refused', 'the record is larger than the topic takes (its max.message.bytes)'],
  RECORD_LIST_TOO_LARGE: ['refused', 'the record is larger than a segment of the topic (its segment.bytes)'],
  TOPIC_AUTHORIZATION_FAILED: ['refused', 'this user may not use the topic: grant WRITE, or READ for what is read'],
  INVALID_TOPIC_EXCEPTION: ['refused', 'Kafka takes no such topic name'],
  INVALID_RECORD: ['refused', 'the topic does not take such a record (is it compacted, or validated by the broker?)'],
  UNSUPPORTED_SASL_MECHANISM: ['transient', 'Kafka does not take this way to log in: check KAFKA_SASL_MECHANISM'],
  ILLEGAL_SASL_STATE: ['transient', 'Kafka asks for no login there: check KAFKA_SECURITY_PROTOCOL'],
  UNKNOWN_TOPIC_OR_PARTITION: ['unknownTopic', 'the topic does not exist (it is never created by this process)'],
};

export function meaningOf(error: unknown): ErrorMeaning {
  return MEANINGS[kafkaErrorName(error) ?? '']?.[0] ?? 'transient';
}

/** Kafka knows who asks, and he lacks the right: another try changes nothing before somebody grants it. */
export function notAuthorized(error: unknown): boolean {
  return kafkaErrorName(error)?.endsWith('_AUTHORIZATION_FAILED') ?? false;
}

/** For people: Kafka's name of the error and what to do, else the client's own words. */
export function describeError(error: unknown): string {
  const name = kafkaErrorName(error);
  if (name === undefined) {
    return describeRefusal(error) ?? (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
  const remedy = MEANINGS[name]?.[1];
  return remedy === undefined ? name : `${remedy} (${name})`;
}

/** `UNKNOWN_TOPIC_OR_PARTITION` and the like; undefined when it was no answer of a broker. */
export function kafkaErrorName(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = whatIsIn(cause), depth++) {
    if ('type' in cause && typeof cause.type === 'string') return cause.type;
  }
  return undefined;
}

function whatIsIn(error: Error): unknown {
  return 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : error.cause;
}
