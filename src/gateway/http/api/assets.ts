// The page: static files of this package, for everybody, since they hold no data; the page asks for a token and calls the
// API. A browser may keep a file, and asks each time whether it is still the same.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from './gate.ts';
import { ApiProblem } from './problem.ts';

export interface Asset {
  /** Content-Type. */
  readonly type: string;
  readonly body: Buffer | string;
  /** With its quotes. */
  readonly etag: string;
}

export interface Assets {
  /** `/` is the page; what it loads is below `/page/`. undefined: there is no such file. */
  get(path: string): Asset | undefined;
}

export function assetRoutes(app: FastifyInstance, assets: Assets): void {
  const serve = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = pathOf(request);
    const asset = assets.get(path);
    if (asset === undefined) throw new ApiProblem('NOT_FOUND', `nothing is at GET ${path}`);
    reply.headers({ etag: asset.etag, 'cache-control': 'no-cache' });
    if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
    return reply.type(asset.type).send(asset.body);
  };
  app.get('/', { schema: { hide: true } }, serve);
  app.get('/page/*', { schema: { hide: true } }, serve);
}
