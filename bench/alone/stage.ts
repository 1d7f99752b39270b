// What the bridge alone is measured on: real Kafka and NATS, a service that answers at once, and in place of the engine its
// double (engine-double.ts); each a process of its own, and bridge nodes as users start them. All of it goes with the stack.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dataDir } from '../../deploy/local/directory.ts';
import { type LocalKafka, type LocalNats, startKafka, startNats } from '../../deploy/local/index.ts';
import { freePorts } from '../../deploy/local/ports.ts';
import { type LocalServer, startProcess } from '../../deploy/local/process.ts';
import { BridgeNode, type ClusterSettings, NODE_MAIN, Nodes, nodeEnv } from '../../test/support/nodes.ts';
import { makeTopics } from '../../test/support/service.ts';
import { EngineDoubleProcess } from './engine-control.ts';
import type { SeededKeys } from './job-table.ts';

export interface StageOptions {
  readonly clusters: readonly string[];
  readonly variables: string;
  readonly answer: string;
  readonly seeded?: SeededKeys;
}

export interface NodeOptions {
  /** Of Node itself. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Stage {
  readonly nats: LocalNats;
  readonly kafka: LocalKafka;
  readonly double: EngineDoubleProcess;
  readonly service: LocalServer;
  /** A node of one of the clusters; resolves when it answers, which is before it is ready. */
  startNode(settings: ClusterSettings, options?: NodeOptions): Promise<BridgeNode>;
}

const SERVICE_MAIN = fileURLToPath(new URL('service.ts', import.meta.url));
const REQUEST_PARTITIONS = 6;

/** The job type of the calls that a cluster makes. */
export const jobTypeOf = (cluster: string): string => `${cluster}-call`;
export const requestTopicOf = (cluster: string): string => `${cluster}.requests`;

/** The route of those calls, as a user would write it. */
export function routeOf(cluster: string): Readonly<Record<string, unknown>> {
  return { jobType: jobTypeOf(cluster), requestTopic: requestTopicOf(cluster), replyTimeout: 'PT1H' };
}

export async function setStage(options: StageOptions, stack: AsyncDisposableStack): Promise<Stage> {
  const { clusters, variables, answer, seeded } = options;
  const data = await dataDir('alone');
  stack.defer(() => data.remove());
  const dir = data.path;
  const [nats, kafka] = await Promise.all([
    startNats().then((server) => stack.adopt(server, ({ stop }) => stop())),
    startKafka().then((server) => stack.adopt(server, ({ stop }) => stop())),
  ]);
  const topics = clusters.map(requestTopicOf);
  await makeTopics(kafka.brokers, topics, { partitions: REQUEST_PARTITIONS });
  const double = await EngineDoubleProcess.start({ dir, variables, ...(seeded !== undefined && { seeded }) });
  stack.defer(() => double.server.kill());
  const service = await startService(dir, kafka.brokers, topics, answer);
  stack.defer(() => service.kill());
  const servers = { natsUrl: nats.url, kafkaBrokers: kafka.brokers, zeebeAddress: double.grpcAddress };
  const startNode = async (
    settings: ClusterSettings,
    { args = [], env = {} }: NodeOptions = {},
  ): Promise<BridgeNode> => {
    const nodes = await Nodes.create(settings, join(dir, settings.cluster));
    const [port = 0, apiPort = 0] = await freePorts(2);
    const api = `127.0.0.1:${apiPort}`;
    const httpUrl = `http://127.0.0.1:${port}`;
    const server = await startProcess({
      name: settings.cluster,
      dir: nodes.dir,
      command: process.execPath,
      args: [...args, NODE_MAIN, 'start'],
      // Users do not log every job.
      env: { ...nodeEnv(servers, 'n1', nodes.config, port), HOLDFAST_API: api, LOG_LEVEL: 'info', ...env },
      ready: async () => (await fetch(`${httpUrl}/healthz/live`, { signal: AbortSignal.timeout(2_000) })).ok,
      readyWithinMs: 60_000,
    });
    stack.defer(() => server.stop());
    return new BridgeNode(server, httpUrl, `http://${api}/`);
  };
  return { nats, kafka, double, service, startNode };
}

async function startService(dir: string, brokers: string, topics: readonly string[], answer: string) {
  return startProcess({
    name: 'service',
    dir,
    command: process.execPath,
    args: [SERVICE_MAIN],
    env: { KAFKA_BOOTSTRAP_SERVERS: brokers, REQUEST_TOPICS: topics.join(','), ANSWER: answer },
    ready: async () => (await readFile(join(dir, 'service.log'), 'utf8')).includes('ready'),
    readyWithinMs: 60_000,
  });
}

/** The last sequence of a bucket's stream, from the server's monitoring port: it grows by one with each write. */
export async function lastSequence(monitorUrl: string, bucket: string): Promise<number> {
  const response = await fetch(`${monitorUrl}/jsz?streams=true`, { signal: AbortSignal.timeout(5_000) });
  return lastSequenceIn(await response.json(), `KV_${bucket}`);
}

export function lastSequenceIn(jsz: unknown, stream: string): number {
  const { account_details: accounts = [] } = jsz as Jsz;
  const found = accounts.flatMap((account) => account.stream_detail ?? []).find(({ name }) => name === stream);
  if (found === undefined) throw new Error(`NATS has no stream ${stream}`);
  return found.state.last_seq;
}

interface Jsz {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly state: { readonly last_seq: number } }[];
  }[];
}
