// The list of dead letters, newest first over all partitions, a page at a time.
//
// Kafka reads forward only, so each partition is gone down in chunks: a range below what was seen, read to its end, and then given
// out from its end. The partitions are merged by the stamps of their newest letters. All letters are merged, also those that do not
// match: so a page may end anywhere, when enough were found, looked at, or waited for, and its cursor says exactly how far it came.
//
// A chunk grows where there is little in it (gaps) and shrinks where it is too much to be held at once; one offset is always taken.
import type { Clock } from '../../actors/ports.ts';
import type { HeaderNames } from '../header-names.ts';
import type { IncomingRecord } from '../ports.ts';
import { cursorOf, offsetsIn } from './dead-letter-cursor.ts';
import { type Letter, letterOf } from './dead-letter-decoding.ts';
import { matches, rangesOf } from './dead-letter-filter.ts';
import { higherOf, type LetterLog, lowerOf, type OffsetRange } from './letter-log.ts';
import type { DeadLetterPage, DeadLetterQuery, DeadLetterSummary } from './model/dead-letters.ts';
import { OperationUnavailable } from './operations.ts';

export interface PageLimits {
  /** Letters looked at, and time taken, before a page is given out short. */
  readonly maxScanned: number;
  readonly maxMs: number;
  /** Values of a chunk, about; also what is in memory at once, for each partition. */
  readonly maxChunkBytes: number;
}

export const DEFAULT_PAGE_LIMITS: PageLimits = { maxScanned: 10_000, maxMs: 3_000, maxChunkBytes: 4 * 1024 * 1024 };

const PAGE_LETTERS = 50;
const FIRST_CHUNK_OFFSETS = 128n;
const LARGEST_CHUNK_OFFSETS = 65_536n;
const MANY_LETTERS = 1_000;
const PARTITIONS_READ_AT_ONCE = 8;

export interface PageSource {
  readonly log: LetterLog;
  readonly names: HeaderNames;
  readonly clock: Clock;
  readonly limits?: PageLimits;
}

/** @throws OperationUnavailable; OperationRefused for a cursor that is none */
export async function pageOf(source: PageSource, query: DeadLetterQuery): Promise<DeadLetterPage> {
  const { log, names, clock, limits = DEFAULT_PAGE_LIMITS } = source;
  const { limit = PAGE_LETTERS, after } = query;
  const dueMs = clock.monotonicMs() + limits.maxMs;
  const inTime = () => clock.monotonicMs() < dueMs;
  const below = after === undefined ? undefined : offsetsIn(after);
  const ranges = await rangesOf(log, query);
  const descents = ranges.map((range) => new Descent(cut(range, below), { log, names, limits, inTime }));
  const began = cursorAt(descents);

  const letters: DeadLetterSummary[] = [];
  for (let scanned = 0; letters.length < limit && scanned < limits.maxScanned && inTime(); scanned++) {
    if (!(await fillAll(descents))) break;
    const newest = newestOf(descents);
    if (newest === undefined) return { letters, next: null };
    const letter = newest.take();
    if (matches(query, letter)) letters.push(letter.summary);
  }
  if (descents.every((descent) => descent.atEnd)) return { letters, next: null };
  const next = cursorAt(descents);
  if (next === began) throw new OperationUnavailable(`the dead letters could not be read within ${limits.maxMs} ms`);
  return { letters, next };
}

/** A partition that is newer than the list is not part of it. */
function cut(range: OffsetRange, below: readonly bigint[] | undefined): OffsetRange {
  if (below === undefined) return range;
  return { ...range, to: lowerOf(below[range.partition] ?? range.from, range.to) };
}

/** By partition number, which are those from 0 on. */
function cursorAt(descents: readonly Descent[]): string {
  const offsets: bigint[] = [];
  for (const descent of descents) offsets[descent.partition] = descent.below;
  return cursorOf(Array.from(offsets, (offset) => offset ?? 0n));
}

