// Replies that nobody could use, kept where people can look: same key, value and headers, with the reason beside them.
//
// A dead letter settles its reply, so it is owed like a request: tried until Kafka has it (requests/topic-queue.ts), given up only
// when the partition it came from is not ours any more. If Kafka refuses it as it is, key, value and headers are cut and a
// header says so; a topic that refuses that too (missing, not authorised) is tried again for as long as it takes.
// The origin stands in the headers that Spring for Apache Kafka writes, in its encodings, so that its tools read them.
import type { DeadLetterReason } from '../../actors/messages.ts';
import type { Clock, Random } from '../../actors/ports.ts';
import type { IncomingRecord, KafkaHeader, OutgoingRecord, RecordWriter } from '../ports.ts';
import {
  DEFAULT_TOPIC_QUEUE_LIMITS,
  type QueuedRecord,
  TopicQueue,
  type TopicQueueLimits,
  type TopicTry,
} from '../requests/topic-queue.ts';
import { RetryDelay } from '../retry-delay.ts';

export interface DeadLettersOptions {
  readonly writer: RecordWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly topic: string;
  readonly mayAct: () => boolean;
  readonly limits?: Partial<TopicQueueLimits>;
  readonly onTry?: (event: TopicTry) => void;
}

export interface DeadLetter {
  readonly record: IncomingRecord;
  readonly topic: string;
  readonly partition: number;
  readonly group: string;
  readonly reason: DeadLetterReason;
  readonly message: string;
}

/** The headers that a dead letter has of its own. */
export const LETTER = {
  reason: 'holdfast-reason',
  truncated: 'holdfast-truncated',
  topic: 'kafka_dlt-original-topic',
  partition: 'kafka_dlt-original-partition',
  offset: 'kafka_dlt-original-offset',
  timestamp: 'kafka_dlt-original-timestamp',
  group: 'kafka_dlt-original-consumer-group',
  message: 'kafka_dlt-exception-message',
} as const;
/** A record that was a dead letter before does not keep the older word; one that is driven again keeps none. */
export const ADDED: ReadonlySet<string> = new Set(Object.values(LETTER));

const KEPT_OF_A_CUT_VALUE_BYTES = 1000;
/** Of its key, and of names and values of its headers together: ours stand beside them. */
const KEPT_OF_A_CUT_KEY_BYTES = 1000;
const KEPT_OF_CUT_HEADERS_BYTES = 16 * 1024;

export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #queue: TopicQueue;
  #closed = false;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
    this.#queue = new TopicQueue({ ...options, limits: { ...DEFAULT_TOPIC_QUEUE_LIMITS, ...options.limits } });
  }

  /**
   * `written` is called once Kafka has acknowledged it, unless the returned function was called before.
   */
  write(letter: DeadLetter, written: () => void): () => void {
    const delay = new RetryDelay(this.#options.limits?.retryMinMs ?? 100, 5_000, this.#options.random);
    let queued: QueuedRecord | undefined;
    let given = false;
    const attempt = (cut: boolean): void => {
      if (given || this.#closed) return;
      queued = this.#queue.add(recordOf(letter, cut), (outcome) => {
        if (given) return;
        if (outcome.kind === 'acked') return written();
        if (!cut && recordOf(letter, true).headers.some(({ name }) => name === LETTER.truncated)) return attempt(true);
        this.#options.clock.setTimer(delay.next(), () => attempt(false));
      });
    };
    attempt(false);
    return () => {
      given = true;
      if (queued !== undefined) this.#queue.drop(queued);
    };
  }

  kick(): void {
    this.#queue.kick();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.close();
  }
}

/** @param cut only what a topic of Kafka's defaults takes; as it is when that is all of it */
function recordOf(letter: DeadLetter, cut: boolean): OutgoingRecord {
  const { record } = letter;
  const theirs = record.headers.filter(({ name }) => !ADDED.has(name));
  // Before theirs: whoever reads the letter reads so many headers and no more, and a reply may have as many.
  const ours: KafkaHeader[] = [
    { name: LETTER.reason, value: letter.reason },
    { name: LETTER.topic, value: letter.topic },
    { name: LETTER.partition, value: int32(letter.partition) },
    { name: LETTER.offset, value: int64(BigInt(record.offset)) },
    { name: LETTER.timestamp, value: int64(BigInt(record.timestampMs)) },
    { name: LETTER.group, value: letter.group },
    { name: LETTER.message, value: letter.message },
  ];
  if (!cut) return { key: record.key, value: record.value, headers: [...ours, ...theirs] };
  const key = firstOf(record.key, KEPT_OF_A_CUT_KEY_BYTES);
  const value = firstOf(record.value, KEPT_OF_A_CUT_VALUE_BYTES);
  const kept = withinBytes(theirs, KEPT_OF_CUT_HEADERS_BYTES);
  const lost = [
    ...(value === record.value ? [] : [`the first ${value?.byteLength} of ${record.value?.byteLength} bytes`]),
    ...(key === record.key ? [] : [`the first ${key?.byteLength} of ${record.key?.byteLength} bytes of the key`]),
    ...(kept.length === theirs.length ? [] : [`${kept.length} of ${theirs.length} headers`]),
  ];
  const said = lost.length === 0 ? [] : [{ name: LETTER.truncated, value: lost.join(', ') }];
  return { key, value, headers: [...ours, ...said, ...kept] };
}

function firstOf(bytes: Uint8Array | null, max: number): Uint8Array | null {
  return bytes === null || bytes.byteLength <= max ? bytes : bytes.subarray(0, max);
}

/** Where many are empty, these are what they take. */
const LENGTHS_OF_A_HEADER_BYTES = 2;

/** Those that fit, smaller ones too when a larger one did not: the correlation id is among them. */
function withinBytes(headers: IncomingRecord['headers'], max: number): IncomingRecord['headers'] {
  let room = max;
  return headers.filter(({ name, value }) => {
    const bytes = Buffer.byteLength(name) + value.byteLength + LENGTHS_OF_A_HEADER_BYTES;
    if (bytes > room) return false;
    room -= bytes;
    return true;
  });
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
