// The command lines of measurements: flags with whole numbers or a file, each with a default, and a usage error that names the
// flag, what was found and what is allowed.
import { parseArgs } from 'node:util';

export interface NumberFlag {
  readonly otherwise: number;
  readonly least: number;
  readonly most: number;
}

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {
  readonly code = 'USAGE';
}

export interface Flags<N extends string> {
  readonly numbers: Readonly<Record<N, number>>;
  /** '' where it was not given. */
  readonly texts: Readonly<Record<string, string>>;
}

/** @throws UsageError */
export function readFlags<N extends string>(
  args: readonly string[],
  usage: string,
  numbers: Readonly<Record<N, NumberFlag>>,
  texts: readonly string[],
): Flags<N> {
  const names = Object.keys(numbers) as N[];
  const values = parsed(args, usage, [...names, ...texts]);
  const read = (name: N) => [name, count(`--${name}`, values[name], numbers[name])] as const;
  const given = (name: string) => {
    if (values[name] === '') throw new UsageError(`--${name} needs a value; usage: ${usage}`);
    return [name, values[name] ?? ''] as const;
  };
  return {
    numbers: Object.fromEntries(names.map(read)) as Record<N, number>,
    texts: Object.fromEntries(texts.map(given)),
  };
}

function parsed(args: readonly string[], usage: string, names: readonly string[]): Record<string, string | undefined> {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' } as const]));
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new UsageError(`${line}; usage: ${usage}`);
  }
}

function count(name: string, text: string | undefined, { otherwise, least, most }: NumberFlag): number {
  if (text === undefined) return otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (value < least || value > most)
    throw new UsageError(`${name} is "${text}"; allowed: a whole number from ${least} to ${most}`);
  return value;
}
