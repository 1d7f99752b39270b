// What a route computes from a job's variables for its request: the record's key, a business key, further headers. FEEL,
// as in a model; a text without a leading "=" is a header's value as it stands.
//
// Pure. An expression that cannot be evaluated, or yields what is no text, puts the job at fault, in words for whoever wrote the
// route; null is absent: the key is then the correlation id, and a header is left out. Integers of any size are passed on
// exactly; most of what computes with those beyond 2^53 is a fault, and some functions of feelin make null of them.
import { OURS } from '../../actors/correlation-id.ts';
import type { Route } from '../config/routes.ts';
import { evaluateWithin, faultFrom } from '../feel/fault.ts';
import { feelFunctions } from '../feel/functions.ts';
import { parseExactly } from '../json/exact-json.ts';

export interface Mapped {
  readonly key: string;
  readonly businessKey: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** For the incident; undefined: nothing is wrong. */
  readonly fault: string | undefined;
}

const LIMIT_MS = 1_000;
const MAX_KEY_CHARS = 512;
const MAX_HEADER_CHARS = 4096;

/** A variable or a field that is not there is null, as everywhere in FEEL. */
const ABSENT: readonly string[] = ['NO_VARIABLE_FOUND', 'NO_CONTEXT_ENTRY_FOUND', 'NO_PROPERTY_FOUND'];

const NOTHING: Mapped = { key: '', businessKey: '', headers: [], fault: undefined };

export function mappedBy(route: Pick<Route, 'key' | 'correlationKey' | 'headers'>, variables: string): Mapped {
  if (route.key === '' && route.correlationKey === '' && route.headers.length === 0) return NOTHING;
  const faults: string[] = [];
  let context: Readonly<Record<string, unknown>> | undefined;
  const textOf = (setting: string, expression: string, maxChars: number): string => {
    try {
      context ??= { ...feelFunctions(), ...(parseExactly(variables).value as object) };
      return scalar(evaluated(expression, context), maxChars);
    } catch (error) {
      faults.push(`${setting} ${error instanceof Error ? error.message : error}`);
      return '';
    }
  };
  const key = route.key === '' ? '' : textOf('key', route.key, MAX_KEY_CHARS);
  const businessKey = route.correlationKey === '' ? '' : textOf('correlationKey', route.correlationKey, MAX_KEY_CHARS);
  if (route.correlationKey !== '' && faults.length === 0) {
    if (businessKey === '') faults.push('correlationKey yields nothing; it must yield a text or a number');
    // One of our own form would come back as a forged one.
    else if (OURS.test(businessKey)) faults.push('correlationKey yields a text that begins with "hf1-"');
  }
  const headers = route.headers.flatMap(([name, value]) => {
    const text = value.startsWith('=') ? textOf(`header ${name}`, value.slice(1).trim(), MAX_HEADER_CHARS) : value;
    return text === '' ? [] : [[name, text] as const];
  });
  if (faults.length === 0) return { key, businessKey, headers, fault: undefined };
  return { ...NOTHING, fault: `The route cannot make the request: ${faults.join('; ')}.` };
}

function evaluated(expression: string, context: Readonly<Record<string, unknown>>): unknown {
  const { value, warnings } = evaluateWithin(expression, context, LIMIT_MS);
  const wrong = warnings.find(({ type }) => !ABSENT.includes(type));
  if (wrong !== undefined) throw faultFrom(wrong, expression);
  return value;
}

/** '' for null: absent. */
function scalar(value: unknown, maxChars: number): string {
  if (value === null || value === undefined) return '';
  if (
    typeof value !== 'string' &&
    typeof value !== 'number' &&
    typeof value !== 'bigint' &&
    typeof value !== 'boolean'
  ) {
    throw new TypeError('yields no text, number or boolean');
  }
  const text = String(value).toWellFormed();
  if (text.length > maxChars) throw new RangeError(`yields ${text.length} characters; allowed is ${maxChars}`);
  return text;
}
