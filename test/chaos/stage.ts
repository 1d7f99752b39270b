// All that a chaos run needs before the first fault: a NATS cluster of its own, Kafka and Zeebe (its own, or those of others,
// which then are not hurt), links, nodes with the shards spread over them, driver and service, and everybody who writes down
// what happens. Whatever was started is on the caller's stack at once, and ends with it.
import { join } from 'node:path';
import type { EngineProxy } from '../../deploy/demo/engine-proxy.ts';
import {
  type LocalKafka,
  type LocalNats,
  type LocalZeebe,
  startKafka,
  startNats,
  startZeebe,
} from '../../deploy/local/index.ts';
import type { LocalServer } from '../../deploy/local/process.ts';
import { BucketView } from '../support/bucket-view.ts';
import type { Driver } from '../support/driver.ts';
import { eventually } from '../support/eventually.ts';
import { Nodes } from '../support/nodes.ts';
import { makeTopics } from '../support/service.ts';
import { newCluster } from '../support/trial.ts';
import { BucketRecorder } from './bucket-recorder.ts';
import { HistoryWriter } from './history.ts';
import { Links } from './links.ts';
import { type ChaosService, openDriver, startService } from './parties.ts';
import { EngineRecorder, NodesRecorder } from './recorders.ts';
import { MORE_NODES, NODES } from './schedule.ts';
import { FIRST_VERSION, nodeArgsFor } from './snapshot-patch.ts';

/** Fires only where the service is silent: longer than any fault holds an answer up, and shorter than the silence (parties.ts). */
const REPLY_TIMEOUT = { replyTimeout: 'PT60S', onReplyTimeout: 'fail', retryBackoff: 'PT1S' } as const;

/** Of others. */
export interface SharedServers {
  readonly kafkaBrokers: string;
  readonly zeebeAddress: string;
}

export interface Stage {
  readonly cluster: string;
  readonly nats: LocalNats;
  /** undefined: not ours. */
  readonly kafka: LocalKafka | undefined;
  readonly zeebe: LocalZeebe | undefined;
  readonly links: Links;
  /** In front of the engine. */
  readonly proxy: EngineProxy;
  readonly nodes: Nodes;
  readonly driver: Driver;
  readonly service: ChaosService;
  readonly bucket: BucketView;
  readonly watched: BucketRecorder;
  readonly nodesHistory: NodesRecorder;
  readonly runner: HistoryWriter;
}

export interface StageOptions {
  /** The run's directory: histories lie in it, and logs below it. */
  readonly dir: string;
  readonly seed: number;
  readonly leaseTtlMs: number;
  readonly shared: SharedServers | undefined;
  readonly tell: (line: string) => void;
}

export async function setStage(options: StageOptions, stack: AsyncDisposableStack): Promise<Stage> {
  const { dir, seed, leaseTtlMs, shared, tell } = options;
  const names = [...NODES, ...MORE_NODES];
  const links = await Links.open(names, 3);
  stack.defer(() => links.close());
  /** Killed first: their data goes anyway. */
  const ends = <T extends { stop(): Promise<void> }>(started: T, servers: readonly LocalServer[]): T => {
    stack.defer(async () => {
      await Promise.all(servers.map((server) => server.kill()));
      await started.stop();
    });
    return started;
  };
  const [nats, kafka, zeebe] = await Promise.all([
    startNats({ servers: 3, advertise: false }).then((started) => ends(started, started.servers)),
    shared
      ? undefined
      : startKafka({ listeners: links.kafkaListeners }).then((started) => ends(started, [started.server])),
    shared ? undefined : startZeebe({ snapshotPeriod: 'PT1M' }).then((started) => ends(started, [started.server])),
  ]);
  const natsUrl = nats.url;
  const kafkaBrokers = kafka?.brokers ?? shared?.kafkaBrokers ?? '';
  const zeebeAddress = zeebe?.grpcAddress ?? shared?.zeebeAddress ?? '';
  tell('the servers are there');

  const cluster = newCluster();
  const [jobType, requestTopic] = [`${cluster}-call`, `${cluster}.requests`];
  const proxy = await links.lead({ natsUrl, kafkaBrokers, zeebeAddress }, kafka !== undefined);
  const runner = stack.use(new HistoryWriter(dir, 'runner'));
  stack.use(new EngineRecorder(dir, proxy));
  await makeTopics(kafkaBrokers, [requestTopic]);
  const service = stack.use(await startService(dir, kafkaBrokers, requestTopic, seed));
  stack.defer(() => service.stop());
  const driver = stack.use(await openDriver(dir, zeebeAddress, jobType, seed));
  stack.defer(() => driver.close());

  const nodesHistory = stack.use(new NodesRecorder(dir));
  const route = { jobType, requestTopic, ...REPLY_TIMEOUT, maxPending: 5_000 };
  // Asked for: servers that do not advertise each other look like one.
  const settings = { cluster, replicas: 3, leaseTtl: `PT${leaseTtlMs / 1_000}S`, routes: [route] };
  const nodes = await Nodes.create(settings, join(dir, 'nodes'));
  stack.defer(() => nodes.stop());
  await Promise.all(
    NODES.map(async (name) => {
      nodesHistory.follow(name, (await nodes.start(name, links.of(name), nodeArgsFor(FIRST_VERSION))).logFile);
    }),
  );
  await nodes.untilReady();
  const watched = stack.use(await BucketRecorder.open(dir, natsUrl, cluster));
  const bucket = await BucketView.open(natsUrl, cluster);
  stack.defer(() => bucket.close());
  const spread = async () => (await bucket.owners()).length === NODES.length;
  await eventually('shards to be spread', spread, { deadlineMs: 60_000, everyMs: 200 });
  tell(`${NODES.length} nodes are ready, ${watched.shards} shards spread over them; the service listens`);
  return { cluster, nats, kafka, zeebe, links, proxy, nodes, driver, service, bucket, watched, nodesHistory, runner };
}
