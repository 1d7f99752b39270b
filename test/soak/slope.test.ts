// The verdict of a soak is only as good as its slope: one that is there is found in noise, and none is found where none is.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { minima, type Sample, settledPart, slopeOf } from './slope.ts';

const EVERY_MS = 10_000;

const series = (values: readonly number[]): Sample[] => values.map((value, i) => ({ atMs: i * EVERY_MS, value }));

test('a straight line has its own slope, and no doubt about it', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e6, max: 1e6 }), fc.integer({ min: 3, max: 60 }), (step, count) => {
      const { perHour, from, to } = slopeOf(series(Array.from({ length: count }, (_, i) => i * step)));
      for (const slope of [perHour, from, to]) expect(slope).toBeCloseTo(step * 360, 3);
    }),
  );
});

test('a slope under noise, with samples far off, lies in its interval nearly always; and so does none', () => {
  let outside = 0;
  let runs = 0;
  const noise = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(noise, fc.constantFrom(0, 0.05), fc.nat(59), (values, step, far) => {
      const samples = series(values.map((value, i) => value + i * step + (i === far ? 1_000 : 0)));
      const { from, to } = slopeOf(samples);
      runs += 1;
      if (from > step * 360 || to < step * 360) outside += 1;
    }),
    { numRuns: 300, seed: 1 },
  );
  expect(outside / runs).toBeLessThan(0.15);
});

test('the order of equal steps, minima of windows and the part behind the first third', () => {
  expect(minima(series([3, 1, 2, 9, 8, 7, 5]), 3).map(({ value }) => value)).toEqual([1, 7]);
  expect(settledPart(series([1, 2, 3, 4, 5, 6])).map(({ value }) => value)).toEqual([3, 4, 5, 6]);
  expect(() => slopeOf(series([1, 2]))).toThrow(RangeError);
});
