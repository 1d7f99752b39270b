// A dead-letter topic in memory: partitions with gaps, read a few records at a time; and letters as the bridge writes them.
import {
  type LetterLog,
  type LetterSlice,
  lowerOf,
  type OffsetRange,
} from '../../../src/gateway/operations/letter-log.ts';
import type { IncomingRecord } from '../../../src/gateway/ports.ts';
import { LETTER } from '../../../src/gateway/replies/dead-letters.ts';

export const REPLIES = 'holdfast.test.replies';

export interface Sample {
  readonly offset?: number | bigint;
  readonly atMs?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly correlationId?: string;
  readonly key?: string;
  readonly value?: string;
  readonly topic?: string;
  readonly headers?: Readonly<Record<string, string | Uint8Array>>;
}

export function letter(sample: Sample = {}): IncomingRecord {
  const { offset = 0, atMs = 1_000, reason = 'unknown', message = '', correlationId, key = 'k', value = '{}' } = sample;
  const headers: [string, string | Uint8Array][] = [
    ...(correlationId === undefined ? [] : [['kafka_correlationId', correlationId] as [string, string]]),
    ...Object.entries(sample.headers ?? {}),
    [LETTER.reason, reason],
    [LETTER.topic, sample.topic ?? REPLIES],
    [LETTER.partition, int32(3)],
    [LETTER.offset, int64(4_294_967_296n)],
    [LETTER.timestamp, int64(1_767_225_600_000n)],
    [LETTER.group, 'holdfast.test'],
    [LETTER.message, message],
  ];
  return {
    offset: String(offset),
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: headers.map(([name, value]) => ({ name, value: Buffer.from(value) })),
    timestampMs: atMs,
  };
}

export class MemoryLetters implements LetterLog {
  /** Records in offset order; the end may lie behind the last one. */
  readonly partitions: { from: bigint; to: bigint; records: IncomingRecord[] }[];
  readonly #slice: number;
  /** Asked of each read; may wait, or throw. */
  beforeRead: (range: OffsetRange) => void | Promise<void> = () => undefined;
  reads = 0;

  /** @param slice records that one read brings at most */
  constructor(partitions: readonly (readonly IncomingRecord[])[], slice = 7) {
    this.#slice = slice;
    this.partitions = partitions.map((records) => ({
      from: BigInt(records[0]?.offset ?? 0),
      to: BigInt(records.at(-1)?.offset ?? -1) + 1n,
      records: [...records],
    }));
  }

  async bounds(): Promise<readonly OffsetRange[]> {
    return this.partitions.map(({ from, to }, partition) => ({ partition, from, to }));
  }

  async offsetsAt(atMs: number): Promise<ReadonlyMap<number, bigint>> {
    const found = this.partitions.map(({ records }) => records.find((record) => record.timestampMs >= atMs));
    return new Map(found.flatMap((record, partition) => (record ? [[partition, BigInt(record.offset)]] : [])));
  }

  async read(range: OffsetRange): Promise<LetterSlice> {
    this.reads += 1;
    await this.beforeRead(range);
    const { partition, from, to } = range;
    const all = this.partitions[partition]!.records.filter(({ offset }) => BigInt(offset) >= from);
    const records = all.slice(0, this.#slice);
    const last = records.at(-1);
    const next = all.length > records.length && last !== undefined ? lowerOf(BigInt(last.offset) + 1n, to) : to;
    return { records: records.filter(({ offset }) => BigInt(offset) < to), next };
  }
}

export function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
