// A double of the API for looking at the page: the paths and shapes of the real one over a made-up world, with the page itself
// and the headers that it has to live under. Every answer is checked against its schema, and every body that comes in: what the
// page can do here it can do there.
//
// To look at it: node test/gateway/http/page/fake-api.ts [--nodes 9] [--shards 512] [--jobs 137] [--port 8091] [--move]
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import type { TSchema } from 'typebox';
import Value from 'typebox/value';
import { pageAssets } from '../../../../src/gateway/http/page/assets.ts';
import {
  ActResult,
  CompleteBody,
  DrainBody,
  DropBody,
  ExtendBody,
  FailBody,
  type JobActName,
  ResendBody,
  ThrowBody,
} from '../../../../src/gateway/operations/model/acts.ts';
import { AuditPage } from '../../../../src/gateway/operations/model/audit.ts';
import { ClusterView, WhoAmI } from '../../../../src/gateway/operations/model/cluster.ts';
import {
  DeadLetterPage,
  DeadLetterView,
  RedriveBody,
  RedriveView,
  StopRedriveBody,
} from '../../../../src/gateway/operations/model/dead-letters.ts';
import { FlowView, RoutesView } from '../../../../src/gateway/operations/model/flow.ts';
import { JobPage, JobView, OutcomePage } from '../../../../src/gateway/operations/model/jobs.ts';
import { World, type WorldOptions } from './fake-world.ts';

export interface FakeOptions extends WorldOptions {
  readonly role?: WhoAmI['role'];
  readonly payloads?: boolean;
  /** Wanted from whoever asks; default: nothing. */
  readonly token?: string;
  readonly version?: string;
  readonly port?: number;
}

export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What each act takes. */
export const BODIES: Readonly<Record<JobActName, TSchema>> = {
  resend: ResendBody,
  extend: ExtendBody,
  complete: CompleteBody,
  fail: FailBody,
  throw: ThrowBody,
  drop: DropBody,
};

export class FakeApi {
  readonly world: World;
  /** `GET /api/v1/cluster`, as they came. */
  readonly requests: string[] = [];
  /** Of acts, as they came. */
  readonly bodies: string[] = [];
  /** Answers that are not of their schema, in words; to be empty. */
  readonly faults: string[] = [];
  /** What is refused, as `POST /api/v1/…`: by a status and a code. */
  refuses: (request: string) => readonly [status: number, code: string] | undefined = () => undefined;
  /** The next act comes to this. */
  nextResult: ActResult['result'] = 'done';
  version: string;
  readonly #options: FakeOptions;
  readonly #assets = pageAssets();
  #server: Server | undefined;
  #port = 0;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.version = options.version ?? '0.9.0';
    this.world = new World(options);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port || (this.#options.port ?? 0), '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    return this;
  }

