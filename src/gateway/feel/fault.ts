// Why an expression came to nothing, in words of ours. What must hold: they say where in the expression, and nothing of the values
// that it was asked about. Those are payload, and the words go into logs, dead letters, incidents and the API. feelin's own words
// quote them ('Cannot invoke "4711"'), and so do many of the errors that it lets through.
import { type EvaluationResult, evaluate } from 'feelin';
import { DIALECT } from './check.ts';
import { withinLimit } from './time-limit.ts';

export type FeelWarning = EvaluationResult<unknown>['warnings'][number];

/** Nothing in its message is of the values. */
export class FeelFault extends TypeError {}

const WORDS: Readonly<Partial<Record<FeelWarning['type'], string>>> = {
  NO_FUNCTION_FOUND: 'calls a function that does not exist',
  FUNCTION_INVOCATION_FAILURE: 'calls a function with arguments that it does not take',
  UNSUPPORTED: 'uses what is not supported',
  INVALID_TYPE: 'meets a value of another type than it needs',
};
/** Of V8, and of `withinLimit`. */
const HARMLESS = /^(Maximum call stack|it takes longer than)/;
const MOST_CHARS = 100;

/** @throws FeelFault; RangeError when it takes too long, or goes too deep */
export function evaluateWithin(
  expression: string,
  context: Readonly<Record<string, unknown>>,
  limitMs: number,
): EvaluationResult<unknown> {
  try {
    return withinLimit(() => evaluate(expression, context, DIALECT), limitMs);
  } catch (error) {
    if (error instanceof FeelFault || (error instanceof RangeError && HARMLESS.test(error.message))) throw error;
    throw new FeelFault(
      `cannot be evaluated: it fails with these values (${error instanceof Error ? error.name : 'no error'})`,
    );
  }
}

/** Of a warning that is taken for a fault. */
export function faultFrom({ type, position }: FeelWarning, expression: string): FeelFault {
  const { from, to } = position;
  const place = expression.slice(from, to);
  const shown = place.length <= MOST_CHARS ? place : `${place.slice(0, MOST_CHARS)}…`;
  return new FeelFault(`cannot be evaluated: it ${WORDS[type] ?? 'fails'}, at character ${from + 1}: ${shown}`);
}

/** In a sentence: "is a number". */
export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'bigint') return 'a number';
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
  return Object.getPrototypeOf(value) === Object.prototype ? 'a context' : 'no JSON value';
}
