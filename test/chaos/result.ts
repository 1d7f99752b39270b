// What a run came to: the judge's verdict over its histories and what the runner itself saw, as one line and as an object.
import { readHistory } from './history.ts';
import { type Figures, judge, type Verdict } from './judge.ts';
import type { Ended, RunOptions } from './run.ts';
import { countsOf } from './schedule.ts';

export interface Result {
  readonly seed: number;
  readonly minutes: number;
  readonly commit: string;
  readonly endedAt: string;
  readonly perSecond: number;
  readonly leaseTtlMs: number;
  readonly elapsedMs: number;
  /** Every kind of fault that was made, with how often; of links by what is at their other end. */
  readonly made: Readonly<Record<string, number>>;
  readonly figures: Figures;
  readonly breaches: Verdict['breaches'];
  readonly doubts: Verdict['doubts'];
  /** What the runner itself saw go wrong. */
  readonly failures: readonly string[];
}

/** Breaches shown to people; all are in the JSON. */
const SHOWN_OF_A_KIND = 3;

export function resultOf(options: RunOptions, ended: Ended): Result {
  const { seed, minutes, commit, perSecond, leaseTtlMs, dir } = options;
  const { figures, breaches, doubts } = judge(readHistory(dir));
  const { failures, elapsedMs } = ended;
  const made = countsOf(ended.made);
  const endedAt = new Date().toISOString();
  return {
    seed,
    minutes,
    commit,
    endedAt,
    perSecond,
    leaseTtlMs,
    elapsedMs,
    made,
    figures,
    breaches,
    doubts,
    failures,
  };
}

export function isFine({ breaches, failures }: Result): boolean {
  return breaches.length === 0 && failures.length === 0;
}

/** `key=value …`, for people and for grep. */
export function lineOf(result: Result): string {
  const { figures, breaches, doubts, failures, seed, elapsedMs } = result;
  const unexplained = breaches.filter(({ what }) => what === 'repeatedUnexplained' || what === 'repeatedThoughNoted');
  const fields = {
    seed,
    jobs: figures.started,
    perSecond: ((figures.started * 1_000) / elapsedMs).toFixed(1),
    lost: figures.lost,
    unexpected: figures.unexpected,
    mismatches: figures.mismatched,
    completedTwice: figures.completedTwice,
    overlaps: figures.overlaps,
    requestsRepeated: figures.repeated,
    unexplainedRepeats: unexplained.length,
    takeoverP50Ms: figures.takeoverP50Ms ?? '-',
    takeoverP99Ms: figures.takeoverP99Ms ?? '-',
    recoveryMs: figures.recoveryMs ?? '-',
    breaches: breaches.length,
    doubts: doubts.length,
    failures: failures.length,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

export function faultLinesOf({ breaches, failures }: Result): string[] {
  const lines = failures.map((failure) => `FAILED: ${failure}`);
  for (const [what, all] of Map.groupBy(breaches, (breach) => breach.what)) {
    lines.push(`BREACH: ${what}, ${all.length} times`);
    for (const { message, jobKey, token, atMs } of all.slice(0, SHOWN_OF_A_KIND)) {
      lines.push(`  ${new Date(atMs).toISOString()} job ${jobKey ?? '-'} token ${token ?? '-'}: ${message}`);
    }
  }
  return lines;
}
