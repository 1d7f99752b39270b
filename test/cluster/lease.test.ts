// The right to act ends by itself, on either clock, and does not come back.
import { expect, test } from 'vitest';
import { Lease } from '../../src/cluster/lease.ts';
import { ManualClock } from '../support/manual-clock.ts';

const TTL = 15_000;
const MARGIN = 2_000;

test('it counts from when the renewal was sent, and its margin is cut from its end', async () => {
  const clock = new ManualClock();
  const lease = new Lease(clock, TTL, MARGIN);
  expect(lease.valid()).toBe(false);
  const sent = lease.stamp();
  await clock.advance(4_000);
  lease.renewed(sent);
  expect(lease.remainingMs()).toBe(TTL - MARGIN - 4_000);
  await clock.advance(TTL - MARGIN - 4_001);
  expect(lease.valid()).toBe(true);
  await clock.advance(1);
  expect(lease.valid()).toBe(false);
});

test('once it was void it stays void, whatever is acknowledged later', async () => {
  const clock = new ManualClock();
  const lease = new Lease(clock, TTL, MARGIN);
  lease.renewed(lease.stamp());
  await clock.advance(TTL - MARGIN);
  lease.renewed(lease.stamp());
  expect(lease.valid()).toBe(false);
});

test.each([
  ['a wall clock set forward, as by a machine that was suspended', { wall: TTL, monotonic: 0 }],
  ['a monotonic clock that passed while the wall clock was set back', { wall: -3_600_000, monotonic: TTL }],
])('%s ends it', (_, { wall, monotonic }) => {
  let now = { wall: 1e12, monotonic: 0 };
  const setTimer = () => ({ cancel: () => {} });
  const lease = new Lease({ wallMs: () => now.wall, monotonicMs: () => now.monotonic, setTimer }, TTL, MARGIN);
  lease.renewed(lease.stamp());
  expect(lease.valid()).toBe(true);
  now = { wall: 1e12 + wall, monotonic };
  expect(lease.valid()).toBe(false);
});
