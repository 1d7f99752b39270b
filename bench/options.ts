// The command line of the side-by-side measurements.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly quick: boolean;
  readonly rounds: number;
  readonly json: string | undefined;
  /** Write docs/benchmarks.md and its figures. */
  readonly docs: boolean;
  readonly only: readonly Part[];
  /** Of the rounds, in the order of the first one. */
  readonly contestants: readonly ContestantName[];
  /** An unpacked release of kafka-connect-zeebe, which then takes part. */
  readonly connectPlugin: string | undefined;
  /** Where CPU profiles of the product's nodes go; profiling costs, so such figures are no result. */
  readonly profile: string | undefined;
}

export const PARTS = ['rounds', 'alone', 'million', 'trouble'] as const;
export type Part = (typeof PARTS)[number];
/** Ten minutes are not enough for more. */
const QUICK: readonly Part[] = ['rounds'];

/** The last three are too much for ten minutes; `connect` takes part when there is a plugin. */
export const CONTESTANTS = [
  ...(['direct', 'naive', 'connect', 'holdfast-1', 'holdfast-3'] as const),
  ...(['naive-awaited', 'holdfast-1-r3', 'holdfast-3-r3'] as const),
] as const;
export type ContestantName = (typeof CONTESTANTS)[number];
const QUICK_CONTESTANTS = 5;

export class UsageError extends Error {
  readonly code = 'USAGE';
}

export const USAGE = `npm run bench -- [--quick] [--rounds N] [--only ${PARTS.join(',')}] [--contestants ${CONTESTANTS.join(',')}] [--connect-plugin DIR] [--json FILE] [--docs] [--profile DIR]`;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): BenchOptions {
  const values = parse(args);
  const rounds = Number(values.rounds ?? 5);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new UsageError(`--rounds is "${values.rounds}"; allowed: a whole number from 1`);
  const only = oneOrMore('--only', values.only, PARTS) ?? (values.quick ? QUICK : PARTS);
  const { quick = false, docs = false, json, profile, 'connect-plugin': plugin } = values;
  if (docs && profile !== undefined)
    throw new UsageError('--docs and --profile: figures of profiled nodes are no result');
  const connectPlugin = plugin === undefined ? undefined : pluginIn(plugin);
  const contestants = contestantsOf(values.contestants, quick, connectPlugin !== undefined);
  if (docs && values.contestants !== undefined)
    throw new UsageError('--docs and --contestants: what stands side by side is of the same rounds, all of it');
  return { quick, rounds, json, docs, only, contestants, connectPlugin, profile };
}

function contestantsOf(text: string | undefined, quick: boolean, isConnectThere: boolean): readonly ContestantName[] {
  const all = quick ? CONTESTANTS.slice(0, QUICK_CONTESTANTS) : CONTESTANTS;
  const chosen = oneOrMore('--contestants', text, CONTESTANTS);
  if (chosen === undefined) return all.filter((name) => name !== 'connect' || isConnectThere);
  if (chosen.includes('connect') && !isConnectThere)
    throw new UsageError('--contestants names "connect", which needs --connect-plugin DIR');
  return chosen;
}

/** Separated by commas; undefined: not given. */
function oneOrMore<T extends string>(
  flag: string,
  text: string | undefined,
  allowed: readonly T[],
): readonly T[] | undefined {
  const names = text?.split(',');
  for (const name of names ?? [])
    if (!allowed.includes(name as T)) throw new UsageError(`${flag} names "${name}"; allowed: ${allowed.join(', ')}`);
  return names as readonly T[] | undefined;
}

/** Names of what is in a jar stand in it as they are. */
const ITS_SOURCE = 'io/zeebe/kafka/connect/ZeebeSourceConnector.class';

function pluginIn(dir: string): string {
  const wrong = (found: string) =>
    new UsageError(`--connect-plugin is "${dir}", ${found}; allowed: an unpacked release of kafka-connect-zeebe`);
  let jars: readonly string[];
  try {
    jars = readdirSync(dir, { encoding: 'utf8', recursive: true }).filter((file) => file.endsWith('.jar'));
  } catch (error) {
    throw wrong(`which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (jars.length === 0) throw wrong('where no .jar file is');
  if (!jars.some((jar) => readFileSync(join(dir, jar)).includes(ITS_SOURCE)))
    throw wrong(`where no .jar file has ${ITS_SOURCE}`);
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
      contestants: text,
      'connect-plugin': text,
      profile: text,
    };
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new UsageError(`${line}; usage: ${USAGE}`);
  }
}
