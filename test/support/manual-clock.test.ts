import { expect, test } from 'vitest';
import { ManualClock } from './manual-clock.ts';

test('timers run in due order, ties in the order they were set, and promises settle in between', async () => {
  const clock = new ManualClock();
  const seen: string[] = [];
  clock.setTimer(20, () => seen.push('c'));
  clock.setTimer(10, async () => {
    seen.push('a');
    for (let i = 0; i < 500; i++) await undefined;
    seen.push(`a settled at ${clock.monotonicMs()}`);
    clock.setTimer(5, () => seen.push(`set meanwhile, at ${clock.monotonicMs()}`));
  });
  clock.setTimer(10, () => seen.push('b'));
  clock.setTimer(12, () => seen.push('never')).cancel();
  await clock.advance(19);
  expect(seen).toEqual(['a', 'a settled at 10', 'b', 'set meanwhile, at 15']);
  await clock.advance(1);
  expect(seen.at(-1)).toBe('c');
  expect(clock.monotonicMs()).toBe(20);
});

test('hundreds of timers keep their order', async () => {
  const clock = new ManualClock();
  const seen: number[] = [];
  for (let i = 0; i < 700; i++) clock.setTimer((i * 7919) % 101, () => seen.push(clock.monotonicMs()));
  await clock.advance(101);
  expect(seen).toHaveLength(700);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
});

test('a frozen process runs what fell due late and in order, and what one of it cancels does not run', async () => {
  const clock = new ManualClock();
  const view = clock.view();
  const seen: string[] = [];
  const lease = view.setTimer(30, () => seen.push('cancelled in time'));
  view.setTimer(10, () => {
    seen.push(`first at ${clock.monotonicMs()}`);
    lease.cancel();
  });
  view.deliver(20, () => seen.push('message'));
  view.freeze();
  await clock.advance(100);
  expect(seen).toEqual([]);
  view.thaw();
  await clock.advance(0);
  expect(seen).toEqual(['first at 100', 'message']);
});

test('a killed process never runs again; skew and drift change only what its clock says', async () => {
  const clock = new ManualClock();
  const fast = clock.view({ skewMs: 300, driftPpm: 100_000 });
  let ran = 0;
  fast.setTimer(110, () => ran++);
  await clock.advance(99);
  expect(ran).toBe(0);
  await clock.advance(1.1);
  expect(ran).toBe(1);
  expect(fast.monotonicMs()).toBeCloseTo(110.1, 1);
  expect(fast.wallMs() - clock.wallMs()).toBe(310);
  fast.setTimer(1, () => ran++);
  fast.kill();
  fast.thaw();
  await clock.advance(1000);
  expect(ran).toBe(1);
});

test('until stops at the condition and says what was missing when it never holds', async () => {
  const clock = new ManualClock();
  let hits = 0;
  const again = () => {
    hits++;
    clock.setTimer(10, again);
  };
  clock.setTimer(10, again);
  await clock.until(
    () => hits === 3,
    1000,
    () => 'hits',
  );
  expect(clock.monotonicMs()).toBe(30);
  await expect(
    clock.until(
      () => hits === 1000,
      100,
      () => `hits ${hits}`,
    ),
  ).rejects.toThrow('not within 100 ms of virtual time: hits 13');
});
