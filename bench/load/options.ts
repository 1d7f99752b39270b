// The command line of a load run.
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { recast } from './course.ts';
import { parseDelay } from './delay-text.ts';
import { parseScenario, type Scenario, ScenarioError } from './scenario.ts';

export interface LoadOptions {
  readonly scenario: Scenario;
  /** `-`: the last line of what is printed. */
  readonly json: string | undefined;
  readonly html: string | undefined;
  /** An earlier run's JSON. */
  readonly compare: string | undefined;
}

const SCENARIOS = new URL('../scenarios/', import.meta.url);
const names = readdirSync(SCENARIOS).map((file) => file.replace(/\.yaml$/, ''));

export const USAGE = `npm run load -- SCENARIO [--rate PER_SECOND] [--seconds S] [--delay KIND:TIME] [--payload BYTES] [--answer BYTES]
  [--nodes N] [--replicas 1|3] [--backlog N] [--processes N] [--warm-up S] [--patience S]
  [--json FILE] [--html FILE] [--compare EARLIER.json]
SCENARIO is a YAML file, or one of ${names.sort().join(', ')}; --rate is its highest rate, --seconds its length, --delay what its
service takes (constant:20ms, exponential:50ms, heavyTail:100ms:1.2:30s, never:0.01:exponential:50ms, never); --json - prints`;

/** @throws ScenarioError with all that is wrong */
export function parseOptions(args: readonly string[]): LoadOptions {
  const text = { type: 'string' } as const;
  let parsed: ReturnType<typeof parse>;
  const parse = () =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rate: text,
        seconds: text,
        delay: text,
        payload: text,
        answer: text,
        nodes: text,
        replicas: text,
        backlog: text,
        processes: text,
        'warm-up': text,
        patience: text,
        json: text,
        html: text,
        compare: text,
      },
    });
  try {
    parsed = parse();
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new ScenarioError(`${line}\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new ScenarioError(`one scenario is needed\n${USAGE}`);
  const { rate, seconds, delay, payload, answer, nodes, replicas, backlog, processes, patience } = values;
  const course = { perSecond: above('--rate', rate), seconds: above('--seconds', seconds) };
  const numbers = { payloadBytes: payload, answerBytes: answer, nodes, replicas, backlog, processes };
  const changed = {
    ...only({ ...numbers, warmUpS: values['warm-up'], patienceS: patience }),
    ...(delay !== undefined && { delay: parseDelay(delay) }),
  };
  const { json, html, compare } = values;
  return { scenario: recast(parseScenario(name, read(name), changed), course), json, html, compare };
}

function above(flag: string, text: string | undefined): number | undefined {
  const value = numeric(text);
  if (value === undefined || (typeof value === 'number' && value > 0)) return value as number | undefined;
  throw new ScenarioError(`${flag}: found "${text}"; allowed: a number above 0`);
}

function read(name: string): string {
  try {
    return readFileSync(names.includes(name) ? new URL(`${name}.yaml`, SCENARIOS) : name, 'utf8');
  } catch (error) {
    throw new ScenarioError(`${name}: ${(error as Error).message}\n${USAGE}`);
  }
}

/** What is no number is told as it was written. */
function numeric(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function only(texts: Readonly<Record<string, string | undefined>>): Readonly<Record<string, unknown>> {
  const given = Object.entries(texts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, numeric(value)]));
}
