// Records on their way to one Kafka topic: gathered into micro-batches, tried until Kafka has them, refused one by one.
//
// One batch is in flight at a time, so a topic keeps the order in which it was given records and a slow or missing topic holds up nobody
// but itself. The producer underneath makes one try and repeats nothing: before each try of ours `mayAct` is asked (lease,
// connection), and by the producer again when the batch leaves; while it says no, nothing does, and a batch in which
// somebody's request is no longer wanted is put together anew. A batch that Kafka refuses as a whole is sent again record by record,
// so that the culprit alone is refused. A record is owed until it is acked, refused, or withdrawn: there is no last try, unless
// whoever fills the queue says for how long Kafka itself may go on not taking what is a courtesy only (`giveUpMs`).
import type { Clock, Random, Timer } from '../../actors/ports.ts';
import type { OutgoingRecord, RecordWriter } from '../ports.ts';
import { RetryDelay } from '../retry-delay.ts';

export interface TopicQueueLimits {
  readonly maxRecords: number;
  /** Of a batch; a record that is larger travels alone, so that it is refused alone. Below Kafka's default for a batch, 1 MiB. */
  readonly maxBytes: number;
  readonly sendDeadlineMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** How often `mayAct` is asked again while it says no; `kick` asks at once. */
  readonly askAgainMs: number;
  /**
   * After a batch of several records the next leaves no sooner: a request to Kafka costs the same however few are in it. Where
   * records come one by one, none is kept waiting.
   */
  readonly paceMs: number;
}

export const DEFAULT_TOPIC_QUEUE_LIMITS: TopicQueueLimits = {
  maxRecords: 100,
  maxBytes: 900_000,
  sendDeadlineMs: 10_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
  askAgainMs: 100,
  paceMs: 5,
};

const LEAST_BATCH_BYTES = 16 * 1024;

export interface TopicQueueOptions {
  readonly topic: string;
  readonly writer: RecordWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly mayAct: () => boolean;
  readonly limits: TopicQueueLimits;
  /**
   * Once Kafka has answered each try for so long, and taken none, what waits is refused, and so is what comes until it takes one.
   * Tries that nobody answers do not count: Kafka is away then, and nothing else goes on either. Absent: never.
   */
  readonly giveUpMs?: number;
  /** After each try that Kafka could have taken. */
  readonly onTry?: (event: TopicTry) => void;
}

export interface TopicTry {
  readonly topic: string;
  readonly records: number;
  readonly tookMs: number;
  readonly answer: 'acked' | 'refused' | 'transient';
  /** Empty when acked. */
  readonly reason: string;
}

/** `dropped`: it was in flight when nobody wanted it any more; that try failed and there is no other. */
export type RecordOutcome =
  | { readonly kind: 'acked' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'dropped' };

/** A record in a queue. `state` tells its owner whether it can still be taken back. */
export interface QueuedRecord {
  readonly state: 'queued' | 'inFlight' | 'over';
}

interface Entry extends QueuedRecord {
  readonly record: OutgoingRecord;
  readonly bytes: number;
  readonly done: (outcome: RecordOutcome) => void;
  state: 'queued' | 'inFlight' | 'over';
  /** To be sent in a batch of its own. */
  alone: boolean;
  /** Not to be tried again. */
  dropped: boolean;
}

export class TopicQueue {
  readonly #options: TopicQueueOptions;
  readonly #delay: RetryDelay;
  #waiting: Entry[] = [];
  #flight: Promise<void> | undefined;
  #timer: Timer | undefined;
  #closed = false;
  #maxBytes: number;
  /** Kafka has answered each try since then, and taken none; ms on the monotonic clock. */
  #refusingSinceMs: number | undefined;
  /** When the last try was answered. */
  #triedMs = Number.NEGATIVE_INFINITY;
  /** No batch leaves before that, ms on the monotonic clock. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: TopicQueueOptions) {
    this.#options = options;
    this.#maxBytes = options.limits.maxBytes;
    this.#delay = new RetryDelay(options.limits.retryMinMs, options.limits.retryMaxMs, options.random);
  }

  /** True when nothing waits and nothing is in flight. */
  get idle(): boolean {
    return this.#flight === undefined && this.#waiting.length === 0;
  }

