// Whether a text is an expression that can be evaluated, said in words for whoever wrote it. The same check stands before
// every evaluation, so that what the configuration accepted is never refused later for its form, nor the other way round.
//
// Numbers are checked too: feelin reads 9007199254740993 as the double next to it, and 1e5 as 1.
import { parseExpression } from 'feelin';

/** Names and shapes that every expression finds; what they hold is not known yet. */
type Names = Readonly<Record<string, unknown>>;

const MAX_EXPRESSION_BYTES = 8 * 1024;
/** Texts whose verdict is kept: more than a cluster has expressions, and little memory even if all are as long as allowed. */
const MAX_KEPT = 256;

/** Expressions are those of Camunda, with names in backticks. */
export const DIALECT = 'camunda';

const kept = new Map<string, string | undefined>();

/** What is wrong with the expression, to be read behind its name; undefined: nothing. */
export function faultOf(expression: string, names: Names): string | undefined {
  if (kept.has(expression)) return kept.get(expression);
  const fault = judge(expression, names);
  const oldest = kept.keys().next();
  if (kept.size >= MAX_KEPT && !oldest.done) kept.delete(oldest.value);
  kept.set(expression, fault);
  return fault;
}

function judge(expression: string, names: Names): string | undefined {
  const bytes = Buffer.byteLength(expression);
  if (bytes > MAX_EXPRESSION_BYTES) return `has ${bytes} bytes; at most ${MAX_EXPRESSION_BYTES} are allowed`;
  const start = expression.trimStart();
  if (start === '') return 'is empty';
  if (start.startsWith('=')) return 'has to be written without the "=" at its beginning';
  try {
    return faultInTree(expression, names);
  } catch (error) {
    return `cannot be read as FEEL: ${error instanceof Error ? error.message : error}`;
  }
}

function faultInTree(expression: string, names: Names): string | undefined {
  let fault: string | undefined;
  parseExpression(expression, names, DIALECT).iterate({
    enter({ type, name, from, to }) {
      if (fault !== undefined) return false;
      if (type.isError) fault = syntaxFault(expression, from);
      else if (name === 'NumericLiteral') fault = numberFault(expression.slice(from, to));
      return fault === undefined;
    },
  });
  return fault;
}

function syntaxFault(expression: string, at: number): string {
  const rest = expression.slice(at).trim();
  if (rest === '') return 'is not valid FEEL: it ends too early';
  return `is not valid FEEL at character ${at + 1}, ${JSON.stringify(rest.length <= 40 ? rest : `${rest.slice(0, 39)}…`)}`;
}

function numberFault(literal: string): string | undefined {
  if (/e/i.test(literal)) return `has the number ${literal}; write it without an exponent`;
  if (literal.includes('.') || Number.isSafeInteger(Number(literal))) return undefined;
  return `has the number ${literal.slice(0, 40)}, which is beyond 2^53 and would be rounded`;
}
