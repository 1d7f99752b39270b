// A gRPC server in front of the engine that passes every call on and writes down each FailJob with the engine's answer.
// The engine's API tells nobody why a job has an incident; what it was told, and said OK to, is the incident's text.
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { type GatewayService, loadGatewayService } from '../../src/gateway/zeebe/protocol.ts';

export interface FailCall {
  readonly jobKey: string;
  readonly retries: number;
  readonly errorMessage: string;
  /** gRPC code of the engine's answer. */
  readonly code: number;
}

const ANY_SIZE = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
const bytes = (value: Buffer): Buffer => value;

export class EngineWitness {
  readonly fails: FailCall[] = [];
  /** `host:port` */
  readonly address: string;
  readonly #server: Server;
  readonly #engine: Client;

  private constructor(server: Server, engine: Client, address: string) {
    this.#server = server;
    this.#engine = engine;
    this.address = address;
  }

  /** @param engine `host:port` of the gateway */
  static async open(engine: string): Promise<EngineWitness> {
    const server = new Server(ANY_SIZE);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const client = new Client(engine, credentials.createInsecure(), ANY_SIZE);
    const witness = new EngineWitness(server, client, `127.0.0.1:${port}`);
    const service = loadGatewayService();
    for (const definition of Object.values(service)) witness.#pass(definition, service);
    return witness;
  }

  /** FailJob calls for the job that the engine took, in order. */
  failsOf(jobKey: string): readonly FailCall[] {
    return this.fails.filter((fail) => fail.jobKey === jobKey && fail.code === status.OK);
  }

  close(): void {
    this.#server.forceShutdown();
    this.#engine.close();
  }

  #pass(definition: GatewayService[keyof GatewayService], service: GatewayService): void {
    const { path, responseStream } = definition;
    if (responseStream) {
      const stream = (call: ServerWritableStream<Buffer, Buffer>) => this.#stream(path, call);
      this.#server.register(path, stream, bytes, bytes, 'serverStream');
      return;
    }
    const isFail = path === service.FailJob.path;
    const unary = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) =>
      this.#unary(path, call, (error, response) => {
        if (isFail) {
          const { jobKey, retries, errorMessage } = service.FailJob.requestDeserialize(call.request);
          this.fails.push({ jobKey, retries, errorMessage, code: error?.code ?? status.OK });
        }
        answer(error, response);
      });
    this.#server.register(path, unary, bytes, bytes, 'unary');
  }

  #unary(path: string, call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void {
    const options = { deadline: call.getDeadline() };
    const sent = this.#engine.makeUnaryRequest(path, bytes, bytes, call.request, new Metadata(), options, answer);
    call.on('cancelled', () => sent.cancel());
  }

  #stream(path: string, call: ServerWritableStream<Buffer, Buffer>): void {
    const options = { deadline: call.getDeadline() };
    const source = this.#engine.makeServerStreamRequest(path, bytes, bytes, call.request, new Metadata(), options);
    call.on('cancelled', () => source.cancel());
    source.on('data', (message: Buffer) => call.write(message));
    source.on('error', (error) => call.emit('error', error));
    source.on('end', () => call.end());
  }
}
