// A small proxy in front of the engine's gateway, and the demo's witness: it knows each bridge node by the address that
// node was given, and each of its connections, and writes down every command to a job that passes, and for how long each node has
// the jobs locked that it asks for.
//
// What must hold: whatever a node and the engine say to each other passes unchanged, at the level of HTTP/2 and not of
// gRPC: message bytes, half-close, trailers (also an answer that is nothing but trailers), resets, deadlines (a header
// like any other) and flow control, for calls with one answer and for streams. Each connection of a node has a connection
// of its own to the engine, and when one breaks so does the other: the engine must see a killed node as it would see
// it without us, and the node a lost engine.
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { GIVE_BACK_MESSAGE } from '../../src/gateway/intake/intake.ts';
import { JOB_QUERIES, lockMsOf } from './activation-lock.ts';
import { type CompleteCall, jobKeyOf, timeoutMsOf } from './complete-calls.ts';

/** One connection of a node; `closedMs` is wall clock ms. */
export interface NodeConnection {
  readonly id: number;
  readonly node: string;
  readonly openedMs: number;
  closedMs: number | undefined;
}

/** The commands that end a job. */
export const JOB_COMMANDS = ['CompleteJob', 'FailJob', 'ThrowError'] as const;

export interface JobCall extends CompleteCall {
  readonly command: (typeof JOB_COMMANDS)[number];
  /** A FailJob that only gives the job back, for another node to take. */
  giveBack: boolean;
}

/** What a node asks for from then on, in a poll or a stream. */
export interface AskedLock {
  readonly node: string;
  readonly lockMs: number;
  readonly askedMs: number;
}

export class EngineProxy {
  readonly jobCalls: JobCall[] = [];
  /** Of each node the first, and those that differ from the one before. */
  readonly askedLocks: AskedLock[] = [];
  readonly connections: NodeConnection[] = [];
  readonly #engine: string;
  readonly #servers: Http2Server[] = [];
  readonly #sessions = new Set<ServerHttp2Session | ClientHttp2Session>();

  /** @param engine `host:port` of the gateway, plain text */
  constructor(engine: string) {
    this.#engine = engine;
  }

  get completeCalls(): readonly CompleteCall[] {
    return this.jobCalls.filter(({ command }) => command === 'CompleteJob');
  }

  /**
   * Opens an address of 127.0.0.1 for one node; answers it as `host:port`.
   * @param engine where this node finds the engine, if not where all do
   */
  async listen(node: string, engine = this.#engine): Promise<string> {
    const server = createServer();
    server.on('session', (session) => this.#connected(node, engine, session));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const session of this.#sessions) session.destroy();
  }

  #connected(node: string, engine: string, downstream: ServerHttp2Session): void {
    const connection: NodeConnection = {
      id: this.connections.length,
      node,
      openedMs: Date.now(),
      closedMs: undefined,
    };
    this.connections.push(connection);
    const upstream = connect(`http://${engine}`);
    this.#sessions.add(downstream).add(upstream);
    downstream.once('close', () => {
      connection.closedMs = Date.now();
      this.#sessions.delete(downstream);
      upstream.destroy();
    });
    upstream.once('close', () => {
      this.#sessions.delete(upstream);
      downstream.destroy();
    });
    upstream.once('goaway', () => downstream.close());
    // The errors themselves do not matter: both sessions close after one.
    downstream.on('error', () => undefined);
    upstream.on('error', () => undefined);
    downstream.on('stream', (stream, headers) => this.#forward(connection, upstream, stream, headers));
  }

  #forward(
    connection: NodeConnection,
    upstream: ClientHttp2Session,
    down: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): void {
    down.on('error', () => undefined);
    if (upstream.destroyed || upstream.closed) return down.close(constants.NGHTTP2_REFUSED_STREAM);
    const up = upstream.request(headers, { endStream: false });
    up.on('error', () => undefined);

    const isOf = (name: string) => headers[':path'] === `/gateway_protocol.Gateway/${name}`;
    if (JOB_QUERIES.some(isOf)) this.#recordLock(connection, down);
    const command = JOB_COMMANDS.find(isOf);
    const answered = command === undefined ? () => undefined : this.#record(command, connection, down, headers);
    let trailers: IncomingHttpHeaders = {};
    up.on('response', (response, flags) => {
      if (down.destroyed || down.headersSent) return;
      const trailersOnly = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      if (trailersOnly) answered(response);
      down.respond(response, { endStream: trailersOnly, waitForTrailers: !trailersOnly });
    });
    up.on('trailers', (last) => {
      trailers = last;
      answered(last);
    });
    down.on('wantTrailers', () => down.sendTrailers(trailers));

    down.pipe(up);
    up.pipe(down);
    // A stream that was not read to its end (cancelled, deadline passed, refused) ends on the other side in the same way.
    down.on('close', () => up.close(down.rstCode));
    up.on('close', () => {
      if (up.rstCode !== constants.NGHTTP2_NO_ERROR) down.close(up.rstCode);
    });
  }

  #recordLock({ node }: NodeConnection, down: ServerHttp2Stream): void {
    let message = Buffer.alloc(0);
    const read = (chunk: Buffer) => {
      message = Buffer.concat([message, chunk]);
      const lockMs = lockMsOf(message);
      if (lockMs === undefined) return;
      down.off('data', read);
      const before = this.askedLocks.findLast((asked) => asked.node === node);
      if (before?.lockMs !== lockMs) this.askedLocks.push({ node, lockMs, askedMs: Date.now() });
    };
    down.on('data', read);
  }

  /** Notes the call when its job is known; answers what is to be told of the answer. */
  #record(
    command: JobCall['command'],
    connection: NodeConnection,
    down: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): (trailers: IncomingHttpHeaders) => void {
    const timeoutMs = timeoutMsOf(headers['grpc-timeout']);
    let call: JobCall | undefined;
    let message = Buffer.alloc(0);
    down.on('data', (chunk: Buffer) => {
      if (call !== undefined && command !== 'FailJob') return;
      message = Buffer.concat([message, chunk]);
      if (call === undefined) {
        const jobKey = jobKeyOf(message);
        if (jobKey === undefined) return;
        const { node, id } = connection;
        call = { command, node, connection: id, jobKey, sentMs: Date.now(), timeoutMs, giveBack: false };
        this.jobCalls.push(call);
      }
      call.giveBack = command === 'FailJob' && message.includes(GIVE_BACK_MESSAGE);
    });
    return (trailers) => {
      if (call === undefined || call.status !== undefined || down.destroyed) return;
      call.status = Number(trailers['grpc-status']);
      call.answeredMs = Date.now();
    };
  }
}
