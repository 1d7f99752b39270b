// Unary gRPC calls framed by hand on node:http2, without what grpc-js does for each of them: a chain of interceptors and the
// choice of a subchannel. Only what the engine's commands need: one connection, no compression, no load balancing, nothing
// repeated. What is saved is measured by bench/alone; the wire is in grpc-frames.ts.
//
// What must hold: whatever failed says truly whether it may have reached the engine. `sent: false` is only said when the
// connection was never there, or the server refused the stream before it looked at it (REFUSED_STREAM).
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import { ZeebeCallError } from './answers.ts';
import type { TlsSettings } from './certificates.ts';
import { watchSession } from './gateway-calls-session.ts';
import { framed, HEAD_BYTES, requestHeaders, statusSaid, unavailable } from './grpc-frames.ts';

/** As CHANNEL_OPTIONS of the other transport: a lost connection is sought again within a second. */
const RECONNECT_MIN_MS = 200;
const RECONNECT_MAX_MS = 1_000;
/** MB; the largest results times the commands in flight. */
const SESSION_MEMORY_MB = 512;

export class FramedCalls {
  readonly #origin: string;
  readonly #tls: () => TlsSettings | undefined;
  #session: Session | undefined;
  #failures = 0;
  #retryAtMs = 0;
  #lastReason = '';
  #closed = false;

  /** @param address `host:port` @param tls asked for each connection */
  constructor(address: string, tls: () => TlsSettings | undefined) {
    this.#origin = `${tls() === undefined ? 'http' : 'https'}://${address}`;
    this.#tls = tls;
  }

