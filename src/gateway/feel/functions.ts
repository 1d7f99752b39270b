// The functions that expressions find besides FEEL's own: those of Camunda's connectors for errors, with their names and
// parameters, and the two of Camunda's FEEL that every second error expression is written with.
//
// An error function yields a ruling, of a class of its own: nothing that a service sends can pass for one. A wrong
// argument is said at once; connectors let a part of them pass, and the error is then never raised.
import { FeelDuration, FeelFunction, now, today } from 'feelin';
import { parseDuration } from '../../actors/duration.ts';
import { LIMITS } from '../../actors/limits.ts';
import { isPlainObject } from '../replies/value.ts';
import { FeelFault, kindOf } from './fault.ts';

type Variables = Readonly<Record<string, unknown>>;

export type RulingKind =
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly variables: Variables }
  | {
      readonly kind: 'failure';
      readonly message: string;
      readonly retries: number | undefined;
      readonly backoffMs: number | undefined;
      readonly variables: Variables;
    }
  | { readonly kind: 'ignore'; readonly variables: Variables };

/** What an error expression decides. */
export class Ruling {
  readonly is: RulingKind;

  constructor(is: RulingKind) {
    this.is = is;
  }

  toJSON(): unknown {
    return this.is;
  }
}

const MAX_RETRIES = 2 ** 31 - 1;

/** Fresh for each interpretation: the time stands still while one lasts. */
export function feelFunctions(): Readonly<Record<string, FeelFunction>> {
  let instant: ReturnType<typeof now> | undefined;
  let day: ReturnType<typeof today> | undefined;
  return {
    ...ERROR_FUNCTIONS,
    'is defined': new FeelFunction((value: unknown) => !isNil(value), ['value']),
    'get or else': new FeelFunction(
      (value: unknown, otherwise: unknown) => value ?? otherwise ?? null,
      ['value', 'default'],
    ),
    now: new FeelFunction(() => (instant ??= now()), []),
    today: new FeelFunction(() => (day ??= today()), []),
  };
}

const ERROR_FUNCTIONS = {
  bpmnError: new FeelFunction(
    (code: unknown, message: unknown, variables: unknown) => {
      const of = 'bpmnError';
      const known = text(of, 'code', code);
      if (known === '') throw new FeelFault('bpmnError needs a code');
      return new Ruling({
        kind: 'error',
        code: known,
        message: text(of, 'message', message),
        variables: context(of, variables),
      });
    },
    ['code', 'message', 'variables'],
  ),
  jobError: new FeelFunction(
    (message: unknown, variables: unknown, retries: unknown, retryBackoff: unknown) => {
      const of = 'jobError';
      return new Ruling({
        kind: 'failure',
        message: text(of, 'message', message),
        variables: context(of, variables),
        retries: count(of, retries),
        backoffMs: milliseconds(of, retryBackoff),
      });
    },
    ['message', 'variables', 'retries', 'retryBackoff'],
  ),
  ignoreError: new FeelFunction(
    (variables: unknown) => new Ruling({ kind: 'ignore', variables: context('ignoreError', variables) }),
    ['variables'],
  ),
};

function text(of: string, parameter: string, value: unknown): string {
  if (isNil(value)) return '';
  if (typeof value !== 'string') throw wrong(of, parameter, 'a string', value);
  return value;
}

function context(of: string, value: unknown): Variables {
  if (isNil(value)) return {};
  if (!isPlainObject(value) || Object.getPrototypeOf(value) !== Object.prototype) {
    throw wrong(of, 'variables', 'a context', value);
  }
  return value;
}

function count(of: string, value: unknown): number | undefined {
  if (isNil(value)) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_RETRIES) return value;
  throw wrong(of, 'retries', `a whole number from 0 to ${MAX_RETRIES}`, value);
}

function milliseconds(of: string, value: unknown): number | undefined {
  if (isNil(value)) return undefined;
  try {
    return parseDuration(value instanceof FeelDuration ? value.toString() : value, LIMITS.errorBackoffMs);
  } catch {
    const allowed = 'a duration of days, hours, minutes and seconds, such as @"PT30S", of at most 365 days';
    throw wrong(of, 'retryBackoff', allowed, value);
  }
}

function isNil(value: unknown): boolean {
  return value === null || value === undefined;
}

/** Names the kind of what was found, not the value: it may be of the reply. */
function wrong(of: string, parameter: string, allowed: string, found: unknown): FeelFault {
  const kind = found instanceof FeelDuration ? 'a duration' : kindOf(found);
  return new FeelFault(`${parameter} of ${of} is ${kind}; allowed is ${allowed}`);
}
