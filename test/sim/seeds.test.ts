// Fresh seeds on every run: each a whole cluster under a storm of its own. HOLDFAST_SIM_FROM and HOLDFAST_SIM_SEEDS say which.
import { describe, expect, test } from 'vitest';
import { describeFailure, runBatch, unseen } from './batch.ts';
import { freshSeed } from './options.ts';
import { runSeed } from './seed.ts';
import { SIGHTS } from './sightings.ts';

const SEEDS = Number(process.env.HOLDFAST_SIM_SEEDS ?? 500);
const FROM = Number(process.env.HOLDFAST_SIM_FROM ?? freshSeed());

test(`${SEEDS} seeds from ${FROM} on: what must hold does, every job ends, and nothing rare was missed`, async () => {
  console.log(`sim: ${SEEDS} seeds from ${FROM} on`);
  const report = await runBatch(FROM, SEEDS);
  const [first] = report.failed;
  if (first !== undefined) throw new Error(describeFailure(first.seed, first.broken));
  expect(unseen(report)).toEqual([]);
  const { nodes, jobs, troubles, virtualMs } = report.least;
  expect(nodes).toBeGreaterThanOrEqual(3);
  expect(jobs).toBeGreaterThanOrEqual(30);
  expect(troubles).toBeGreaterThanOrEqual(5);
  expect(virtualMs).toBeGreaterThanOrEqual(60_000);
}, 580_000);

test('the same seed twice is the same history, whether logs are kept or not; another seed is another', async () => {
  const once = await runSeed(11);
  const again = await runSeed(11, { keepLogs: true });
  expect(again).toEqual(once);
  expect((await runSeed(12)).hash).not.toBe(once.hash);
});

describe('a batch', () => {
  test('that never saw something says so, unless it is small', () => {
    const sights = Object.fromEntries(SIGHTS.slice(1).map((name) => [name, 1]));
    expect(unseen({ seeds: 1_000, sights })).toEqual([SIGHTS[0]]);
    expect(unseen({ seeds: 10, sights })).toEqual([]);
  });

  test('tells of a failure what anyone needs to see it again', () => {
    const broken = {
      invariant: 'I2',
      atMs: 1.25,
      jobKey: '7',
      message: 'completed twice',
      tail: ['one', 'two'],
    } as const;
    const text = describeFailure(42, broken);
    expect(text).toMatch(
      /^seed 42, commit \S+, at 1\.3 ms of virtual time: I2 is broken: job 7: completed twice\none\ntwo\n/,
    );
    expect(text).toContain('npm run sim -- --seed 42');
  });
});
