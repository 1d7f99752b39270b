// The API's listener: what an operator sees and does, for people who were let in, apart from health and metrics
// (http/server.ts), which show no key and no payload and may be open to more.
//
// Everything has a limit: headers, bodies, connections, how long a request may take to come and to be answered, how many
// come from one person. No answer is kept by anybody. Beyond this machine it speaks only TLS and only to who is known
// (config/api.ts refuses the rest before it comes to this).
import { Server as TlsServer } from 'node:tls';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance } from 'fastify';
import { isLoopback } from '../../config/api.ts';
import type { Log } from '../../log.ts';
import { limitConnections } from '../connections.ts';
import { type Assets, assetRoutes } from './assets.ts';
import { gate, guardHost, pathOf } from './gate.ts';
import { addressOf } from './guesses.ts';
import { refuseOtherMethods } from './methods.ts';
import { describeApi } from './openapi.ts';
import { ApiProblem, answerProblem, problemOf, rateLimited } from './problem.ts';
import { actRoutes } from './routes-act.ts';
import { deadLetterRoutes } from './routes-dead-letters.ts';
import { seeRoutes } from './routes-see.ts';
import { NAMED_SCHEMAS } from './schemas.ts';
import { type Api, Serving, type ServingOptions } from './serving.ts';
import type { Certificate } from './tls.ts';
import { validatorCompiler } from './validation.ts';
import type { Authentication } from './verdict.ts';

export interface ApiOptions extends ServingOptions {
  /** Port 0: any free one. */
  readonly address: { readonly host: string; readonly port: number };
  /** undefined: plain HTTP, on loopback only. */
  readonly tls: Certificate | undefined;
  /** undefined: everybody on this machine is `local` and admin. */
  readonly authentication: Authentication | undefined;
  readonly assets: Assets;
  readonly log: Log;
  readonly limits?: Partial<ApiLimits>;
}

export interface ApiLimits {
  /** Of one person, or of one address that nobody knows yet. */
  readonly requestsPerMinute: number;
  /** Authentications of one address. */
  readonly failuresPerMinute: number;
}

/** A page that is open asks a few times a second; somebody has several open. */
const DEFAULT_LIMITS: ApiLimits = { requestsPerMinute: 1_800, failuresPerMinute: 20 };

export interface ApiServer {
  readonly app: FastifyInstance;
  /** Answers the base URL, `http://127.0.0.1:8091`. @throws when the address is taken or not ours */
  listen(): Promise<string>;
  /** Open connections are closed; nothing is waited for. */
  close(): Promise<void>;
}

export const API_PATH = '/api/v1';
const MINUTE_MS = 60_000;
/** Tokens of identity providers list groups. */
const MAX_HEADER_BYTES = 16 * 1024;
/** Variables for a job: more than NATS takes in one message would be refused anyway. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;
const MAX_PARAM_CHARS = 200;
const HEADERS_TIMEOUT_MS = 10_000;
/** With its body, for what was answered before that came: Node takes the smaller of these two limits for the headers, whichever it is. */
const REQUEST_TIMEOUT_MS = 25_000;
/** Until it is over no other limit of time holds, and Node's default is two minutes. */
const HANDSHAKE_TIMEOUT_MS = 5_000;
/**
 * For a body that is waited for and does not come to its end. Operations have a deadline of their own, and a
 * shorter one (serving.ts); fastify forgets this one as soon as a body is read.
 */
const HANDLER_TIMEOUT_MS = 20_000;
/** How often connections are looked at that have not sent a whole request yet. Node's default would leave them half a minute. */
const CHECK_CONNECTIONS_MS = 1_000;
const KEEP_ALIVE_MS = 10_000;
/** People and scripts, not load. */
const MAX_CONNECTIONS = 300;

