// The first lock follows how long renewals wait: up at once, down only when nobody has needed it for as long as it lasts.
import { expect, test } from 'vitest';
import { FirstLock } from '../../src/actors/first-lock.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SHORT_MS = LIMITS.activationLockMs;

test('it is short as long as renewals come in time', () => {
  const lock = new FirstLock(new ManualClock());
  for (const waitMs of [0, 100, SHORT_MS / 4]) expect(lock.ms(waitMs)).toBe(SHORT_MS);
});

test('it is at once as long as the wait asks for, and never longer than the most', () => {
  const lock = new FirstLock(new ManualClock());
  expect(lock.ms(SHORT_MS)).toBe(4 * SHORT_MS);
  expect(lock.ms(Number.POSITIVE_INFINITY)).toBe(LIMITS.activationLockMostMs);
});

test('it stays while it is needed, and is halved each time that nobody has needed it for as long as it lasts', async () => {
  const clock = new ManualClock();
  const lock = new FirstLock(clock);
  expect(lock.ms(SHORT_MS)).toBe(4 * SHORT_MS);
  await clock.advance(4 * SHORT_MS);
  expect(lock.ms(0), 'not longer than it lasts').toBe(4 * SHORT_MS);
  expect(lock.ms(SHORT_MS), 'needed once more').toBe(4 * SHORT_MS);
  await clock.advance(4 * SHORT_MS + 1);
  expect(lock.ms(0)).toBe(2 * SHORT_MS);
  expect(lock.ms(0), 'one step a time').toBe(2 * SHORT_MS);
  await clock.advance(2 * SHORT_MS + 1);
  expect(lock.ms(0)).toBe(SHORT_MS);
  await clock.advance(SHORT_MS + 1);
  expect(lock.ms(0)).toBe(SHORT_MS);
});
