// What kafkajs throws, wrapped as it wraps it, and what it means.
import kafkajs from 'kafkajs';
import { expect, it } from 'vitest';
import { describeError, kafkaErrorName, meaningOf, notAuthorized } from '../../../src/gateway/kafka/errors.ts';

function wrapped(type: string): Error {
  const answer = new kafkajs.KafkaJSProtocolError(Object.assign(new Error('what the broker said'), { type, code: 1 }));
  return new Error('not retriable', { cause: new Error('retries exceeded', { cause: answer }) });
}

it('finds the answer of the broker under whatever is around it', () => {
  expect(kafkaErrorName(wrapped('NOT_LEADER_FOR_PARTITION'))).toBe('NOT_LEADER_FOR_PARTITION');
  expect(meaningOf(wrapped('MESSAGE_TOO_LARGE'))).toBe('refused');
  expect(describeError(wrapped('MESSAGE_TOO_LARGE'))).toContain('max.message.bytes');
  expect(meaningOf(wrapped('TOPIC_AUTHORIZATION_FAILED'))).toBe('refused');
  expect(meaningOf(wrapped('UNKNOWN_TOPIC_OR_PARTITION'))).toBe('unknownTopic');
});

it('finds the answer to one of several, and whether it is a lack of rights', () => {
  const several = (type: string) => {
    const answer = Object.assign(new Error('what the broker said'), { type, code: 1 });
    return new kafkajs.KafkaJSAggregateError('Topic creation errors', [new kafkajs.KafkaJSProtocolError(answer)]);
  };
  expect(kafkaErrorName(several('INVALID_REPLICATION_FACTOR'))).toBe('INVALID_REPLICATION_FACTOR');
  expect(notAuthorized(several('TOPIC_AUTHORIZATION_FAILED'))).toBe(true);
  expect(notAuthorized(wrapped('CLUSTER_AUTHORIZATION_FAILED'))).toBe(true);
  expect(notAuthorized(wrapped('UNKNOWN_TOPIC_OR_PARTITION'))).toBe(false);
  expect(notAuthorized(new Error('?'))).toBe(false);
});

it('refuses nothing for what it does not know', () => {
  for (const error of [
    wrapped('NOT_ENOUGH_REPLICAS'),
    new kafkajs.KafkaJSConnectionError('gone'),
    new Error('?'),
    'text',
  ]) {
    expect(meaningOf(error)).toBe('transient');
  }
  expect(describeError('text')).toBe('text');
});
