// What the tests against a real Kafka share: a reader that remembers what it was told, topics of one's own.
import { randomBytes } from 'node:crypto';
import kafkajs, { type Kafka } from 'kafkajs';
import { connectKafka } from '../../../src/gateway/kafka/connect.ts';
import { KafkaReplyReader, type ReplyReaderOptions } from '../../../src/gateway/kafka/reply-reader.ts';
import { KafkaTopics } from '../../../src/gateway/kafka/topics.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import type { AssignedPartition, IncomingRecord } from '../../../src/gateway/ports.ts';

export function client(brokers: string): Kafka {
  return connectKafka({ brokers: [brokers] }, SILENT);
}

/** As everybody else's services have it: kafkajs with its own settings and retries. */
export function foreignClient(brokers: string): Kafka {
  return new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING });
}

/** A topic name that no other test uses. */
export function topicName(what: string): string {
  return `test.${what}.${randomBytes(4).toString('hex')}`;
}

export async function newTopic(kafka: Kafka, name: string, partitions: number, config = {}): Promise<string> {
  const topics = new KafkaTopics(kafka);
  await topics.create({ name, partitions, config });
  await topics.close();
  return name;
}

/** Writes as a service would: plain kafkajs, to one partition. */
export async function produce(
  kafka: Kafka,
  topic: string,
  partition: number,
  values: readonly string[],
): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ partition, key: 'key', value })) });
  await producer.disconnect();
}

export class Reading {
  readonly reader: KafkaReplyReader;
  /** Undefined between assignments. */
  assigned: { memberId: string; generation: number; partitions: readonly AssignedPartition[] } | undefined;
  assignments = 0;
  readonly records: { partition: number; record: IncomingRecord }[] = [];
  readonly next = new Map<number, string>();

  constructor(kafka: Kafka, topic: string, groupId: string, options: Partial<ReplyReaderOptions> = {}) {
    this.reader = new KafkaReplyReader({ kafka, topic, groupId, log: SILENT, ...options });
  }

  async start(): Promise<this> {
    await this.reader.start({
      onAssigned: (memberId, generation, partitions) => {
        this.assigned = { memberId, generation, partitions };
        this.assignments += 1;
      },
      onUnassigned: () => {
        this.assigned = undefined;
      },
      onBatch: (partition, records, nextOffset) => {
        for (const record of records) this.records.push({ partition, record });
        this.next.set(partition, nextOffset);
      },
    });
    return this;
  }

  get values(): string[] {
    return this.records.map(({ record }) => Buffer.from(record.value ?? []).toString());
  }

  get partitions(): number[] {
    return (this.assigned?.partitions ?? []).map(({ partition }) => partition).sort((a, b) => a - b);
  }

  commit(offsets: Readonly<Record<number, string>>): Promise<void> {
    const generation = this.assigned?.generation ?? 0;
    return this.reader.commit(generation, new Map(Object.entries(offsets).map(([p, offset]) => [Number(p), offset])));
  }
}

/** What stands in Kafka for the group, '-1' where nothing is committed. */
export async function committed(kafka: Kafka, groupId: string, topic: string): Promise<Record<number, string>> {
  const admin = kafka.admin();
  await admin.connect();
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
  await admin.disconnect();
  return Object.fromEntries((found?.partitions ?? []).map(({ partition, offset }) => [partition, offset]));
}
