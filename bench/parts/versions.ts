// What a measurement ran against: Zeebe and NATS are asked themselves, so servers that the environment names tell too. Kafka
// tells no client its version; that of our own is the one that was started.
import { connectNats } from '../../src/cluster/nats/connection.ts';
import { openZeebe } from '../../src/gateway/zeebe/client.ts';
import { type Stage, setNats } from './stage.ts';

export interface ServerVersions {
  /** The gateway's, and the brokers' where they differ. */
  readonly zeebe: string;
  readonly zeebePartitions: number;
  readonly kafka: string;
  readonly nats: string;
}

export type Versions = { readonly node: string } & ServerVersions;

const ANSWER_MS = 10_000;

/** @param env as for the stage @throws when a server does not answer */
export async function versionsOf(stage: Stage, env: NodeJS.ProcessEnv = process.env): Promise<Versions> {
  const [zeebe, nats] = await Promise.all([zeebeVersions(stage), natsVersion(env)]);
  return { node: process.version, ...zeebe, kafka: stage.kafkaVersion ?? 'unknown', nats };
}

async function zeebeVersions({ engine }: Stage): Promise<Pick<Versions, 'zeebe' | 'zeebePartitions'>> {
  const client = await openZeebe(engine);
  try {
    const { gatewayVersion, brokerVersions, partitions } = await client.topology(ANSWER_MS);
    const zeebe = [...new Set([gatewayVersion, ...brokerVersions])].join(' and ');
    return { zeebe, zeebePartitions: partitions };
  } finally {
    client.close();
  }
}

/** Ours are started for each contestant anew, always the same program. */
async function natsVersion(env: NodeJS.ProcessEnv): Promise<string> {
  const nats = await setNats(1, env);
  try {
    await using link = await connectNats({
      url: nats.url,
      name: 'bench versions',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return link.serverVersion();
  } finally {
    await nats.stop();
  }
}

export function versionsText(versions: { readonly node: string } & Partial<ServerVersions>): string {
  const { node, zeebe, zeebePartitions, kafka, nats } = versions;
  if (zeebe === undefined) return `Node ${node} (of the servers no version was kept)`;
  return `Node ${node}, Zeebe ${zeebe} with ${zeebePartitions} partitions, Kafka ${kafka}, nats-server ${nats}`;
}
