// One NATS server, one Kafka broker and one Zeebe for all test files that only use them: starting them costs more than
// most tests. A test takes its addresses with `inject('natsUrl')` and keeps out of the way of others by names of its own
// for clusters, topics and processes. A test that hurts a server starts one of its own (deploy/local).
import type { TestProject } from 'vitest/node';
import { startKafka, startNats, startZeebe } from '../../deploy/local/index.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** `nats://host:port` */
    natsUrl: string;
    /** `host:port` */
    kafkaBrokers: string;
    /** `host:port` of the 8.6.0 gateway. */
    zeebeAddress: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const starting = [startNats(), startKafka(), startZeebe()] as const;
  const stopAll = async () => {
    const started = await Promise.allSettled(starting);
    await Promise.all(started.map((server) => (server.status === 'fulfilled' ? server.value.stop() : undefined)));
  };
  try {
    const [nats, kafka, zeebe] = await Promise.all(starting);
    project.provide('natsUrl', nats.url);
    project.provide('kafkaBrokers', kafka.brokers);
    project.provide('zeebeAddress', zeebe.grpcAddress);
  } catch (error) {
    await stopAll();
    throw error;
  }
  return stopAll;
}
