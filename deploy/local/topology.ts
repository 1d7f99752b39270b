// Asks an engine for its topology: the call by which we know that commands will find a leader. The gateway accepts
// connections seconds before the brokers behind it are known to it, and answers UNAVAILABLE meanwhile.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

interface Topology {
  readonly brokers: readonly { readonly partitions: readonly { readonly role: string; readonly health: string }[] }[];
}

interface GatewayClient {
  Topology(
    request: object,
    options: { deadline: number },
    answer: (error: ServiceError | null, topology: Topology) => void,
  ): void;
  close(): void;
}

type GatewayClass = new (
  address: string,
  channelCredentials: ReturnType<typeof credentials.createInsecure>,
) => GatewayClient;

/** True when at least `partitions` partitions have a healthy leader. @throws ServiceError while the gateway does not answer */
export async function hasLeaders(grpcAddress: string, partitions: number): Promise<boolean> {
  const client = new (gatewayClass())(grpcAddress, credentials.createInsecure());
  try {
    const topology = await new Promise<Topology>((resolve, reject) => {
      client.Topology({}, { deadline: Date.now() + 2_000 }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
    const all = topology.brokers.flatMap((broker) => broker.partitions);
    return all.filter(({ role, health }) => role === 'LEADER' && health === 'HEALTHY').length >= partitions;
  } finally {
    client.close();
  }
}

let loaded: GatewayClass | undefined;

function gatewayClass(): GatewayClass {
  if (!loaded) {
    const sdk = dirname(createRequire(import.meta.url).resolve('@camunda8/sdk'));
    const definition = loadSync(join(sdk, 'proto', 'zeebe.proto'), { enums: String, defaults: true });
    const { gateway_protocol } = loadPackageDefinition(definition) as unknown as {
      gateway_protocol: { Gateway: GatewayClass };
    };
    loaded = gateway_protocol.Gateway;
  }
  return loaded;
}
