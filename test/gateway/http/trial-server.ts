// An API server for tests of its HTTP side: over the double of the operations, with tokens that are called as their roles.
import type { InjectOptions } from 'fastify';
import { type ApiOptions, type ApiServer, createApiServer } from '../../../src/gateway/http/api/server.ts';
import type { Authentication } from '../../../src/gateway/http/api/verdict.ts';
import type { Log, LogFields } from '../../../src/gateway/log.ts';
import { ROLES } from '../../../src/gateway/operations/operations.ts';
import { FakeOperations } from './fake-operations.ts';

export const IDENTITY = { cluster: 'orders', node: 'n1', version: '0.1.0' };
/** As a browser or curl on this machine names it. */
export const HOST = '127.0.0.1:8091';

/** The token `viewer` is that of a viewer, and so on. */
export const BY_ROLE: Authentication = {
  async verify(token) {
    const role = ROLES.find((one) => one === token);
    if (role !== undefined) return { kind: 'known', operator: { name: `some ${role}`, role } };
    if (token === 'guest') return { kind: 'noRole', name: 'some guest', why: 'no role' };
    if (token === 'away') return { kind: 'unavailable', why: 'the provider is away' };
    return { kind: 'refused', why: 'it is not known here' };
  },
  close() {},
};

export interface Trial extends AsyncDisposable {
  readonly server: ApiServer;
  readonly operations: FakeOperations;
  readonly logged: LoggedLine[];
  call(options: InjectOptions): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Of a JSON body. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

export function trial(options: Partial<ApiOptions> = {}): Trial {
  const operations = new FakeOperations();
  const logged: LoggedLine[] = [];
  const server = createApiServer({
    address: { host: '127.0.0.1', port: 8091 },
    ...{ tls: undefined, authentication: undefined, payloads: 'admin', identity: IDENTITY },
    operations: () => operations,
    assets: { get: () => undefined },
    log: logInto(logged),
    ...options,
  });
  return {
    ...{ server, operations, logged },
    async call(request) {
      const headers = { host: HOST, ...request.headers };
      const { statusCode: status, headers: answered, payload: text } = await server.app.inject({ ...request, headers });
      const isJson = String(answered['content-type']).includes('json');
      return { status, headers: answered, text, body: isJson ? JSON.parse(text) : {} };
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

export function logInto(lines: LoggedLine[]): Log {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), with: () => log };
  return log;
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** An act as a script does it. */
export function post(url: string, payload: object | string, token?: string): InjectOptions {
  const headers = { 'content-type': 'application/json', ...(token !== undefined && bearer(token)) };
  return { method: 'POST', url, headers, payload };
}
