// The command line of a chaos run.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Kind, TRACKS } from './schedule.ts';

export interface ChaosOptions {
  readonly minutes: number;
  /** Default: a fresh one, which is printed. */
  readonly seed: number;
  readonly perSecond: number;
  readonly leaseTtlMs: number;
  readonly without: readonly Kind[];
  readonly json: string | undefined;
  /** Where histories and logs stay, whatever comes of it. */
  readonly keep: string | undefined;
  /** In docs/chaos.md. */
  readonly record: boolean;
}

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {
  readonly code = 'USAGE';
}

export const USAGE =
  'npm run chaos -- [--minutes M] [--seed S] [--rate JOBS_PER_SECOND] [--lease-ttl SECONDS] [--only FAULTS] [--without FAULTS] [--json FILE] [--keep DIR] [--scratch]';

const ALL: readonly Kind[] = [...TRACKS.nodes, ...TRACKS.servers];

/** @throws UsageError */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const values = parse(args);
  const only = values.only === undefined ? ALL : faults('--only', values.only);
  const without = values.without === undefined ? [] : faults('--without', values.without);
  return {
    minutes: number('--minutes', values.minutes, 5, 0.1, 24 * 60),
    seed: number('--seed', values.seed, freshSeed(), 0, 2 ** 48),
    perSecond: number('--rate', values.rate, 40, 1, 1_000),
    leaseTtlMs: 1_000 * number('--lease-ttl', values['lease-ttl'], 15, 3, 300),
    without: ALL.filter((kind) => !only.includes(kind) || without.includes(kind)),
    json: values.json,
    keep: values.keep,
    record: !values.scratch,
  };
}

export function freshSeed(): number {
  return randomInt(2 ** 31);
}

function parse(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const options = { minutes: text, seed: text, rate: text, only: text, without: text, json: text, keep: text };
    return parseArgs({ args: [...args], options: { ...options, 'lease-ttl': text, scratch: { type: 'boolean' } } })
      .values;
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new UsageError(`${line}; usage: ${USAGE}`);
  }
}

function faults(name: string, text: string): Kind[] {
  return text.split(',').map((word) => {
    const kind = ALL.find((one) => one === word.trim());
    if (kind === undefined) throw new UsageError(`${name} names "${word}"; allowed: ${ALL.join(', ')}`);
    return kind;
  });
}

function number(name: string, text: string | undefined, otherwise: number, least: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${name} is "${text}"; allowed: a number from ${least} to ${most}`);
}
