// Topics and their partitions: append-only, offsets rising, some of them never seen by a reader.
//
// A null slot is an offset that holds no data record (a control record, an aborted batch): readers go past it, log ends
// count it. Topics are made on purpose; a record for an unknown one is refused.
import { fnv1a32 } from '../../src/actors/ids.ts';
import type { IncomingRecord, OutgoingRecord } from '../../src/gateway/ports.ts';
import type { History } from './history.ts';
import type { SeededRandom } from './random.ts';

export interface Written extends IncomingRecord {
  readonly topic: string;
  readonly partition: number;
}

type Partition = (Written | null)[];

export const CORRELATION_HEADER = 'kafka_correlationId';
export const REPLY_TOPIC_HEADER = 'kafka_replyTopic';
const JOB_HEADER = 'job-id';
const ATTEMPT_HEADER = 'attempt';

export class KafkaLog {
  /** Called after each append, in order. */
  readonly onAppend = new Set<(record: Written) => void>();
  readonly #topics = new Map<string, Partition[]>();
  readonly #random: SeededRandom;
  readonly #nowMs: () => number;
  readonly #history: History;
  gap = 0;

  constructor(nowMs: () => number, random: SeededRandom, history: History) {
    this.#nowMs = nowMs;
    this.#random = random;
    this.#history = history;
  }

  createTopic(topic: string, partitions: number): void {
    if (!this.#topics.has(topic))
      this.#topics.set(
        topic,
        Array.from({ length: partitions }, () => []),
      );
  }

  /** @throws when there is no such topic */
  partitions(topic: string): readonly Partition[] {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw new Error(`unknown topic ${topic}`);
    return partitions;
  }

  has(topic: string): boolean {
    return this.#topics.has(topic);
  }

  append(node: string, topic: string, record: OutgoingRecord): Written {
    const partitions = this.partitions(topic);
    const key = bytes(record.key);
    const spread =
      key === null ? this.#random.int(partitions.length) : fnv1a32(Buffer.from(key).toString()) % partitions.length;
    const partition = record.partition ?? spread;
    const log = partitions[partition];
    if (log === undefined) throw new Error(`unknown partition ${partition} of ${topic}`);
    if (this.#random.chance(this.gap)) (log as (Written | null)[]).push(null);
    const headers = record.headers.map(({ name, value }) => ({ name, value: bytes(value) ?? new Uint8Array() }));
    const written = {
      topic,
      partition,
      offset: String(log.length),
      key,
      value: bytes(record.value),
      headers,
      timestampMs: this.#nowMs(),
    };
    log.push(written);
    const correlationId = header(written, CORRELATION_HEADER);
    this.#history.add({
      kind: 'written',
      node,
      topic,
      partition,
      offset: log.length - 1,
      ...jobOf(written),
      correlationId,
      value: written.value === null ? undefined : Buffer.from(written.value).toString(),
      origin: originOf(written),
    });
    for (const listener of [...this.onAppend]) listener(written);
    return written;
  }
}

/** The first header of that name as text, '' when there is none. */
export function header(record: Pick<IncomingRecord, 'headers'>, name: string): string {
  const found = record.headers.find((each) => each.name === name);
  return found === undefined ? '' : Buffer.from(found.value).toString();
}

/** What a correlation id names, as far as anybody can read it: jobKey '' and attempt 0 when it is not one of ours. */
export function named(correlationId: string): { jobKey: string; attempt: number } {
  const [form, , key, attempt, mac, more] = correlationId.split('-');
  if (form !== 'hf1' || !/^[0-9a-z]+$/.test(key ?? '') || mac === undefined || more !== undefined)
    return { jobKey: '', attempt: 0 };
  let jobKey = 0n;
  for (const digit of key ?? '') jobKey = jobKey * 36n + BigInt(Number.parseInt(digit, 36));
  return { jobKey: String(jobKey), attempt: Number(attempt) };
}

/** Which job a record is about: as its headers say, which a request has, or else its correlation id. */
export function jobOf(record: Pick<IncomingRecord, 'headers'>): { jobKey: string; attempt: number } {
  const jobKey = header(record, JOB_HEADER);
  if (jobKey === '') return named(header(record, CORRELATION_HEADER));
  return { jobKey, attempt: Number(header(record, ATTEMPT_HEADER)) };
}

/** What a dead letter says of where it comes from, in the encodings of Spring for Apache Kafka; '' when it says nothing. */
function originOf(record: IncomingRecord): string {
  const bytesOf = (name: string) =>
    Buffer.from(record.headers.find((each) => each.name === `kafka_dlt-original-${name}`)?.value ?? []);
  const [partition, offset] = [bytesOf('partition'), bytesOf('offset')];
  if (partition.length !== 4 || offset.length !== 8) return '';
  return `${partition.readInt32BE()}/${offset.readBigInt64BE()}`;
}

function bytes(value: string | Uint8Array | null): Uint8Array | null {
  if (value === null) return null;
  return typeof value === 'string' ? Buffer.from(value) : value.slice();
}
