// The transport: one gRPC connection to the gateway, typed calls on it, each with metadata for authentication.
//
// Nothing is compressed (the gateway is near, CPU is what is scarce) and grpc-js repeats nothing that a server may have
// seen. What an answer means is decided elsewhere.
import { Client, type ClientReadableStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ZeebeCallError } from './answers.ts';
import { CHANNEL_OPTIONS, type ZeebeConnection } from './connection.ts';
import { type Calls, type GatewayService, loadGatewayService, type StreamCalls } from './protocol.ts';

/** How long a token may take where no deadline says so. */
const TOKEN_MS = 10_000;

export class GatewayCalls {
  readonly #client: Client;
  readonly #headers: ZeebeConnection['headers'];
  readonly #service: GatewayService = loadGatewayService();

  constructor(connection: ZeebeConnection) {
    this.#client = new Client(connection.address, connection.credentials, CHANNEL_OPTIONS);
    this.#headers = connection.headers;
  }

  /** One unary call. `deadlineMs` is a duration and includes fetching a token. @throws ZeebeCallError */
  async call<M extends keyof Calls>(method: M, request: Calls[M][0], deadlineMs: number): Promise<Calls[M][1]> {
    const deadline = Date.now() + deadlineMs;
    const metadata = await this.#metadata(method, deadlineMs);
    if (Date.now() >= deadline) throw new ZeebeCallError(method, status.DEADLINE_EXCEEDED, 'no time left', false);
    const { path, requestSerialize, responseDeserialize } = this.#service[method];
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

  /** Opens a call that answers with a stream; without `deadlineMs` (a duration) it has none. @throws ZeebeCallError */
  async stream<M extends keyof StreamCalls>(
    method: M,
    request: StreamCalls[M][0],
    deadlineMs: number | undefined,
  ): Promise<ClientReadableStream<StreamCalls[M][1]>> {
    const metadata = await this.#metadata(method, TOKEN_MS);
    const { path, requestSerialize, responseDeserialize } = this.#service[method];
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    try {
      return this.#client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        options,
      );
    } catch (error) {
      throw notSent(method, error);
    }
  }

  /** No call can be made any more; those under way end by themselves, streams only when they are cancelled. */
  close(): void {
    this.#client.close();
  }

  async #metadata(method: string, withinMs: number): Promise<Metadata> {
    const metadata = new Metadata();
    if (this.#headers === undefined) return metadata;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the identity provider did not answer in time')), withinMs);
    });
    try {
      const headers = await Promise.race([this.#headers(), late]);
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      return metadata;
    } catch (error) {
      throw new ZeebeCallError(method, status.UNAUTHENTICATED, `no token: ${String(error)}`, false);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The message of the error that ended a streaming call. */
export function streamFailure(method: keyof StreamCalls, error: ServiceError): string {
  return new ZeebeCallError(method, error.code, error.details, true).message;
}

/** grpc-js throws when the client is closed. */
function notSent(method: string, error: unknown): ZeebeCallError {
  return new ZeebeCallError(method, status.UNAVAILABLE, error instanceof Error ? error.message : String(error), false);
}
