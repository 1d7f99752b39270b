// Writes records to Kafka: one try of one produce request, acknowledged by all in-sync replicas, with a plain verdict.
//
// kafkajs's own retries would write a record several times after its caller has given up, so there are none.
// Its producer asks for the metadata of every topic it ever wrote to, all in one request that fails as a whole: once one of them is
// deleted, sends to every other fail as "unknown topic", for good. So a topic is looked up alone before it is first given to a
// producer, an unknown topic is only believed after such a look-up, twice (brokers learn of new topics one after another), and
// the producer is then replaced by one that has never heard of the deleted topic. So it is with a topic that this user may not look at
// any more, or that has a partition without a leader: the producer is replaced, and the topic at fault, looked up alone, keeps out of
// the new one. One that may be looked at and not written to is known by this: the producer had found its partitions, and so had the one
// after it, when they were refused.
//
// All that takes time, and so do connecting and kafkajs's own look-up of a topic that is new to a producer. Whether the
// records may leave is therefore asked twice: before they are given to kafkajs, and by the partitioner, which it runs once it
// knows the topic. What comes after that is at most a connection to the partition's leader.
import {
  type Admin,
  type ICustomPartitioner,
  type IHeaders,
  type Kafka,
  type Message,
  Partitioners,
  type Producer,
} from 'kafkajs';
import type { KafkaHeader, OutgoingRecord, RecordWriter, SendAnswer } from '../ports.ts';
import { describeError, kafkaErrorName, meaningOf } from './errors.ts';
import { hashOfKey } from './key-hash.ts';
import { Renewable } from './renewable.ts';

/** For so long, and so many, topics that may not be written to are known as such: to find one out costs all others their producer. */
const FORBIDDEN_FOR_MS = 3_600_000;
const MOST_FORBIDDEN = 1_000;
/** Of the time that there is: Kafka's answer that others have not taken the records in time is to come before we stop to wait. */
const BROKER_SHARE = 0.8;
/** For so long an unknown topic is refused without asking again: its waiting records come one after another. */
const UNKNOWN_FOR_MS = 1_000;
const SECOND_LOOK_AFTER_MS = 250;
const ACKS_FROM_ALL = -1;

const MAY_START = Symbol('mayStart');

/** The first message of each send: kafkajs shows it to the partitioner, and passes over what it does not know. */
interface Asking extends Message {
  readonly [MAY_START]?: () => boolean;
}

class MayNotStart extends Error {
  constructor() {
    super('not sent: this node may not act now');
  }
}

export class KafkaRecordWriter implements RecordWriter {
  readonly #producer: Renewable<Producer>;
  readonly #admin: Renewable<Admin>;
  /** Topics that exist, as far as the present producer knows. */
  #known = new Set<string>();
  /** Of the producer: another one begins when what it says may be another topic's fault. */
  #generation = 0;
  readonly #refused = new Map<string, { readonly reason: string; readonly untilMs: number }>();
  /** Topics that were refused after a producer had found their partitions: which one first, and when last. */
  readonly #forbidden = new Map<string, { readonly generation: number; readonly atMs: number }>();

