// Reads a cluster's dead letters, as a person's tool would: plain kafkajs, from the beginning.
import type { Consumer } from 'kafkajs';
import { topicsOf } from '../../src/gateway/kafka/topics.ts';
import { client } from './service.ts';

export interface ReadDeadLetter {
  readonly reason: string;
  readonly correlationId: string | undefined;
  readonly value: Buffer | null;
  /** In words. */
  readonly message: string;
}

export class DeadLetterReader {
  readonly all: ReadDeadLetter[] = [];
  readonly #consumer: Consumer;

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  /** The topic is there already. */
  static async open(brokers: string, cluster: string): Promise<DeadLetterReader> {
    const { deadLetters } = topicsOf(cluster);
    const consumer = client(brokers).consumer({ groupId: `reader-of-${deadLetters.name}`, maxWaitTimeInMs: 100 });
    const reader = new DeadLetterReader(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [deadLetters.name], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const { headers = {}, value } = message;
        reader.all.push({
          reason: String(headers['holdfast-reason']),
          correlationId: headers.kafka_correlationId?.toString(),
          value,
          message: String(headers['kafka_dlt-exception-message']),
        });
      },
    });
    return reader;
  }

  close(): Promise<void> {
    return this.#consumer.disconnect();
  }
}
