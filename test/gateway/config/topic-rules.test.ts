import { describe, expect, test } from 'vitest';
import { ANY_TOPIC, allowedTopics, mayAsk, TOPIC_PATTERN } from '../../../src/gateway/config/topic-rules.ts';

const ownTopics = ['holdfast.orders.replies', 'holdfast.orders.dlq'];
const asked = (topic: string, ...patterns: string[]) => mayAsk(topic, { patterns, ownTopics });

describe('without a list', () => {
  test.each(['payments.requests', 'a', '_private', 'holdfast', 'my.holdfast.topic', 'a__b'])(
    'a model may ask on %s',
    (topic) => {
      expect(asked(topic, ...ANY_TOPIC)).toBe(true);
    },
  );

  test.each(['__consumer_offsets', '__', 'holdfast.orders.replies', 'holdfast.other.dlq', 'holdfast.'])(
    'but not on %s',
    (topic) => {
      expect(asked(topic, ...ANY_TOPIC)).toBe(false);
    },
  );
});

test.each([
  ['payments.requests', 'payments.*', true],
  ['payments.', 'payments.*', true],
  ['payments', 'payments.*', false],
  ['paymentsXrequests', 'payments.*', false],
  ['old.payments.requests', 'payments.*', false],
  ['payments.requests', 'payments.requests', true],
  ['payments.requests.v2', 'payments.requests', false],
  ['payments.v2.requests', 'payments.*.requests', true],
  ['payments.requests', 'payments.*.requests', false],
  ['payments.requests', '*.requests', true],
  ['a.b.c.d', 'a*c*d', true],
  ['a.c', 'a*c*c', false],
  ['aXbXb', '*b*b', true],
  ['aba', 'ab*ba', false],
  ['abba', 'ab*ba', true],
  ['anything', '***', true],
])('%s under %s: %s', (topic, pattern, expected) => {
  expect(asked(topic, pattern)).toBe(expected);
});

test('one pattern of several is enough', () => {
  expect(asked('b', 'a', 'b', 'c')).toBe(true);
  expect(asked('d', 'a', 'b', 'c')).toBe(false);
});

test('who means reserved topics writes so, and even then never gets the own ones', () => {
  expect(asked('holdfast.other.requests', 'h*')).toBe(false);
  expect(asked('holdfast.other.requests', 'holdfast.*')).toBe(true);
  expect(asked('__audit', '__audit')).toBe(true);
  expect(asked('__audit', 'holdfast.*', '*')).toBe(false);
  expect(asked('holdfast.orders.replies', 'holdfast.*')).toBe(false);
  expect(asked('holdfast.orders.replies', 'holdfast.orders.replies')).toBe(false);
});

test('many stars take no time', () => {
  const beginMs = performance.now();
  expect(asked('a'.repeat(249), `${'*a'.repeat(120)}*b`)).toBe(false);
  expect(performance.now() - beginMs).toBeLessThan(500);
});

test('what is allowed, in words', () => {
  const words = (...patterns: string[]) => allowedTopics({ patterns, ownTopics });
  expect(words(...ANY_TOPIC)).toBe('any topic but __* and holdfast.*');
  expect(words('payments.*', 'orders')).toBe('payments.*, orders');
  expect(words('*', 'orders', 'holdfast.x')).toBe('any topic but __* and holdfast.*, and holdfast.x');
});

test('a pattern has the characters of topics and stars', () => {
  for (const good of ['*', 'a.b_c-D9', 'a*']) expect(TOPIC_PATTERN.parse(good)).toBe(good);
  for (const bad of ['', 'a b', 'a?', 'a/*', 'é', 'a'.repeat(250), 3]) expect(TOPIC_PATTERN.parse(bad)).toBeUndefined();
});
