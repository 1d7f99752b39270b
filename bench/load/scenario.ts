// A scenario: what load, against what, and what goes wrong when. A YAML file (bench/scenarios has some), of which the
// command line may change single settings; parsed once, completely, with all faults told together.
import { parse } from 'yaml';
import type { Delay } from '../parts/delays.ts';
import { type Phase, secondsOf } from './arrivals.ts';

export interface Scenario {
  readonly name: string;
  /** In one line. */
  readonly what: string;
  readonly phases: readonly Phase[];
  readonly warmUpS: number;
  readonly payloadBytes: number;
  readonly answerBytes: number;
  readonly delay: Delay;
  readonly nodes: number;
  readonly replicas: 1 | 3;
  /** Instances that wait for their reply when the load begins. */
  readonly backlog: number;
  /** Whether those of the backlog are answered, from when the load begins. */
  readonly backlogAnswered: boolean;
  readonly faults: readonly Fault[];
  /** Processes that start instances. */
  readonly processes: number;
  /** How long after the last arrival open instances are waited for. */
  readonly patienceS: number;
}

export const FAULT_KINDS = [
  'killNode',
  'pauseNode',
  'stopNode',
  'rollingRestart',
  'engineOutage',
  'natsOutage',
] as const;

export interface Fault {
  /** After the warm-up. */
  readonly atS: number;
  readonly what: (typeof FAULT_KINDS)[number];
  /** From 1; default 1. Of what happens to a node. */
  readonly node: number;
  /** Until it is healed; 0: a node that was killed or stopped stays away. */
  readonly forS: number;
}

export const LEAST_PHASE_S = 1;

export class ScenarioError extends Error {}

/** @throws ScenarioError that names every fault */
export function parseScenario(name: string, text: string, changed: Readonly<Record<string, unknown>> = {}): Scenario {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new ScenarioError(`${name}: not YAML: ${error instanceof Error ? error.message : error}`);
  }
  const faults: string[] = [];
  const read = new Reader({ ...asObject(value), ...changed }, name, faults);
  const scenario: Scenario = {
    name,
    what: read.text('what', ''),
    phases: read.list('phases').map((phase) => phaseOf(phase)),
    warmUpS: read.number('warmUpS', 5, 0),
    payloadBytes: read.whole('payloadBytes', 134, 0),
    answerBytes: read.whole('answerBytes', 0, 0),
    delay: delayOf(read.part('delay'), faults),
    nodes: read.whole('nodes', 1, 1, 20),
    replicas: read.oneOf('replicas', [1, 3] as const, 1),
    backlog: read.whole('backlog', 0, 0),
    backlogAnswered: read.flag('backlogAnswered', true),
    faults: read.list('faults', []).map((fault) => faultOf(fault)),
    processes: read.whole('processes', 1, 1, 64),
    patienceS: read.number('patienceS', 60, 0),
  };
  read.end();
  if (scenario.phases.length === 0)
    faults.push(`${name}: phases: at least one is needed, such as { seconds: 60, perSecond: 50 }`);
  const lengthS = secondsOf(scenario.phases);
  for (const { node, what, atS } of scenario.faults) {
    if (atS > lengthS) faults.push(`${name}: faults: ${what} at ${atS} s; the load ends at ${lengthS} s`);
    if (node > scenario.nodes) faults.push(`${name}: faults: ${what} of node ${node}; there are ${scenario.nodes}`);
  }
  if (faults.length > 0) throw new ScenarioError(faults.join('\n'));
  return scenario;
}

/** `perSecond` is a rate, or two: from, to. */
function phaseOf(read: Reader): Phase {
  const seconds = read.number('seconds', undefined, LEAST_PHASE_S);
  const [from = 0, to = from] = read.rates('perSecond');
  read.end();
  return { seconds, fromPerSecond: from, toPerSecond: to };
}

function faultOf(read: Reader): Fault {
  const fault = {
    atS: read.number('atS', undefined, 0),
    what: read.oneOf('what', FAULT_KINDS),
    node: read.whole('node', 1, 1),
    forS: read.number('forS', 0, 0),
  };
  read.end();
  return fault;
}

