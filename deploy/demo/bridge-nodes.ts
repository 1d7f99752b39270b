// The bridge nodes: the product as its users start it, each a process of its own with a connection of its own to the
// engine, through the proxy. Their logs go to files, at debug, for those tell when a shard is served.
import { fileURLToPath } from 'node:url';
import { compileCacheDir } from '../local/cache.ts';
import { freePorts } from '../local/ports.ts';
import { type LocalServer, startProcess } from '../local/process.ts';

export interface BridgeNode {
  readonly name: string;
  readonly server: LocalServer;
  /** Health and metrics. */
  readonly httpUrl: string;
  /** Its page, and the API behind it. */
  readonly apiUrl: string;
  /** What it was started with: for whoever wants to start it again by hand. */
  readonly env: Readonly<Record<string, string>>;
}

export interface BridgeNodeSpec {
  readonly name: string;
  readonly dir: string;
  readonly natsUrl: string;
  readonly kafkaBrokers: string;
  /** `host:port` at the proxy. */
  readonly engine: string;
}

const MAIN = fileURLToPath(new URL('../../src/gateway/cli/main.ts', import.meta.url));
const CONFIG = fileURLToPath(new URL('holdfast.yaml', import.meta.url));

/** Resolves when the node is ready. @throws ServerNotReady with the end of its log */
export async function startBridgeNode({
  name,
  dir,
  natsUrl,
  kafkaBrokers,
  engine,
}: BridgeNodeSpec): Promise<BridgeNode> {
  const [port = 0, apiPort = 0] = await freePorts(2);
  const [http, api] = [`127.0.0.1:${port}`, `127.0.0.1:${apiPort}`];
  const httpUrl = `http://${http}`;
  const env = {
    HOLDFAST_NODE: name,
    HOLDFAST_CONFIG: CONFIG,
    HOLDFAST_HTTP: http,
    HOLDFAST_API: api,
    NATS_URL: natsUrl,
    KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers,
    ZEEBE_GRPC_ADDRESS: `grpc://${engine}`,
    CAMUNDA_AUTH_STRATEGY: 'NONE',
    LOG_LEVEL: 'debug',
    NODE_COMPILE_CACHE: compileCacheDir,
  };
  const server = await startProcess({
    name,
    dir,
    command: process.execPath,
    args: [MAIN, 'start'],
    env,
    ready: async () => (await fetch(`${httpUrl}/healthz/ready`, { signal: AbortSignal.timeout(2_000) })).ok,
    readyWithinMs: 60_000,
  });
  return { name, server, httpUrl, apiUrl: `http://${api}`, env };
}
