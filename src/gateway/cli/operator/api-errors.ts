// How a call to the API can end other than well; what the caller can do about it decides the kind, and so the exit code.
import { printable } from '../text-width.ts';

/** No node answered, or none can at the moment. Nothing was done. */
export class ApiUnreachable extends Error {
  readonly code = 'API_UNREACHABLE';
  readonly retryable = true;
  /** A node was there, and said why it has no answer now. */
  readonly someoneAnswered: boolean;
  /** And perhaps when to ask again. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, someoneAnswered = false, retryAfterMs?: number) {
    super(message);
    this.someoneAnswered = someoneAnswered;
    this.retryAfterMs = retryAfterMs;
  }
}

/** An act reached a node and no usable answer came back. It is not sent again by itself, for it may have been done. */
export class ActUnknown extends Error {
  readonly code = 'API_ACT_UNKNOWN';
  readonly retryable = false;
}

/** A node answered, and it was no. */
export class ApiRefused extends Error {
  readonly code = 'API_REFUSED';
  readonly retryable = false;
  readonly status: number;
  /** The problem as it came; undefined: it was none of the API's. */
  readonly problem: string | undefined;

  constructor(message: string, status: number, text: string) {
    super(message);
    this.status = status;
    this.problem = (problemOf(text)?.code ?? '') === '' ? undefined : text;
  }
}

/** The answer is not of the form that this version reads. */
export class AnswerUnreadable extends Error {
  readonly code = 'API_ANSWER_UNREADABLE';
  readonly retryable = false;
}

/** The problem (RFC 9457) in words; what is no problem+json is named by its status. The API's own all have a code. */
export function wordsOf(status: number, text: string, from: URL): string {
  const problem = problemOf(text);
  const said =
    problem === undefined
      ? `${from.host} answered ${status}, and not as a holdfast API does; is this its address?`
      : `${problem.title}${problem.detail === '' ? '' : `: ${problem.detail}`}${problem.code === '' ? '' : ` (${problem.code})`}`;
  if (status === 401) return `${said}\n  Set HOLDFAST_API_TOKEN, or HOLDFAST_API_TOKEN_FILE to a file that holds it.`;
  const health = 'is it the health listener (HOLDFAST_HTTP, port 8090)? The API is at HOLDFAST_API (port 8091).';
  return problem?.code === '' ? `${said}\n  ${from.host} is not the API: ${health}` : said;
}

function problemOf(
  text: string,
): { readonly title: string; readonly detail: string; readonly code: string } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (value === null || typeof value !== 'object' || !('title' in value) || typeof value.title !== 'string')
    return undefined;
  const detail = 'detail' in value && typeof value.detail === 'string' ? value.detail : '';
  const code = 'code' in value && typeof value.code === 'string' ? value.code : '';
  return { title: printable(value.title), detail: printable(detail), code: printable(code) };
}
