// Bridge nodes for tests on real servers: the product as its users start it, each node a process of its own with a
// configuration file, a free HTTP port and a log file, to be killed, paused and started again. None outlives the test.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileCacheDir } from '../../deploy/local/cache.ts';
import { dataDir } from '../../deploy/local/directory.ts';
import { freePorts } from '../../deploy/local/ports.ts';
import { type LocalServer, startProcess, tailOf } from '../../deploy/local/process.ts';
import { eventually } from './eventually.ts';

/** Where the servers are, as a node is told. */
export interface Servers {
  readonly natsUrl: string;
  readonly kafkaBrokers: string;
  /** `host:port` */
  readonly zeebeAddress: string;
  /** Default: none. */
  readonly registryUrl?: string;
  /** Further variables: how one is let in. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The configuration file, as an object: JSON is YAML. */
export interface ClusterSettings {
  readonly cluster: string;
  readonly routes: readonly Readonly<Record<string, unknown>>[];
  readonly [setting: string]: unknown;
}

export type LogLine = Readonly<Record<string, unknown>> & { readonly time: string; readonly message: string };

export const NODE_MAIN = fileURLToPath(new URL('../../src/gateway/cli/main.ts', import.meta.url));

export function nodeEnv(
  servers: Servers,
  name: string,
  config: string,
  port: number,
  logLevel = 'debug',
): Record<string, string> {
  return {
    HOLDFAST_NODE: name,
    HOLDFAST_CONFIG: config,
    HOLDFAST_HTTP: `127.0.0.1:${port}`,
    HOLDFAST_API: '127.0.0.1:0', // any free port: several nodes share this machine
    NATS_URL: servers.natsUrl,
    KAFKA_BOOTSTRAP_SERVERS: servers.kafkaBrokers,
    ZEEBE_GRPC_ADDRESS: `grpc://${servers.zeebeAddress}`,
    CAMUNDA_AUTH_STRATEGY: 'NONE',
    LOG_LEVEL: logLevel,
    NODE_COMPILE_CACHE: compileCacheDir,
    ...(servers.registryUrl !== undefined && { SCHEMA_REGISTRY_URL: servers.registryUrl }),
    ...servers.env,
  };
}

/**
 * A directory of configuration and logs, and the nodes that were started in it. It goes with the test, unless
 * HOLDFAST_TEST_LOGS names a directory to keep it in, for whoever looks for the reason of a failure.
 */
export class Nodes {
  readonly dir: string;
  readonly settings: ClusterSettings;
  /** Of nodes that start from now on. */
  logLevel: 'debug' | 'info' = 'debug';
  readonly #all = new Map<string, BridgeNode>();
  readonly #remove: () => Promise<void>;

  private constructor(dir: string, settings: ClusterSettings, remove: () => Promise<void>) {
    this.dir = dir;
    this.settings = settings;
    this.#remove = remove;
  }

  /** @param dir of the caller, which stays */
  static async create(settings: ClusterSettings, dir?: string): Promise<Nodes> {
    const { HOLDFAST_TEST_LOGS: keptIn } = process.env;
    const data = await dataDir('nodes', dir ?? (keptIn && join(keptIn, settings.cluster)));
    const nodes = new Nodes(data.path, settings, () => data.remove());
    await writeFile(nodes.config, JSON.stringify(settings, undefined, 1));
    return nodes;
  }

  /** Other routes, for nodes that start from now on. */
  async configure(routes: ClusterSettings['routes']): Promise<void> {
    await writeFile(this.config, JSON.stringify({ ...this.settings, routes }, undefined, 1));
  }

  get config(): string {
    return join(this.dir, 'holdfast.yaml');
  }

  get all(): readonly BridgeNode[] {
    return [...this.#all.values()];
  }

  /** Starts a process; resolves when it answers, which is before it is ready. @param nodeArgs options of Node itself */
  async start(name: string, servers: Servers, nodeArgs: readonly string[] = []): Promise<BridgeNode> {
    const [port = 0, apiPort = 0] = await freePorts(2);
    const httpUrl = `http://127.0.0.1:${port}`;
    const api = `127.0.0.1:${apiPort}`;
    const process_ = await startProcess({
      name,
      dir: this.dir,
      command: process.execPath,
      args: [...nodeArgs, NODE_MAIN, 'start'],
      env: { ...nodeEnv(servers, name, this.config, port, this.logLevel), HOLDFAST_API: api },
      ready: async () => (await fetch(`${httpUrl}/healthz/live`, { signal: AbortSignal.timeout(2_000) })).ok,
      readyWithinMs: 60_000,
    });
    const node = new BridgeNode(process_, httpUrl, `http://${api}/`);
    this.#all.set(name, node);
    return node;
  }

  async untilReady(deadlineMs = 60_000): Promise<void> {
    await Promise.all(this.all.map((node) => node.untilReady(deadlineMs)));
  }

  /** The sum of a counter or gauge over all nodes that answer. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const values = await Promise.all(this.all.map((node) => node.metric(name, labels).catch(() => 0)));
    return values.reduce((sum, value) => sum + value, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((node) => node.kill()));
    await this.#remove();
  }
}

export class BridgeNode {
  readonly httpUrl: string;
  /** Of its page, with the API below it; a restart keeps it. '': whoever started it has not said where. */
  readonly pageUrl: string;
  readonly #process: LocalServer;

  constructor(server: LocalServer, httpUrl: string, pageUrl = '') {
    this.#process = server;
    this.httpUrl = httpUrl;
    this.pageUrl = pageUrl;
  }

  get name(): string {
    return this.#process.name;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get logFile(): string {
    return this.#process.logFile;
  }

  /** What `/healthz/ready` says. */
  async readiness(): Promise<{ readonly ready: boolean; readonly waitingFor: readonly string[] }> {
    const response = await fetch(`${this.httpUrl}/healthz/ready`, { signal: AbortSignal.timeout(2_000) });
    const said = (await response.json()) as { ready: boolean; waitingFor: string[] };
    if (said.ready !== response.ok) throw new Error(`${response.status} for ${JSON.stringify(said)}`);
    return said;
  }

  async untilReady(deadlineMs = 60_000): Promise<void> {
    const ready = async () => (await this.readiness()).ready;
    await eventually(`node ${this.name} to be ready`, ready, { deadlineMs, diagnose: () => this.diagnose() });
  }

  /** The sum of a counter or gauge over all its series that have these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const response = await fetch(`${this.httpUrl}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    let sum = 0;
    for (const line of (await response.text()).split('\n')) {
      const [, series, has = '', value] = /^([a-z_]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
      if (series === name && wanted.every((label) => has.includes(label))) sum += Number(value);
    }
    return sum;
  }

  async log(): Promise<readonly LogLine[]> {
    const text = await readFile(this.#process.logFile, 'utf8');
    return text.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine];
      } catch {
        return []; // a line that is being written
      }
    });
  }

  async diagnose(): Promise<unknown> {
    const waiting = await this.readiness().catch((error: unknown) => String(error));
    return { node: this.name, waiting, log: await tailOf(this.#process.logFile, 15) };
  }

  /** SIGKILL */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  /** SIGTERM, and until it is gone. */
  stop(): Promise<void> {
    return this.#process.stop();
  }

  /** A new process under the same name, with the same configuration; resolves when it answers. */
  restart(): Promise<void> {
    return this.#process.restart();
  }

  /** SIGSTOP: the sockets stay open and nobody answers. */
  pause(): void {
    this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }
}
