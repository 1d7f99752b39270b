// The JSON API as the page uses it. Every call has a deadline and one of two answers: what was asked for, or why not, in words
// that can be shown as they are. The token lives in the tab, as long as the tab does.
import type { ActResult } from '../../../operations/model/acts.ts';
import type { Problem } from '../../../operations/model/problem.ts';

export interface Failure {
  /** `away`: nobody answered; `token`: who asks is not known; `problem`: the node answered with an error. */
  readonly kind: 'away' | 'token' | 'problem';
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly code: string;
  readonly retryAfterMs: number;
  /** What an act came to, if it was one that went wrong. */
  readonly act: ActResult | undefined;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

const READ_WITHIN_MS = 5_000;
/** An act may wait for the engine. */
const ACT_WITHIN_MS = 30_000;
const MOST_RETRY_AFTER_MS = 60_000;
const TOKEN = 'holdfast.token';

export function token(): string {
  return sessionStorage.getItem(TOKEN) ?? '';
}

export function setToken(value: string): void {
  if (value === '') sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, value);
}

/** @param path below /api/v1/ */
export function read<T>(path: string): Promise<Answer<T>> {
  return call<T>(path, { method: 'GET' }, READ_WITHIN_MS);
}

/** @param body JSON text: what an operator typed goes out as it was typed, so that no number in it changes on the way */
export function act<T = ActResult>(path: string, body: string): Promise<Answer<T>> {
  return call<T>(path, { method: 'POST', body, headers: { 'content-type': 'application/json' } }, ACT_WITHIN_MS);
}

async function call<T>(path: string, init: RequestInit, withinMs: number): Promise<Answer<T>> {
  const headers = new Headers(init.headers);
  headers.set('accept', 'application/json, application/problem+json');
  if (token() !== '') headers.set('authorization', `Bearer ${token()}`);
  const signal = AbortSignal.timeout(withinMs);
  try {
    const response = await fetch(`api/v1/${path}`, { ...init, headers, signal, cache: 'no-store' });
    const said: unknown = await response.json().catch((error: unknown) => {
      if (signal.aborted) throw error;
      return undefined;
    });
    if (response.ok && said !== undefined) return { ok: true, value: said as T };
    return { ok: false, failure: failureOf(response, said) };
  } catch {
    const detail = signal.aborted ? `no answer within ${withinMs / 1_000} s` : 'no connection';
    return { ok: false, failure: { ...NOTHING, kind: 'away', title: 'The node does not answer', detail } };
  }
}

const NOTHING = { status: 0, code: '', retryAfterMs: 0, act: undefined };

function failureOf(response: Response, said: unknown): Failure {
  const { title, detail, code, auditId, result } = (said ?? {}) as Partial<Problem & ActResult>;
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  // A gateway in between says so when the node behind it is away.
  const away = said === undefined && response.status >= 502;
  return {
    kind: away ? 'away' : response.status === 401 ? 'token' : 'problem',
    status: response.status,
    title: title ?? `The node answered ${response.status}`,
    detail: detail ?? (response.ok ? 'the answer is not JSON' : response.statusText),
    code: code ?? '',
    retryAfterMs: Number.isFinite(seconds) ? Math.min(seconds * 1_000, MOST_RETRY_AFTER_MS) : 0,
    act: result === undefined ? undefined : { auditId: auditId ?? '', result, detail: detail ?? '' },
  };
}
