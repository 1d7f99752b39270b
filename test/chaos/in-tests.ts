// A chaos run as part of a test suite: a fresh seed and its schedule printed first, histories and logs kept only of a run that
// did not hold (HOLDFAST_TEST_LOGS names a directory for them; by default one of the system's for temporary files).
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { linesAround } from './around.ts';
import { readHistory } from './history.ts';
import { freshSeed } from './options.ts';
import { faultLinesOf, lineOf, type Result, resultOf } from './result.ts';
import { type RunOptions, run } from './run.ts';
import { passed } from './runs.ts';
import { lastBlowOf, linesOf, scheduleOf } from './schedule.ts';

/** Breaches whose story is printed. */
const TOLD = 2;

export async function chaos(options: Omit<RunOptions, 'seed' | 'commit' | 'dir' | 'signal' | 'tell'>): Promise<Result> {
  const seed = freshSeed();
  const lines: string[] = [];
  const tell = (line: string) => void lines.push(line);
  console.log(
    [
      `chaos: seed ${seed}`,
      ...linesOf([...scheduleOf({ ...options, seed }), ...lastBlowOf({ ...options, seed })]),
    ].join('\n'),
  );
  const parent = process.env.HOLDFAST_TEST_LOGS ?? tmpdir();
  await mkdir(parent, { recursive: true });
  const dir = await mkdtemp(join(parent, 'holdfast-chaos-'));
  const { signal } = new AbortController();
  const { result } = resultOf(dir, await run({ ...options, seed, commit: 'under test', dir, signal, tell }));
  console.log(lineOf(result));
  if (passed(result)) await rm(dir, { recursive: true, force: true });
  else {
    const events = readHistory(dir);
    const told = result.breached.slice(0, TOLD).flatMap((breach) => [breach.message, ...linesAround(breach, events)]);
    console.log([...lines, ...told, `histories and logs are in ${dir}`].join('\n'));
  }
  expect(faultLinesOf(result)).toEqual([]);
  return result;
}