export function createApiServer(options: ApiOptions): ApiServer {
  const { address, tls, authentication, log } = options;
  if (!isLoopback(address.host) && (tls === undefined || authentication === undefined)) {
    throw new Error(`the API does not listen on ${address.host} without TLS and authentication`);
  }
  const app = newApp(options);
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error, request.raw.complete);
    if (problem !== undefined) return answerProblem(reply, problem);
    log.error('a request to the API failed', { err: error, method: request.method, path: pathOf(request) });
    return answerProblem(reply, new ApiProblem('INTERNAL', 'the request failed inside the node; its log says why'));
  });
  app.setNotFoundHandler((request, reply) =>
    answerProblem(reply, new ApiProblem('NOT_FOUND', `nothing is at ${request.method} ${pathOf(request)}`)),
  );
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  app.register(helmet, headersOf(tls !== undefined));
  const boundPort = (): number => {
    const bound = app.server.address();
    return bound !== null && typeof bound === 'object' ? bound.port : address.port;
  };
  if (authentication === undefined) guardHost(app, address.host, boundPort);
  assetRoutes(app, options.assets);
  app.register((api) => registerApi(api as unknown as Api, options), { prefix: API_PATH });
  const stopWatching = tls?.onChange(({ cert, key }) => {
    if (app.server instanceof TlsServer) app.server.setSecureContext({ cert, key, minVersion: MIN_TLS });
  });
  return {
    app,
    listen: () => app.listen({ host: address.host, port: address.port }),
    close: async () => {
      stopWatching?.();
      authentication?.close();
      await app.close();
    },
  };
}

const MIN_TLS = 'TLSv1.2';

function newApp({ tls }: ApiOptions): FastifyInstance {
  const options = {
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    handlerTimeout: HANDLER_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_CHARS },
    // The path cannot be read; it is not logged, for it may hold anything.
    frameworkErrors: (_error: unknown, _request: unknown, reply: Parameters<typeof answerProblem>[0]) => {
      answerProblem(reply, new ApiProblem('BAD_REQUEST', 'the path is none, or a part of it is too long'));
    },
  } as const;
  const server = {
    ...{ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
  };
  const app: FastifyInstance =
    tls === undefined
      ? Fastify({ ...options, http: server })
      : (Fastify({
          ...options,
          https: { ...server, ...tls.current(), minVersion: MIN_TLS, handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
        }) as unknown as FastifyInstance);
  limitConnections(app.server, MAX_CONNECTIONS);
  return app;
}

async function registerApi(api: Api, options: ApiOptions): Promise<void> {
  const { authentication, identity, log } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  api.decorateRequest('bodyText', '');
  takeOnlyJson(api);
  api.setValidatorCompiler(validatorCompiler(NAMED_SCHEMAS));
  for (const schema of NAMED_SCHEMAS) api.addSchema(schema);
  await api.register(rateLimit, {
    max: limits.requestsPerMinute,
    timeWindow: MINUTE_MS,
    hook: 'preParsing', // by then it is known who asks
    keyGenerator: (request) =>
      request.operator === undefined ? `at ${addressOf(request)}` : `by ${request.operator.name}`,
    errorResponseBuilder: (_request, { max, ttl }) => rateLimited(max, Math.ceil(ttl / 1_000)),
  });
  const { failuresPerMinute: maxFailures, requestsPerMinute } = limits;
  gate(api, { authentication, maxFailures, requestsPerMinute, log });
  describeApi(api, identity);
  await api.after();

  const refuseOthers = refuseOtherMethods(api);
  const serving = new Serving(options);
  seeRoutes(api, serving);
  actRoutes(api, serving);
  deadLetterRoutes(api, serving);
  api.get('/openapi.json', { schema: { hide: true } }, async () => api.swagger());
  refuseOthers();
}

/** An empty body is an object without fields: what is missing in it is then named. */
function takeOnlyJson(api: Api): void {
  const parse = api.getDefaultJsonParser('error', 'error');
  api.removeAllContentTypeParsers();
  api.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, text, done) => {
    const bodyText = text === '' ? '{}' : text;
    request.bodyText = bodyText;
    parse(request, bodyText, done);
  });
}

/** The page needs its own scripts, styles and calls, and nothing from anywhere else. */
function headersOf(hasTls: boolean) {
  const [none, self] = [["'none'"], ["'self'"]];
  const directives = {
    ...{ defaultSrc: none, scriptSrc: self, styleSrc: self, imgSrc: ["'self'", 'data:'], connectSrc: self },
    ...{ fontSrc: self, baseUri: none, formAction: none, frameAncestors: none },
  };
  return {
    contentSecurityPolicy: { useDefaults: false, directives },
    strictTransportSecurity: hasTls ? { maxAge: 365 * 86_400, includeSubDomains: false } : false,
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
  } as const;
}
