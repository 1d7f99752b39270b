// A Kafka Connect worker in standalone mode, from the jars on Maven Central, with a plugin of the user. It is ready when each
// connector and each of its tasks says RUNNING over the worker's own REST interface. There is no container way: the
// plugin lies on this machine.
//
// The last worker of Kafka 3 and not one of Kafka 4: that one no longer calls `commitRecord(record)` of a source task, by which
// kafka-connect-zeebe learns that a job may be completed. Under it, jobs are completed only at the periodic commit of
// offsets, once a minute by default, whether their records are in Kafka or not. Brokers of Kafka 4 take clients of Kafka 3.
import { symlink, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { dataDir } from '../../deploy/local/directory.ts';
import { findJdk, mavenJars, nativeAccessOptions } from '../../deploy/local/java.ts';
import { propertiesText } from '../../deploy/local/kafka.ts';
import { freePorts } from '../../deploy/local/ports.ts';
import { type LocalServer, startProcess } from '../../deploy/local/process.ts';

const version = '3.9.2';

export type Properties = Readonly<Record<string, string>>;

export interface ConnectOptions {
  readonly brokers: string;
  /** Where the plugin's jars are, itself or below. */
  readonly pluginDir: string;
  /** Each with its `name`. */
  readonly connectors: readonly Properties[];
}

export interface ConnectWorker {
  readonly server: LocalServer;
  stop(): Promise<void>;
}

export async function startConnectWorker({ brokers, pluginDir, connectors }: ConnectOptions): Promise<ConnectWorker> {
  const jdk = await findJdk(17, `Kafka Connect ${version}`);
  const jars = await mavenJars('org.apache.kafka', 'connect-runtime', version, '31 MB');
  // Its own jars bring nothing to log with, and a start that fails would not say why.
  const logger = await mavenJars('org.slf4j', 'slf4j-reload4j', '1.7.36', '1 MB');
  const data = await dataDir('connect');
  const dir = data.path;
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const write = async (name: string, properties: Properties) => {
    await writeFile(join(dir, name), propertiesText(properties));
    return join(dir, name);
  };
  // Connect looks for plugins one level below its path; what is there, it takes with all that lies below.
  await symlink(resolve(pluginDir), join(dir, 'plugin'));
  const worker = await write('worker.properties', workerProperties({ brokers, dir, url }));
  const files = await Promise.all(connectors.map((one, i) => write(`connector-${i}.properties`, one)));
  const logging = await write('log4j.properties', logProperties);
  const server = await startProcess({
    name: 'connect',
    dir,
    command: join(jdk.home, 'bin', 'java'),
    args: [
      ...['-Xmx512m', '-XX:+UseSerialGC', ...nativeAccessOptions(jdk)],
      ...[`-Dlog4j.configuration=file:${logging}`, '-cp', [join(jars, '*'), join(logger, '*')].join(delimiter)],
      ...['org.apache.kafka.connect.cli.ConnectStandalone', worker, ...files],
    ],
    ready: () => areRunning(url, connectors.length),
    readyWithinMs: 120_000,
  });
  const stop = async () => {
    await server.stop();
    await data.remove();
  };
  return { server, stop };
}

function workerProperties(where: { brokers: string; dir: string; url: string }): Properties {
  return {
    'bootstrap.servers': where.brokers,
    listeners: where.url,
    'plugin.path': where.dir,
    'offset.storage.file.filename': join(where.dir, 'offsets'),
    // As the plugin's own examples have it.
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
  };
}

const logProperties: Properties = {
  'log4j.rootLogger': 'INFO, console',
  'log4j.appender.console': 'org.apache.log4j.ConsoleAppender',
  'log4j.appender.console.layout': 'org.apache.log4j.PatternLayout',
  'log4j.appender.console.layout.ConversionPattern': '%d{ISO8601} %p %m (%c)%n',
};

interface ConnectorStatus {
  readonly connector: State;
  readonly tasks: readonly State[];
}

interface State {
  readonly state: string;
  /** Of what made it fail. */
  readonly trace?: string;
}

async function areRunning(url: string, count: number): Promise<boolean> {
  const response = await fetch(`${url}/connectors?expand=status`, { signal: AbortSignal.timeout(5_000) });
  const all = Object.values((await response.json()) as Record<string, { readonly status: ConnectorStatus }>);
  const states = all.flatMap(({ status: { connector, tasks } }) => [connector, ...tasks]);
  const failed = states.find(({ state }) => state === 'FAILED');
  if (failed !== undefined) throw new Error(`failed: ${failed.trace?.split('\n', 1)[0]}`);
  const begun = all.filter(({ status }) => status.tasks.length > 0).length;
  return begun === count && states.every(({ state }) => state === 'RUNNING');
}
