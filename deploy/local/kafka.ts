// Kafka: one process that is broker and controller (KRaft), from the jars on Maven Central, with the settings that a lone
// broker needs (one replica of its own topics) and those that tests want (no first-join delay, no topics by accident).
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectKafka } from '../../src/gateway/kafka/connect.ts';
import { SILENT } from '../../src/gateway/log.ts';
import { runTool } from './cache.ts';
import { dataDir } from './directory.ts';
import { findJdk, mavenJars } from './java.ts';
import { launch } from './launch.ts';
import { freePorts } from './ports.ts';
import type { LocalServer } from './process.ts';
import { portOpen } from './ready.ts';

const version = '4.3.1';
const clusterId = 'aG9sZGZhc3QtbG9jYWwtMQ';

export interface LocalKafka {
  readonly server: LocalServer;
  /** `host:port` */
  readonly brokers: string;
  readonly version: string;
  stop(): Promise<void>;
}

/** One more way in, for clients that must come through something in between. */
export interface KafkaListener {
  /** Letters and digits. */
  readonly name: string;
  readonly port: number;
  /** `host:port` that the broker tells whoever comes in this way. */
  readonly advertised: string;
  /** Default PLAINTEXT; what it needs beside that is said by `properties`. */
  readonly protocol?: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
}

export interface KafkaOptions {
  readonly dir?: string;
  readonly listeners?: readonly KafkaListener[];
  /** Added to, and stronger than, the settings below. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Of the Java process. */
  readonly systemProperties?: Readonly<Record<string, string>>;
  /** Passwords by user, for SCRAM-SHA-256 and SCRAM-SHA-512; they are there from the beginning. */
  readonly scramUsers?: Readonly<Record<string, string>>;
}

export async function startKafka(options: KafkaOptions = {}): Promise<LocalKafka> {
  const data = await dataDir('kafka', options.dir);
  const dir = data.path;
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const config = join(dir, 'server.properties');
  const logging = join(dir, 'log4j2.properties');
  await writeFile(
    config,
    propertiesText({ ...settings(dir, port, controllerPort, options.listeners), ...options.properties }),
  );
  await writeFile(logging, propertiesText(logSettings));
  const users = Object.entries(options.scramUsers ?? {}).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((way) => ['--add-scram', `${way}=[name=${name},password=${password}]`]),
  );
  const defined = Object.entries(options.systemProperties ?? {}).map(([name, value]) => `-D${name}=${value}`);
  const format = ['format', '--ignore-formatted', '-t', clusterId, '-c', config, ...users];
  const server = await launch({
    name: 'kafka',
    dir,
    ready: () => isReady(port),
    readyWithinMs: 120_000,
    native: async () => {
      const { home } = await findJdk(17, `Kafka ${version}`);
      const jars = await mavenJars('org.apache.kafka', 'kafka_2.13', version, '44 MB');
      const java = join(home, 'bin', 'java');
      const base = ['-Xmx512m', '-XX:+UseSerialGC', `-Dlog4j2.configurationFile=${logging}`, '-cp', join(jars, '*')];
      if (!existsSync(join(dir, 'data'))) {
        await runTool(java, [...base, 'kafka.tools.StorageTool', ...format], 'install a JDK');
      }
      return { command: java, args: [...defined, ...base, 'kafka.Kafka', config] };
    },
    container: {
      image: `apache/kafka:${version}`,
      command: [
        'sh',
        '-c',
        `/opt/kafka/bin/kafka-storage.sh ${format.join(' ')} && exec /opt/kafka/bin/kafka-server-start.sh ${config}`,
      ],
      env: { LOG_DIR: dir, KAFKA_HEAP_OPTS: '-Xmx512m', KAFKA_OPTS: defined.join(' ') },
    },
  });
  const stop = async () => {
    await server.stop();
    await data.remove();
  };
  return { server, brokers: `127.0.0.1:${port}`, version, stop };
}

function settings(
  dir: string,
  port: number,
  controllerPort: number,
  listeners: readonly KafkaListener[] = [],
): Record<string, string> {
  const also = (describe: (listener: KafkaListener) => string) =>
    listeners.map((listener) => `,${listener.name}:${describe(listener)}`).join('');
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${also((l) => `//127.0.0.1:${l.port}`)}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}${also(({ advertised }) => `//${advertised}`)}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${also(({ protocol = 'PLAINTEXT' }) => protocol)}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(dir, 'data'),
    // A broker that was killed may register again only when its former session is over; 9 s by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '6000',
    'auto.create.topics.enable': 'false',
  };
}

// Kafka's jars bring no logging configuration, and without one the log is nearly empty.
const logSettings = {
  'rootLogger.level': 'INFO',
  'rootLogger.appenderRef.console.ref': 'console',
  'appender.console.type': 'Console',
  'appender.console.name': 'console',
  'appender.console.layout.type': 'PatternLayout',
  'appender.console.layout.pattern': '%d{ISO8601} %p %m (%c)%n',
};

// Ready is a broker that leads all there is. It finds itself in the metadata only when it is registered and not fenced;
// after a restart it goes on refusing, for a moment, to lead the partitions that its metadata already says it leads.
async function isReady(port: number): Promise<boolean> {
  if (!(await portOpen(port))) return false;
  const admin = connectKafka({ brokers: [`127.0.0.1:${port}`], requestTimeoutMs: 2_000 }, SILENT).admin();
  try {
    await admin.connect();
    if ((await admin.describeCluster()).brokers.length !== 1) return false;
    const { topics } = await admin.fetchTopicMetadata();
    await Promise.all(topics.map(({ name }) => admin.fetchTopicOffsets(name)));
    return true;
  } finally {
    await admin.disconnect();
  }
}

export function propertiesText(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
