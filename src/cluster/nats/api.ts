// Calls to the JetStream API (JSON over request-reply), with a deadline each. Two ways to fail: no answer or "not now"
// (KvUnavailable, ask again), and a refusal with the server's own code (JsApiError).
import { KvUnavailable } from '../ports.ts';
import type { Inbox } from './inbox.ts';

/** The server's error codes that decide something here (server/errors.json of nats-server). */
export const ErrCode = {
  noMessageFound: 10_037,
  messageTooLarge: 10_054,
  streamNotFound: 10_059,
  wrongLastSequence: 10_071,
  streamStoreFailed: 10_077,
  headerTooLarge: 10_097,
  streamSealed: 10_109,
  ttlInvalid: 10_165,
  ttlDisabled: 10_166,
} as const;

export interface ApiError {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

export class JsApiError extends Error {
  readonly code = 'JS_API_ERROR';
  readonly retryable: boolean;
  readonly errCode: number;

  constructor(call: string, error: ApiError) {
    super(`JetStream refused ${call}: ${describe(error)}`);
    this.errCode = error.err_code ?? error.code;
    this.retryable = error.code >= 500;
  }
}

export function describe(error: ApiError): string {
  return `${error.description ?? 'no reason given'} (${error.err_code ?? error.code})`;
}

/**
 * `call` is what stands after `$JS.API.`, such as `STREAM.INFO.KV_x`.
 * @throws KvUnavailable without an answer in time; JsApiError
 */
export async function callApi<T>(inbox: Inbox, call: string, request: object, timeoutMs: number): Promise<T> {
  const answer = await inbox.ask(`$JS.API.${call}`, Buffer.from(JSON.stringify(request)), timeoutMs);
  if (answer.kind === 'answer') {
    const response = answer.message.json<T & { error?: ApiError }>();
    if (response.error) throw new JsApiError(call, response.error);
    return response;
  }
  throw new KvUnavailable(
    `JetStream did not answer ${call}: ${answer.kind === 'denied' ? answer.reason : answer.kind}`,
  );
}
