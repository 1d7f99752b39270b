// One kafkajs consumer, from its start to its end, with the little of it that we need.
//
// It ends by itself after a short outage, an error it cannot classify, or silence (a consumer that neither fetches nor
// heartbeats has been seen to hang for good): its owner makes another one. kafkajs would restart it in some of these cases
// and not in others; here it never does. Nothing is reported after `onEnd`.
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { IncomingRecord } from '../ports.ts';
import { timeOf } from '../record-time.ts';
import { type Refusal, refusalOf } from './batch-decoding.ts';
import { describeError } from './errors.ts';

/**
 * After a fetch that brought several records the next one waits so long: it costs the same however few it brings. Where records
 * come one by one, none is kept waiting.
 */
const REST_MS = 5;
/** As Kafka says it of a record without a time. */
const NO_TIME = -1;
/** A fetch brings a batch of each partition. They are handed on, and rest, together. */
const BATCHES_AT_ONCE = 64;

export interface ConsumerSettings {
  readonly topic: string;
  readonly groupId: string;
  /** How long a silent member keeps its partitions, unless somebody shows it out. At least 6 s with a broker's defaults. */
  readonly sessionTimeoutMs: number;
  /** A member learns of a rebalance by its heartbeat, so this is how long one takes. */
  readonly heartbeatIntervalMs: number;
  /** How long the others wait for a member that does not rejoin. */
  readonly rebalanceTimeoutMs: number;
  /** How long Kafka holds an empty fetch; also what delays a heartbeat. */
  readonly maxWaitMs: number;
}

export interface FetchedBatch {
  readonly partition: number;
  /** Where this fetch began to read. */
  readonly fetchedOffset: string;
  readonly lastOffset: string;
  readonly records: readonly IncomingRecord[];
  /** Batches that lie in between and were passed over. */
  readonly refused: readonly Refusal[];
}

export interface ConsumerEvents {
  onJoin(memberId: string, partitions: readonly number[]): void;
  /** Kafka's number of the present generation: known with the first heartbeat after joining. */
  onGeneration(memberId: string, generationId: number): void;
  onRebalance(): void;
  /** True: taken, reading goes on behind it. False: it is fetched again, from where kafkajs then stands. */
  onBatch(batch: FetchedBatch): Promise<boolean>;
  /** Control records and aborted batches, which kafkajs has passed by itself. `first`: null when unknown. */
  onPassed(partition: number, first: string | null, last: string): void;
  onEnd(reason: string): void;
}

export class ConsumerLife {
  readonly #consumer: Consumer;
  readonly #settings: ConsumerSettings;
  readonly #events: ConsumerEvents;
  #watch: NodeJS.Timeout | undefined;
  #lastSignMs = Date.now();
  #over = false;
  /** That the last fetch brought, as far as they are handed on. */
  #fetched = 0;

  constructor(kafka: Kafka, settings: ConsumerSettings, events: ConsumerEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#consumer = kafka.consumer({
      groupId: settings.groupId,
      sessionTimeout: settings.sessionTimeoutMs,
      heartbeatInterval: settings.heartbeatIntervalMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      maxWaitTimeInMs: settings.maxWaitMs,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      metadataMaxAge: 30_000,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5, restartOnFailure: () => Promise.resolve(false) },
    });
    this.#listen();
  }

  /** Joins the group and reads until the end, which comes as `onEnd`. */
  start(): void {
    const silenceMs = this.#settings.sessionTimeoutMs + this.#settings.rebalanceTimeoutMs + 5_000;
    this.#watch = setInterval(() => {
      if (Date.now() - this.#lastSignMs > silenceMs) this.#end(`neither fetch nor heartbeat for ${silenceMs} ms`);
    }, 1_000).unref();
    this.#run().catch((error) => this.#end(describeError(error)));
  }

  /** Reads this partition from `offset` on; what is being fetched from elsewhere is dropped. */
  seek(partition: number, offset: string): void {
    if (!this.#over) this.#consumer.seek({ topic: this.#settings.topic, partition, offset });
  }

  pause(partitions: readonly number[]): void {
    if (!this.#over) this.#consumer.pause([{ topic: this.#settings.topic, partitions: [...partitions] }]);
  }

  resume(partitions: readonly number[]): void {
    if (!this.#over) this.#consumer.resume([{ topic: this.#settings.topic, partitions: [...partitions] }]);
  }

  /** Leaves the group. */
  async stop(): Promise<void> {
    this.#over = true;
    clearInterval(this.#watch);
    await this.#consumer.disconnect();
  }

  async #run(): Promise<void> {
    const { topic } = this.#settings;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [topic], fromBeginning: true });
    if (this.#over) return;
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: BATCHES_AT_ONCE,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
  }

  #listen(): void {
    const { events } = this.#consumer;
    const { topic } = this.#settings;
    const on: Consumer['on'] = this.#consumer.on.bind(this.#consumer);
    on(events.FETCH, () => {
      this.#sign();
      this.#fetched = 0;
    });
    on(events.GROUP_JOIN, ({ payload }) => {
      this.#sign();
      if (!this.#over) this.#events.onJoin(payload.memberId, payload.memberAssignment[topic] ?? []);
    });
    on(events.HEARTBEAT, ({ payload }) => {
      this.#sign();
      if (!this.#over) this.#events.onGeneration(payload.memberId, payload.groupGenerationId);
    });
    on(events.REBALANCING, () => {
      if (!this.#over) this.#events.onRebalance();
    });
    on(events.END_BATCH_PROCESS, ({ payload }) => {
      if (this.#over || payload.batchSize > 0) return;
      this.#events.onPassed(payload.partition, payload.firstOffset, payload.lastOffset);
    });
    on(events.CRASH, ({ payload }) => this.#end(describeError(payload.error)));
  }

  async #eachBatch({ batch, resolveOffset, isStale }: EachBatchPayload): Promise<void> {
    const last = batch.messages.at(-1);
    if (this.#over || isStale() || last === undefined) return;
    this.#fetched += batch.messages.length;
    const taken = await this.#events.onBatch({
      partition: batch.partition,
      fetchedOffset: (batch as typeof batch & { readonly fetchedOffset: string }).fetchedOffset,
      lastOffset: batch.lastOffset(),
      records: batch.messages.filter((message) => refusalOf(message) === undefined).map(recordOf),
      refused: batch.messages.flatMap((message) => refusalOf(message) ?? []),
    });
    if (taken) resolveOffset(last.offset);
    if (this.#fetched > 1) await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }

  #sign(): void {
    this.#lastSignMs = Date.now();
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.stop().catch(() => undefined);
    this.#events.onEnd(reason);
  }
}

export function recordOf(message: KafkaMessage): IncomingRecord {
  const headers = Object.entries(message.headers ?? {}).flatMap(([name, value]) =>
    // Where headers are not gathered by header-decoding.ts, names such as `constructor` pick up what is no value.
    (Array.isArray(value) ? value : [value])
      .filter((one) => one instanceof Uint8Array || one === null)
      .map((one) => ({ name, value: one ?? new Uint8Array() })),
  );
  return {
    offset: message.offset,
    key: message.key,
    value: message.value,
    headers,
    timestampMs: timeOf(message.timestamp) ?? NO_TIME,
  };
}
