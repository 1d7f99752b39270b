// What the API answers when it does not do what was asked: problem+json (RFC 9457) with a code of ours, all of them in one
// table (docs/errors.md explains each). The detail names the thing, what was found and what is allowed; what went wrong
// inside the node is logged and not told.
import type { FastifyReply } from 'fastify';
import { ActNotDone, OperationRefused, OperationUnavailable } from '../../operations/operations.ts';

/** Code and status. */
export const PROBLEMS = {
  BAD_REQUEST: 400,
  BAD_CURSOR: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  FOREIGN_ORIGIN: 403,
  NOT_FOUND: 404,
  JOB_ABSENT: 404,
  NO_SUCH_NODE: 404,
  METHOD_NOT_ALLOWED: 405,
  TOO_SLOW: 408,
  JOB_GONE: 409,
  JOB_WRONG_STATE: 409,
  TOO_LARGE: 413,
  NOT_JSON: 415,
  WRONG_HOST: 421,
  ACT_REFUSED: 422,
  UNREADABLE: 422,
  TOO_MANY: 429,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  ACT_NOT_DONE: 503,
  AUTHENTICATION_UNAVAILABLE: 503,
  OPERATION_UNAVAILABLE: 503,
} as const;
export type ProblemCode = keyof typeof PROBLEMS;

export const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** When to ask again what could not be answered now. */
const RETRY_AFTER_SECONDS = 2;

interface Further {
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of the problem beside the usual ones. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** Thrown by whoever serves a request; `answerProblem` makes the answer of it. */
export class ApiProblem extends Error {
  readonly code: ProblemCode;
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: ProblemCode, detail: string, { headers = {}, members = {} }: Further = {}) {
    super(detail);
    this.code = code;
    this.statusCode = PROBLEMS[code];
    this.headers = headers;
    this.members = members;
  }
}

/** undefined: it is none that the caller may be told of. @param isWhole the request has come to its end */
export function problemOf(error: unknown, isWhole: boolean): ApiProblem | undefined {
  if (error instanceof ApiProblem) return error;
  if (error instanceof OperationUnavailable || error instanceof ActNotDone)
    return unavailable(error.message, error.code);
  if (error instanceof OperationRefused) return new ApiProblem(error.code, error.message, later(error.code));
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  if (codeOf(error) === 'FST_ERR_HANDLER_TIMEOUT') {
    // What it waited for is the caller or the operations.
    return isWhole
      ? unavailable('no answer came in time; an act may be done all the same, so look before you ask again')
      : new ApiProblem('TOO_SLOW', 'the body did not come to its end in time', { headers: { connection: 'close' } });
  }
  switch (error.statusCode) {
    case 413:
      return new ApiProblem('TOO_LARGE', error.message);
    case 415:
      return new ApiProblem('NOT_JSON', 'the body is of another content type; allowed: application/json');
    case 400:
      return new ApiProblem('BAD_REQUEST', codeOf(error) === 'FST_ERR_CTP_INVALID_JSON_BODY' ? NO_JSON : error.message);
    default:
      return undefined;
  }
}

const NO_JSON =
  'the body is not valid JSON, or has a field __proto__ or constructor.prototype; allowed: a JSON object without them';

function codeOf(error: Error): unknown {
  return 'code' in error ? error.code : undefined;
}

function unavailable(detail: string, code: ProblemCode = 'OPERATION_UNAVAILABLE'): ApiProblem {
  return new ApiProblem(code, detail, later(code));
}

function later(code: ProblemCode): Further {
  const status = PROBLEMS[code];
  return status === 429 || status === 503 ? { headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } } : {};
}

export function rateLimited(most: number, leftSeconds: number): ApiProblem {
  const seconds = Math.max(1, leftSeconds);
  const detail = `more than ${most} requests within a minute; ask again in ${seconds} s`;
  return new ApiProblem('RATE_LIMITED', detail, { headers: { 'retry-after': String(seconds) } });
}

export function answerProblem(reply: FastifyReply, problem: ApiProblem): FastifyReply {
  const { statusCode: status, code, message: detail, headers, members } = problem;
  const body = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, detail, code, ...members };
  return reply.code(status).headers(headers).type('application/problem+json').send(JSON.stringify(body));
}
