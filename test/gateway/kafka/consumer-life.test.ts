// How often is fetched: a kafkajs that the test plays, one fetch after another, on its timers.
import type { ConsumerRunConfig, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ConsumerLife, type FetchedBatch, recordOf } from '../../../src/gateway/kafka/consumer-life.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class PlayedConsumer {
  readonly events = {
    ...{ FETCH: 'fetch', GROUP_JOIN: 'join', HEARTBEAT: 'heartbeat', REBALANCING: 'rebalancing' },
    ...{ END_BATCH_PROCESS: 'end', CRASH: 'crash' },
  };
  readonly resolved: string[] = [];
  readonly #listeners = new Map<string, (event: unknown) => void>();
  #config: ConsumerRunConfig = {};

  on(event: string, listener: (event: unknown) => void): void {
    this.#listeners.set(event, listener);
  }

  async connect(): Promise<void> {}
  async subscribe(): Promise<void> {}
  async disconnect(): Promise<void> {}

  async run(config: ConsumerRunConfig): Promise<void> {
    this.#config = config;
  }

  /** One fetch, with the offsets of each partition's batch; done when kafkajs would fetch again. */
  fetched(...batches: readonly (readonly string[])[]): Promise<unknown> {
    this.#listeners.get('fetch')?.({ payload: {} });
    expect(batches.length).toBeLessThanOrEqual(this.#config.partitionsConsumedConcurrently ?? 1);
    return Promise.all(
      batches.map((offsets, partition) => this.#config.eachBatch?.(this.#payload(partition, offsets))),
    );
  }

  #payload(partition: number, offsets: readonly string[]): EachBatchPayload {
    const messages = offsets.map((offset) => ({ offset, key: null, value: null, timestamp: '0', headers: {} }));
    const batch = { partition, messages, fetchedOffset: offsets[0], lastOffset: () => offsets.at(-1) };
    const resolveOffset = (offset: string) => void this.resolved.push(`${partition}:${offset}`);
    return { batch, resolveOffset, isStale: () => false } as unknown as EachBatchPayload;
  }
}

async function started(): Promise<{ consumer: PlayedConsumer; life: ConsumerLife; batches: FetchedBatch[] }> {
  const consumer = new PlayedConsumer();
  const batches: FetchedBatch[] = [];
  const settings = { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 1_000, rebalanceTimeoutMs: 6_000, maxWaitMs: 100 };
  const life = new ConsumerLife(
    { consumer: () => consumer } as unknown as Kafka,
    { topic: 'replies', groupId: 'g', ...settings },
    {
      ...{ onJoin() {}, onGeneration() {}, onRebalance() {}, onPassed() {}, onEnd() {} },
      onBatch: async (batch) => batches.push(batch) > 0,
    },
  );
  life.start();
  await vi.advanceTimersByTimeAsync(0);
  return { consumer, life, batches };
}

test('after a fetch of one record the next comes at once; after one of several, also on several partitions, it rests', async () => {
  const { consumer, life, batches } = await started();
  const took = async (fetch: Promise<unknown>): Promise<number> => {
    const sinceMs = Date.now();
    let restsMs = Number.NaN;
    void fetch.then(() => {
      restsMs = Date.now() - sinceMs;
    });
    await vi.advanceTimersByTimeAsync(20);
    return restsMs;
  };
  expect(await took(consumer.fetched(['1']))).toBe(0);
  const several = consumer.fetched(['2', '3'], ['7']);
  await vi.advanceTimersByTimeAsync(0);
  // What was fetched does not wait.
  expect(batches.map(({ partition, lastOffset }) => `${partition}:${lastOffset}`)).toEqual(['0:1', '0:3', '1:7']);
  expect(consumer.resolved).toEqual(['0:1', '0:3', '1:7']);
  expect(await took(several)).toBe(5);
  expect(await took(consumer.fetched(['4'], ['8'], ['1']))).toBe(5);
  expect(await took(consumer.fetched(['5']))).toBe(0);
  await life.stop();
});

// The oldest format of records has no time; and a producer may write any 64 bits as one, which as a date, or in a header of a dead
// letter, would throw for ever.
test.each([
  ['1767225600000', 1_767_225_600_000],
  ['0', 0],
  ['-1', -1],
  [undefined, -1],
  ['9223372036854775807', -1],
  ['-9223372036854775808', -1],
])('a record of the time %s is of %d', (timestamp, timestampMs) => {
  const message = { offset: '1', key: null, value: null, headers: {}, attributes: 0, timestamp };
  expect(recordOf(message as unknown as KafkaMessage).timestampMs).toBe(timestampMs);
});
