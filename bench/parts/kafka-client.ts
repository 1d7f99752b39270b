// How measurements reach Kafka: as the environment says, in the variables that nodes know (KAFKA_SECURITY_PROTOCOL …), when
// it names the brokers; plainly, when they are a run's own.
import { readFileSync } from 'node:fs';
import { Kafka, logLevel } from 'kafkajs';
import { ConfigError, type Fault } from '../../src/gateway/config/faults.ts';
import { kafkaSecurityOf, NO_KAFKA_SECURITY } from '../../src/gateway/config/kafka.ts';
import { EnvReader } from '../../src/gateway/config/secret.ts';
import { restWhileNothingWaits } from '../../src/gateway/kafka/idle-queue.ts';
import { within } from '../../src/gateway/kafka/renewable.ts';
import { securityOptions } from '../../src/gateway/kafka/security.ts';

import { eventually } from '../../test/support/eventually.ts';

const ANSWER_MS = 5_000;
const GOODBYE_MS = 1_000;

/** @param brokers separated by commas @throws ConfigError naming every fault of the environment */
export function kafkaClient(clientId: string, brokers: string, env: NodeJS.ProcessEnv = process.env): Kafka {
  const faults: Fault[] = [];
  const security =
    env.KAFKA_BOOTSTRAP_SERVERS === undefined
      ? NO_KAFKA_SECURITY
      : kafkaSecurityOf(new EnvReader({ env, readFile: (path) => readFileSync(path, 'utf8') }, faults));
  if (faults.length > 0) throw new ConfigError('', faults);
  restWhileNothingWaits();
  const servers = brokers.split(',').map((broker) => broker.trim());
  return new Kafka({ clientId, brokers: servers, ...securityOptions(security), logLevel: logLevel.NOTHING });
}

/** All that the brokers know. @throws when they do not answer in time */
export async function topicsOf(brokers: string, env: NodeJS.ProcessEnv = process.env): Promise<readonly string[]> {
  const admin = kafkaClient('load', brokers, env).admin();
  try {
    return await within(
      ANSWER_MS,
      admin.connect().then(() => admin.listTopics()),
    );
  } finally {
    await within(GOODBYE_MS, admin.disconnect()).catch(() => undefined);
  }
}

/** Resolves when all brokers that are asked know them. */
export async function makeTopics(brokers: string, topics: readonly string[], partitions = 3): Promise<void> {
  if (topics.length === 0) return;
  const admin = kafkaClient('load', brokers).admin();
  await admin.connect();
  try {
    // kafkajs would wait for the leaders, and fail while a broker has not heard of the topic.
    const wanted = topics.map((topic) => ({ topic, numPartitions: partitions }));
    await admin.createTopics({ topics: wanted, waitForLeaders: false });
    await eventually(`the topics ${topics}`, () => admin.fetchTopicMetadata({ topics: [...topics] }));
  } finally {
    await admin.disconnect();
  }
}
