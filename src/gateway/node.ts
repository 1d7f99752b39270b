// One node on real servers: what `holdfast start` runs. It connects, makes what is missing where it may, and builds the
// bridge; each server that is away is waited for, and the readiness says for what. The HTTP side is there from the start.
import type { Clock } from '../actors/ports.ts';
import { auditStreamName, makeAuditStream } from '../cluster/nats/audit-stream.ts';
import { bucketName, makeBucket } from '../cluster/nats/bucket.ts';
import { NatsBus } from '../cluster/nats/bus.ts';
import { connectNats } from '../cluster/nats/connection.ts';
import { Inbox } from '../cluster/nats/inbox.ts';
import { NatsKv } from '../cluster/nats/kv.ts';
import { NatsTail } from '../cluster/nats/tail.ts';
import { Bridge, groupOf } from './bridge.ts';
import type { BridgeEvent } from './bridge-ports.ts';
import type { Config } from './config/config.ts';
import { natsLink } from './config/nats.ts';
import { engineSettings } from './config/zeebe.ts';
import { ConfigChanged, fixedSettings } from './fixed-settings.ts';
import { startApi } from './http/api/start.ts';
import { pageAssets } from './http/page/assets.ts';
import { createHttpServer } from './http/server.ts';
import { largestReply, type SizeLimits } from './intake/routes.ts';
import { connectKafka } from './kafka/connect.ts';
import { KafkaReplyReader } from './kafka/reply-reader.ts';
import { KafkaTopics } from './kafka/topics.ts';
import { KafkaRecordWriter } from './kafka/writer.ts';
import { watchKeyFiles } from './key-files.ts';
import { ListedNode } from './listed-node.ts';
import type { Log } from './log.ts';
import { ensureMeta } from './meta.ts';
import { gaugesOf } from './node-gauges.ts';
import { logEvent } from './node-log.ts';
import { type NodeOperations, operationsOf } from './node-operations.ts';
import type { Operations } from './operations/operations.ts';
import { productVersion } from './product.ts';
import { PrometheusMetrics } from './prometheus-metrics.ts';
import { makeTopic, recordBytes, serverCount, topicSpecs, wantedReplicas } from './provision.ts';
import { SchemaRegistry } from './schema/registry.ts';
import { RegistryClient } from './schema/registry-client.ts';
import type { Secrets } from './secrets.ts';
import { SystemClock, SystemRandom } from './system-clock.ts';
import { boundHeap } from './system-heap.ts';
import type { Tracing } from './tracing.ts';
import { Waiting } from './waiting.ts';
import { openZeebe } from './zeebe/client.ts';

export interface RunningNode {
  /**
   * Other routes, or another template, from now on; jobs that are held keep what they were held with. All or nothing: a
   * configuration that differs in anything else needs a restart, and is refused.
   * @throws ConfigChanged
   */
  reload(config: Config): Promise<void>;
  /** What an operator sees; undefined until its servers are there. */
  readonly operations: Operations | undefined;
  /** Hands everything over, then ends. */
  stop(): Promise<void>;
  /** The exit code: 0 after an orderly end. */
  readonly finished: Promise<number>;
}

/** Kafka's own default of `max.message.bytes`, where a topic cannot be asked. */
const KAFKA_RECORD_BYTES = 1_048_588;
const TOPOLOGY_MS = 5_000;

