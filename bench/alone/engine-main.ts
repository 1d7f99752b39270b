// The engine double as a process of its own: the gateway's service on one port, and on another what a bench tells it and asks
// it, as JSON over HTTP. PUT /loads/<job type> sets a load, GET /figures answers the counts, POST /lap the same and times
// from there anew. Settings come in the environment: DOUBLE_GRPC, DOUBLE_HTTP (`host:port` each), DOUBLE_VARIABLES (of every
// job), DOUBLE_SEEDED (JSON, optional).
import { createServer, type IncomingMessage } from 'node:http';
import { EngineDouble } from './engine-double.ts';
import type { SeededKeys } from './job-table.ts';
import type { Load } from './load-source.ts';

const { DOUBLE_GRPC = '', DOUBLE_HTTP = '', DOUBLE_VARIABLES = '{}', DOUBLE_SEEDED } = process.env;
const seeded = DOUBLE_SEEDED === undefined ? undefined : (JSON.parse(DOUBLE_SEEDED) as SeededKeys);
const double = new EngineDouble(DOUBLE_VARIABLES, seeded);
await double.listen(DOUBLE_GRPC);

async function answerTo(request: IncomingMessage): Promise<unknown> {
  const [, what, type = ''] = (request.url ?? '').split('/');
  switch (`${request.method} ${what}`) {
    case 'PUT loads':
      double.setLoad(decodeURIComponent(type), JSON.parse((await request.toArray()).join('')) as Load);
      return {};
    case 'GET figures':
      return double.figures(false);
    case 'POST lap':
      return double.figures(true);
    default:
      return undefined;
  }
}

const [host, port] = DOUBLE_HTTP.split(':');
createServer((request, response) => {
  answerTo(request).then(
    (answer) => response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer ?? 'no such thing')),
    (error: unknown) => response.writeHead(400).end(String(error)),
  );
}).listen(Number(port), host);
