// Jobs that are given back rest the longer the more of their lane wait, and no longer than that takes.
import { expect, test } from 'vitest';
import { GiveBackRest } from '../../../src/gateway/intake/give-back-rest.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** So many jobs of one lane, each given back again whenever its rest is over; answers how many were, second by second. */
async function giveBackAgainAndAgain(
  jobs: number,
  seconds: number,
  rest: GiveBackRest,
  clock: ManualClock,
  lane = 'a',
) {
  const perSecond: number[] = [];
  let count = 0;
  const again = (): void => {
    count += 1;
    clock.setTimer(rest.nextMs(lane), again);
  };
  for (let job = 0; job < jobs; job++) clock.setTimer(job * 5, again);
  for (let second = 0; second < seconds; second++) {
    count = 0;
    await clock.advance(1_000);
    perSecond.push(count);
  }
  return perSecond;
}

function made(): { rest: GiveBackRest; clock: ManualClock } {
  const clock = new ManualClock();
  let seed = 1;
  const float = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  return { rest: new GiveBackRest(clock, { float, bytes: (count) => new Uint8Array(count) }), clock };
}

const mean = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0) / counts.length;

test('a few rest for two to four seconds', async () => {
  const { rest, clock } = made();
  const counts = await giveBackAgainAndAgain(10, 60, rest, clock);
  expect(mean(counts.slice(10))).toBeGreaterThan(10 / 4.5);
});

test.each([800, 3_000])('%i that wait are given back some ten times a second in all, not more', async (jobs) => {
  const { rest, clock } = made();
  const counts = await giveBackAgainAndAgain(jobs, 900, rest, clock);
  expect(mean(counts.slice(300))).toBeLessThan(20);
  expect(mean(counts.slice(300))).toBeGreaterThan(1);
});

test('each lane by itself, and from the least again once nobody has waited for a while', async () => {
  const { rest, clock } = made();
  await giveBackAgainAndAgain(800, 120, rest, clock, 'crowded');
  expect(rest.nextMs('crowded')).toBeGreaterThan(8_000);
  expect(rest.nextMs('quiet')).toBeLessThanOrEqual(4_000);
  const alone = made();
  for (let job = 0; job < 500; job++) {
    await alone.clock.advance(10);
    alone.rest.nextMs('a');
  }
  expect(alone.rest.nextMs('a')).toBeGreaterThan(8_000);
  await alone.clock.advance(11 * 60_000);
  expect(alone.rest.nextMs('a')).toBeLessThanOrEqual(4_000);
});