  constructor(kafka: Kafka) {
    this.#producer = new Renewable(() =>
      kafka.producer({
        allowAutoTopicCreation: false,
        idempotent: false,
        createPartitioner: askingPartitioner,
        retry: { retries: 0 },
      }),
    );
    this.#admin = new Renewable(() => kafka.admin({ retry: { retries: 0 } }));
  }

  async send(
    topic: string,
    records: readonly OutgoingRecord[],
    deadlineMs: number,
    mayStart: () => boolean,
  ): Promise<SendAnswer> {
    try {
      const refusal = await this.#lookUp(topic, deadlineMs);
      if (refusal !== undefined) return refusal;
    } catch (error) {
      return transient(topic, error);
    }
    const generation = this.#generation;
    let partitioned = false;
    try {
      const messages: Asking[] = records.map(messageOf);
      const asked = () => {
        partitioned = true;
        return mayStart();
      };
      if (messages[0] !== undefined) messages[0] = { ...messages[0], [MAY_START]: asked };
      const timeout = Math.ceil(deadlineMs * BROKER_SHARE);
      const sent = await this.#producer.use(deadlineMs, async (producer) => {
        if (!mayStart()) return false;
        await producer.send({ topic, messages, acks: ACKS_FROM_ALL, timeout });
        return true;
      });
      if (!sent) return { kind: 'transient', reason: new MayNotStart().message };
      this.#forbidden.delete(topic);
      return { kind: 'acked' };
    } catch (error) {
      if (!this.#mayBeAnotherTopic(topic, error, generation, partitioned)) {
        return meaningOf(error) === 'refused'
          ? { kind: 'refused', reason: said(topic, error) }
          : transient(topic, error);
      }
      // Others that were under way with the old one fail too, and must not throw away the new one.
      if (generation === this.#generation) {
        this.#generation += 1;
        this.#known = new Set();
        this.#producer.renew();
      }
      return transient(topic, error);
    }
  }

  #mayBeAnotherTopic(topic: string, error: unknown, generation: number, partitioned: boolean): boolean {
    switch (kafkaErrorName(error)) {
      case 'UNKNOWN_TOPIC_OR_PARTITION':
      case 'LEADER_NOT_AVAILABLE':
        return true;
      case 'TOPIC_AUTHORIZATION_FAILED':
        return !partitioned || !this.#wasForbidden(topic, generation);
      default:
        return false;
    }
  }

  /** To a producer before this one; from now on it is known. */
  #wasForbidden(topic: string, generation: number): boolean {
    const nowMs = Date.now();
    for (const [name, { atMs }] of this.#forbidden) {
      if (nowMs - atMs > FORBIDDEN_FOR_MS || this.#forbidden.size >= MOST_FORBIDDEN) this.#forbidden.delete(name);
    }
    const before = this.#forbidden.get(topic)?.generation ?? generation;
    this.#forbidden.delete(topic);
    this.#forbidden.set(topic, { generation: before, atMs: nowMs });
    return before < generation;
  }

  async close(): Promise<void> {
    await Promise.all([this.#producer.close(), this.#admin.close()]);
  }

  /** Undefined: the topic exists. @throws when Kafka cannot be asked */
  async #lookUp(topic: string, deadlineMs: number): Promise<SendAnswer | undefined> {
    if (this.#known.has(topic)) return undefined;
    const known = this.#known;
    const lately = this.#refused.get(topic);
    if (lately !== undefined && Date.now() < lately.untilMs) return { kind: 'refused', reason: lately.reason };
    this.#refused.delete(topic);
    for (let look = 1; ; look++) {
      try {
        await this.#admin.use(deadlineMs, (admin) => admin.fetchTopicMetadata({ topics: [topic] }));
        known.add(topic);
        return undefined;
      } catch (error) {
        if (meaningOf(error) === 'transient') throw error;
        if (meaningOf(error) === 'unknownTopic' && look < 2) {
          await new Promise((resolve) => setTimeout(resolve, SECOND_LOOK_AFTER_MS));
          continue;
        }
        const reason = said(topic, error);
        this.#refuse(topic, reason);
        return { kind: 'refused', reason };
      }
    }
  }

  #refuse(topic: string, reason: string): void {
    const nowMs = Date.now();
    for (const [name, { untilMs }] of this.#refused) if (untilMs <= nowMs) this.#refused.delete(name);
    this.#refused.set(topic, { reason, untilMs: nowMs + UNKNOWN_FOR_MS });
  }
}

function transient(topic: string, error: unknown): SendAnswer {
  return { kind: 'transient', reason: said(topic, error), answered: kafkaErrorName(error) !== undefined };
}

function said(topic: string, error: unknown): string {
  return `topic ${topic}: ${describeError(error)}`;
}

const askingPartitioner: ICustomPartitioner = () => {
  const choose = Partitioners.DefaultPartitioner();
  return (args) => {
    const { message, partitionMetadata } = args;
    if ((message as Asking)[MAY_START]?.() === false) throw new MayNotStart();
    const { key, partition } = message;
    if (partition !== undefined || key === null || key === undefined) return choose(args);
    return hashOfKey(typeof key === 'string' ? Buffer.from(key) : key) % partitionMetadata.length;
  };
};

function messageOf(record: OutgoingRecord): Message {
  return {
    key: record.key === null ? null : bytesOrText(record.key),
    value: record.value === null ? null : bytesOrText(record.value),
    headers: headersOf(record.headers),
    ...(record.partition !== undefined && { partition: record.partition }),
  };
}

/** kafkajs takes headers by name; those of one name keep their order. */
function headersOf(headers: readonly KafkaHeader[]): IHeaders {
  const byName: IHeaders = Object.create(null);
  for (const { name, value } of headers) {
    const before = byName[name];
    const one = bytesOrText(value);
    if (before === undefined) byName[name] = one;
    else if (Array.isArray(before)) before.push(one);
    else byName[name] = [before, one];
  }
  return byName;
}

function bytesOrText(data: string | Uint8Array): string | Buffer {
  return typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
