// The transport: typed calls to the gateway, each with metadata for authentication. Polls go over grpc-js; unary calls too, or
// framed by hand over a connection of their own (`UnaryTransport`; bench/alone measures both); a stream of jobs has a
// connection of its own in any case (gateway-calls-pushed.ts).
//
// Nothing is compressed (the gateway is near, CPU is what is scarce) and grpc-js repeats nothing that a server may have
// seen. What an answer means is decided elsewhere.
import { Client, type ClientReadableStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Log } from '../log.ts';
import { ZeebeCallError } from './answers.ts';
import type { GatewayCertificates } from './certificates.ts';
import { CHANNEL_OPTIONS, channelCredentials, type ZeebeConnection } from './connection.ts';
import { FramedCalls } from './gateway-calls-framed.ts';
import { JobStreamConnection } from './gateway-calls-pushed.ts';
import { tryConnection } from './gateway-calls-session.ts';
import { type Calls, type GatewayService, loadGatewayService, type StreamCalls } from './protocol.ts';

/** How long a token may take where no deadline says so. */
const TOKEN_MS = 10_000;
/** A gateway that does not take our new certificates may be about to. */
const TRY_AGAIN_MS = 5_000;
/** For so long a call waits for a new login before it goes with the old one, which other gateways may take. */
const NEW_LOGIN_MS = 250;
/** A login that is refused for long asks its provider no more often. */
const LOGIN_REFUSED_EVERY_MS = 5_000;
const LOGIN_TOLD_EVERY_MS = 60_000;

export const UNARY_TRANSPORTS = ['http2', 'grpc-js'] as const;
export type UnaryTransport = (typeof UNARY_TRANSPORTS)[number];
export const DEFAULT_TRANSPORT: UnaryTransport = 'http2';

export class GatewayCalls {
  readonly #connection: ZeebeConnection;
  readonly #log: Log;
  readonly #streams = new Set<JobStreamConnection>();
  readonly #stopWatching: (() => void) | undefined;
  #client: Client;
  readonly #framed: FramedCalls | undefined;
  readonly #headers: ZeebeConnection['headers'];
  readonly #service: GatewayService = loadGatewayService();
  #loginRefusedMs = Number.NEGATIVE_INFINITY;
  #loginToldMs = Number.NEGATIVE_INFINITY;
  #closed = false;
  #renewing: NodeJS.Timeout | undefined;

  constructor(connection: ZeebeConnection, unary: UnaryTransport, log: Log) {
    const { address, tls, headers } = connection;
    this.#connection = connection;
    this.#log = log;
    this.#client = this.#newClient();
    this.#framed = unary === 'http2' ? new FramedCalls(address, () => tls?.current) : undefined;
    this.#headers = headers;
    this.#stopWatching = tls?.onChange(() => void this.#renew(tls));
  }

  /** One unary call. `deadlineMs` is a duration and includes fetching a token. @throws ZeebeCallError */
  async call<M extends keyof Calls>(method: M, request: Calls[M][0], deadlineMs: number): Promise<Calls[M][1]> {
    try {
      return await this.#unary(method, request, deadlineMs);
    } catch (error) {
      if (error instanceof ZeebeCallError && error.sent) this.#heard(error.status);
      throw error;
    }
  }