/** @throws when an HTTP address is taken, a server is too old, or settings are incomplete */
export async function startNode(config: Config, log: Log): Promise<RunningNode> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const metrics = new PrometheusMetrics();
  metrics.collectProcess();
  const stopping = new AbortController();
  const waiting = new Waiting(log, clock, stopping.signal);
  let bridge: Bridge | undefined;
  let operations: NodeOperations | undefined;

  const waitingFor = () => [...waiting.names(), ...(bridge?.waitingFor() ?? [])];
  const http = createHttpServer({
    address: config.http,
    ready: () => ({ ready: bridge !== undefined && waitingFor().length === 0, waitingFor: waitingFor() }),
    metrics: metrics.registry,
    log,
  });
  const url = await http.listen().catch((error: unknown) => {
    const { host, port } = config.http;
    throw new Error(
      `HOLDFAST_HTTP: cannot listen on ${host}:${port}: ${(error as Error).message}; give this node another address`,
    );
  });
  log.info('HTTP is up', { url });
  const closeApi = await startApi(config, { operations: () => operations, waitingFor }, pageAssets, log).catch(
    async (error: unknown) => {
      await http.close();
      throw error;
    },
  );

  let setCalls: ((config: Config) => Promise<void>) | undefined;
  let stopped: Promise<void> | undefined;

  const begin = async (): Promise<number> => {
    const link = await connectNats({
      ...natsLink(config),
      name: `holdfast ${config.cluster} ${config.node}`,
      signal: stopping.signal,
      onStatus: (status) => {
        if (status.kind === 'waiting') waiting.for('NATS', status.reason);
        if (status.kind === 'connected') waiting.done('NATS');
        log.info(`NATS: ${status.kind}`, { ...status });
      },
    });
    const inbox = new Inbox(link);
    const kv = new NatsKv(link, inbox, bucketName(config.cluster));
    const engine = await openZeebe(
      () => engineSettings(config.engineSecrets),
      ...([config.engineTransport, log, undefined, config.cluster] as const),
    );
    const kafka = connectKafka(
      { brokers: config.kafkaBrokers, security: config.kafkaSecurity, clientId: `holdfast-${config.node}` },
      log,
    );
    const topics = new KafkaTopics(kafka);

    // The engine may come later: intake opens its streams when it is there. Until then this node is not ready.
    waiting.until('Zeebe', () => engine.topology(TOPOLOGY_MS)).catch(() => undefined);
    for (const spec of topicSpecs(config))
      await waiting.until(`Kafka topic ${spec.name}`, () => makeTopic(topics, spec));
    const sizesOf = async (calls: Config): Promise<SizeLimits> => {
      const requestTopics = calls.routes.map((route) => route.requestTopic);
      const { known, unread } = await recordBytes(topics, requestTopics);
      if (unread.size > 0) {
        // A request that is larger becomes an incident before it is sent; one that the topic finds too large does so after.
        log.warn('the largest record of some topics is not known: taken to be the default of Kafka', {
          bytes: KAFKA_RECORD_BYTES,
          reasons: Object.fromEntries(unread),
        });
      }
      return {
        maxRecordBytes: KAFKA_RECORD_BYTES,
        recordBytesOfTopic: known,
        maxPayloadBytes: link.maxPayloadBytes(),
      };
    };
    const sizes = await waiting.until('Kafka topic settings', () => sizesOf(config));
    const tracing = await tracingOf(config, { clock, log });
    const prepare = async (secrets: Secrets): Promise<void> => {
      await waiting.until(`NATS bucket ${bucketName(config.cluster)}`, async () => {
        const replicas = wantedReplicas(config, serverCount(link));
        if ((await makeBucket(inbox, config.cluster, replicas, productVersion())) === 'made') {
          log.warn('the bucket was made', { bucket: bucketName(config.cluster), replicas });
        }
        // Jobs do without it; acts do not, and say so.
        await makeAuditStream(inbox, config.cluster, replicas, productVersion()).catch((error: unknown) =>
          log.warn('there is no audit: nobody can act', { stream: auditStreamName(config.cluster), err: error }),
        );
        secrets.learn((await ensureMeta(kv, config, random, secrets.kept)).secrets);
      });
    };

    const bus = new NatsBus(link, inbox);
    const writer = new KafkaRecordWriter(kafka);
    const listed = new ListedNode({ bus, clock, cluster: config.cluster, node: config.node });
    stopping.signal.throwIfAborted(); // from here on it is the bridge that is told to stop
    bridge = new Bridge(
      {
        clock,
        random,
        kv,
        tail: new NatsTail(link, inbox, bucketName(config.cluster)),
        version: productVersion(),
        waitingFor: () => waiting.names(),
        redrives: () => operations?.runs,
        bus,
        engine,
        writer,
        replies: new KafkaReplyReader({
          kafka,
          topic: config.replyTopic,
          groupId: groupOf(config.cluster),
          log,
          metrics,
          onEnded: () => bridge?.reachable.set('kafka', false),
        }),
        prepare,
        schemas: registryOf(config, clock),
        metrics,
        tracing,
        onEvent: (event: BridgeEvent) => {
          if (event.from === 'cluster' && bridge !== undefined) listed.tell(event.event, bridge.cluster);
          logEvent(log, config.cluster, event);
        },
      },
      { ...config, sizes, maxReplyBytes: largestReply(link.maxPayloadBytes()) },
    );
    const running = bridge;
    const replicas = () => wantedReplicas(config, serverCount(link));
    operations = operationsOf({ bridge, config, inbox, kafka, writer, clock, random, log, replicas });
    metrics.observe(gaugesOf(running, clock, () => link.connected()));
    const stopReadingKeys = watchKeyFiles(config.secrets, (id, keys) => running.rereadKeys(id, keys), log);
    const leaveHeap = boundHeap(() => running.cluster.life?.lanes.total ?? 0);
    running.start();
    setCalls = async (next) => running.setCalls(next, await sizesOf(next));
    const end = await running.finished.finally(stopReadingKeys).finally(leaveHeap);
    // Told to stop while it waits for a server, it has nothing to leave, and that is in order too.
    const inOrder = end.kind === 'left' || stopping.signal.aborted;
    if (inOrder) log.info('left the cluster', { reason: end.reason });
    else log.error('the node ends', { reason: end.reason });
    await Promise.allSettled([operations.close(), stopped]); // replies and requests may still be on their way to Kafka
    await Promise.allSettled([topics.close(), link.close(), tracing?.stop()]);
    return inOrder ? 0 : 1;
  };

  const close = () => Promise.all([http.close(), closeApi()]);
  const finished = begin().then(
    async (code) => {
      await close();
      return code;
    },
    async (error: unknown) => {
      await close();
      if (stopping.signal.aborted) return 0;
      log.error('the node could not start', { err: error });
      return 1;
    },
  );
  return {
    finished,
    get operations() {
      return operations;
    },
    reload: async (next) => {
      const fixed = fixedSettings(config, next);
      if (fixed.length > 0) throw new ConfigChanged(fixed);
      if (setCalls === undefined) throw new Error('the node is still starting; ask again when it is ready');
      await setCalls(next);
    },
    stop: async () => {
      stopping.abort(new Error('asked to stop'));
      stopped ??= Promise.all([operations?.close(), bridge?.stop()]).then(() => undefined);
      await stopped;
    },
  };
}

/** OpenTelemetry is loaded only where it is wanted. */
async function tracingOf(config: Config, ports: { clock: Clock; log: Log }): Promise<Tracing | undefined> {
  const { traces, cluster, node, replyTopic } = config;
  if (traces === undefined) return undefined;
  const { startTracing } = await import('./telemetry/start.ts');
  return startTracing(traces, { cluster, node, replyTopic, replyGroup: groupOf(cluster) }, ports);
}

function registryOf({ registry }: Config, clock: Clock): SchemaRegistry | undefined {
  if (registry === undefined) return undefined;
  const { urls, userInfo } = registry;
  const source = new RegistryClient({ urls, ...(userInfo !== undefined && { userInfo: () => userInfo.read() }) });
  return new SchemaRegistry({ source, clock });
}
