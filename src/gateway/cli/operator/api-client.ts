// The API of a node as the commands call it. Every call has a deadline and a limit to its answer, follows no redirect, and
// goes to the next address when one does not answer. What must hold: a question may be asked again anywhere; an act is sent to
// the next address only while it has surely not left, because sent twice it might be done twice.
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type Type from 'typebox';
import { ActUnknown, AnswerUnreadable, ApiRefused, ApiUnreachable, wordsOf } from './api-errors.ts';
import type { ApiSettings } from './api-settings.ts';

export type Query = Readonly<Record<string, string | number | undefined>>;

export interface Answer {
  readonly text: string;
  /** The moment of the answer by the node's own clock, to the second: ages are counted against it. */
  readonly atMs: number;
  readonly from: URL;
}

type Try =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly answer: Answer;
      /** When it asks to be asked again. */
      readonly retryAfterMs: number | undefined;
    }
  /** It has not left. */
  | { readonly kind: 'unsent'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly reason: string; readonly stale: boolean };

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string | undefined;
}

const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** Then the next address is tried, long before the deadline of an answer. */
const CONNECT_MS = 5_000;
const TOO_MANY_REQUESTS = 429;
/** Of an act: codes that say that nothing was done. */
const UNDONE = /"(ACT_NOT_DONE|AUTHENTICATION_UNAVAILABLE)"/;

export class ApiClient {
  readonly #settings: ApiSettings;
  readonly #signal: AbortSignal;
  readonly #agents = { 'http:': new http.Agent({ keepAlive: true }), 'https:': new https.Agent({ keepAlive: true }) };
  /** Index of the address that answered last. */
  #first = 0;

  /** @param signal the command is over; calls in flight end with it */
  constructor(settings: ApiSettings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
  }

  /** @throws ApiUnreachable, ApiRefused */
  get(path: string, query: Query = {}): Promise<Answer> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    return this.#ask({ method: 'GET', path: search.size === 0 ? path : `${path}?${search}`, body: undefined }, true);
  }

  /**
   * @param body JSON text
   * @param changesNothing it may be asked again, as a question
   * @throws ApiUnreachable, ApiRefused, ActUnknown
   */
  post(path: string, body: string, changesNothing = false): Promise<Answer> {
    return this.#ask({ method: 'POST', path, body }, changesNothing);
  }

  async #ask(call: Call, repeatable: boolean): Promise<Answer> {
    const failures: string[] = [];
    let retryAfterMs: number | undefined;
    let someoneAnswered = false;
    for (const { url, index } of this.#order()) {
      const tried = await (repeatable ? this.#tryTwice(url, call) : this.#try(url, call));
      const fault = faultOf(tried, url);
      if (fault === undefined && tried.kind === 'answered') {
        this.#first = index;
        return accepted(tried.status, tried.answer);
      }
      if (!repeatable && fault?.mayBeDone === true) throw inDoubt(`${url.host}: ${fault.words}`);
      failures.push(`${url.host}: ${fault?.words}`);
      if (tried.kind !== 'answered') continue;
      retryAfterMs = tried.retryAfterMs;
      someoneAnswered = true;
    }
    throw unreachable(failures, someoneAnswered, retryAfterMs);
  }

  #order(): readonly { readonly url: URL; readonly index: number }[] {
    const all = this.#settings.urls.map((url, index) => ({ url, index }));
    return [...all.slice(this.#first), ...all.slice(0, this.#first)];
  }

  /** A connection that was kept from an earlier call may be closed by the node just then. */
  async #tryTwice(url: URL, call: Call): Promise<Try> {
    const tried = await this.#try(url, call);
    return tried.kind === 'unanswered' && tried.stale ? this.#try(url, call) : tried;
  }

  #try(base: URL, call: Call): Promise<Try> {
    const { token, ca, timeoutMs } = this.#settings;
    const url = new URL(`api/v1/${call.path}`, base);
    const deadline = AbortSignal.timeout(timeoutMs);
    const isTls = url.protocol === 'https:';
    const options = {
      method: call.method,
      signal: AbortSignal.any([deadline, this.#signal]),
      // An act gets a connection of its own: on a kept one it would not be known whether it has left.
      agent: call.method === 'POST' ? (false as const) : isTls ? this.#agents['https:'] : this.#agents['http:'],
      headers: {
        accept: 'application/json, application/problem+json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(call.body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(call.body) }),
      },
      ...(ca === undefined ? {} : { ca }),
    };
    return new Promise((resolve) => {
      let mayHaveLeft = false;
      let connecting: NodeJS.Timeout | undefined;
      const request = isTls ? https.request(url, options) : http.request(url, options);
      const fail = (error: Error): void => {
        clearTimeout(connecting);
        const reason = deadline.aborted ? `no answer within ${timeoutMs / 1_000} s` : reasonOf(error);
        resolve(mayHaveLeft ? { kind: 'unanswered', reason, stale: request.reusedSocket } : { kind: 'unsent', reason });
      };
      request.on('socket', (socket: Socket) => {
        if (!socket.connecting) {
          mayHaveLeft = true;
          return;
        }
        const tooLong = () => request.destroy(new Error(`no connection within ${CONNECT_MS / 1_000} s`));
        connecting = setTimeout(tooLong, CONNECT_MS);
        socket.once(isTls ? 'secureConnect' : 'connect', () => {
          clearTimeout(connecting);
          mayHaveLeft = true;
        });
      });
      request.on('error', fail);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES)
            response.destroy(new Error(`an answer of more than ${MAX_ANSWER_BYTES / 1024 / 1024} MiB`));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () => {
          const saidMs = Date.parse(response.headers.date ?? '');
          const answer = {
            text: Buffer.concat(chunks).toString('utf8'),
            atMs: Number.isNaN(saidMs) ? Date.now() : saidMs,
            from: base,
          };
          const retryAfterMs = /^\d{1,4}$/.test(response.headers['retry-after'] ?? '')
            ? Number(response.headers['retry-after']) * 1_000
            : undefined;
          resolve({ kind: 'answered', status: response.statusCode ?? 0, answer, retryAfterMs });
        });
      });
      request.end(call.body);
    });
  }
}

