// The demo's command line.
import { parseArgs } from 'node:util';

export interface DemoOptions {
  readonly instances: number;
  readonly nodes: number;
  readonly kill: boolean;
  /** Leave everything running afterwards, until Ctrl-C. */
  readonly keep: boolean;
  /** Where all figures go. */
  readonly json: string | undefined;
}

/** What is wrong with the command line, in one line. */
export class UsageError extends Error {
  readonly code = 'USAGE';
}

export const USAGE = 'npm run demo -- [--instances N] [--nodes N] [--no-kill] [--keep] [--json FILE]';

/** A kill is only worth watching when the victim has something in its hands and somebody is left to take it over. */
const LEAST_FOR_KILL = { nodes: 2, instances: 100 } as const;
/** With more nodes none of them holds a tenth of the instances; and two cores would serve none of them well. */
const MOST = { nodes: 9, instances: 100_000 } as const;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): DemoOptions {
  const values = parse(args);
  const options: DemoOptions = {
    instances: count('--instances', values.instances, 300, MOST.instances),
    nodes: count('--nodes', values.nodes, 3, MOST.nodes),
    kill: !values['no-kill'],
    keep: values.keep ?? false,
    json: values.json,
  };
  if (options.json === '') throw new UsageError('--json needs the name of a file');
  for (const what of ['nodes', 'instances'] as const) {
    if (options.kill && options[what] < LEAST_FOR_KILL[what])
      throw new UsageError(`fewer than ${LEAST_FOR_KILL[what]} ${what} need --no-kill`);
  }
  return options;
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        instances: { type: 'string' },
        nodes: { type: 'string' },
        'no-kill': { type: 'boolean' },
        keep: { type: 'boolean' },
        json: { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new UsageError(`${line}; usage: ${USAGE}`);
  }
}

function count(name: string, text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most)
    throw new UsageError(`${name} is "${text}"; allowed: a whole number from 1 to ${most}`);
  return value;
}
