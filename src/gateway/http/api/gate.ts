// What a request meets before a route of the API: is it for us, who asks, may they, and does a page of somebody else ask.
//
// Without authentication everybody on this machine is admin, and so is every page in a browser on it. Two walls stand
// against those. A name that somebody lets point to 127.0.0.1 (DNS rebinding) is not one of ours, so `Host` is checked. A
// page of another origin may send simple requests without asking (CSRF): what a browser says of origin is believed, and an
// act must be JSON, which no such request is. With authentication the token does the same; the second wall stays.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LOCAL_NAME } from '../../config/api-tokens.ts';
import type { Log } from '../../log.ts';
import type { Operator } from '../../operations/operations.ts';
import { Guesses } from './guesses.ts';
import { ApiProblem, rateLimited } from './problem.ts';
import { type Api, mayActAs } from './serving.ts';
import type { Authentication } from './verdict.ts';

/** Who asks where nobody is asked who they are. */
const LOCAL: Operator = { name: LOCAL_NAME, role: 'admin' };

const MINUTE_MS = 60_000;

const NO_TOKEN = 'Bearer realm="holdfast"';
const BAD_TOKEN = 'Bearer realm="holdfast", error="invalid_token"';

/** Refuses what was not sent to this machine by one of its own names. */
export function guardHost(app: FastifyInstance, host: string, port: () => number): void {
  const names = new Set(['localhost', '127.0.0.1', '[::1]', host.includes(':') ? `[${host}]` : host]);
  app.addHook('onRequest', async ({ headers }) => {
    const allowed = [...names].map((name) => `${name}:${port()}`);
    if (allowed.includes(headers.host?.toLowerCase() ?? '')) return;
    const found = headers.host === undefined ? 'none' : JSON.stringify(headers.host.slice(0, 200));
    throw new ApiProblem('WRONG_HOST', `the header Host: found ${found}; allowed: ${allowed.join(', ')}`);
  });
}

export interface GateOptions {
  /** undefined: everybody is `local`. */
  readonly authentication: Authentication | undefined;
  /** Of one address within a minute; further ones are not looked at. */
  readonly maxFailures: number;
  /** Of one person. Those of somebody without a role are counted here, for they come no further. */
  readonly requestsPerMinute: number;
  readonly log: Log;
}

/** Call it when requests are counted already, and before the first route. */
export function gate(api: Api, { authentication, maxFailures, requestsPerMinute, log }: GateOptions): void {
  const guesses = new Guesses(api, { maxFailures, log });
  const namesWithoutRole = new WeakMap<FastifyRequest, string>();
  const countWithoutRole = api.createRateLimit({
    max: requestsPerMinute,
    timeWindow: MINUTE_MS,
    keyGenerator: (request) => `without a role ${namesWithoutRole.get(request)}`,
  });

  const refused = async (request: FastifyRequest, token: string | undefined, why: string): Promise<ApiProblem> => {
    const tooMany = await guesses.failed(request, token);
    if (tooMany !== undefined) return tooMany;
    log.warn('an authentication failed', { address: request.ip, path: pathOf(request), reason: why });
    return new ApiProblem('UNAUTHENTICATED', `the token is not taken: ${why}`, {
      headers: { 'www-authenticate': BAD_TOKEN },
    });
  };

  /** Their token is good, so it is no guess: logged once a minute, and bounded as everybody else. */
  const withoutRole = async (request: FastifyRequest, name: string, why: string): Promise<ApiProblem> => {
    namesWithoutRole.set(request, name);
    const sofar = await countWithoutRole(request);
    if (!sofar.isAllowed && sofar.isExceeded) return rateLimited(requestsPerMinute, sofar.ttlInSeconds);
    if (!sofar.isAllowed && sofar.remaining === sofar.max - 1) {
      log.warn('somebody without a role asked', { name, address: request.ip, path: pathOf(request), reason: why });
    }
    return new ApiProblem('FORBIDDEN', `${name} has no role here: ${why}`);
  };

  const operatorOf = async (request: FastifyRequest): Promise<Operator> => {
    if (authentication === undefined) return LOCAL;
    const { authorization } = request.headers;
    if (authorization === undefined) {
      throw new ApiProblem(
        'UNAUTHENTICATED',
        'there is no header Authorization; send "Authorization: Bearer <token>"',
        {
          headers: { 'www-authenticate': NO_TOKEN },
        },
      );
    }
    const [, token] = /^Bearer +([\w~+/.=-]+) *$/i.exec(authorization) ?? [];
    if (token === undefined)
      throw await refused(request, undefined, 'the header Authorization is not "Bearer <token>"');
    await guesses.check(request, token);
    const verdict = await authentication.verify(token);
    switch (verdict.kind) {
      case 'known':
        await guesses.taken(request, token);
        return verdict.operator;
      case 'refused':
        throw await refused(request, token, verdict.why);
      case 'noRole':
        throw await withoutRole(request, verdict.name, verdict.why);
      case 'unavailable':
        throw new ApiProblem('AUTHENTICATION_UNAVAILABLE', verdict.why, { headers: { 'retry-after': '5' } });
    }
  };

  api.addHook('onRequest', async (request) => {
    const { role } = request.routeOptions.config;
    if (role === undefined) return;
    refuseForeign(request, isAct(request));
    request.operator = await operatorOf(request);
  });

  // Behind the count of requests, which is a hook of each route: what somebody may not do is counted too.
  const checkRole = async (request: FastifyRequest): Promise<void> => {
    const { role } = request.routeOptions.config;
    if (role === undefined) return;
    if (!mayActAs(request.operator.role, role)) {
      throw new ApiProblem(
        'FORBIDDEN',
        `this needs the role ${role}, and ${request.operator.name} has the role ${request.operator.role}`,
      );
    }
    if (isAct(request) && !/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? '')) {
      const found = JSON.stringify(request.headers['content-type'] ?? 'none');
      throw new ApiProblem('NOT_JSON', `the header Content-Type: found ${found}; allowed: application/json`);
    }
  };
  api.addHook('onRoute', (route) => {
    route.preParsing = [...[route.preParsing ?? []].flat(), checkRole];
  });
}

function isAct({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** @throws ApiProblem when a browser says that a page of another origin asks */
function refuseForeign({ headers }: FastifyRequest, acts: boolean): void {
  const site = headers['sec-fetch-site'];
  // `none`: somebody typed the address; that is how to see, not how to act.
  if (site !== undefined && site !== 'same-origin' && (acts || site !== 'none')) {
    throw new ApiProblem('FOREIGN_ORIGIN', `the header Sec-Fetch-Site: found ${show(site)}; allowed: same-origin`);
  }
  if (!acts || headers.origin === undefined) return;
  const host = headers.host ?? '';
  if (headers.origin === `http://${host}` || headers.origin === `https://${host}`) return;
  throw new ApiProblem('FOREIGN_ORIGIN', `the header Origin: found ${show(headers.origin)}; allowed: that of ${host}`);
}

function show(header: string | readonly string[]): string {
  return JSON.stringify(String(header).slice(0, 200));
}

/** Without the query, which may hold what does not belong in a log. */
export function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0] ?? url;
}