/** Why this address is of no use now; undefined: it answered, well or with a refusal. */
function faultOf(tried: Try, url: URL): { readonly words: string; readonly mayBeDone: boolean } | undefined {
  if (tried.kind !== 'answered') return { words: tried.reason, mayBeDone: tried.kind === 'unanswered' };
  const { status, answer } = tried;
  if (status !== TOO_MANY_REQUESTS && status < 500) return undefined;
  return { words: wordsOf(status, answer.text, url), mayBeDone: status >= 500 && !UNDONE.test(answer.text) };
}

/** @throws ApiRefused */
function accepted(status: number, answer: Answer): Answer {
  if (status >= 200 && status < 300) return answer;
  throw new ApiRefused(wordsOf(status, answer.text, answer.from), status, answer.text);
}

/** The answer as its schema says. @throws AnswerUnreadable */
export async function read<S extends Type.TSchema>(schema: S, { text, from }: Answer): Promise<Type.Static<S>> {
  // Loading the checker takes longer than most calls, and --json has no need of it.
  const { Check, Errors } = await import('typebox/value');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AnswerUnreadable(
      `${from.host} answered something that is not JSON; is this the address of a holdfast API?`,
    );
  }
  if (Check(schema, value)) return value as Type.Static<S>;
  const [first] = Errors(schema, value);
  const where = first === undefined ? '' : ` (at ${first.instancePath || '/'}: ${first.message})`;
  throw new AnswerUnreadable(
    `the answer of ${from.host} is not of the form that this version reads${where}; use the command of the node's version, or --json`,
  );
}

function unreachable(
  failures: readonly string[],
  someoneAnswered: boolean,
  retryAfterMs: number | undefined,
): ApiUnreachable {
  const where = 'HOLDFAST_API_URL or --url names the API of a node (its HOLDFAST_API), or several separated by commas.';
  const lines = ['no node has an answer', ...failures, ...(someoneAnswered ? [] : [where])];
  return new ApiUnreachable(lines.join('\n  '), someoneAnswered, retryAfterMs);
}

function inDoubt(what: string): ActUnknown {
  return new ActUnknown(
    `it was sent, and whether it was done is not known\n  ${what}\n  "holdfast audit" shows what became of it; look before you try again.`,
  );
}

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'ECONNREFUSED') return 'nobody listens there (ECONNREFUSED)';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the name cannot be resolved (${code})`;
  const words = error.message === '' ? error.name : error.message;
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code))
    return `its certificate is not trusted: ${words} (${code}); HOLDFAST_API_CA_FILE names whom to trust`;
  return code === '' || words.includes(code) ? words : `${words} (${code})`;
}
