import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RoundTrips } from '../../src/gateway/zeebe/round-trips.ts';

const having = (...answersMs: number[]) => {
  const roundTrips = new RoundTrips();
  for (const ms of answersMs) roundTrips.took(ms);
  return roundTrips;
};

describe('an answer is prompt', () => {
  test.each([
    ['nearby', [0.4], 1.5, true],
    ['nearby, but held up', [0.4], 20, false],
    ['far away', [300, 280], 290, true],
    ['far away, and held up', [280], 400, false],
    ['as judged by the best, not by the last', [40, 200], 60, false],
    ['a first one that is so by any measure', [], 1, true],
    ['a first one that may have come from far or from a busy thread', [], 50, false],
  ])('%s', (_, before, ms, prompt) => {
    expect(having(...before).took(ms)).toBe(prompt);
  });

  test('whenever none was faster before, but for the first', () => {
    const anyMs = fc.double({ min: 0, max: 5_000, noNaN: true });
    fc.assert(
      fc.property(fc.array(anyMs, { minLength: 1 }), (answers) => {
        expect(having(...answers).took(Math.min(...answers))).toBe(true);
      }),
    );
  });
});

test('patience lasts for a few answers, and is bounded for near and far', () => {
  expect(having(0.4).patienceMs).toBe(250);
  expect(having(200, 120, 180).patienceMs).toBe(600);
  expect(having(900).patienceMs).toBe(1_500);
  expect(having().patienceMs).toBe(1_500);
});
