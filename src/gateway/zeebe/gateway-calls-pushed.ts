// The stream over which the gateway pushes jobs, on a connection of its own, so that it can be closed without losing any.
//
// A call that is cancelled (RST_STREAM) throws away whatever the gateway has written and this side has not read, and what it
// writes until it hears of it; each such job is hidden until its lock ends. So the closing of this stream is that of its
// connection, in one direction: we say that we shall send nothing more (FIN), and go on reading until the gateway, which
// takes that for the end of its client, has closed its side too. What it had written by then arrives.
//
// What it had only put into its queue does not: its thread for the connection writes that queue out, and when it comes to run
// it reads our end first. A busy machine may keep it from running for tens of ms. So the end is said when that thread has just
// run: when it has acknowledged SETTINGS at once, as far as the way there allows (round-trips.ts). What is left to chance is a
// job between that and the end.
//
// A gateway, or a proxy before it, that does not close its side within `CLOSE_MS` is left as before, by a reset.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ZeebeCallError } from './answers.ts';
import type { TlsSettings } from './certificates.ts';
import { watchSession } from './gateway-calls-session.ts';
import { FrameReader, framed, requestHeaders, statusSaid, unavailable } from './grpc-frames.ts';
import { RoundTrips } from './round-trips.ts';

/** The gateway needs a few ms; a busy one a hundred. */
const CLOSE_MS = 2_000;
/** A new connection is asked so often how far it leads, for answers may be late by chance; after that its pings say it. */
const ASKED_AT_FIRST = 5;
const FIRST_ANSWERS_MS = 10_000;
/**
 * What the gateway may have on its way: no more is granted once our side is closed. By that, and by what comes while it is asked
 * before (`RoundTrips.patienceMs`), a slow node can take more jobs than it has room for.
 */
const WINDOW_BYTES = 256 * 1024;

export interface StreamRequest {
  readonly method: string;
  readonly path: string;
  readonly message: Buffer;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** What it throws ends the stream. */
  onMessage(message: Buffer): void;
  /** Called once, after the last message. `undefined`: by the gateway, in order. */
  onEnd(error: ZeebeCallError | undefined): void;
}

export class JobStreamConnection {
  readonly #request: StreamRequest;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #frames = new FrameReader();
  readonly #roundTrips = new RoundTrips();
  readonly #closed: Promise<void>;
  #answer: IncomingHttpHeaders | undefined;
  #connected = false;
  #reason = '';

  /** @param address `host:port` */
  constructor(address: string, tls: TlsSettings | undefined, request: StreamRequest) {
    this.#request = request;
    const origin = `${tls === undefined ? 'http' : 'https'}://${address}`;
    this.#socket = connectSocket(new URL(origin), tls);
    // Half open is what we may leave the connection, not the gateway.
    this.#socket.once('end', () => this.#socket.end());
    const settings = { enablePush: false, initialWindowSize: WINDOW_BYTES };
    this.#session = connect(origin, { createConnection: () => this.#socket, settings });
    this.#watch();
    this.#stream = this.#session.request(requestHeaders(origin, request.path, request.headers));
    this.#closed = new Promise((resolve) => this.#stream.once('close', resolve));
    this.#read();
    this.#stream.end(framed(request.message));
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Resolves when the gateway has closed its side and the jobs that came until then are handed over. */
  async close(): Promise<void> {
    if (!this.#connected) this.#session.destroy();
    this.#stream.resume();
    await this.#untilPrompt();
    this.#socket.end();
    const patience = setTimeout(() => {
      this.#stream.close(constants.NGHTTP2_CANCEL);
      this.#session.destroy();
    }, CLOSE_MS);
    await this.#closed.finally(() => clearTimeout(patience));
  }

  /** Until the gateway has answered promptly, or for as long as that is waited for. */
  async #untilPrompt(): Promise<void> {
    const startMs = performance.now();
    for (;;) {
      const leftMs = startMs + this.#roundTrips.patienceMs - performance.now();
      if (leftMs <= 0) return;
      const tookMs = await this.#ask(leftMs);
      if (tookMs === undefined || this.#roundTrips.took(tookMs)) return;
    }
  }

  /** What the answers to come are measured by. After the end is said there is nothing to say any more. */
  async #learnRoundTrip(): Promise<void> {
    for (let asked = 0; asked < ASKED_AT_FIRST && !this.#socket.writableEnded; asked++) {
      const tookMs = await this.#ask(FIRST_ANSWERS_MS);
      if (tookMs === undefined) return;
      this.#roundTrips.took(tookMs);
    }
  }

  /**
   * How long an answer took: every peer has to acknowledge SETTINGS, and does not count them as it does PINGs. undefined: it did
   * not come in time, or the gateway is gone.
   */
  #ask(withinMs: number): Promise<number | undefined> {
    if (this.#session.destroyed) return Promise.resolve(undefined);
    const askedMs = performance.now();
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(undefined), withinMs).unref();
      const done = (answered: boolean) => {
        clearTimeout(late);
        resolve(answered ? performance.now() - askedMs : undefined);
      };
      void this.#closed.then(() => done(false));
      this.#session.settings({ initialWindowSize: WINDOW_BYTES }, (error) => done(error === null));
    });
  }

  #read(): void {
    const stream = this.#stream;
    const take = (headers: IncomingHttpHeaders) => {
      this.#answer = { ...this.#answer, ...headers };
    };
    stream.on('response', take);
    stream.on('trailers', take);
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('error', (error) => this.#fail(error.message));
    stream.on('close', () => {
      this.#session.destroy();
      this.#request.onEnd(this.#error());
    });
  }

  #take(chunk: Buffer): void {
    try {
      for (const message of this.#frames.read(chunk)) this.#request.onMessage(message);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
      this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  #watch(): void {
    const session = this.#session;
    watchSession(
      session,
      () => !this.#socket.writableEnded,
      (tookMs) => this.#roundTrips.took(tookMs),
    );
    session.on('connect', () => {
      if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES);
      this.#connected = true;
      void this.#learnRoundTrip();
    });
    session.on('error', (error) => this.#fail(error.message));
  }

  /** The first reason is the cause, later ones its consequences. */
  #fail(reason: string): void {
    if (this.#reason === '') this.#reason = reason;
  }

  #error(): ZeebeCallError | undefined {
    const { method } = this.#request;
    const said = statusSaid(this.#answer);
    if (said?.code === 0) return undefined;
    if (said !== undefined) return new ZeebeCallError(method, said.code, said.details, true);
    const what = this.#connected ? 'Connection dropped' : 'No connection established';
    return unavailable(method, what, this.#reason, this.#connected);
  }
}

/** It may be half open: that is what its closing is made of. */
function connectSocket(origin: URL, tls: TlsSettings | undefined): Socket {
  const host = origin.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(origin.port || (tls === undefined ? 80 : 443));
  if (tls === undefined) return connectPlain({ host, port, allowHalfOpen: true });
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ ...tls, ...servername, host, port, ALPNProtocols: ['h2'], allowHalfOpen: true } as object);
}
