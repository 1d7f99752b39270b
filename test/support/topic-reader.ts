// Reads what a cluster writes on a topic of its own, as any tool would: plain kafkajs, from the beginning.
import type { Consumer } from 'kafkajs';
import { client, textsOf } from './service.ts';

export interface ReadRecord {
  readonly key: string | undefined;
  readonly value: string | null;
  /** The last one of each name. */
  readonly headers: Readonly<Record<string, string>>;
}

export class TopicReader {
  readonly all: ReadRecord[] = [];
  readonly #consumer: Consumer;

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  /** The topic is there already. */
  static async open(brokers: string, topic: string): Promise<TopicReader> {
    const consumer = client(brokers).consumer({ groupId: `reader-of-${topic}`, maxWaitTimeInMs: 100 });
    const reader = new TopicReader(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message: { key, value, headers } }) => {
        reader.all.push({ key: key?.toString(), value: value?.toString() ?? null, headers: textsOf(headers) });
      },
    });
    return reader;
  }

  close(): Promise<void> {
    return this.#consumer.disconnect();
  }
}
