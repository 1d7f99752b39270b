// What a run of the side-by-side measurements found out: what `--json` writes, and docs/benchmarks.md is made of.
import type { Figure } from './figures.ts';
import type { RoundOptions, Turn } from './side-by-side/rounds.ts';

export interface BenchResult {
  readonly format: 1;
  /** ISO 8601 */
  readonly startedAt: string;
  readonly commit: string;
  readonly machine: { readonly cores: number; readonly memoryMb: number; readonly cpu: string };
  readonly versions: { readonly node: string };
  readonly options: RoundOptions & { readonly quick: boolean };
  readonly contestants: readonly { readonly name: string; readonly what: string }[];
  readonly turns: readonly Turn[];
  /** They are of an earlier run: which one. */
  readonly turnsCommit?: string;
  readonly figures: readonly Figure[];
  /** What could not be measured, and why. */
  readonly broken: readonly string[];
}
