// The first lock follows how long renewals wait: up at once, down when nobody has needed it for a probe interval.
import { expect, test } from 'vitest';
import { FirstLock } from '../../src/actors/first-lock.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SHORT_MS = LIMITS.activationLockMs;
const SECOND = 1_000;

function lockOf() {
  const clock = new ManualClock();
  const world = { waitMs: 0, probeEveryMs: LIMITS.probeEveryMs };
  const lock = new FirstLock({ clock, waitMs: () => world.waitMs, probeEveryMs: () => world.probeEveryMs });
  /** Looks again after so long. */
  const after = async (ms: number, waitMs: number) => {
    world.waitMs = waitMs;
    await clock.advance(ms);
    return lock.ms();
  };
  return { world, after };
}

test('it is short as long as renewals come in time', async () => {
  const { after } = lockOf();
  for (const waitMs of [0, 100, SHORT_MS / 4]) expect(await after(SECOND, waitMs)).toBe(SHORT_MS);
});

test('it is at once as long as the wait asks for, and never longer than the most', async () => {
  const { after } = lockOf();
  expect(await after(SECOND, SHORT_MS)).toBe(4 * SHORT_MS);
  expect(await after(SECOND / 2, Number.POSITIVE_INFINITY), 'not counted again so soon').toBe(4 * SHORT_MS);
  expect(await after(SECOND / 2, Number.POSITIVE_INFINITY)).toBe(LIMITS.activationLockMostMs);
});

test('it stays while it is needed, and is halved each time that nobody has needed it for a probe interval', async () => {
  const { world, after } = lockOf();
  expect(await after(SECOND, 4 * SHORT_MS)).toBe(16 * SHORT_MS);
  expect(await after(world.probeEveryMs, 4 * SHORT_MS), 'needed once more').toBe(16 * SHORT_MS);
  expect(await after(world.probeEveryMs, 0)).toBe(16 * SHORT_MS);
  expect(await after(SECOND, 0)).toBe(8 * SHORT_MS);
  expect(await after(SECOND, 0), 'one step a time').toBe(8 * SHORT_MS);
  expect(await after(world.probeEveryMs, 0)).toBe(4 * SHORT_MS);
});

test('one that is shorter than the interval is halved after as long as it lasts', async () => {
  const { after } = lockOf();
  expect(await after(SECOND, SHORT_MS / 2)).toBe(2 * SHORT_MS);
  expect(await after(2 * SHORT_MS, 0)).toBe(2 * SHORT_MS);
  expect(await after(SECOND, 0)).toBe(SHORT_MS);
  expect(await after(SECOND + SHORT_MS, 0)).toBe(SHORT_MS);
});
