// The example service of tests: plain kafkajs, in the test's own process. It remembers every request record, and answers
// as it is told: at once, never, or when it is let go. It goes on through outages of Kafka: an answer is sent until Kafka has
// it, and a consumer that crashed or fell silent is replaced (kafkajs restarts some of those by itself, some never, and a
// crash during such a restart has left it dead; whoever operates a service would have its process restarted).
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Consumer, type Kafka, type KafkaMessage, type Producer } from 'kafkajs';
import type { JobKey } from '../../src/actors/ids.ts';
import { eventually } from './eventually.ts';

export interface ServiceRequest {
  readonly topic: string;
  readonly correlationId: string;
  readonly replyTopic: string;
  readonly body: string;
  readonly value: Buffer | null;
  /** `topic/partition/offset`: the record, for one that is read twice is not two. */
  readonly record: string;
  /** When it was read, wall clock ms. */
  readonly atMs: number;
  /** Kafka's stamp. */
  readonly writtenMs: number;
  readonly key: string | undefined;
  /** The last one of each name. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface ReplyRecord {
  readonly topic: string;
  readonly value: string | Buffer | null;
  readonly correlationId?: string | undefined;
  readonly partition?: number;
  /** Besides the correlation id. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Above session and rebalance timeouts together. */
const SILENCE_MS = 15_000;

/** What becomes of a request; undefined: nothing, now. */
export type Behaviour = (request: ServiceRequest, number: number) => string | undefined;

/** Gives the request's token back with a number of its own. */
export const ANSWER: Behaviour = ({ body }, number) =>
  JSON.stringify({ answer: { token: (JSON.parse(body) as { token: string }).token, number } });

export class ExampleService {
  readonly requests: ServiceRequest[] = [];
  readonly #records = new Set<string>();
  readonly #kafka: Kafka;
  readonly #groupId: string;
  readonly #producer: Producer;
  readonly #waiting: ServiceRequest[] = [];
  readonly #unsent: ReplyRecord[] = [];
  #behaviour: Behaviour = ANSWER;
  #open = true;
  #number = 0;
  #stopped = false;
  #sending: Promise<void> | undefined;
  #consumer: Consumer | undefined;
  /** Why each consumer before the present one ended. */
  readonly #ends: string[] = [];

  private constructor(kafka: Kafka, groupId: string) {
    this.#kafka = kafka;
    this.#groupId = groupId;
    this.#producer = kafka.producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
  }

  /** Makes the topics, and returns when it reads them from their beginning. */
  static async start(
    brokers: string,
    topics: readonly string[],
    behaviour: Behaviour = ANSWER,
  ): Promise<ExampleService> {
    const kafka = client(brokers);
    const service = new ExampleService(kafka, `service-of-${topics[0]}`);
    service.#behaviour = behaviour;
    await service.#run(topics);
    return service;
  }

  /** From now on requests wait. */
  hold(): void {
    this.#open = false;
  }