function delayOf(read: Reader, faults: string[]): Delay {
  const kind = read.oneOf('kind', ['constant', 'exponential', 'heavyTail', 'never'] as const, 'constant');
  let delay: Delay;
  switch (kind) {
    case 'constant':
      delay = { kind, ms: read.number('ms', 0, 0) };
      break;
    case 'exponential':
      delay = { kind, meanMs: read.number('meanMs', undefined, 0) };
      break;
    case 'heavyTail':
      delay = {
        kind,
        leastMs: read.number('leastMs', undefined, 0),
        alpha: read.number('alpha', 1.5, 0.1),
        mostMs: read.number('mostMs', 600_000, 0),
      };
      break;
    case 'never':
      delay = {
        kind,
        share: read.number('share', undefined, 0, 1),
        otherwise: delayOf(read.part('otherwise'), faults),
      };
  }
  read.end();
  return delay;
}

/** Takes an object apart, field by field; what is wrong, or left over, becomes a fault with its path. */
class Reader {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #faults: string[];
  readonly #known = new Set<string>();

  constructor(object: Readonly<Record<string, unknown>>, path: string, faults: string[]) {
    this.#object = object;
    this.#path = path;
    this.#faults = faults;
  }

  number(name: string, otherwise: number | undefined, least: number, most = Number.MAX_SAFE_INTEGER): number {
    const found = this.#take(name) ?? otherwise;
    if (typeof found === 'number' && found >= least && found <= most) return found;
    return this.#fault(name, found, `a number ${rangeOf(least, most)}`, least);
  }

  whole(name: string, otherwise: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
    const found = this.#take(name) ?? otherwise;
    if (Number.isSafeInteger(found) && (found as number) >= least && (found as number) <= most) return found as number;
    return this.#fault(name, found, `a whole number ${rangeOf(least, most)}`, least);
  }

  rates(name: string): readonly number[] {
    const found = this.#take(name);
    const rates = Array.isArray(found) ? found : [found];
    if (rates.length <= 2 && rates.every((rate) => typeof rate === 'number' && rate >= 0)) return rates as number[];
    return this.#fault(name, found, 'a rate, or two of them: [from, to]', []);
  }

  text(name: string, otherwise: string): string {
    const found = this.#take(name) ?? otherwise;
    return typeof found === 'string' ? found : this.#fault(name, found, 'a text', '');
  }

  flag(name: string, otherwise: boolean): boolean {
    const found = this.#take(name) ?? otherwise;
    return typeof found === 'boolean' ? found : this.#fault(name, found, 'true or false', otherwise);
  }

  oneOf<T extends string | number>(name: string, allowed: readonly T[], otherwise?: T): T {
    const found = this.#take(name) ?? otherwise;
    if (allowed.includes(found as T)) return found as T;
    return this.#fault(name, found, allowed.join(', '), allowed[0] as T);
  }

  /** An object; empty when it is absent. */
  part(name: string): Reader {
    return new Reader(asObject(this.#take(name) ?? {}), `${this.#path}: ${name}`, this.#faults);
  }

  list(name: string, otherwise?: readonly unknown[]): Reader[] {
    const found = this.#take(name) ?? otherwise;
    const items = Array.isArray(found) ? found : this.#fault(name, found, 'a list', []);
    return items.map((item, i) => new Reader(asObject(item), `${this.#path}: ${name}[${i}]`, this.#faults));
  }

  /** Whatever was not asked for is a mistake in writing. */
  end(): void {
    for (const name of Object.keys(this.#object)) {
      if (!this.#known.has(name))
        this.#faults.push(`${this.#path}: ${name}: no such setting (${[...this.#known].join(', ')})`);
    }
  }

  #take(name: string): unknown {
    this.#known.add(name);
    return this.#object[name];
  }

  #fault<T>(name: string, found: unknown, allowed: string, instead: T): T {
    this.#faults.push(
      `${this.#path}: ${name}: ${found === undefined ? 'missing' : `found ${JSON.stringify(found)}`}; allowed: ${allowed}`,
    );
    return instead;
  }
}

function rangeOf(least: number, most: number): string {
  return `from ${least}${most < Number.MAX_SAFE_INTEGER ? ` to ${most}` : ''}`;
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