/** False: not all have a letter to show that have one, for time was up. */
async function fillAll(descents: readonly Descent[]): Promise<boolean> {
  const empty = descents.filter((descent) => descent.isEmpty);
  for (let at = 0; at < empty.length; at += PARTITIONS_READ_AT_ONCE) {
    const filled = await Promise.all(empty.slice(at, at + PARTITIONS_READ_AT_ONCE).map((descent) => descent.fill()));
    if (filled.includes(false)) return false;
  }
  return true;
}

function newestOf(descents: readonly Descent[]): Descent | undefined {
  let newest: Descent | undefined;
  for (const descent of descents) {
    if (descent.headAtMs !== undefined && descent.headAtMs > (newest?.headAtMs ?? Number.NEGATIVE_INFINITY)) {
      newest = descent;
    }
  }
  return newest;
}

interface DescentOptions {
  readonly log: LetterLog;
  readonly names: HeaderNames;
  readonly limits: PageLimits;
  readonly inTime: () => boolean;
}

/** One partition, downwards. */
class Descent {
  readonly partition: number;
  readonly #floor: bigint;
  readonly #options: DescentOptions;
  /** Read, and not given out yet; the newest at the end. */
  #chunk: Letter[] = [];
  /** Everything from here up to `below` is in the chunk. */
  #low: bigint;
  #offsets = FIRST_CHUNK_OFFSETS;

  constructor({ partition, from, to }: OffsetRange, options: DescentOptions) {
    this.partition = partition;
    this.#floor = from;
    this.#low = higherOf(from, to);
    this.#options = options;
  }

  /** Nothing at or above it is left to be given out. */
  get below(): bigint {
    const head = this.#chunk.at(-1);
    return head === undefined ? this.#low : BigInt(head.summary.offset) + 1n;
  }

  get headAtMs(): number | undefined {
    return this.#chunk.at(-1)?.summary.atMs;
  }

  get atEnd(): boolean {
    return this.#chunk.length === 0 && this.#low <= this.#floor;
  }

  get isEmpty(): boolean {
    return this.#chunk.length === 0 && this.#low > this.#floor;
  }

  take(): Letter {
    const letter = this.#chunk.pop();
    if (letter === undefined) throw new Error('nothing was read');
    return letter;
  }

  /** True: it has a letter, or is at its end. False: time was up before. @throws OperationUnavailable */
  async fill(): Promise<boolean> {
    while (this.isEmpty) {
      if (!this.#options.inTime()) return false;
      const to = this.#low;
      const from = higherOf(to - this.#offsets, this.#floor);
      const read = await this.#read({ partition: this.partition, from, to });
      if (read === undefined) {
        this.#offsets = (to - from) / 4n || 1n;
        continue;
      }
      this.#chunk = read.letters;
      this.#low = from;
      const little = read.letters.length < MANY_LETTERS && read.bytes < this.#options.limits.maxChunkBytes / 4;
      if (little && this.#offsets < LARGEST_CHUNK_OFFSETS) this.#offsets *= 4n;
    }
    return true;
  }

  /** Undefined: it is too much, or takes too long. */
  async #read({ partition, from, to }: OffsetRange): Promise<{ letters: Letter[]; bytes: number } | undefined> {
    const { log, names, limits, inTime } = this.#options;
    const letters: Letter[] = [];
    let bytes = 0;
    for (let at = from; at < to; ) {
      const { records, next } = await log.read({ partition, from: at, to });
      for (const record of records) letters.push(letterOf(partition, record, names));
      bytes += records.reduce((sum, record) => sum + bytesOf(record), 0);
      const tooMuch = bytes > limits.maxChunkBytes || letters.length > limits.maxScanned || !inTime();
      if (next < to && tooMuch && to - from > 1n) return undefined;
      at = next;
    }
    return { letters, bytes };
  }
}

function bytesOf({ key, value, headers }: IncomingRecord): number {
  const inHeaders = headers.reduce((sum, { name, value: bytes }) => sum + name.length + bytes.byteLength, 0);
  return (key?.byteLength ?? 0) + (value?.byteLength ?? 0) + inHeaders;
}
