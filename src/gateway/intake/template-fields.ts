// The fields of a task made from the element template, as they reach the bridge, and what is wrong with them.
//
// What the model computes are inputs: all of them in one variable of the task, `holdfast`, the only one that is fetched:
//   {"holdfast":{"topic":"payments.requests","body":{…},"headers":{…},…}}
// What it fixes are task headers. Inputs are cut out of the engine's text and read one by one, so that nobody ever parses
// and writes again what is to reach the service as it is. null is absent: that is how FEEL says that there is nothing.
import { nearest, show } from '../config/faults.ts';
import type { Rule } from '../config/rules.ts';
import { members } from '../json/slices.ts';
import type { ActivatedJob } from '../ports.ts';

/** The variable that holds the template's inputs. */
export const TEMPLATE_VARIABLE = 'holdfast';

/** What an input is called in the template. */
export const INPUT_LABELS = {
  topic: 'Topic',
  key: 'Key',
  headers: 'Headers',
  body: 'Body',
  correlationKey: 'Business key',
  replyTimeout: 'Reply timeout',
  heartbeatTimeout: 'Heartbeat timeout',
} as const;

/** And a task header. */
export const HEADER_LABELS = {
  profile: 'Header profile',
  onReplyTimeout: 'When no reply came in time',
  timeoutErrorCode: 'Error code',
  cancelRecord: 'Tell the service when nobody waits any more',
  resultVariable: 'Result variable',
  resultExpression: 'Result expression',
  errorExpression: 'Error expression',
  retryBackoff: 'Retry backoff',
} as const;

type Input = keyof typeof INPUT_LABELS;
type Header = keyof typeof HEADER_LABELS;

export class TemplateFields {
  readonly #inputs: ReadonlyMap<string, string>;
  readonly #headers: ReadonlyMap<string, string>;
  readonly #faults: string[] = [];

  constructor(job: Pick<ActivatedJob, 'variables' | 'customHeaders'>) {
    this.#inputs = members(members(job.variables).get(TEMPLATE_VARIABLE) ?? '');
    this.#headers = members(job.customHeaders);
    for (const name of this.#inputs.keys()) {
      if (!Object.hasOwn(INPUT_LABELS, name)) this.#unknown(name);
    }
  }

  /** Every fault so far, for the incident; undefined: none. */
  get complaint(): string | undefined {
    if (this.#faults.length === 0) return undefined;
    return ['The request of this task cannot be sent, its model has to be mended:', ...this.#faults].join('\n');
  }

  /** The JSON text of an input, `null` too; undefined: the task has no such input. */
  slice(name: Input): string | undefined {
    return this.#inputs.get(name);
  }

  /** A field that is a text, a number or a boolean. `otherwise`: it is absent, or a fault was noted. */
  optional<T, D>(field: Input | Header, rule: Rule<T>, otherwise: D): T | D {
    const slice = this.#slice(field);
    return slice === undefined ? otherwise : (this.#parse(field, slice, rule) ?? otherwise);
  }

  /** Undefined only when a fault was noted. */
  required<T>(field: Input | Header, rule: Rule<T>): T | undefined {
    const slice = this.#slice(field);
    if (slice !== undefined) return this.#parse(field, slice, rule);
    this.fault(field, 'nothing', rule.allowed);
    return undefined;
  }

  fault(field: Input | Header, found: string, allowed: string): void {
    const place = isInput(field)
      ? `${INPUT_LABELS[field]} (${TEMPLATE_VARIABLE}.${field})`
      : `${HEADER_LABELS[field]} (header ${field})`;
    this.#faults.push(`${place}: found ${found}; allowed: ${allowed}`);
  }

  /** An empty text is absent too: the engine drops an empty task header, and an input should be no different. */
  #slice(field: Input | Header): string | undefined {
    const slice = (isInput(field) ? this.#inputs : this.#headers).get(field);
    return slice === 'null' || slice === '""' ? undefined : slice;
  }

  #parse<T>(field: Input | Header, slice: string, rule: Rule<T>): T | undefined {
    const scalar = scalarOf(slice);
    const value = scalar === undefined ? undefined : rule.parse(scalar);
    if (value === undefined) this.fault(field, found(slice), rule.allowed);
    return value;
  }

  #unknown(name: string): void {
    const known = Object.keys(INPUT_LABELS);
    const meant = nearest(name, known);
    const allowed = meant === undefined ? known.join(', ') : `${meant} (did you mean that?)`;
    this.#faults.push(
      `${TEMPLATE_VARIABLE}.${name.slice(0, 80)}: found an input that is not known; allowed: ${allowed}`,
    );
  }
}

/** The text of a string; a number, a boolean or null as the engine wrote it; undefined: a context or a list. */
export function scalarOf(slice: string): string | undefined {
  if (slice.startsWith('"')) return JSON.parse(slice);
  return /^[{[]/.test(slice) ? undefined : slice;
}

/** A value as a message may quote it. */
export function found(slice: string): string {
  const scalar = scalarOf(slice);
  if (scalar !== undefined) return show(scalar);
  return slice.startsWith('[') ? 'a list' : 'a context';
}

function isInput(field: Input | Header): field is Input {
  return Object.hasOwn(INPUT_LABELS, field);
}
