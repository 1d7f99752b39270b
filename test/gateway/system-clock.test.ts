import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SystemClock } from '../../src/gateway/system-clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const DAY_MS = 86_400_000;

test('a delay beyond 2^31 ms is waited for in full, once', () => {
  let ran = 0;
  new SystemClock().setTimer(60 * DAY_MS, () => ran++);
  vi.advanceTimersByTime(60 * DAY_MS - 10);
  expect(ran).toBe(0);
  vi.advanceTimersByTime(20);
  expect(ran).toBe(1);
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(ran).toBe(1);
});

test('a timer cancelled in its second piece never runs', () => {
  let ran = 0;
  const timer = new SystemClock().setTimer(60 * DAY_MS, () => ran++);
  vi.advanceTimersByTime(40 * DAY_MS);
  timer.cancel();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(ran).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('what goes after this turn does not wait for anything else to happen', async () => {
  vi.useRealTimers();
  const nothingElse = setInterval(() => undefined, 500);
  const beginMs = performance.now();
  for (let turn = 0; turn < 40; turn++) await new Promise<void>((resolve) => new SystemClock().setTimer(0, resolve));
  clearInterval(nothingElse);
  expect(performance.now() - beginMs).toBeLessThan(400);
});
