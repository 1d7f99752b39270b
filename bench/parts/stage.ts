// The servers that a measurement uses: those that the environment names (ZEEBE_GRPC_ADDRESS, KAFKA_BOOTSTRAP_SERVERS,
// NATS_URL), or, where it names none, local ones of its own. CPU and memory can only be read of the latter.
import { startKafka, startNats, startZeebe } from '../../deploy/local/index.ts';
import type { LocalServer } from '../../deploy/local/process.ts';
import type { ZeebeSettings } from '../../src/gateway/zeebe/connection.ts';
import { withDescendants } from './processes.ts';

export interface Stage {
  /** `host:port` */
  readonly zeebeAddress: string;
  readonly kafkaBrokers: string;
  /** undefined: not ours. */
  readonly kafkaVersion: string | undefined;
  /** How to reach the engine: plainly, when it is ours; else as the SDK's variables say. */
  readonly engine: ZeebeSettings;
  /** undefined: not ours. */
  readonly zeebe: LocalServer | undefined;
  /** Empty when they are not ours. */
  readonly zeebePids: readonly number[];
  readonly kafkaPids: readonly number[];
  stop(): Promise<void>;
}

export interface NatsStage {
  readonly url: string;
  readonly replicas: 1 | 3;
  /** `http://host:port`; none when it is not ours. */
  readonly monitorUrls: readonly string[];
  /** None when it is not ours. */
  readonly servers: readonly LocalServer[];
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export async function setStage(env: NodeJS.ProcessEnv = process.env): Promise<Stage> {
  const { ZEEBE_GRPC_ADDRESS: zeebeAddress, KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers } = env;
  const none = { stop: async () => undefined, pids: [], server: undefined, version: undefined };
  const ownKafka = async () => {
    const { brokers, server, version, stop } = await startKafka();
    return { address: brokers, server, version, pids: await withDescendants([server.pid]), stop };
  };
  const ownZeebe = async () => {
    const { grpcAddress, server, stop } = await startZeebe();
    return { address: grpcAddress, server, pids: await withDescendants([server.pid]), stop };
  };
  const starting = [
    kafkaBrokers === undefined ? ownKafka() : Promise.resolve({ ...none, address: kafkaBrokers }),
    zeebeAddress === undefined
      ? ownZeebe()
      : Promise.resolve({ ...none, address: zeebeAddress.replace(/^grpcs?:\/\//, '') }),
  ] as const;
  const settled = await Promise.allSettled(starting);
  const stop = async () => {
    await Promise.all(settled.map((one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)));
  };
  try {
    const [kafka, zeebe] = await Promise.all(starting);
    return {
      zeebeAddress: zeebe.address,
      kafkaBrokers: kafka.address,
      kafkaVersion: kafka.version,
      zeebe: zeebe.server,
      engine: zeebe.server === undefined ? {} : plainly(zeebe.address),
      zeebePids: zeebe.pids,
      kafkaPids: kafka.pids,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function plainly(zeebeAddress: string): ZeebeSettings {
  return { ZEEBE_GRPC_ADDRESS: `grpc://${zeebeAddress}`, CAMUNDA_AUTH_STRATEGY: 'NONE' };
}

/** One server, or three that keep every stream three times. */
export async function setNats(replicas: 1 | 3, env: NodeJS.ProcessEnv = process.env): Promise<NatsStage> {
  if (env.NATS_URL !== undefined) {
    return { url: env.NATS_URL, replicas, monitorUrls: [], servers: [], pids: [], stop: async () => undefined };
  }
  const { url, monitorUrls, servers, stop } = await startNats({ servers: replicas });
  return { url, replicas, monitorUrls, servers, pids: servers.map(({ pid }) => pid), stop };
}

/** The last sequence of a stream, as the server's monitoring says; undefined when it is not to be had. */
export async function lastSequence(nats: NatsStage, stream: string): Promise<number | undefined> {
  for (const url of nats.monitorUrls) {
    const response = await fetch(`${url}/jsz?streams=true`, { signal: AbortSignal.timeout(5_000) });
    const { account_details: accounts = [] } = (await response.json()) as JetStreamReport;
    for (const { stream_detail: streams = [] } of accounts) {
      const found = streams.find(({ name }) => name === stream);
      if (found !== undefined) return found.state.last_seq;
    }
  }
  return undefined;
}

interface JetStreamReport {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly state: { readonly last_seq: number } }[];
  }[];
}
