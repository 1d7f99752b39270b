// What a run came to: the judge's verdict over its histories and what the runner itself saw, as one line and as an object.
import { readHistory } from './history.ts';
import { judge, type Verdict } from './judge.ts';
import type { Ended } from './run.ts';
import { type ChaosRun, passed, runOf } from './runs.ts';
import { countsOf } from './schedule.ts';

export interface Result extends ChaosRun, Pick<Verdict, 'figures'> {
  readonly elapsedMs: number;
  readonly loadMs: number;
  /** Every fault that was made, with how often; of links by what is at their other end. */
  readonly made: Readonly<Record<string, number>>;
  readonly breached: Verdict['breaches'];
  readonly doubted: Verdict['doubts'];
}

/** Breaches shown to people; all are in the JSON. */
const SHOWN_OF_A_KIND = 3;

/** @param dir where the histories are */
export function resultOf(dir: string, { failures, made, elapsedMs, loadMs }: Ended): { run: ChaosRun; result: Result } {
  const verdict = judge(readHistory(dir));
  const run = runOf(verdict, new Date().toISOString(), failures);
  const { figures, breaches: breached, doubts: doubted } = verdict;
  return { run, result: { ...run, elapsedMs, loadMs, made: countsOf(made), figures, breached, doubted } };
}

/** `key=value …`, for people and for grep. */
export function lineOf(result: Result): string {
  const { repeatedThoughNoted = 0, repeatedUnexplained = 0 } = result.breaches;
  const fields = {
    chaos: passed(result) ? 'held' : 'BROKEN',
    seed: result.seed,
    jobs: result.jobs,
    perSecond: ((result.jobs * 1_000) / result.loadMs).toFixed(1),
    lost: result.lost,
    unexpected: result.unexpected,
    mismatched: result.mismatched,
    completedTwice: result.completedTwice,
    overlaps: result.overlaps,
    requestsRepeated: result.figures.repeated,
    unexplainedRepeats: repeatedThoughNoted + repeatedUnexplained,
    takeoverP50Ms: result.takeoverP50Ms ?? '-',
    takeoverP99Ms: result.takeoverP99Ms ?? '-',
    recoveryMs: result.recoveryMs ?? '-',
    breaches: result.breached.length,
    doubts: result.doubts,
    failures: result.failures.length,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

export function faultLinesOf({ breached, failures }: Result): string[] {
  const lines = failures.map((failure) => `FAILED: ${failure}`);
  for (const [what, all] of Map.groupBy(breached, (breach) => breach.what)) {
    lines.push(`BREACH: ${what}, ${all.length} times`);
    for (const { message, jobKey = '-', token = '-', atMs } of all.slice(0, SHOWN_OF_A_KIND)) {
      lines.push(`  ${new Date(atMs).toISOString()} job ${jobKey} token ${token}: ${message}`);
    }
  }
  return lines;
}
