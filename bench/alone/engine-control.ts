// The engine double from outside: its process, and what it is told and asked while a bench runs.
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../deploy/local/ports.ts';
import { type LocalServer, startProcess } from '../../deploy/local/process.ts';
import type { DoubleFigures } from './engine-double.ts';
import type { SeededKeys } from './job-table.ts';
import type { Load } from './load-source.ts';

export interface DoubleOptions {
  readonly dir: string;
  /** Of every job, JSON text. */
  readonly variables: string;
  readonly seeded?: SeededKeys;
}

const MAIN = fileURLToPath(new URL('engine-main.ts', import.meta.url));
const CALL_MS = 5_000;

export class EngineDoubleProcess {
  readonly server: LocalServer;
  /** `host:port` of the gateway's service. */
  readonly grpcAddress: string;
  readonly #url: string;

  private constructor(server: LocalServer, grpcAddress: string, url: string) {
    this.server = server;
    this.grpcAddress = grpcAddress;
    this.#url = url;
  }

  static async start({ dir, variables, seeded }: DoubleOptions): Promise<EngineDoubleProcess> {
    const [grpcPort, httpPort] = await freePorts(2);
    const grpcAddress = `127.0.0.1:${grpcPort}`;
    const url = `http://127.0.0.1:${httpPort}`;
    const server = await startProcess({
      name: 'engine-double',
      dir,
      command: process.execPath,
      args: [MAIN],
      env: {
        DOUBLE_GRPC: grpcAddress,
        DOUBLE_HTTP: `127.0.0.1:${httpPort}`,
        DOUBLE_VARIABLES: variables,
        ...(seeded !== undefined && { DOUBLE_SEEDED: JSON.stringify(seeded) }),
      },
      ready: async () => (await fetch(`${url}/figures`, { signal: AbortSignal.timeout(CALL_MS) })).ok,
      readyWithinMs: 30_000,
    });
    return new EngineDoubleProcess(server, grpcAddress, url);
  }

  async setLoad(jobType: string, load: Load): Promise<void> {
    await this.#call('PUT', `/loads/${encodeURIComponent(jobType)}`, JSON.stringify(load));
  }

  async figures(): Promise<DoubleFigures> {
    return (await this.#call('GET', '/figures')) as DoubleFigures;
  }

  /** The figures; latencies are measured anew from here. */
  async lap(): Promise<DoubleFigures> {
    return (await this.#call('POST', '/lap')) as DoubleFigures;
  }

  async #call(method: string, path: string, body?: string): Promise<unknown> {
    const signal = AbortSignal.timeout(CALL_MS);
    const response = await fetch(this.#url + path, { method, signal, ...(body !== undefined && { body }) });
    if (!response.ok) throw new Error(`the engine double answers ${response.status} to ${method} ${path}`);
    return response.json();
  }
}
