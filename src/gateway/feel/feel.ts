// FEEL over a reply. What must hold: no number is changed unseen.
//
// Integers beyond 2^53 are in the reply as bigints. FEEL can pass them on, and leaves them exact; with most else that is
// done to them feelin makes a null of them, sometimes with a warning and often without. So a reply that has any is evaluated
// twice, once more with the doubles next to them: an expression that only passes them on comes to the same, an expression
// whose outcome hangs on computing with them does not, and then the reply is one that cannot be used.
//
// A missing field is null, as everywhere in FEEL. A function that does not exist or is called with other arguments than
// it has is a fault of the expression; taking it for null would swallow an error that somebody meant to raise.
import { parseExactly, writeExactly } from '../json/exact-json.ts';
import { faultOf } from './check.ts';
import { evaluateWithin, type FeelWarning, faultFrom } from './fault.ts';
import { feelFunctions } from './functions.ts';

export interface FeelInput {
  /** JSON text; '' is null. */
  readonly response: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly job: { readonly retries: number } | null;
}

/** Many times what an honest expression takes on a busy machine: a few ms, and 250 ms for each MB of the reply. */
const LIMIT_MS = 1_000;
const LIMIT_MS_PER_CHAR = 1 / 1_000;

const FAULTS: readonly FeelWarning['type'][] = ['NO_FUNCTION_FOUND', 'FUNCTION_INVOCATION_FAILURE', 'UNSUPPORTED'];

/** What an expression may name. */
const NAMES = { ...feelFunctions(), response: {}, headers: {}, error: {}, job: {} };

/**
 * What is wrong with an expression, to be read behind its name; undefined: nothing.
 * @param expression FEEL without the leading "="
 */
export function checkExpression(expression: string): string | undefined {
  return faultOf(expression, NAMES);
}

/** One reply, for the expressions that are asked about it. */
export class FeelReply {
  readonly #response: string;
  readonly #context: Readonly<Record<string, unknown>>;
  readonly #big: boolean;

  /** @throws RangeError when the reply is nested too deeply */
  constructor({ response, headers, error, job }: FeelInput) {
    this.#response = response === '' ? 'null' : response;
    const { value, big } = parseExactly(this.#response);
    this.#big = big;
    this.#context = { ...feelFunctions(), response: value, headers: Object.fromEntries(headers), error, job };
  }

  /**
   * Bigints stand for integers beyond 2^53.
   * @throws Error whose message says what is wrong with the expression, or with the reply for it, and quotes nothing of the reply
   */
  evaluate(expression: string): unknown {
    const fault = checkExpression(expression);
    if (fault !== undefined) throw new TypeError(fault);
    if (!this.#big) return this.#once(expression, this.#context);
    // Whatever fails with doubles too fails for another reason than big integers, and says so itself.
    const rounded = this.#once(expression, { ...this.#context, response: JSON.parse(this.#response) });
    let exact: unknown;
    try {
      exact = this.#once(expression, this.#context);
    } catch {
      throw computed();
    }
    if (writeExactly(exact, 'double') !== writeExactly(rounded, 'double')) throw computed();
    return exact;
  }

  #once(expression: string, context: Readonly<Record<string, unknown>>): unknown {
    const limitMs = Math.ceil(LIMIT_MS + this.#response.length * LIMIT_MS_PER_CHAR);
    const { value, warnings } = evaluateWithin(expression, context, limitMs);
    const fault = warnings.find(({ type }) => FAULTS.includes(type));
    if (fault !== undefined) throw faultFrom(fault, expression);
    if (warnings.some(({ details }) => Object.values(details.values).some((operand) => typeof operand === 'bigint'))) {
      throw computed();
    }
    return value;
  }
}

function computed(): TypeError {
  return new TypeError(
    'computes with an integer beyond 2^53, which can only be passed on as it is; ' +
      'let the service send it as a string, or leave it out of the computation',
  );
}
