// What is kept of every chaos run, failed ones too: docs/chaos-runs.jsonl, one line a run, in the order in which they were
// made. docs/chaos.md is made from it (report.ts). Only the cause of a failed run and what fixed it are added by people.
import type { Verdict } from './judge.ts';

export interface ChaosRun {
  /** ISO 8601, of its end. */
  readonly date: string;
  readonly commit: string;
  readonly seed: number;
  readonly minutes: number;
  readonly perSecond: number;
  readonly nodes: readonly [fewest: number, most: number];
  readonly leaseTtlMs: number;
  /** How often each fault was made. */
  readonly faults: Readonly<Record<string, number>>;
  readonly jobs: number;
  readonly lost: number;
  readonly unexpected: number;
  readonly mismatched: number;
  readonly completedTwice: number;
  readonly overlaps: number;
  /** ms from a kill until all of the victim's shards were owned by others; null: there was no kill. */
  readonly takeoverP50Ms: number | null;
  readonly takeoverP99Ms: number | null;
  /** Requests that were sent again because of each kill. */
  readonly repeatedByKill: readonly number[];
  /** Those that were sent again because something else kept them from being noted. */
  readonly repeatedInTrouble: number;
  /** ms from healing until no job was open; null: none was open then, or it did not come so far. */
  readonly recoveryMs: number | null;
  /** ms from the start of an instance until it had passed; null: none has. */
  readonly waitedP99Ms: number | null;
  readonly waitedMaxMs: number | null;
  /** What would be a breach if a witness could tell. */
  readonly doubts: number;
  /** How often each was found. Empty, and no failures: the run passed. */
  readonly breaches: Readonly<Record<string, number>>;
  /** What the run itself saw go wrong: it stood still, a server did not come back. */
  readonly failures: readonly string[];
  /** Of a failed run, when it is known. */
  readonly cause?: string;
  /** The commit with the fix, when there is one. */
  readonly fixedBy?: string;
}

export function runOf(
  { run, breaches, doubts, figures }: Verdict,
  date: string,
  failures: readonly string[],
): ChaosRun {
  const { commit, seed, minutes, perSecond, leaseTtlMs } = run;
  const { nodes, faults, started: jobs, lost, unexpected, mismatched, completedTwice, overlaps } = figures;
  const found: Record<string, number> = {};
  for (const { what } of breaches) found[what] = (found[what] ?? 0) + 1;
  return {
    ...{ date, commit, seed, minutes, perSecond, nodes, leaseTtlMs, faults },
    ...{ jobs, lost, unexpected, mismatched, completedTwice, overlaps },
    takeoverP50Ms: figures.takeoverP50Ms ?? null,
    takeoverP99Ms: figures.takeoverP99Ms ?? null,
    repeatedByKill: figures.byKill,
    repeatedInTrouble: figures.inTrouble,
    recoveryMs: figures.recoveryMs ?? null,
    waitedP99Ms: figures.waitedP99Ms ?? null,
    waitedMaxMs: figures.waitedMaxMs ?? null,
    doubts: doubts.length,
    breaches: found,
    failures,
  };
}

export function passed({ breaches, failures }: ChaosRun): boolean {
  return failures.length === 0 && Object.keys(breaches).length === 0;
}

/** @param text JSON lines, or nothing */
export function parseRuns(text: string): ChaosRun[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ChaosRun]));
}

export function printRuns(runs: readonly ChaosRun[]): string {
  return runs.map((run) => `${JSON.stringify(run)}\n`).join('');
}

/** With what is known now about the newest failed run of this seed. @throws when there is none */
export function explained(runs: readonly ChaosRun[], seed: number, cause: string, fixedBy?: string): ChaosRun[] {
  const index = runs.findLastIndex((run) => run.seed === seed && !passed(run));
  const run = runs[index];
  if (run === undefined) throw new Error(`no run of seed ${seed} has failed`);
  return runs.with(index, { ...run, cause, ...(fixedBy !== undefined && { fixedBy }) });
}
