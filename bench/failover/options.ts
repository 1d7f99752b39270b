// The command line of a measurement of trouble.
import { parseArgs } from 'node:util';
import { MEASURES, type MeasureName } from './figures.ts';

export interface FailoverOptions {
  readonly only: readonly MeasureName[];
  readonly rounds: number;
  readonly replicas: 1 | 3;
  readonly json: string | undefined;
}

export class UsageError extends Error {}

const NAMES = Object.keys(MEASURES) as MeasureName[];

export const USAGE = `node bench/failover/main.ts [--only NAME,…] [--rounds N] [--replicas 1|3] [--json FILE]
NAME is one of ${NAMES.join(', ')}`;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): FailoverOptions {
  const text = { type: 'string' } as const;
  const parse = () =>
    parseArgs({ args: [...args], options: { only: text, rounds: text, replicas: text, json: text } }).values;
  let values: ReturnType<typeof parse>;
  try {
    values = parse();
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new UsageError(`${line}\n${USAGE}`);
  }
  const { only = NAMES.join(), rounds = '3', replicas = '1', json } = values;
  const names = only.split(',') as MeasureName[];
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new UsageError(`--only: there is no ${unknown.join(', ')}\n${USAGE}`);
  if (!/^[1-9]\d?$/.test(rounds)) throw new UsageError(`--rounds: found ${rounds}; allowed: 1 to 99\n${USAGE}`);
  if (replicas !== '1' && replicas !== '3') {
    throw new UsageError(`--replicas: found ${replicas}; allowed: 1, 3\n${USAGE}`);
  }
  return { only: names, rounds: Number(rounds), replicas: replicas === '3' ? 3 : 1, json };
}
