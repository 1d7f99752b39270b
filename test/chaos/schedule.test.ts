// The schedule is a pure function of its seed, and does what the long run promises of it.
import { expect, test } from 'vitest';
import { countsOf, lastBlowOf, linesOf, type Plan, type PlannedFault, scheduleOf, TRACKS } from './schedule.ts';

const LONG: Plan = { seed: 7, minutes: 30, leaseTtlMs: 15_000, without: [] };
const SEEDS = Array.from({ length: 200 }, (_, i) => i * 7_919);

test('the same seed gives the same schedule, another one another', () => {
  expect(linesOf(scheduleOf(LONG))).toEqual(linesOf(scheduleOf({ ...LONG })));
  expect(linesOf(scheduleOf(LONG))).not.toEqual(linesOf(scheduleOf({ ...LONG, seed: 8 })));
});

test('the last blow follows from the seed: it leaves one node whole, and does nothing that is not to be done', () => {
  expect(lastBlowOf(LONG)).toEqual(lastBlowOf({ ...LONG }));
  for (const seed of SEEDS) {
    const [kill, silent] = lastBlowOf({ ...LONG, seed });
    expect([kill?.kind, silent?.kind]).toEqual(['kill', 'halfOpen-nats']);
    expect(kill?.node).not.toBe(silent?.node);
  }
  expect(new Set(SEEDS.map((seed) => lastBlowOf({ ...LONG, seed })[0]?.node)).size).toBe(3);
  expect(lastBlowOf({ ...LONG, without: ['kill'] }).map(({ kind }) => kind)).toEqual(['halfOpen-nats']);
});

test('in thirty minutes each fault happens at least five times, whatever the seed', () => {
  for (const seed of SEEDS) {
    const counts = countsOf(scheduleOf({ ...LONG, seed }));
    const least = [...TRACKS.nodes, ...TRACKS.servers].map((kind) => [kind, counts[kind] ?? 0] as const);
    expect(least.filter(([, times]) => times < 5)).toEqual([]);
  }
});

test('within a track one begins after the one before it, and all within the time', () => {
  for (const seed of SEEDS) {
    for (const minutes of [0.5, 3, 30]) {
      const schedule = scheduleOf({ ...LONG, seed, minutes });
      for (const track of ['nodes', 'servers'] as const) {
        const faults = schedule.filter((fault) => fault.track === track);
        faults.reduce<PlannedFault | undefined>((last, fault) => {
          expect(fault.atMs).toBeGreaterThanOrEqual((last?.atMs ?? 0) + (last?.forMs ?? 0));
          return fault;
        }, undefined);
        expect((faults.at(-1)?.atMs ?? 0) + (faults.at(-1)?.forMs ?? 0)).toBeLessThanOrEqual(minutes * 60_000);
      }
    }
  }
});

test('half a minute with a short lease has room for some of each track', () => {
  for (const seed of SEEDS) {
    const schedule = scheduleOf({ ...LONG, seed, minutes: 0.5, leaseTtlMs: 4_000 });
    expect(new Set(schedule.map(({ track }) => track)).size).toBe(2);
    expect(schedule.length).toBeGreaterThanOrEqual(2);
  }
});

test('what is left out does not happen', () => {
  const schedule = scheduleOf({ ...LONG, without: ['zeebeRestart', 'scale'] });
  expect(schedule.filter(({ kind }) => kind === 'zeebeRestart' || kind === 'scale')).toEqual([]);
});

test('a pause is half, one and a half, and four times the lease', () => {
  const lengths = scheduleOf({ ...LONG, leaseTtlMs: 10_000 })
    .filter(({ kind }) => kind.startsWith('stop'))
    .map(({ forMs }) => forMs);
  expect(new Set(lengths)).toEqual(new Set([5_000, 15_000, 40_000]));
});
