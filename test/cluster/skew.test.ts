// Whether this node's times may be compared with those of others: what a measurement proves, and what it does not.
import { expect, test } from 'vitest';
import { progressByServer } from '../../src/cluster/reply-progress.ts';
import { Skew } from '../../src/cluster/skew.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A node's clock beside the server's, which is right; a renewal takes 10 ms there and 10 ms back unless said otherwise. */
class Beside {
  readonly server = new ManualClock();
  readonly own = this.server.view();
  readonly skew = new Skew(this.own);

  async measure(thereMs = 10, backMs = 10): Promise<void> {
    const sentMs = this.own.wallMs();
    await this.server.advance(thereMs);
    const writtenMs = this.server.wallMs();
    await this.server.advance(backMs);
    this.skew.measure(writtenMs, sentMs);
  }
}

test('nothing is known before the first measurement, and no progress is told', async () => {
  const { skew, own } = new Beside();
  expect([skew.ms, skew.within]).toEqual([undefined, false]);
  expect(progressByServer({ 0: own.wallMs() }, skew)).toEqual({});
});

test.each([
  [0, true, 0],
  [950, true, -940],
  [-950, true, 940],
  [5_000, false, -4_990],
  [-5_000, false, 4_990],
])('a clock that is %i ms ahead: within %s', async (aheadMs, within, ms) => {
  const beside = new Beside();
  beside.own.setSkew(aheadMs);
  await beside.measure();
  expect([beside.skew.within, beside.skew.ms]).toEqual([within, ms]);
});

test('a clock that is set between two measurements is off at once, and right again as soon as one says so', async () => {
  const beside = new Beside();
  await beside.measure();
  beside.own.setSkew(5_000);
  expect([beside.skew.within, beside.skew.ms]).toEqual([false, -5_000]);
  await beside.measure();
  expect(beside.skew.within).toBe(false);
  beside.own.setSkew(0);
  await beside.measure();
  expect(beside.skew.within).toBe(true);
});

test('a measurement that took long proves nothing in favour of a clock that was off', async () => {
  const beside = new Beside();
  beside.own.setSkew(5_000);
  await beside.measure();
  await beside.measure(6_000, 10);
  expect(beside.skew.within).toBe(false);
  const fresh = new Beside();
  await fresh.measure(6_000, 10);
  expect(fresh.skew.within, 'but nothing against one of which nothing is known').toBe(true);
});

test('a clock that is off by about a second does not flap', async () => {
  const beside = new Beside();
  const seen: boolean[] = [];
  for (const aheadMs of [1_100, 950, 1_100, 700, 400, 950]) {
    beside.own.setSkew(aheadMs);
    await beside.measure();
    seen.push(beside.skew.within);
  }
  expect(seen).toEqual([false, false, false, false, true, true]);
});

test('progress told by a clock that is off is never ahead of the server, and not far behind; a right clock tells it as it is', async () => {
  const beside = new Beside();
  await beside.measure();
  expect(progressByServer({ 3: beside.own.wallMs() }, beside.skew)).toEqual({ 3: beside.server.wallMs() });
  for (const aheadMs of [1_500, 60_000]) {
    beside.own.setSkew(aheadMs);
    for (let round = 0; round < 2; round++) {
      const told = progressByServer({ 3: beside.own.wallMs() }, beside.skew)[3] ?? 0;
      expect(told).toBeLessThanOrEqual(beside.server.wallMs());
      expect(told).toBeGreaterThanOrEqual(beside.server.wallMs() - 25);
      await beside.measure();
    }
  }
});
