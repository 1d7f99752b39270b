// The page says what the runs were, all of them, and nobody else writes it.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { story } from './judge/told.ts';
import { judge } from './judge.ts';
import { PAGE_FILE, readRuns, render } from './report.ts';
import { type ChaosRun, explained, parseRuns, passed, printRuns, runOf } from './runs.ts';

const DATE = '2026-11-24T18:20:30.000Z';
const GOOD = runOf(judge(story((told) => told.kill('n1', 'n2'))), DATE, []);
const BAD: ChaosRun = {
  ...runOf(judge(story((told) => told.job({ open: true }))), DATE, ['stuck: 1 | open\n']),
  seed: 7,
};

test('docs/chaos.md is what the runs make it: run node test/chaos/report.ts', () => {
  expect(readFileSync(PAGE_FILE, 'utf8')).toBe(render(readRuns()));
});

test('without a run the page says so', () => {
  expect(render([])).toContain('There has been none yet.');
  expect(render([GOOD])).not.toContain('none yet');
});

test('runs survive being written and read', () => {
  expect(parseRuns(printRuns([GOOD, BAD]))).toEqual([GOOD, BAD]);
  expect(parseRuns('')).toEqual([]);
});

test('a run passed only without breaches and failures', () => {
  expect([passed(GOOD), passed(BAD)]).toEqual([true, false]);
  expect(passed({ ...GOOD, failures: ['stuck'] })).toBe(false);
});

describe('the page', () => {
  test('has a row for each run, with its figures', () => {
    const row =
      '| 2026-11-24 18:20 | `c0ffee` | 1 | 1 | 30 | 2 | 6 | 0 | 0 | 0 | 0 | 0 | 1550 / 1550 ms | 0.0 / 0 | 0.1 s / 0.1 s | – | 0 | passed |';
    expect(render([GOOD, BAD])).toContain(row);
    expect(render([GOOD, BAD])).toMatch(/^\| 2026-11-24 18:20 \| `c0ffee` \| 7 \|.*\| \*\*failed\*\* \|$/m);
  });

  test('counts what was done, also what only some runs had', () => {
    const page = render([GOOD, { ...BAD, faults: { 'cut-nats': 5 } }]);
    expect(page).toContain('| date | seed | cut-nats | kill |');
    expect(page).toContain('| 2026-11-24 18:20 | 1 | 0 | 1 |');
    expect(page).toContain('| 2026-11-24 18:20 | 7 | 5 | 0 |');
  });

  test('says of a failed run what failed, and why when that is known', () => {
    const failed = '* 2026-11-24 18:20, seed 7 on `c0ffee`: 1 × `lost`; stuck: 1 | open.';
    expect(render([GOOD, BAD])).toContain(`${failed} The cause is not known yet. Not fixed yet.`);
    const page = render(explained([GOOD, BAD], 7, 'a lock that was\nnever given back', 'abc1234'));
    expect(page).toContain(`${failed} Cause: a lock that was never given back. Fixed by \`abc1234\`.`);
    expect(render([GOOD])).toContain('None has failed.');
  });
});

test('only a failed run can be explained, and of one seed the newest', () => {
  expect(() => explained([GOOD], 1, 'x')).toThrow(/no run of seed 1 has failed/);
  expect(explained([BAD, BAD], 7, 'x').map(({ cause }) => cause)).toEqual([undefined, 'x']);
});
