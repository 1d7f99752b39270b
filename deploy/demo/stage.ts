// Everything that must stand before the first process instance starts: the three servers, the topic, the process model, the
// proxy, the bridge nodes with the shards spread over them, and the service. Whatever was started is put on the caller's
// stack at once, so that it ends with it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connectKafka } from '../../src/gateway/kafka/connect.ts';
import { SILENT } from '../../src/gateway/log.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { type LocalKafka, type LocalNats, type LocalZeebe, startKafka, startNats, startZeebe } from '../local/index.ts';
import { type LocalServer, startProcess } from '../local/process.ts';
import { type BridgeNode, startBridgeNode } from './bridge-nodes.ts';
import { EngineProxy } from './engine-proxy.ts';
import type { Progress } from './progress.ts';
import { Watch } from './watch.ts';

export interface Stage {
  readonly nats: LocalNats;
  readonly kafka: LocalKafka;
  readonly zeebe: LocalZeebe;
  /** To the engine itself. */
  readonly engine: ZeebeClient;
  readonly processId: string;
  readonly proxy: EngineProxy;
  readonly nodes: readonly BridgeNode[];
  readonly service: LocalServer;
  readonly watch: Watch;
  readonly shards: number;
}

/** Of the service. */
export interface Pace {
  /** How many requests it lets pile up first. */
  readonly firstAnswerAtRequest: number;
  readonly answersPerSecond: number;
}

export const CLUSTER = 'demo';
export const REQUEST_TOPIC = 'payments.requests';
const REQUEST_PARTITIONS = 12;
const SPREAD_WITHIN_MS = 30_000;

/** @param dir where the nodes and the service keep their logs */
export async function setStage(
  nodes: number,
  pace: Pace,
  dir: string,
  stack: AsyncDisposableStack,
  progress: Progress,
): Promise<Stage> {
  const ends = (server: LocalServer, stop?: () => Promise<void>) =>
    stack.defer(async () => {
      await server.kill(); // its data goes anyway
      await stop?.();
    });
  const [nats, kafka, zeebe] = await Promise.all([
    startNats().then((started) => {
      for (const server of started.servers) ends(server, started.stop);
      return started;
    }),
    startKafka().then((started) => {
      ends(started.server, started.stop);
      return started;
    }),
    startZeebe().then((started) => {
      ends(started.server, started.stop);
      return started;
    }),
  ]);
  progress.tell('NATS, Kafka and Zeebe are there');

  const settings = { ZEEBE_GRPC_ADDRESS: `grpc://${zeebe.grpcAddress}`, CAMUNDA_AUTH_STRATEGY: 'NONE' } as const;
  const engine = await openZeebe(settings);
  stack.defer(() => engine.close());
  const bpmn = await readFile(new URL('charge-card.bpmn', import.meta.url), 'utf8');
  const [deployed] = await Promise.all([
    deployProcesses([{ name: 'charge-card.bpmn', bpmn }], settings),
    makeRequestTopic(kafka.brokers),
  ]);
  const processId = deployed[0]?.bpmnProcessId ?? '';
  progress.tell(`process "${processId}" is deployed: one service task, "Charge card"`);

  const proxy = new EngineProxy(zeebe.grpcAddress);
  stack.defer(() => proxy.close());
  const watch = stack.use(new Watch());
  const startingService = startService(kafka.brokers, pace, dir, watch);
  const names = Array.from({ length: nodes }, (_, i) => `bridge-${i + 1}`);
  const bridges = await Promise.all(
    names.map(async (name) => {
      const where = { name, dir, natsUrl: nats.url, kafkaBrokers: kafka.brokers, engine: await proxy.listen(name) };
      const node = await startBridgeNode(where);
      ends(node.server);
      watch.followNode(name, node.server.logFile);
      return node;
    }),
  );
  const service = await startingService;
  ends(service);
  const shards = await watch.followClaims(nats.url, CLUSTER);
  await spread(watch, names, shards);
  progress.tell(`${nodes} bridge nodes are ready, ${shards} shards spread over them; the service listens`);
  return { nats, kafka, zeebe, engine, processId, proxy, nodes: bridges, service, watch, shards };
}

/** Its records bear Kafka's own time. */
async function makeRequestTopic(brokers: string): Promise<void> {
  const admin = connectKafka({ brokers: [brokers] }, SILENT).admin();
  await admin.connect();
  try {
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
    await admin.createTopics({ topics: [{ topic: REQUEST_TOPIC, numPartitions: REQUEST_PARTITIONS, configEntries }] });
  } finally {
    await admin.disconnect();
  }
}

async function startService(brokers: string, pace: Pace, dir: string, watch: Watch): Promise<LocalServer> {
  watch.followService(join(dir, 'service.log'));
  return startProcess({
    name: 'service',
    dir,
    command: process.execPath,
    args: [fileURLToPath(new URL('service.ts', import.meta.url))],
    env: {
      KAFKA_BOOTSTRAP_SERVERS: brokers,
      REQUEST_TOPIC,
      FIRST_ANSWER_AT_REQUEST: String(pace.firstAnswerAtRequest),
      ANSWERS_PER_SECOND: String(pace.answersPerSecond),
    },
    ready: async () => watch.ledger.ready,
    readyWithinMs: 60_000,
  });
}

/** Waits until every node serves its share of shards and reply partitions. */
async function spread(watch: Watch, names: readonly string[], shards: number): Promise<void> {
  const deadline = performance.now() + SPREAD_WITHIN_MS;
  const held = () => names.map((name) => watch.ownership.of(name));
  for (;;) {
    const all = held();
    const total = all.reduce((sum, holdings) => sum + holdings.shards.length, 0);
    const most = Math.ceil(shards / names.length); // what placement gives to any node
    const fair = all.every((holdings) => holdings.shards.length <= most && holdings.partitions.length > 0);
    if (total === shards && fair) return;
    if (performance.now() > deadline) {
      const counts = all.map(({ shards: own, partitions }, i) => `${names[i]} ${own.length}/${partitions.length}`);
      throw new Error(`shards and reply partitions are not spread over the nodes: ${counts.join(', ')}`);
    }
    await sleep(50);
  }
}
