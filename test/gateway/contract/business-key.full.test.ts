// A business key becomes free: once the tombstone of the call that had it has expired, a call that has waited for it with
// its retries goes on. The shortest late window is a minute, and no key changes hands within two.
import { expect, test } from 'vitest';
import { Stage } from './stage.ts';

const stage = new Stage([
  {
    routes: {
      'by-order': { correlationKey: '=order.id', retryBackoff: 'PT5S', lateWindow: 'PT1M', retries: 100 },
    },
  },
]);

test('a call that waits for its business key goes on when the tombstone of the other has expired', async () => {
  const [first, request] = await stage.call('by-order');
  stage.answer(request, '{"answer":1}');
  await stage.passed(first);
  const endedMs = Date.now();
  const second = await stage.start('by-order', {}, first.id);
  const asked = () => stage.trial.service.about(first.id).slice(1);
  await stage.until('the request of the second', () => asked()[0], { deadlineMs: 240_000, everyMs: 200 });
  const again = asked()[0];
  expect(again?.correlationId).toBe(first.id);
  expect((again?.atMs ?? 0) - endedMs).toBeGreaterThan(60_000);
  expect(stage.journeys.passed(second)).toBeUndefined();
  if (again !== undefined) stage.answer(again, '{"answer":2}');
  expect((await stage.passed(second)).get('answer')).toBe('2');
  expect(asked()).toHaveLength(1);
  // All the while it failed with the same words, each time a retry less.
  const fails = stage.failsOf(again ?? request);
  expect(new Set(fails.map(({ errorMessage }) => errorMessage)).size).toBe(1);
  expect(fails.map(({ retries }) => retries)).toEqual(fails.map((_, index) => 99 - index));
});