  /** As a node that is killed: nothing is finished. `start` brings it back at the same address. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    response.setHeader('content-security-policy', CSP);
    response.setHeader('x-content-type-options', 'nosniff');
    const asset = this.#assets.get(url.pathname);
    if (asset !== undefined) {
      response
        .setHeader('etag', asset.etag)
        .setHeader('content-type', asset.type)
        .setHeader('cache-control', 'no-cache');
      if (request.headers['if-none-match'] === asset.etag) response.writeHead(304).end();
      else response.end(asset.body);
      return;
    }
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    const { token } = this.#options;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return this.#problem(
        response,
        401,
        'Who asks is not known',
        'a token is wanted as Authorization: Bearer',
        'UNAUTHORIZED',
      );
    const body = await bodyOf(request);
    if (request.method === 'POST') this.bodies.push(body);
    const [status, code] = this.refuses(`${request.method} ${url.pathname}`) ?? [];
    if (status !== undefined && code !== undefined)
      return this.#problem(response, status, 'Not now', `the double was told to say ${code}`, code);
    try {
      this.#route(
        request.method ?? 'GET',
        url.pathname.replace(/^\/api\/v1\//, '').split('/'),
        url.searchParams,
        body,
        response,
      );
    } catch (error) {
      this.faults.push(String(error));
      this.#problem(response, 500, 'Fault of the double', String(error), 'FAULT');
    }
  }

  #route(
    method: string,
    path: readonly string[],
    query: URLSearchParams,
    body: string,
    response: ServerResponse,
  ): void {
    const { world } = this;
    const { role = 'admin', payloads = true } = this.#options;
    const who = { name: 'local', role };
    const [first, second, third] = path;
    const send = (schema: TSchema, value: unknown) => this.#send(response, 200, schema, value);
    const absent = () => this.#problem(response, 404, 'Not found', `nothing is at ${path.join('/')}`, 'NOT_FOUND');
    const taken = <T>(schema: TSchema): T | undefined => {
      const value: unknown = JSON.parse(body || '{}');
      if (Value.Check(schema, value)) return value as T;
      const [error] = Value.Errors(schema, value);
      this.#problem(
        response,
        400,
        'The body is not as it should be',
        `${error?.instancePath ?? ''} ${error?.message ?? ''}`,
        'BAD_REQUEST',
      );
      return undefined;
    };
    switch (`${method} ${first}`) {
      case 'GET whoami':
        return send(WhoAmI, { ...who, payloads, cluster: 'shop-production', node: 'n1', version: this.version });
      case 'GET cluster':
        return send(ClusterView, world.cluster('n1'));
      case 'GET flow':
        return send(FlowView, world.flow(Number(query.get('seconds') ?? 60)));
      case 'GET routes':
        return send(RoutesView, world.routes());
      case 'GET jobs': {
        if (second === undefined) return this.#jobs(query, response);
        const job = world.jobs.find(({ jobKey }) => jobKey === second);
        return job === undefined ? absent() : send(JobView, payloads ? job : { ...job, payload: null });
      }
      case 'GET outcomes': {
        const outcomes = world.outcomes.filter((one) =>
          matches(one, query, ['outcome', 'lane'], ['processId', 'elementId', 'jobKey', 'lastStep']),
        );
        const { items, next } = paged(outcomes, query);
        return send(OutcomePage, { outcomes: items, next });
      }
      case 'GET audit': {
        const { items, next } = paged(
          world.audit.filter(({ target }) => target.includes(query.get('target') ?? '')),
          query,
        );
        return send(AuditPage, { entries: items, next });
      }
      case 'GET dead-letters': {
        if (second === 'redrives') {
          const redrive = world.redrives.get(third ?? '');
          if (redrive === undefined) return absent();
          if (redrive.state === 'running')
            redrive.driven = Math.min(redrive.matched - redrive.skipped, redrive.driven + 10);
          if (redrive.state === 'running' && redrive.driven >= redrive.matched - redrive.skipped)
            redrive.state = 'done';
          return send(RedriveView, redrive);
        }
        if (second !== undefined) {
          const letter = world.letters.find((one) => String(one.partition) === second && one.offset === third);
          return letter === undefined ? absent() : send(DeadLetterView, payloads ? letter : { ...letter, value: null });
        }
        const since = Number(query.get('sinceMs') ?? 0);
        const letters = world.letters.filter(
          (one) => one.atMs >= since && matches(one, query, ['reason'], ['reason', 'message', 'correlationId', 'key']),
        );
        const { items, next } = paged(
          letters.map(({ key, headers, value, ...summary }) => summary),
          query,
        );
        return send(DeadLetterPage, { letters: items, next });
      }
      case 'POST jobs': {
        const act = third as JobActName;
        const said = taken<{ reason: string }>(BODIES[act]);
        if (said === undefined) return;
        return this.#acted(response, `job.${act}`, second!, who, said.reason, () => world.actOnJob(act, second!));
      }
      case 'POST nodes': {
        const said = taken<{ reason: string }>(DrainBody);
        if (said === undefined) return;
        return this.#acted(response, `node.${third}`, second!, who, said.reason, () =>
          third === 'drain' ? world.drain(second!) : world.resume(second!),
        );
      }
      case 'POST dead-letters': {
        if (second === 'redrives') {
          const redrive = world.redrives.get(third ?? '');
          if (redrive === undefined) return absent();
          if (taken(StopRedriveBody) === undefined) return;
          redrive.state = 'stopped';
          return send(RedriveView, redrive);
        }
        const said = taken<RedriveBody>(RedriveBody);
        if (said === undefined) return;
        if (said.dryRun === false)
          world.act('deadLetters.redrive', JSON.stringify(said.filter), who, said.reason, 'done', '');
        return send(RedriveView, world.redrive(said));
      }
      default:
        return absent();
    }
  }

  #acted(
    response: ServerResponse,
    act: string,
    target: string,
    who: { name: string; role: string },
    reason: string,
    happens: () => void,
  ): void {
    const result = this.nextResult;
    this.nextResult = 'done';
    const detail = result === 'done' ? `${act} of ${target}: it has happened` : `${act} of ${target}: it is ${result}`;
    const said = this.world.act(act, target, who, reason, result, detail);
    if (result === 'done' || result === 'later') {
      happens();
      return this.#send(response, 200, ActResult, said);
    }
    const status = { absent: 404, refused: 422, wrongState: 409, gone: 409 }[result];
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ type: 'about:blank', title: 'Not done', status, code: 'ACT', ...said }));
  }

  #jobs(query: URLSearchParams, response: ServerResponse): void {
    const olderThan = Number(query.get('olderThanMs') ?? 0);
    const jobs = this.world
      .pending()
      .filter(
        (job) =>
          Date.now() - job.heldAtMs >= olderThan &&
          (query.get('shard') ?? String(job.shard)) === String(job.shard) &&
          (query.get('instance') ?? job.instanceKey) === job.instanceKey &&
          (query.get('process') ?? job.processId) === job.processId &&
          matches(
            job,
            query,
            ['lane', 'state', 'node'],
            ['jobKey', 'instanceKey', 'correlationId', 'processId', 'elementId', 'error'],
          ),
      );
    const { items, next } = paged(jobs, query);
    this.#send(response, 200, JobPage, { missing: this.world.missing, jobs: items, next });
  }

  #send(response: ServerResponse, status: number, schema: TSchema, value: unknown): void {
    for (const { instancePath, message } of Value.Errors(schema, value)) this.faults.push(`${instancePath} ${message}`);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  }

  #problem(response: ServerResponse, status: number, title: string, detail: string, code: string): void {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ type: 'about:blank', title, status, detail, code }));
  }
}

function matches(
  one: Readonly<Record<string, unknown>>,
  query: URLSearchParams,
  exact: readonly string[],
  texts: readonly string[],
): boolean {
  const text = (query.get('text') ?? '').toLowerCase();
  return (
    exact.every((name) => (query.get(name) ?? one[name]) === one[name]) &&
    texts.some((name) =>
      String(one[name] ?? '')
        .toLowerCase()
        .includes(text),
    )
  );
}

function paged<T>(
  all: readonly T[],
  query: URLSearchParams,
): { readonly items: readonly T[]; readonly next: string | null } {
  const from = Number(query.get('after') ?? 0);
  const to = from + Number(query.get('limit') ?? 50);
  return { items: all.slice(from, to), next: to < all.length ? String(to) : null };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      nodes: { type: 'string' },
      shards: { type: 'string' },
      jobs: { type: 'string' },
      port: { type: 'string' },
      move: { type: 'boolean' },
    },
  });
  const { nodes = '3', shards = '128', jobs = '137', port = '8091', move = false } = values;
  const api = await new FakeApi({
    nodes: Number(nodes),
    shards: Number(shards),
    jobs: Number(jobs),
    port: Number(port),
  }).start();
  console.log(api.url);
  if (move) {
    // A node dies, its shards are taken in waves, it comes back and gets its own again: twice a minute.
    let beat = 0;
    setInterval(() => {
      const at = beat++ % 30;
      const last = `n${nodes}`;
      if (at === 5) api.world.kill(last);
      else if (at === 18) api.world.restart(last);
      if (at > 6) api.world.move(Math.ceil(Number(shards) / 20), at < 18 ? 'takeover' : 'handover');
      api.world.settle();
    }, 1_000);
  }
}