  /**
   * @param message the request's bytes @param headers lower-case names
   * @returns the answer's bytes @throws ZeebeCallError
   */
  call(
    method: string,
    path: string,
    message: Buffer,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Buffer> {
    if (this.#closed) return Promise.reject(notSent(method, 'the client is closed'));
    const session = this.#connected();
    if (session === undefined) return Promise.reject(notSent(method, `No connection established. ${this.#lastReason}`));
    return session.call(method, path, message, headers, deadlineMs);
  }

  /** The next call goes over a new connection; those under way end on the one that was. */
  renew(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  /** No call can be made any more; those under way end by themselves. */
  close(): void {
    this.#closed = true;
    this.#session?.close();
  }

  /** The connection, or the one that is being made; undefined: the last one failed a moment ago. */
  #connected(): Session | undefined {
    if (this.#session?.usable) return this.#session;
    if (Date.now() < this.#retryAtMs) return undefined;
    this.#session = new Session(this.#origin, this.#tls(), {
      onServed: () => {
        this.#failures = 0;
      },
      onFailed: (reason) => {
        this.#lastReason = reason;
        const waitMs = Math.min(RECONNECT_MIN_MS * 2 ** this.#failures, RECONNECT_MAX_MS);
        this.#failures += 1;
        this.#retryAtMs = Date.now() + waitMs * (0.5 + Math.random() / 2);
      },
    });
    return this.#session;
  }
}

interface SessionListener {
  /** The server speaks HTTP/2. */
  onServed(): void;
  /** It never did. A connection alone is no sign of it: a balancer without a gateway behind it takes one, and ends it. */
  onFailed(reason: string): void;
}

class Session {
  readonly #origin: string;
  readonly #session: ClientHttp2Session;
  #wasConnected = false;
  #wasServed = false;
  #leaving = false;
  #closedHere = false;
  #reason = '';

  constructor(origin: string, tls: TlsSettings | undefined, listener: SessionListener) {
    const session = connect(origin, { ...tls, settings: { enablePush: false }, maxSessionMemory: SESSION_MEMORY_MB });
    this.#origin = origin;
    this.#session = session;
    watchSession(session);
    session.on('connect', () => {
      this.#wasConnected = true;
    });
    session.on('remoteSettings', () => {
      this.#wasServed = true;
      listener.onServed();
    });
    session.on('error', (error) => {
      this.#reason = error.message;
    });
    session.on('goaway', () => {
      this.#leaving = true;
    });
    session.on('close', () => {
      if (!this.#wasServed && !this.#closedHere) listener.onFailed(this.#reason || 'the connection was ended at once');
    });
  }

  get usable(): boolean {
    return !this.#leaving && !this.#session.closed && !this.#session.destroyed;
  }

  call(
    method: string,
    path: string,
    message: Buffer,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let stream: CallStream;
      try {
        const list = requestHeaders(this.#origin, path, headers);
        list.push('grpc-timeout', `${Math.ceil(deadlineMs)}m`);
        stream = this.#session.request(list);
      } catch (error) {
        return reject(notSent(method, error instanceof Error ? error.message : String(error)));
      }
      const giveUp = () => {
        if (stream[CALL] === undefined) return;
        call.late = true;
        // One that waits for the connection would be closed only with that, or sent after all.
        if (stream.pending) stream.destroy();
        else stream.close(constants.NGHTTP2_CANCEL);
      };
      // A process that stood still finds its timers first and what was received next: an answer that came in time is read
      // before its call is given up, or a job would be completed again that the engine has said is completed.
      const timer = setTimeout(() => setImmediate(giveUp), deadlineMs);
      const call: Call = {
        answer: [],
        headers: undefined,
        trailers: undefined,
        failure: undefined,
        late: false,
        over: (rstCode) => {
          clearTimeout(timer);
          const error = this.#errorOf(method, call, rstCode);
          if (error !== undefined) return reject(error);
          const bytes = call.answer.length === 1 ? (call.answer[0] as Buffer) : Buffer.concat(call.answer);
          resolve(bytes.subarray(HEAD_BYTES));
        },
      };
      stream[CALL] = call;
      stream.on('response', onResponse);
      stream.on('trailers', onTrailers);
      stream.on('data', onData);
      stream.on('error', onError);
      stream.on('close', onClose);
      stream.end(framed(message));
    });
  }

  close(): void {
    this.#closedHere = true;
    if (!this.#session.destroyed) this.#session.close();
  }

  /** undefined: OK. */
  #errorOf(method: string, { headers, trailers, failure, late }: Call, rstCode: number): ZeebeCallError | undefined {
    const found = trailers === undefined ? headers : { ...headers, ...trailers };
    const said = statusSaid(found);
    if (said?.code === status.OK) return undefined;
    if (found?.['grpc-status'] !== undefined && said !== undefined)
      return new ZeebeCallError(method, said.code, said.details, true);
    if (!this.#wasConnected) return notSent(method, `No connection established. ${failure?.message ?? this.#reason}`);
    if (late) return new ZeebeCallError(method, status.DEADLINE_EXCEEDED, 'Deadline exceeded', true);
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM) return notSent(method, 'the gateway refused the stream');
    if (said !== undefined) return new ZeebeCallError(method, said.code, said.details, true);
    return unavailable(method, 'Connection dropped', failure?.message ?? this.#reason, true);
  }
}

/** What a stream is for until it is closed; after that it leads nowhere, for node's and V8's tables keep it for a while. */
const CALL = Symbol('call');

interface CallStream extends ClientHttp2Stream {
  [CALL]?: Call | undefined;
}

interface Call {
  readonly answer: Buffer[];
  headers: IncomingHttpHeaders | undefined;
  trailers: IncomingHttpHeaders | undefined;
  failure: Error | undefined;
  late: boolean;
  readonly over: (rstCode: number) => void;
}

function onResponse(this: CallStream, headers: IncomingHttpHeaders): void {
  if (this[CALL] !== undefined) this[CALL].headers = headers;
}

function onTrailers(this: CallStream, trailers: IncomingHttpHeaders): void {
  if (this[CALL] !== undefined) this[CALL].trailers = trailers;
}

function onData(this: CallStream, chunk: Buffer): void {
  this[CALL]?.answer.push(chunk);
}

function onError(this: CallStream, error: Error): void {
  if (this[CALL] !== undefined) this[CALL].failure = error;
}

function onClose(this: CallStream): void {
  const call = this[CALL];
  this[CALL] = undefined;
  call?.over(this.rstCode);
}

function notSent(method: string, details: string): ZeebeCallError {
  return new ZeebeCallError(method, status.UNAVAILABLE, details, false);
}
