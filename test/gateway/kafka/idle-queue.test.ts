// kafkajs's queue of requests: no timer while nothing waits, and what waits goes as soon as it may.
import { createRequire } from 'node:module';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { restWhileNothingWaits } from '../../../src/gateway/kafka/idle-queue.ts';

const require = createRequire(import.meta.url);
const RequestQueue = require('kafkajs/src/network/requestQueue');

const silent = { debug() {}, warn() {} };

beforeEach(() => {
  vi.useFakeTimers();
  restWhileNothingWaits();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A connection that lets one request be under way; `sent` and `answered` by correlation id. */
function connection() {
  const queue = new RequestQueue({
    instrumentationEmitter: null,
    maxInFlightRequests: 1,
    requestTimeout: 10_000,
    enforceRequestTimeout: false,
    clientId: 'c',
    broker: 'b',
    logger: silent,
    isConnected: () => true,
  });
  const sent: number[] = [];
  const answered: number[] = [];
  const push = (correlationId: number) =>
    queue.push({
      entry: { correlationId, resolve: () => answered.push(correlationId), reject() {} },
      expectResponse: true,
      sendRequest: () => sent.push(correlationId),
    });
  const answer = (correlationId: number) => queue.fulfillRequest({ correlationId, payload: null, size: 0 });
  return { queue, sent, answered, push, answer };
}

test('once all is answered no timer is left, and none comes back', () => {
  const { sent, answered, push, answer } = connection();
  push(1);
  push(2);
  answer(1);
  answer(2);
  vi.advanceTimersByTime(100); // of the look that was asked for while one waited
  expect([sent, answered, vi.getTimerCount()]).toEqual([[1, 2], [1, 2], 0]);
});

test('what a throttled broker makes wait goes when its time is over, without an answer to anything else', () => {
  const { queue, sent, push, answer } = connection();
  push(1);
  queue.maybeThrottle(1_000);
  answer(1);
  push(2);
  vi.advanceTimersByTime(999);
  expect(sent).toEqual([1]);
  vi.advanceTimersByTime(2);
  expect(sent).toEqual([1, 2]);
  answer(2);
  expect(vi.getTimerCount()).toBe(0);
});
