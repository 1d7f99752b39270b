// NATS with JetStream: one server, or three that form a cluster in which streams can have three replicas.
//
// The program comes from the PATH when it is new enough (older ones lack message TTLs and consumers with many filters, and
// ignore headers they do not know), else it is built from the Go proxy into the cache.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, runTool } from './cache.ts';
import { dataDir } from './directory.ts';
import { launch } from './launch.ts';
import { freePorts } from './ports.ts';
import type { LocalServer } from './process.ts';
import { httpOk, waitUntilReady } from './ready.ts';

const run = promisify(execFile);

const builtVersion = '2.15.1';
const leastVersion = [2, 14, 6] as const;

export interface LocalNats {
  readonly servers: readonly LocalServer[];
  /** Comma-separated list of `nats://host:port`. */
  readonly url: string;
  /** One `http://host:port` per server. */
  readonly monitorUrls: readonly string[];
  /** Stops all, and removes the data unless it lies in a directory of the caller. */
  stop(): Promise<void>;
}

export interface NatsOptions {
  readonly servers?: 1 | 3;
  readonly dir?: string;
  /** Bytes; default 8 MiB, the most that NATS recommends, so that large replies reach the limits of others first. */
  readonly maxPayload?: number;
  /** Servers of a cluster tell clients where the others are; false: clients know what they were told, and no way around. */
  readonly advertise?: boolean;
  /**
   * A configuration file of the caller: its servers are only told on the command line where they listen, who the others are
   * and where their data is. The two settings above are then its business.
   */
  readonly config?: string;
}

interface Node {
  readonly name: string;
  readonly dir: string;
  readonly client: number;
  readonly monitor: number;
  readonly route: number;
}

export async function startNats(options: NatsOptions = {}): Promise<LocalNats> {
  const { servers: count = 1, maxPayload = 8 << 20, advertise = true, config } = options;
  const data = await dataDir('nats', options.dir);
  const ports = await freePorts(count * 3);
  const nodes = Array.from({ length: count }, (_, i): Node => {
    const [client = 0, monitor = 0, route = 0] = ports.slice(i * 3);
    return { name: `nats-${i + 1}`, dir: data.path, client, monitor, route };
  });
  const servers = await Promise.all(
    nodes.map(async (node) => {
      const file = join(node.dir, `${node.name}.conf`);
      const text = config === undefined ? configOf(node, nodes, maxPayload, advertise) : await readFile(config);
      await writeFile(file, text);
      return startNode(node, ['-c', file, ...(config === undefined ? [] : flagsOf(node, nodes))], count);
    }),
  );
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await data.remove();
  };
  try {
    await waitUntilReady('JetStream', async () => (await Promise.all(nodes.map(isHealthy))).every(Boolean), 30_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    servers,
    url: nodes.map(({ client }) => `nats://127.0.0.1:${client}`).join(','),
    monitorUrls: nodes.map(({ monitor }) => `http://127.0.0.1:${monitor}`),
    stop,
  };
}

// A server of a cluster is up when it accepts clients: one that starts first, or alone, cannot have a meta leader yet.
async function startNode(node: Node, args: readonly string[], count: number): Promise<LocalServer> {
  const { name, dir, monitor } = node;
  return launch({
    name,
    dir,
    ready: () => (count === 1 ? isHealthy(node) : httpOk(`http://127.0.0.1:${monitor}/healthz?js-enabled-only=true`)),
    readyWithinMs: 30_000,
    native: async () => ({ command: await natsProgram(), args }),
    container: { image: `nats:${builtVersion}`, command: ['nats-server', ...args] },
  });
}

// The full health check: streams recovered and, in a cluster, in touch with the meta leader.
function isHealthy({ monitor }: Node): Promise<boolean> {
  return httpOk(`http://127.0.0.1:${monitor}/healthz`);
}

function configOf(node: Node, nodes: readonly Node[], maxPayload: number, advertise: boolean): string {
  const lines = [
    `server_name: ${node.name}`,
    `listen: "127.0.0.1:${node.client}"`,
    `http: "127.0.0.1:${node.monitor}"`,
    `max_payload: ${maxPayload}`,
    'ping_interval: "10s"',
    `jetstream { store_dir: ${JSON.stringify(join(node.dir, node.name))} }`,
  ];
  if (nodes.length > 1) {
    const routes = nodes.map(({ route }) => `"nats://127.0.0.1:${route}"`);
    const listen = `listen: "127.0.0.1:${node.route}", no_advertise: ${!advertise}`;
    lines.push(`cluster { name: local, ${listen}, routes: [${routes.join(', ')}] }`);
  }
  return `${lines.join('\n')}\n`;
}

/** Stronger than what the file says. */
function flagsOf(node: Node, nodes: readonly Node[]): string[] {
  const { name, dir, client, monitor, route } = node;
  const flags = ['--name', name, '--addr', '127.0.0.1', '--port', `${client}`, '--http_port', `${monitor}`];
  flags.push('--store_dir', join(dir, name));
  if (nodes.length === 1) return flags;
  const routes = nodes.map((each) => `nats://127.0.0.1:${each.route}`);
  return [...flags, '--cluster', `nats://127.0.0.1:${route}`, '--routes', routes.join(',')];
}

let program: Promise<string> | undefined;

/** Path of a nats-server that is new enough. */
export function natsProgram(): Promise<string> {
  program ??= findProgram();
  return program;
}

async function findProgram(): Promise<string> {
  const { stdout } = await run('nats-server', ['--version']).catch(() => ({ stdout: '' }));
  if (isNewEnough(stdout)) return 'nats-server';
  const source = `github.com/nats-io/nats-server/v2@v${builtVersion}`;
  const dir = await cached(`nats-server-${builtVersion}`, `and building ${source} (half a minute)`, async (bin) => {
    const remedy = `install nats-server ${leastVersion.join('.')} or later on the PATH, or Go to build it`;
    await runTool('go', ['install', source], remedy, { env: { ...process.env, GOBIN: bin } });
  });
  return join(dir, 'nats-server');
}

// Prints "nats-server: v2.15.1".
function isNewEnough(output: string): boolean {
  const [major = 0, minor = 0, patch = 0] = (/v(\d+)\.(\d+)\.(\d+)/.exec(output) ?? []).slice(1).map(Number);
  const [leastMajor, leastMinor, leastPatch] = leastVersion;
  if (major !== leastMajor) return major > leastMajor;
  if (minor !== leastMinor) return minor > leastMinor;
  return patch >= leastPatch;
}
