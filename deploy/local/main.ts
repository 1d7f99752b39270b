// Starts local servers, prints how to reach them, and keeps them until Ctrl-C:
// `node deploy/local/main.ts [--nats] [--kafka] [--topic NAME]... [--zeebe] [--test-engine] [--registry]`; without options NATS,
// Kafka and Zeebe. `--topic`, as often as wanted: Kafka, and on it a topic of three partitions, for nothing else makes one.
import { parseArgs } from 'node:util';
import { connectKafka } from '../../src/gateway/kafka/connect.ts';
import { KafkaTopics } from '../../src/gateway/kafka/topics.ts';
import { SILENT } from '../../src/gateway/log.ts';
import { startKafka, startNats, startRegistry, startTestEngine, startZeebe } from './index.ts';

interface Started {
  /** As `export` lines. */
  readonly lines: readonly string[];
  readonly stop: () => Promise<void>;
}

const starts = {
  async nats(): Promise<Started> {
    const { url, monitorUrls, servers, stop } = await startNats();
    return { lines: [`export NATS_URL=${url}  # monitoring ${monitorUrls.join()}, log ${servers[0]?.logFile}`], stop };
  },
  async kafka(): Promise<Started> {
    const { brokers, server, stop } = await startKafka();
    await makeTopics(brokers, values.topic);
    return { lines: [`export KAFKA_BOOTSTRAP_SERVERS=${brokers}  # log ${server.logFile}`], stop };
  },
  async zeebe(): Promise<Started> {
    return engine(await startZeebe());
  },
  async 'test-engine'(): Promise<Started> {
    return engine(await startTestEngine());
  },
  async registry(): Promise<Started> {
    const { url, server, stop } = await startRegistry();
    return { lines: [`export SCHEMA_REGISTRY_URL=${url}  # log ${server.logFile}`], stop };
  },
};

function engine({ grpcAddress, server, stop }: Awaited<ReturnType<typeof startZeebe>>): Started {
  return {
    lines: [
      `export ZEEBE_GRPC_ADDRESS=grpc://${grpcAddress}  # ${server.name}, log ${server.logFile}`,
      'export CAMUNDA_AUTH_STRATEGY=NONE',
    ],
    stop,
  };
}

async function makeTopics(brokers: string, names: readonly string[]): Promise<void> {
  const topics = new KafkaTopics(connectKafka({ brokers: [brokers] }, SILENT));
  for (const name of names) await topics.create({ name, partitions: 3 });
  await topics.close();
}

const flag = { type: 'boolean', default: false } as const;
const { values } = parseArgs({
  options: {
    ...{ nats: flag, kafka: flag, zeebe: flag, 'test-engine': flag, registry: flag },
    topic: { type: 'string', multiple: true, default: [] },
  },
});
const names = Object.keys(starts) as (keyof typeof starts)[];
const asked = names.filter((name) => values[name] || (name === 'kafka' && values.topic.length > 0));

const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
});
try {
  const wanted = asked.length > 0 ? asked : (['nats', 'kafka', 'zeebe'] as const);
  const started = await Promise.race([Promise.all(wanted.map((name) => starts[name]())), stopped]);
  if (started) {
    for (const line of started.flatMap(({ lines }) => lines)) console.log(line);
    console.log('# Ctrl-C stops them and removes their data');
    await stopped;
    await Promise.all(started.map(({ stop }) => stop()));
  }
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
