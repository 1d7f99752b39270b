// Reads ranges of a topic by Fetch requests of our own: kafkajs has no consumer without a group, and to join one for every
// look costs seconds and leaves groups behind.
//
// A fetch answers with whole batches from the one that holds the offset on; what lies outside of the range is dropped, and so are
// control records and aborted transactions, as kafkajs's consumer does it. Where an answer is empty although the range
// lies below the log's end, a batch was not believed (its checksum is wrong: it is fetched again, batch-decoding.ts, until it is
// believed or refused) or holds no record at all (a compacted topic), which no answer tells apart from a damaged one: then the
// rest of the range counts as passed, so that nothing hangs on it.
import { createRequire } from 'node:module';
import type { Cluster, Kafka, KafkaMessage } from 'kafkajs';
import { type LetterLog, type LetterSlice, lowerOf, type OffsetRange } from '../operations/letter-log.ts';
import { OperationUnavailable } from '../operations/operations.ts';
import { FETCHES_OF_A_CHANGED_BATCH, refusalOf } from './batch-decoding.ts';
import { type ClusterChannel, clusterChannel } from './cluster-channel.ts';
import { recordOf } from './consumer-life.ts';
import { describeError, kafkaErrorName } from './errors.ts';
import { Renewable } from './renewable.ts';

/** Kafka goes beyond it for one batch that is larger. */
const FETCH_BYTES = 1024 * 1024;
/** kafkajs gives a fetch up 100 ms after this. There is always something to answer with, so nobody waits for so long. */
const FETCH_WAIT_MS = 3_000;
const DEADLINE_MS = 5_000;
const READ_COMMITTED = 1;
/** Negative stamps mean something else to Kafka, and larger ones than a date can have do not fit. */
const LATEST_MS = 8.64e15;

interface FetchedPartition {
  readonly messages: KafkaMessage[];
  readonly abortedTransactions: readonly unknown[] | null;
}

interface FetchAnswer {
  readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[];
}

const withoutAborted = createRequire(import.meta.url)('kafkajs/src/consumer/filterAbortedMessages') as (
  fetched: FetchedPartition,
) => KafkaMessage[];

export class KafkaLetterLog implements LetterLog {
  readonly #channel: Renewable<ClusterChannel>;
  readonly #topic: string;

  constructor(kafka: Kafka, topic: string) {
    // The group is never joined: the name is one that kafkajs wants to have.
    this.#channel = new Renewable(() => clusterChannel(kafka, `reader-of-${topic}`));
    this.#topic = topic;
  }

  bounds(): Promise<readonly OffsetRange[]> {
    return this.#use(async (cluster) => {
      const [earliest, ends] = await Promise.all([
        this.#offsets(cluster, { fromBeginning: true }),
        this.#offsets(cluster, { fromBeginning: false }),
      ]);
      return [...ends]
        .map(([partition, to]) => ({ partition, from: earliest.get(partition) ?? to, to }))
        .sort((a, b) => a.partition - b.partition);
    });
  }

  offsetsAt(atMs: number): Promise<ReadonlyMap<number, bigint>> {
    return this.#use(async (cluster) => {
      const offsets = await this.#offsets(cluster, {
        fromTimestamp: Math.max(0, Math.min(Math.floor(atMs), LATEST_MS)),
      });
      return new Map([...offsets].filter(([, offset]) => offset >= 0n));
    });
  }

  read(range: OffsetRange): Promise<LetterSlice> {
    return this.#use((cluster) => this.#read(cluster, range));
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  async #read(cluster: Cluster, { partition, from, to }: OffsetRange): Promise<LetterSlice> {
    if (from >= to) return { records: [], next: to };
    try {
      for (let fetches = 0; fetches < FETCHES_OF_A_CHANGED_BATCH; fetches++) {
        const { messages, abortedTransactions } = await this.#fetch(cluster, partition, from);
        const within = messages.filter(({ offset }) => BigInt(offset) >= from);
        const last = within.at(-1);
        if (last === undefined) continue;
        const records = withoutAborted({ messages: within, abortedTransactions })
          .filter((message) => !isControl(message) && refusalOf(message) === undefined && BigInt(message.offset) < to)
          .map(recordOf);
        const next = BigInt(last.offset) + 1n;
        return { records, next: lowerOf(next, to) };
      }
      return { records: [], next: to };
    } catch (error) {
      if (kafkaErrorName(error) !== 'OFFSET_OUT_OF_RANGE') throw error;
      // Retention has passed `from` since.
      const earliest = (await this.#offsets(cluster, { fromBeginning: true })).get(partition) ?? to;
      return { records: [], next: earliest > from && earliest < to ? earliest : to };
    }
  }

  async #fetch(cluster: Cluster, partition: number, from: bigint): Promise<FetchedPartition> {
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(this.#topic, [partition]));
    if (nodeId === undefined) throw new OperationUnavailable(`${this.#topic} has no partition ${partition}`);
    const broker = await cluster.findBroker({ nodeId });
    const answer = (await broker.fetch({
      isolationLevel: READ_COMMITTED,
      maxWaitTime: FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      topics: [
        { topic: this.#topic, partitions: [{ partition, fetchOffset: from.toString(), maxBytes: FETCH_BYTES }] },
      ],
    })) as FetchAnswer;
    return answer.responses[0]?.partitions[0] ?? { messages: [], abortedTransactions: null };
  }

  async #offsets(
    cluster: Cluster,
    which: { fromBeginning: boolean } | { fromTimestamp: number },
  ): Promise<Map<number, bigint>> {
    const partitions = cluster
      .findTopicPartitionMetadata(this.#topic)
      .map(({ partitionId: partition }) => ({ partition }));
    const [answer] = await cluster.fetchTopicsOffset([{ topic: this.#topic, partitions, ...which }]);
    return new Map(answer?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  /** Once more after an answer that says that a leader has moved: to read twice does no harm. */
  async #use<R>(run: (cluster: Cluster) => Promise<R>): Promise<R> {
    try {
      return await this.#channel.use(DEADLINE_MS, async ({ cluster }) => {
        await cluster.addTargetTopic(this.#topic);
        await cluster.refreshMetadataIfNecessary();
        try {
          return await run(cluster);
        } catch (error) {
          if (kafkaErrorName(error) === undefined) throw error;
          await cluster.refreshMetadata();
          return await run(cluster);
        }
      });
    } catch (error) {
      if (error instanceof OperationUnavailable) throw error;
      throw new OperationUnavailable(`${this.#topic} cannot be read now: ${describeError(error)}`, { cause: error });
    }
  }
}

function isControl(message: KafkaMessage): boolean {
  return 'isControlRecord' in message && message.isControlRecord === true;
}
