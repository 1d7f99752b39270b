// All mutants, each in a process of its own, and the sources as they are on the same seeds: those must be clean.
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BatchReport, runBatch } from '../batch.ts';
import { MUTANTS, type Mutant } from './list.ts';
import type { MutantVerdict } from './run-one.ts';

const run = promisify(execFile);
const RUN_ONE = fileURLToPath(new URL('run-one.ts', import.meta.url));
/** A sabotaged protocol may stop dead, or run in circles. */
const LONGEST_MS = 600_000;
const AT_A_TIME = 4;

export interface MutantReport extends MutantVerdict {
  readonly name: string;
  readonly why: string;
  readonly caughtBy: readonly string[];
  /** Why it could not be asked; '' when it was. */
  readonly failure: string;
}

export interface MutantsReport {
  readonly from: number;
  readonly mutants: readonly MutantReport[];
  /** The sources themselves, on every seed that a mutant was asked on until it was caught. */
  readonly clean: readonly BatchReport[];
}

export interface MutantsOptions {
  readonly from: number;
  readonly seeds: number;
  readonly mutants?: readonly Mutant[];
  onMutant?(report: MutantReport): void;
}

export async function runMutants({ from, seeds, mutants = MUTANTS, onMutant }: MutantsOptions): Promise<MutantsReport> {
  const reports: MutantReport[] = [];
  const waiting = [...mutants];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const report = await ask(mutant, from + (mutant.later ?? 0), seeds);
      reports.push(report);
      onMutant?.(report);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, availableParallelism()) }, work));
  const clean: BatchReport[] = [];
  for (const later of new Set([0, ...mutants.map((mutant) => mutant.later ?? 0)])) {
    const first = from + later;
    const names = new Set(mutants.filter((mutant) => (mutant.later ?? 0) === later).map(({ name }) => name));
    const last = Math.max(first, ...reports.map(({ name, caughtAt }) => (names.has(name) && caughtAt) || first));
    clean.push(await runBatch(first, last - first + 1));
  }
  return { from, mutants: reports, clean };
}

export function survives({ caughtAt }: MutantVerdict): boolean {
  return caughtAt === null;
}

async function ask({ name, why, caughtBy }: Mutant, from: number, seeds: number): Promise<MutantReport> {
  const about = { name, why, caughtBy };
  try {
    const args = [RUN_ONE, name, String(from), String(seeds)];
    const { stdout } = await run(process.execPath, args, { timeout: LONGEST_MS, killSignal: 'SIGKILL' });
    return { ...about, failure: '', ...(JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as MutantVerdict) };
  } catch (error) {
    return { ...about, failure: String(error), caughtAt: null, seeds: 0, what: '', broken: {} };
  }
}
