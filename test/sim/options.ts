// The command line of the simulator: a batch of fresh seeds, one seed again, or the mutants.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { MUTANTS, type Mutant } from './mutants/list.ts';

export type SimOptions =
  | { readonly run: 'batch'; readonly from: number; readonly seeds: number; readonly json: string | undefined }
  | { readonly run: 'seed'; readonly seed: number; readonly trace: string | undefined }
  | {
      readonly run: 'mutants';
      readonly mutants: readonly Mutant[];
      readonly from: number;
      readonly seeds: number;
      readonly json: string | undefined;
    };

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {
  readonly code = 'USAGE';
}

export const USAGE =
  'npm run sim -- [--seeds N] [--from S] [--json FILE] | --seed K [--trace FILE] | --mutants [--only NAME] [--seeds N] [--from S] [--json FILE]';

const SEEDS = 500;
const MOST = 2 ** 48;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): SimOptions {
  const { seed, trace, only, json, mutants = false, ...values } = parse(args);
  const seeds = whole('--seeds', values.seeds, SEEDS, 1);
  if (seed !== undefined) return { run: 'seed', seed: whole('--seed', seed, 0, 0), trace };
  if (!mutants) {
    return { run: 'batch', from: whole('--from', values.from, freshSeed(), 0), seeds, json };
  }
  const chosen = MUTANTS.filter(({ name }) => only === undefined || name === only);
  const names = MUTANTS.map(({ name }) => `"${name}"`).join(', ');
  if (chosen.length === 0) throw new UsageError(`--only is "${only}"; allowed: ${names}`);
  return { run: 'mutants', mutants: chosen, from: whole('--from', values.from, 1, 0), seeds, json };
}

/** Far enough from others that batches do not overlap. */
export function freshSeed(): number {
  return randomInt(2 ** 40);
}

function parse(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const options = { seeds: text, from: text, seed: text, json: text, trace: text, only: text };
    return parseArgs({ args: [...args], options: { ...options, mutants: { type: 'boolean' } } }).values;
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new UsageError(`${line}; usage: ${USAGE}`);
  }
}

function whole(name: string, text: string | undefined, otherwise: number, least: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= MOST) return value;
  throw new UsageError(`${name} is "${text}"; allowed: a whole number from ${least} to ${MOST}`);
}