  /** Answers what waits, and from now on at once. */
  release(behaviour: Behaviour = this.#behaviour): void {
    this.#behaviour = behaviour;
    this.#open = true;
    for (const request of this.#waiting.splice(0)) this.#answer(request);
  }

  /** Any record at all; it is sent until Kafka has it. */
  send(record: ReplyRecord): void {
    this.#unsent.push(record);
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  reply(request: ServiceRequest, value: string | Buffer | null, headers: Readonly<Record<string, string>> = {}): void {
    this.send({ topic: request.replyTopic, correlationId: request.correlationId, value, headers });
  }

  /** Resolves when Kafka has everything. */
  async sent(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  /** Correlation ids of requests of which there is more than one record. */
  repeated(): string[] {
    const ids = new Set<string>();
    const again = new Set<string>();
    for (const { correlationId } of this.requests) (ids.has(correlationId) ? again : ids).add(correlationId);
    return [...again];
  }

  /** The requests whose body holds this text. */
  about(text: string): readonly ServiceRequest[] {
    return this.requests.filter(({ body }) => body.includes(text));
  }

  /** For a test that waits in vain. */
  diagnose(): unknown {
    const { length } = this.requests;
    return { requests: length, waiting: this.#waiting.length, unsent: this.#unsent.length, consumerEnds: this.#ends };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#consumer?.disconnect().catch(() => undefined);
    await this.#producer.disconnect().catch(() => undefined);
  }

  async #run(topics: readonly string[]): Promise<void> {
    await this.#producer.connect();
    await new Promise<void>((resolve) => void this.#consume(topics, resolve));
  }

  /** One consumer after another, until told to stop; `joined` at each one's assignment. */
  async #consume(topics: readonly string[], joined: () => void): Promise<void> {
    while (!this.#stopped) {
      // Short sessions: after an outage of the broker the group would wait for the session of its own former member.
      const consumer = this.#kafka.consumer({
        groupId: this.#groupId,
        maxWaitTimeInMs: 100,
        sessionTimeout: 6_000,
        heartbeatInterval: 1_000,
        rebalanceTimeout: 6_000,
        retry: { retries: 5, maxRetryTime: 1_000, restartOnFailure: () => Promise.resolve(false) },
      });
      this.#consumer = consumer;
      const reason = await this.#untilEnd(consumer, topics, joined);
      if (this.#stopped) return;
      this.#ends.push(`${new Date().toISOString()} ${reason}`);
      consumer.disconnect().catch(() => undefined);
      await sleep(500);
    }
  }

  /** Resolves with the reason when this consumer has crashed, could not begin, or has been silent for too long. */
  #untilEnd(consumer: Consumer, topics: readonly string[], joined: () => void): Promise<string> {
    return new Promise((resolve) => {
      let lastSignMs = Date.now();
      const sign = () => {
        lastSignMs = Date.now();
      };
      const watch = setInterval(() => {
        if (this.#stopped) clearInterval(watch);
        if (Date.now() - lastSignMs > SILENCE_MS) ended(`silent for ${SILENCE_MS} ms`);
      }, 1_000).unref();
      const ended = (reason: string) => {
        clearInterval(watch);
        resolve(reason);
      };
      consumer.on(consumer.events.FETCH, sign);
      consumer.on(consumer.events.HEARTBEAT, sign);
      consumer.on(consumer.events.GROUP_JOIN, () => {
        sign();
        joined();
      });
      consumer.on(consumer.events.CRASH, ({ payload }) => ended(String(payload.error)));
      const begin = async () => {
        await consumer.connect();
        await consumer.subscribe({ topics: [...topics], fromBeginning: true });
        await consumer.run({
          eachMessage: async ({ topic, partition, message }) => this.#take(topic, partition, message),
        });
      };
      begin().catch((error: unknown) => ended(String(error)));
    });
  }

  #take(topic: string, partition: number, { offset, key, value, headers, timestamp }: KafkaMessage): void {
    const record = `${topic}/${partition}/${offset}`;
    if (this.#records.has(record)) return;
    this.#records.add(record);
    const request: ServiceRequest = {
      topic,
      correlationId: String(headers?.kafka_correlationId ?? headers?.REPLY_CORRELATION_ID),
      replyTopic: String(headers?.kafka_replyTopic ?? headers?.REPLY_TOPIC),
      body: String(value),
      value,
      record,
      atMs: Date.now(),
      writtenMs: Number(timestamp),
      key: key?.toString(),
      headers: textsOf(headers),
    };
    this.requests.push(request);
    if (this.#open) this.#answer(request);
    else this.#waiting.push(request);
  }

  #answer(request: ServiceRequest): void {
    const value = this.#behaviour(request, ++this.#number);
    if (value !== undefined) this.reply(request, value);
  }

  async #sendAll(): Promise<void> {
    while (this.#unsent.length > 0 && !this.#stopped) {
      const batch = this.#unsent.slice(0, 200);
      try {
        await this.#producer.sendBatch({ topicMessages: batch.map(messageOf) });
        this.#unsent.splice(0, batch.length);
      } catch {
        await sleep(500); // Kafka is away
        await this.#producer.connect().catch(() => undefined);
      }
    }
  }
}

function messageOf({ topic, value, correlationId, partition, headers: more }: ReplyRecord) {
  const headers = correlationId === undefined ? { ...more } : { kafka_correlationId: correlationId, ...more };
  const message = { key: correlationId ?? null, value, headers };
  return { topic, messages: [partition === undefined ? message : { ...message, partition }] };
}

export function textsOf(headers: KafkaMessage['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String([value].flat().at(-1))]));
}

/** Makes topics for services, or a reply topic before a node does. */
export async function makeTopics(
  brokers: string,
  topics: readonly string[],
  { partitions = 3, maxBytes = 1_048_588 } = {},
): Promise<void> {
  const configEntries = [{ name: 'max.message.bytes', value: String(maxBytes) }];
  const admin = client(brokers).admin();
  await admin.connect();
  try {
    // kafkajs would wait for the leaders, and fail while a broker has not heard of the topic.
    await admin.createTopics({
      topics: topics.map((topic) => ({ topic, numPartitions: partitions, configEntries })),
      waitForLeaders: false,
    });
    await eventually(`the topics ${topics}`, () => admin.fetchTopicMetadata({ topics: [...topics] }));
  } finally {
    await admin.disconnect();
  }
}

/** As everybody's services have it. */
export function client(brokers: string): Kafka {
  return new kafkajs.Kafka({
    clientId: 'service',
    brokers: [brokers],
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: 5_000,
  });
}

/** What the form of a correlation id tells. */
export function partsOf(correlationId: string): { readonly jobKey: JobKey; readonly attempt: number } {
  const [, base36 = '0', attempt] = /^hf1-[a-z0-9]+-([0-9a-z]+)-(\d+)-/.exec(correlationId) ?? [];
  const jobKey = [...base36].reduce((key, digit) => key * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
  return { jobKey: jobKey.toString() as JobKey, attempt: Number(attempt) };
}
