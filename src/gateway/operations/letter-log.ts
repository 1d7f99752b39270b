// The dead-letter topic as something to be looked into: any range of any partition, without a consumer group, as often as
// somebody asks. What must hold: every answer is bounded in time and size, and reading always comes forward, over gaps (retention,
// control records, aborted batches, batches that cannot be read) too.
import type { IncomingRecord } from '../ports.ts';

/** Offsets from `from` (included) to `to` (not included). */
export interface OffsetRange {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

export interface LetterSlice {
  /** In offset order, all within the range that was asked for; empty where it holds none. */
  readonly records: readonly IncomingRecord[];
  /** Where reading goes on: above `from`, at most `to`. */
  readonly next: bigint;
}

/** All: @throws OperationUnavailable when Kafka is away or there is no such topic */
export interface LetterLog {
  /** Of every partition: what there is, from the earliest record to the log's end. */
  bounds(): Promise<readonly OffsetRange[]>;
  /** Per partition the first offset whose record was stamped then or later; absent: there is none. */
  offsetsAt(atMs: number): Promise<ReadonlyMap<number, bigint>>;
  /** About a megabyte of it, or one batch that is larger. */
  read(range: OffsetRange): Promise<LetterSlice>;
}

export function lowerOf(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

export function higherOf(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}
