// What a run of the side-by-side measurements found out: what `--json` writes, and docs/benchmarks.md is made of.
import type { Figure } from './figures.ts';
import type { ServerVersions } from './parts/versions.ts';
import type { RoundOptions, Turn } from './side-by-side/rounds.ts';

export type KeptVersions = { readonly node: string } & Partial<ServerVersions>;

export interface EarlierRun {
  readonly commit: string;
  readonly versions: KeptVersions;
}

export interface BenchResult {
  readonly format: 1;
  /** ISO 8601 */
  readonly startedAt: string;
  readonly commit: string;
  readonly machine: { readonly cores: number; readonly memoryMb: number; readonly cpu: string };
  /** Of servers: none in results from before they were kept. */
  readonly versions: KeptVersions;
  /** Earlier runs of which figures are still here. */
  readonly earlierRuns?: readonly EarlierRun[];
  readonly options: RoundOptions & { readonly quick: boolean };
  readonly contestants: readonly { readonly name: string; readonly what: string }[];
  readonly turns: readonly Turn[];
  /** They are of an earlier run: which one. */
  readonly turnsCommit?: string;
  readonly figures: readonly Figure[];
  /** What could not be measured, and why. */
  readonly broken: readonly string[];
}
