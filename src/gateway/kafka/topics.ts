// Topics as the operator's commands see them: made by `init`, looked at by `check`. Never used on the way of a job.
import kafkajs, { type Admin, type Kafka, type PartitionMetadata } from 'kafkajs';
import { describeError, kafkaErrorName, meaningOf, notAuthorized } from './errors.ts';
import { Renewable } from './renewable.ts';

export const REPLY_PARTITIONS = 12;

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Default: the brokers' `default.replication.factor`. */
  readonly replicas?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export interface TopicFacts {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  /** Such as `retention.ms`, `max.message.bytes`, `cleanup.policy`, `min.insync.replicas`; the brokers' defaults included. */
  readonly config: Readonly<Record<string, string>>;
  /** Why its settings could not be read (the right to is one of its own); `config` is empty then. */
  readonly configUnread?: string;
}

export interface KafkaFacts {
  readonly clusterId: string;
  readonly brokers: readonly string[];
}

/** What a cluster called `cluster` needs. */
export function topicsOf(cluster: string): {
  readonly replies: TopicSpec;
  readonly deadLetters: TopicSpec;
  readonly acknowledgements: TopicSpec;
} {
  return {
    replies: { name: `holdfast.${cluster}.replies`, partitions: REPLY_PARTITIONS },
    deadLetters: { name: `holdfast.${cluster}.dlq`, partitions: 1 },
    acknowledgements: { name: `holdfast.${cluster}.acks`, partitions: REPLY_PARTITIONS },
  };
}

/** All methods throw when Kafka is away, with a message for people. */
export class KafkaTopics {
  readonly #admin: Renewable<Admin>;
  readonly #deadlineMs: number;

  constructor(kafka: Kafka, deadlineMs = 10_000) {
    this.#admin = new Renewable(() => kafka.admin({ retry: { retries: 0 } }));
    this.#deadlineMs = deadlineMs;
  }

  /** Reaches the cluster. */
  async facts(): Promise<KafkaFacts> {
    const { brokers, clusterId } = await this.#use((admin) => admin.describeCluster());
    return { clusterId, brokers: brokers.map(({ host, port }) => `${host}:${port}`) };
  }

  /** True: made now. False: it was there; what it is like is left alone. */
  async create(spec: TopicSpec): Promise<boolean> {
    const topics = [createRequest(spec)];
    return this.#use((admin) => admin.createTopics({ topics, waitForLeaders: true }));
  }

  /** Whether Kafka would make it, without making it. undefined: it would; else why not. */
  async whyNotCreate(spec: TopicSpec): Promise<string | undefined> {
    try {
      const topics = [createRequest(spec)];
      await this.#use((admin) => admin.createTopics({ topics, validateOnly: true, waitForLeaders: false }));
      return undefined;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'KAFKA_UNAVAILABLE') throw error;
      return (error as Error).message;
    }
  }

  /** Of all that this user may see. */
  async names(): Promise<readonly string[]> {
    return this.#use((admin) => admin.listTopics());
  }

  /** Needs no right but to see the topic. */
  async exists(name: string): Promise<boolean> {
    return this.#use(async (admin) => (await partitionsOf(admin, name)) !== undefined);
  }

  /** Undefined: there is no such topic. */
  async describe(name: string): Promise<TopicFacts | undefined> {
    return this.#use(async (admin) => {
      const partitions = await partitionsOf(admin, name);
      if (partitions === undefined) return undefined;
      const replicas = Math.min(...partitions.map(({ replicas }) => replicas.length));
      const facts = { name, partitions: partitions.length, replicas };
      try {
        return { ...facts, config: await configOf(admin, name) };
      } catch (error) {
        if (meaningOf(error) === 'unknownTopic') return undefined;
        if (!notAuthorized(error)) throw error;
        return { ...facts, config: {}, configUnread: 'this user may not: grant DESCRIBE_CONFIGS on the topic' };
      }
    });
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  async #use<R>(run: (admin: Admin) => Promise<R>): Promise<R> {
    try {
      return await this.#admin.use(this.#deadlineMs, run);
    } catch (error) {
      throw described(error);
    }
  }
}

/** With Kafka's own name of the error as its `code`, or KAFKA_UNAVAILABLE; and a message for people. */
export function described(error: unknown): Error {
  const code = kafkaErrorName(error) ?? 'KAFKA_UNAVAILABLE';
  return Object.assign(new Error(describeError(error), { cause: error }), { code });
}

function createRequest({ name, partitions, replicas = -1, config = {} }: TopicSpec) {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  return { topic: name, numPartitions: partitions, replicationFactor: replicas, configEntries };
}

async function partitionsOf(admin: Admin, name: string): Promise<readonly PartitionMetadata[] | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
    return topics[0]?.partitions ?? [];
  } catch (error) {
    if (meaningOf(error) === 'unknownTopic') return undefined;
    throw error;
  }
}

async function configOf(admin: Admin, name: string): Promise<Record<string, string>> {
  const { resources } = await admin.describeConfigs({
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name }],
    includeSynonyms: false,
  });
  const entries = resources[0]?.configEntries ?? [];
  return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
}
