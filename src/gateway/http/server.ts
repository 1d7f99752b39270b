// The node's HTTP side: is it alive, is it ready, and its figures.
//
// Live says only that the process answers: a restart does not cure a missing server, so nothing else belongs there.
// Ready names what the node still waits for. Errors are problem+json (RFC 9457). Nothing here takes a body, headers and
// time are bounded, and further routes are registered on `app` before `listen`.
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import type { Log } from '../log.ts';
import { limitConnections } from './connections.ts';

export interface Readiness {
  readonly ready: boolean;
  /** What is missing, in words for an operator; empty when ready. */
  readonly waitingFor: readonly string[];
}

export interface HttpOptions {
  /** Port 0: any free one. */
  readonly address: { readonly host: string; readonly port: number };
  ready(): Readiness;
  readonly metrics: Registry;
  readonly log: Log;
}

export interface HttpServer {
  readonly app: FastifyInstance;
  /** Answers the base URL, `http://127.0.0.1:8090`. @throws when the address is taken or not ours */
  listen(): Promise<string>;
  /** Open connections are closed; nothing is waited for. */
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 8 * 1024;
const MAX_BODY_BYTES = 64 * 1024;
const REQUEST_TIMEOUT_MS = 5_000;
/** How often connections are looked at that have not sent a whole request yet. Node's default would leave them half a minute. */
const CHECK_CONNECTIONS_MS = 1_000;
/** An idle connection between two requests; a scrape a quarter of a minute later may open another. */
const KEEP_ALIVE_MS = 5_000;
/** Far more than probes and scrapes need. */
const MAX_CONNECTIONS = 500;

export function createHttpServer(options: HttpOptions): HttpServer {
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      // Else the default of this one, a minute, would be the limit of a body.
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
    },
  });
  limitConnections(app.server, MAX_CONNECTIONS);
  app.setNotFoundHandler((request, reply) =>
    problem(reply, 404, `nothing is at ${request.method} ${pathOf(request.url)}`),
  );
  app.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    if (status < 500) return problem(reply, status, error instanceof Error ? error.message : 'bad request');
    options.log.error('an HTTP request failed', { err: error, path: pathOf(request.url) });
    return problem(reply, 500, 'the request failed inside the node; its log says why');
  });
  app.register(async (probes) => {
    probes.addHook('onRequest', async (request, reply) => {
      const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
      if (length !== '0' || encoding !== undefined)
        return problem(reply.header('connection', 'close'), 413, 'no body is taken here');
    });
    probes.get('/healthz/live', async () => ({ live: true }));
    probes.get('/healthz/ready', async (_request, reply) => {
      const { ready, waitingFor } = options.ready();
      return reply.code(ready ? 200 : 503).send({ ready, waitingFor });
    });
    probes.get('/metrics', async (_request, reply) =>
      reply.type(options.metrics.contentType).send(await options.metrics.metrics()),
    );
  });
  return {
    app,
    listen: () => app.listen({ host: options.address.host, port: options.address.port }),
    close: () => app.close(),
  };
}

function problem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  const body = JSON.stringify({ type: 'about:blank', title: TITLES[status] ?? 'Error', status, detail });
  return reply.code(status).type('application/problem+json').send(body);
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
};

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}

/** Without the query, which may hold what does not belong in a log. */
function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url;
}