  /** `done` is called once, unless the record is taken back or the queue closed first. */
  add(record: OutgoingRecord, done: (outcome: RecordOutcome) => void): QueuedRecord {
    const state = this.#closed ? 'over' : 'queued';
    const entry: Entry = { record, bytes: bytesOf(record), done, state, alone: false, dropped: false };
    if (this.#closed) return entry;
    this.#waiting.push(entry);
    if (this.#timer === undefined && this.#flight === undefined) this.#sendNext();
    return entry;
  }

  /** True: nothing is or will be under way for it (an earlier try without an answer may have been written). */
  takeBack(queued: QueuedRecord): boolean {
    if (queued.state !== 'queued') return false;
    (queued as Entry).state = 'over';
    this.#waiting = this.#waiting.filter((entry) => entry !== queued);
    if (this.idle) {
      this.#refusingSinceMs = undefined;
      this.#rest();
    }
    return true;
  }

  /** Nobody wants it any more: not tried again, whether it waits or is in flight. */
  drop(queued: QueuedRecord): void {
    if (!this.takeBack(queued)) (queued as Entry).dropped = true;
  }

  /** Somebody wants it again, while it is in flight. */
  keep(queued: QueuedRecord): void {
    (queued as Entry).dropped = false;
  }

  /** Something that `mayAct` depends on has changed: ask now. */
  kick(): void {
    if (this.#flight === undefined && this.#waiting.length > 0) this.#sendIn(0);
  }

  /** Drops what waits, without a word to its owner; resolves when nothing is in flight any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    for (const entry of this.#waiting) entry.state = 'over';
    this.#waiting = [];
    await this.#flight;
  }

  /** What was learnt of the topic holds for what was under way: it may take more by the next time, or be there at last. */
  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#delay.reset();
    this.#maxBytes = this.#options.limits.maxBytes;
  }

  /** What is added in the same turn travels together; where much is sent, so does what comes within `paceMs` of a batch. */
  #sendNext(): void {
    this.#sendIn(Math.max(0, this.#notBeforeMs - this.#options.clock.monotonicMs()));
  }

  #sendIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      if (this.#closed || this.#waiting.length === 0 || this.#flight !== undefined) return;
      if (!this.#options.mayAct()) {
        this.#refusingSinceMs = undefined;
        return this.#sendIn(this.#options.limits.askAgainMs);
      }
      this.#flight = this.#send(this.#nextBatch());
    });
  }

  #nextBatch(): Entry[] {
    const { maxRecords } = this.#options.limits;
    const batch: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#waiting) {
      bytes += entry.bytes;
      if (batch.length > 0 && (batch.length >= maxRecords || bytes > this.#maxBytes || entry.alone)) break;
      batch.push(entry);
      if (entry.alone) break;
    }
    this.#waiting = this.#waiting.slice(batch.length);
    for (const entry of batch) entry.state = 'inFlight';
    return batch;
  }

  async #send(batch: readonly Entry[]): Promise<void> {
    const { topic, writer, clock, limits, mayAct, onTry } = this.#options;
    const sentMs = clock.monotonicMs();
    this.#notBeforeMs = batch.length > 1 ? sentMs + limits.paceMs : sentMs;
    let heldBack = false;
    const mayStart = () => {
      heldBack = this.#closed || !mayAct() || batch.some((entry) => entry.dropped);
      return !heldBack;
    };
    const records = batch.map((entry) => entry.record);
    const answer = await writer.send(topic, records, limits.sendDeadlineMs, mayStart);
    this.#flight = undefined;
    const reason = answer.kind === 'acked' ? '' : answer.reason;
    const tookMs = clock.monotonicMs() - sentMs;
    // Of a time when nothing was to be sent nobody can say that nothing was taken.
    if (sentMs - this.#triedMs >= (this.#options.giveUpMs ?? Number.POSITIVE_INFINITY))
      this.#refusingSinceMs = undefined;
    this.#triedMs = sentMs + tookMs;
    if (!heldBack) onTry?.({ topic, records: batch.length, tookMs, answer: answer.kind, reason });
    let nextInMs = 0;
    if (answer.kind === 'transient' && this.#isGivenUp(!heldBack && answer.answered === true)) {
      this.#putBack(batch);
      return this.#refuseAll(answer.reason);
    }
    if (answer.kind === 'transient') {
      // What nobody wanted any more may have kept it from leaving: the rest does not wait for that.
      nextInMs = batch.some((entry) => entry.dropped) ? 0 : this.#delay.next();
      this.#putBack(batch);
    } else if (answer.kind === 'refused' && batch.length > 1) {
      // A topic may take less than others do: smaller batches from now on, for each refusal sends the batch's good records twice.
      this.#maxBytes = Math.max(LEAST_BATCH_BYTES, batch.reduce((sum, entry) => sum + entry.bytes, 0) / 2);
      for (const entry of batch) entry.alone = true;
      this.#putBack(batch);
    } else {
      this.#refusingSinceMs = undefined;
      this.#delay.reset();
      for (const entry of batch) entry.state = 'over';
      if (this.#waiting.length > 0) this.#sendNext();
      else this.#rest();
      for (const entry of batch) entry.done(answer);
      return;
    }
    if (this.#waiting.length === 0) this.#refusingSinceMs = undefined;
    else if (!this.#closed) this.#sendIn(nextInMs);
  }

  #isGivenUp(answered: boolean): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    this.#refusingSinceMs = answered ? (this.#refusingSinceMs ?? nowMs) : undefined;
    return nowMs - (this.#refusingSinceMs ?? nowMs) >= (this.#options.giveUpMs ?? Number.POSITIVE_INFINITY);
  }

  #refuseAll(reason: string): void {
    const given = this.#waiting;
    this.#rest();
    this.#waiting = [];
    for (const entry of given) entry.state = 'over';
    this.#notBeforeMs = this.#options.clock.monotonicMs() + this.#options.limits.askAgainMs;
    for (const entry of given) entry.done({ kind: 'refused', reason });
  }

  #putBack(batch: readonly Entry[]): void {
    const owed = this.#closed ? [] : batch.filter((entry) => !entry.dropped);
    for (const entry of batch) entry.state = owed.includes(entry) ? 'queued' : 'over';
    this.#waiting = [...owed, ...this.#waiting];
    if (!this.#closed) for (const entry of batch) if (entry.dropped) entry.done({ kind: 'dropped' });
  }
}

/** What a record takes up in a batch, or in memory, closely enough for a limit. */
export function bytesOf(record: Pick<OutgoingRecord, 'key' | 'value' | 'headers'>): number {
  const size = (data: string | Uint8Array | null): number =>
    data === null ? 0 : typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
  let bytes = 32 + size(record.key) + size(record.value);
  for (const { name, value } of record.headers) bytes += 4 + size(name) + size(value);
  return bytes;
}
