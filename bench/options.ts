// The command line of the side-by-side measurements.
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly json: string | undefined;
  /** Write docs/benchmarks.md and its figures. */
  readonly docs: boolean;
  readonly only: readonly Part[];
  /** An unpacked release of kafka-connect-zeebe, which then takes part. */
  readonly connectPlugin: string | undefined;
  /** Where CPU profiles of the product's nodes go; profiling costs, so such figures are no result. */
  readonly profile: string | undefined;
}

export const PARTS = ['rounds', 'alone', 'million', 'trouble'] as const;
export type Part = (typeof PARTS)[number];
/** Ten minutes are not enough for more. */
const QUICK: readonly Part[] = ['rounds'];

export class UsageError extends Error {
  readonly code = 'USAGE';
}

export const USAGE = `npm run bench -- [--quick] [--rounds N] [--only ${PARTS.join(',')}] [--connect-plugin DIR] [--json FILE] [--docs] [--profile DIR]`;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): BenchOptions {
  const values = parse(args);
  const rounds = Number(values.rounds ?? 5);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new UsageError(`--rounds is "${values.rounds}"; allowed: a whole number from 1`);
  const only = values.only?.split(',') ?? (values.quick ? QUICK : PARTS);
  for (const part of only) {
    if (!PARTS.includes(part as Part)) throw new UsageError(`--only names "${part}"; allowed: ${PARTS.join(', ')}`);
  }
  const { quick = false, docs = false, json, profile, 'connect-plugin': plugin } = values;
  if (docs && profile !== undefined)
    throw new UsageError('--docs and --profile: figures of profiled nodes are no result');
  const connectPlugin = plugin === undefined ? undefined : withJars(plugin);
  return { quick, rounds, json, docs, only: only as readonly Part[], connectPlugin, profile };
}

function withJars(dir: string): string {
  const wrong = (found: string) =>
    new UsageError(`--connect-plugin is "${dir}", ${found}; allowed: an unpacked release of kafka-connect-zeebe`);
  let files: readonly string[];
  try {
    files = readdirSync(dir, { encoding: 'utf8', recursive: true });
  } catch (error) {
    throw wrong(`which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (!files.some((file) => file.endsWith('.jar'))) throw wrong('where no .jar file is');
  return dir;
}

function parse(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const options = {
      quick: flag,
      rounds: text,
      only: text,
      json: text,
      docs: flag,
      'connect-plugin': text,
      profile: text,
    };
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new UsageError(`${line}; usage: ${USAGE}`);
  }
}
