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

test('where a probe comes only once in hours it may be longer than eleven minutes, and never more than half of that', async () => {
  const { world, after } = lockOf();
  world.probeEveryMs = 20_000 * SECOND;
  expect(await after(SECOND, Number.POSITIVE_INFINITY)).toBe(256 * SHORT_MS);
  expect(await after(SECOND, Number.POSITIVE_INFINITY)).toBe(256 * SHORT_MS);
  world.probeEveryMs = LIMITS.probeEveryMs;
  expect(await after(SECOND, 0), 'they have ended').toBe(256 * SHORT_MS);
  expect(await after(LIMITS.probeEveryMs, 0)).toBe(128 * SHORT_MS);
});

// With an engine as it was seen on two cores: it makes 290 instances a second, hands out 1,055 jobs a second, those whose locks lapsed
// before any others, and takes five renewals a second meanwhile. With eleven minutes as the most it stands still at 728,000.
test('a million slow jobs that come as fast as the engine makes them all get through', async () => {
  const { world, after } = lockOf();
  const [comeEachS, handedOutEachS, renewedEachS, paceEachS] = [290, 1_055, 5, 50];
  const cohorts: { left: number; readonly dueS: number; readonly lapseS: number }[] = [];
  const withoutLapsesS = 1_000_000 / comeEachS;
  let [jobs, waiting, longestMs, s] = [0, 0, 0, 0];
  for (; jobs < 1_000_000 && s < 2 * withoutLapsesS; s++) {
    let [lapsed, urgent, renewals] = [0, 0, renewedEachS];
    for (const cohort of cohorts) {
      if (cohort.left === 0) continue;
      if (cohort.lapseS <= s) {
        lapsed += cohort.left;
        cohort.left = 0;
      } else if (cohort.dueS <= s) {
        const renewed = Math.min(renewals, cohort.left);
        cohort.left -= renewed;
        renewals -= renewed;
        urgent += cohort.left;
      }
    }
    waiting += lapsed;
    world.probeEveryMs = Math.max(LIMITS.probeEveryMs, (jobs / paceEachS) * SECOND);
    const lockMs = await after(SECOND, (urgent / paceEachS) * SECOND);
    longestMs = Math.max(longestMs, lockMs);
    const again = Math.min(waiting, handedOutEachS);
    waiting -= again;
    const fresh = Math.min(comeEachS, handedOutEachS - again);
    jobs += fresh;
    const lockS = lockMs / SECOND;
    cohorts.push({ left: again + fresh, dueS: s + Math.round(0.7 * lockS), lapseS: s + Math.round(lockS) });
  }
  expect(jobs).toBeGreaterThanOrEqual(1_000_000);
  expect(s).toBeLessThan(1.1 * withoutLapsesS);
  expect(longestMs).toBeLessThanOrEqual(world.probeEveryMs / 2);
});
