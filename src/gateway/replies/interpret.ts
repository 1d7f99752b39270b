// What a reply means to its job: with the job's own settings, in one place, without a clock and without a side effect.
//
// What must hold: it is total. Whatever a service sent and whatever an expression makes of it, there is a verdict; what
// cannot be used is malformed, with words for the one who can mend it. And it is exact: where no expression is asked, the
// text of the reply is the text that the engine gets, and what the engine would not keep as it is (zeebe/variables.ts) is
// no result. An error is told all the same, without its variables: what happened must not be lost for them.
//
// Expressions mean what they mean to Camunda's connectors. The error expression is asked first, for every reply but a
// heartbeat, and goes before what the headers say; null means no error. The result expression yields a context that is
// merged into the variables; a result variable takes the whole response beside it.
import type { CallSettings, DeadLetterReason, Malformed, ReplyContent, Verdict } from '../../actors/messages.ts';
import { withoutVariables } from '../../actors/pending-job/reply-verdict.ts';
import { FeelReply } from '../feel/feel.ts';
import { Ruling, type RulingKind } from '../feel/functions.ts';
import { writeExactly } from '../json/exact-json.ts';
import { isObject } from '../json/slices.ts';
import { faultOfVariables } from '../zeebe/variables.ts';
import { MAX_ERROR_CODE_CHARS } from './contract.ts';
import { shortMessage } from './headers.ts';

export { checkExpression } from '../feel/feel.ts';

export type InterpretSettings = Pick<CallSettings, 'resultVariable' | 'resultExpression' | 'errorExpression'>;

type Reply = ReplyContent & { kind: 'reply' };

export const MAX_PROGRESS_BYTES = 4096;
const NO_MESSAGE = 'the service answered with a technical error and gave no message';

/** @param job what error expressions may ask of the job; null: nothing */
export function interpret(
  settings: InterpretSettings,
  content: ReplyContent,
  job: { readonly retries: number } | null = null,
): Verdict {
  if (content.kind === 'malformed') return content;
  if (content.status === 'heartbeat') return progressOf(content);
  const feel = lazily(() => {
    const { status, code, message } = content;
    const error = status === 'result' ? null : { code, message };
    return new FeelReply({ response: content.body, headers: content.headers, error, job });
  });
  let asked = 'errorExpression';
  try {
    const ruling = rulingOf(settings.errorExpression, feel);
    if (ruling !== undefined) return asTheEngineTakesIt(verdictOf(ruling));
    asked = 'resultExpression';
    return asTheEngineTakesIt(content.status === 'result' ? resultOf(settings, content, feel) : errorOf(content));
  } catch (error) {
    return malformed('malformed', `${asked}: ${reasonOf(error)}`);
  }
}

function asTheEngineTakesIt(verdict: Verdict): Verdict {
  if (verdict.kind === 'malformed' || verdict.kind === 'heartbeat') return verdict;
  const fault = faultOfVariables(verdict.variables);
  if (fault === undefined) return verdict;
  if (verdict.kind === 'result') return malformed('refused', fault);
  return { ...verdict, message: withoutVariables(verdict.message, fault), variables: '{}' };
}

function progressOf({ body }: Reply): Verdict {
  const bytes = Buffer.byteLength(body);
  if (bytes <= MAX_PROGRESS_BYTES) return { kind: 'heartbeat', progress: body };
  return malformed('too-large', `the heartbeat has ${bytes} bytes, at most ${MAX_PROGRESS_BYTES} are taken`);
}

function resultOf(settings: InterpretSettings, { body }: Reply, feel: () => FeelReply): Verdict {
  const { resultVariable, resultExpression } = settings;
  if (body === '') return malformed('not-json', 'the reply has no value');
  if (resultVariable === '' && resultExpression === '') {
    return isObject(body)
      ? { kind: 'result', variables: body }
      : malformed('not-object', 'the reply is JSON, but not an object; that needs a result variable or expression');
  }
  const merged = resultExpression === '' ? {} : contextOf(feel().evaluate(resultExpression));
  const variables = writeExactly(merged);
  if (resultVariable === '' || Object.hasOwn(merged, resultVariable)) return { kind: 'result', variables };
  const rest = variables === '{}' ? '}' : `,${variables.slice(1)}`;
  return { kind: 'result', variables: `{${JSON.stringify(resultVariable)}:${body}${rest}` };
}

/** What the headers say when no expression says otherwise. */
function errorOf({ status, body, code, message, retries, backoffMs }: Reply): Verdict {
  const none = body === '' || body.trim() === 'null';
  if (!none && !isObject(body)) {
    return malformed('not-object', `the value of a reply with status ${status} is JSON, but not an object`);
  }
  const variables = none ? '{}' : body;
  if (status !== 'error') return { kind: 'failure', message: message || NO_MESSAGE, retries, backoffMs, variables };
  if (code === '') return malformed('malformed', 'a reply with status error needs an error code');
  return { kind: 'error', code, message, variables };
}

/** Connectors take an empty context for no error too. */
function rulingOf(expression: string, feel: () => FeelReply): RulingKind | undefined {
  if (expression === '') return undefined;
  const value = feel().evaluate(expression);
  if (value instanceof Ruling) return value.is;
  if (Object.keys(contextOf(value)).length === 0) return undefined;
  throw new TypeError('yields a context; it must yield null, or call bpmnError, jobError or ignoreError');
}

function verdictOf(ruling: RulingKind): Verdict {
  const variables = writeExactly(ruling.variables);
  if (ruling.kind === 'ignore') return { kind: 'result', variables };
  const message = shortMessage(ruling.message);
  if (ruling.kind === 'failure') return { ...ruling, message: message || NO_MESSAGE, variables };
  if (ruling.code.length <= MAX_ERROR_CODE_CHARS) return { ...ruling, message, variables };
  throw new RangeError(`yields a code of ${ruling.code.length} characters; allowed is ${MAX_ERROR_CODE_CHARS}`);
}

function contextOf(value: unknown): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) return { ...value };
  const kind = Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'no context' : `a ${typeof value}`;
  throw new TypeError(`yields ${kind}; it must yield a context or null`);
}

/** A reply that no expression is asked about is never parsed. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'fails';
  if (error.message.startsWith('Maximum call stack')) return 'meets a reply that is nested too deeply';
  return error.message;
}

function malformed(reason: DeadLetterReason, message: string): Malformed {
  return { kind: 'malformed', reason, message: shortMessage(message) };
}