  #heard(code: number): void {
    const nowMs = performance.now();
    // Calls that were under way with the old login are refused too, and must not throw away the new one.
    if (code !== status.UNAUTHENTICATED || nowMs - this.#loginRefusedMs < LOGIN_REFUSED_EVERY_MS) return;
    this.#loginRefusedMs = nowMs;
    if (!this.#connection.loginRefused() || nowMs - this.#loginToldMs < LOGIN_TOLD_EVERY_MS) return;
    this.#loginToldMs = nowMs;
    this.#log.warn('Zeebe: the gateway does not take our login: it is asked for anew', {});
  }

  async #unary<M extends keyof Calls>(method: M, request: Calls[M][0], deadlineMs: number): Promise<Calls[M][1]> {
    const deadline = Date.now() + deadlineMs;
    const headers = this.#headers === undefined ? NONE : await this.#authenticate(this.#headers, method, deadlineMs);
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) throw new ZeebeCallError(method, status.DEADLINE_EXCEEDED, 'no time left', false);
    const { path, requestSerialize, responseDeserialize } = this.#service[method];
    if (this.#framed !== undefined) {
      const bytes = this.#framed.call(method, path, requestSerialize(request), headers, leftMs);
      return responseDeserialize(await bytes);
    }
    const metadata = metadataOf(headers);
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: Calls[M][1]) => {
        if (response !== undefined) resolve(response);
        else reject(new ZeebeCallError(method, error?.code ?? status.UNKNOWN, error?.details ?? '', true));
      };
      try {
        this.#client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          { deadline },
          done,
        );
      } catch (error) {
        reject(notSent(method, error));
      }
    });
  }

  /**
   * Opens a call that answers with a stream; without `deadlineMs` (a duration) it has none. What `decode` throws of a message
   * ends the stream. @throws ZeebeCallError
   */
  async stream<M extends keyof StreamCalls, T>(
    method: M,
    request: StreamCalls[M][0],
    decode: (bytes: Buffer) => T,
    deadlineMs: number | undefined,
  ): Promise<ClientReadableStream<T>> {
    const headers = this.#headers === undefined ? NONE : await this.#authenticate(this.#headers, method, TOKEN_MS);
    const metadata = metadataOf(headers);
    const { path, requestSerialize } = this.#service[method];
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    try {
      const stream = this.#client.makeServerStreamRequest(path, requestSerialize, decode, request, metadata, options);
      return stream.on('error', (error: ServiceError) => this.#heard(error.code));
    } catch (error) {
      throw notSent(method, error);
    }
  }

  /**
   * Opens a stream that goes on until one side closes it. `onEnd` gets the reason, once; what `onMessage` throws ends it too.
   * @throws ZeebeCallError
   */
  async push<M extends keyof StreamCalls>(
    method: M,
    request: StreamCalls[M][0],
    onMessage: (bytes: Buffer) => void,
    onEnd: (reason: string) => void,
  ): Promise<JobStreamConnection> {
    const headers = this.#headers === undefined ? NONE : await this.#authenticate(this.#headers, method, TOKEN_MS);
    if (this.#closed) throw notSent(method, 'the client is closed');
    const { path, requestSerialize } = this.#service[method];
    const stream: JobStreamConnection = new JobStreamConnection(
      this.#connection.address,
      this.#connection.tls?.current,
      {
        method,
        path,
        message: requestSerialize(request),
        headers,
        onMessage,
        onEnd: (error) => {
          if (error?.sent) this.#heard(error.status);
          const isOurs = this.#streams.delete(stream);
          onEnd(isOurs ? (error?.message ?? 'ended by the gateway') : 'left for a connection with new certificates');
        },
      },
    );
    this.#streams.add(stream);
    return stream;
  }

  /** No call can be made any more; those under way end by themselves, streams only when they are closed. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#renewing);
    this.#stopWatching?.();
    this.#client.close();
    this.#framed?.close();
  }

  #newClient(): Client {
    return new Client(this.#connection.address, channelCredentials(this.#connection), CHANNEL_OPTIONS);
  }

  /**
   * Connections are made with new certificates, and those that stand are left for new ones, only when the gateway has
   * taken them: it may not know them yet, and what works goes on until then. Calls under way end where they
   * were made; streams are closed, and whoever opened them opens them again.
   */
  async #renew(tls: GatewayCertificates, again = false): Promise<void> {
    clearTimeout(this.#renewing);
    const tried = tls.candidate;
    const { address } = this.#connection;
    const refusal = await tryConnection(address, tried).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (this.#closed || tls.candidate !== tried) return; // others are tried already
    if (refusal !== undefined) {
      if (!again)
        this.#log.warn('Zeebe: no connection with the new certificates: those that were taken last go on', {
          address,
          reason: refusal,
        });
      this.#renewing = setTimeout(() => void this.#renew(tls, true), TRY_AGAIN_MS * (0.5 + Math.random() / 2)).unref();
      return;
    }
    tls.take(tried);
    const old = this.#client;
    this.#client = this.#newClient();
    old.close();
    this.#framed?.renew();
    const streams = [...this.#streams];
    this.#streams.clear();
    for (const stream of streams) void stream.close();
    this.#log.info('Zeebe: connections are made anew with the new certificates', { address });
  }

  async #authenticate(headersOf: () => Promise<Headers>, method: string, withinMs: number): Promise<Headers> {
    let timer: NodeJS.Timeout | undefined;
    const old = this.#connection.oldLogin();
    const patienceMs = old === undefined ? withinMs : Math.min(withinMs, NEW_LOGIN_MS);
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the identity provider did not answer in time')), patienceMs);
    });
    try {
      const asked = headersOf();
      asked.catch(() => undefined); // it goes on, for the next call
      return await Promise.race([asked, late]);
    } catch (error) {
      if (old !== undefined) return old;
      throw new ZeebeCallError(method, status.UNAUTHENTICATED, `no token: ${String(error)}`, false);
    } finally {
      clearTimeout(timer);
    }
  }
}

type Headers = Readonly<Record<string, string>>;

const NONE: Headers = {};

function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

/** The message of the error that ended a streaming call. */
export function streamFailure(method: keyof StreamCalls, error: ServiceError): string {
  return new ZeebeCallError(method, error.code, error.details, true).message;
}

/** grpc-js throws when the client is closed. */
function notSent(method: string, error: unknown): ZeebeCallError {
  return new ZeebeCallError(method, status.UNAVAILABLE, error instanceof Error ? error.message : String(error), false);
}
