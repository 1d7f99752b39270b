// One NATS server, one Kafka broker and one Zeebe for all test files that only use them, of whatever project: starting them costs
// more than most tests. A test takes its addresses with `inject('natsUrl')` and keeps out of the way of others by names of its own
// for clusters, topics and processes. A test that hurts a server starts one of its own (deploy/local).
//
// Each project calls this at the start of a run, by a copy of this file of its own; so what they share lies in the process.
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

type Servers = ReturnType<typeof start>;

const SHARED = Symbol.for('holdfast.test.servers');
const shared = globalThis as { [SHARED]?: { readonly servers: Servers; users: number } };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { servers } = use();
  try {
    const [nats, kafka, zeebe] = await Promise.all(servers);
    project.provide('natsUrl', nats.url);
    project.provide('kafkaBrokers', kafka.brokers);
    project.provide('zeebeAddress', zeebe.grpcAddress);
  } catch (error) {
    await leave();
    throw error;
  }
  return leave;
}

function start() {
  return [startNats(), startKafka(), startZeebe()] as const;
}

function use() {
  const known = shared[SHARED] ?? { servers: start(), users: 0 };
  shared[SHARED] = known;
  known.users += 1;
  return known;
}

/** The last one stops them. */
async function leave(): Promise<void> {
  const known = shared[SHARED];
  if (known === undefined) return;
  known.users -= 1;
  if (known.users > 0) return;
  delete shared[SHARED];
  const started = await Promise.allSettled(known.servers);
  await Promise.all(started.map((server) => (server.status === 'fulfilled' ? server.value.stop() : undefined)));
}
