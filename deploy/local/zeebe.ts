// Zeebe 8.6.0: a broker with its gateway, from the distribution on Maven Central (which ends at this version), with the
// memory and disk that a development machine has.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, runTool } from './cache.ts';
import { dataDir } from './directory.ts';
import { findJdk, maven, nativeAccessOptions } from './java.ts';
import { launch } from './launch.ts';
import { freePorts } from './ports.ts';
import type { LocalServer } from './process.ts';
import { httpOk } from './ready.ts';
import { hasLeaders } from './topology.ts';

const version = '8.6.0';

export interface LocalZeebe {
  readonly server: LocalServer;
  /** `host:port` of the gateway; plain text, no authentication. */
  readonly grpcAddress: string;
  stop(): Promise<void>;
}

export interface ZeebeOptions {
  readonly dir?: string;
  /** Default 2: enough to meet keys of more than one partition. */
  readonly partitions?: number;
  /** How far back a restart begins to read; an ISO duration, default the engine's own, five minutes. */
  readonly snapshotPeriod?: string;
}

export async function startZeebe(options: ZeebeOptions = {}): Promise<LocalZeebe> {
  const { partitions = 2, snapshotPeriod = 'PT5M' } = options;
  const data = await dataDir('zeebe', options.dir);
  const [gateway = 0, command = 0, internal = 0, rest = 0, actuator = 0] = await freePorts(5);
  const grpcAddress = `127.0.0.1:${gateway}`;
  const server = await launch({
    name: 'zeebe',
    dir: data.path,
    env: {
      ...settings({ dir: data.path, partitions, gateway, command, internal, rest, actuator }),
      ZEEBE_BROKER_DATA_SNAPSHOTPERIOD: snapshotPeriod,
    },
    ready: async () =>
      (await httpOk(`http://127.0.0.1:${actuator}/ready`)) && (await hasLeaders(grpcAddress, partitions)),
    readyWithinMs: 180_000,
    native: async () => {
      const jdk = await findJdk(21, `Zeebe ${version}`);
      const distribution = await zeebeDistribution();
      return {
        command: join(distribution, 'bin', 'broker'),
        args: [],
        env: {
          JAVA_HOME: jdk.home,
          JAVACMD: join(jdk.home, 'bin', 'java'),
          JDK_JAVA_OPTIONS: nativeAccessOptions(jdk).join(' '),
        },
      };
    },
    container: { image: `camunda/zeebe:${version}` },
  });
  const stop = async () => {
    await server.stop();
    await data.remove();
  };
  return { server, grpcAddress, stop };
}

interface Layout {
  readonly dir: string;
  readonly partitions: number;
  readonly gateway: number;
  readonly command: number;
  readonly internal: number;
  readonly rest: number;
  readonly actuator: number;
}

// The log segments are preallocated per partition, 128 MB each by default; the watermarks below which a broker stops
// taking work are meant for servers with disks of their own.
function settings({ dir, partitions, gateway, command, internal, rest, actuator }: Layout): Record<string, string> {
  return {
    JAVA_OPTS: '-Xmx768m -XX:+UseSerialGC',
    SERVER_ADDRESS: '127.0.0.1',
    SERVER_PORT: String(rest),
    MANAGEMENT_SERVER_ADDRESS: '127.0.0.1',
    MANAGEMENT_SERVER_PORT: String(actuator),
    ZEEBE_BROKER_NETWORK_HOST: '127.0.0.1',
    ZEEBE_BROKER_NETWORK_COMMANDAPI_PORT: String(command),
    ZEEBE_BROKER_NETWORK_INTERNALAPI_PORT: String(internal),
    ZEEBE_BROKER_GATEWAY_NETWORK_HOST: '127.0.0.1',
    ZEEBE_BROKER_GATEWAY_NETWORK_PORT: String(gateway),
    ZEEBE_BROKER_CLUSTER_PARTITIONSCOUNT: String(partitions),
    ZEEBE_BROKER_DATA_DIRECTORY: join(dir, 'data'),
    ZEEBE_BROKER_DATA_LOGSEGMENTSIZE: '16MB',
    ZEEBE_BROKER_DATA_DISK_FREESPACE_PROCESSING: '256MB',
    ZEEBE_BROKER_DATA_DISK_FREESPACE_REPLICATION: '128MB',
    ZEEBE_BROKER_EXPERIMENTAL_ROCKSDB_MEMORYLIMIT: '64MB',
  };
}

function zeebeDistribution(): Promise<string> {
  const artifact = `io.camunda:camunda-zeebe:${version}:tar.gz`;
  return cached(`camunda-zeebe-${version}`, `Zeebe ${version} (299 MB)`, async (dir) => {
    await maven('dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${dir}`);
    const archive = join(dir, `camunda-zeebe-${version}.tar.gz`);
    await runTool('tar', ['-xzf', archive, '--strip-components=1', '-C', dir], 'install tar');
    await rm(archive);
  });
}
