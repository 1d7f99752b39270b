// One run over dead letters: counts what would be driven again (preview), or drives it.
//
// What must hold
//  - No letter is driven twice: each is sent once, one after another, and a send that fails or is not answered ends the run with the
//    position (nobody knows then whether that one was written).
//  - It ends: only what was there when it began is looked at, so a letter that comes back is not driven by the same run.
//  - Nothing is sent after it was stopped, also when it waits for its turn or for Kafka.
// Letters of one partition go in their order, the oldest first: replies to one job stay in order.
import type { Clock, Random } from '../../actors/ports.ts';
import type { HeaderNames } from '../header-names.ts';
import type { IncomingRecord, RecordWriter } from '../ports.ts';
import { RetryDelay } from '../retry-delay.ts';
import { letterOf } from './dead-letter-decoding.ts';
import { matches } from './dead-letter-filter.ts';
import type { LetterLog, LetterSlice, OffsetRange } from './letter-log.ts';
import type { DeadLetterFilter, DeadLetterSummary, RedriveView } from './model/dead-letters.ts';
import { drivenAgain, whySkipped } from './redrive-rules.ts';

export interface RedrivePlan {
  readonly id: string;
  readonly filter: DeadLetterFilter;
  /** Offsets in order, each once. */
  readonly ranges: readonly OffsetRange[];
  /** At most so many are driven, or counted. */
  readonly max: number;
  /** How many single positions were asked for; undefined: all that match. */
  readonly positions: number | undefined;
}

export interface RedrivePorts {
  readonly log: LetterLog;
  readonly writer: Pick<RecordWriter, 'send'>;
  readonly clock: Clock;
  readonly random: Pick<Random, 'float'>;
  readonly names: HeaderNames;
  readonly replyTopic: string;
}

const SEND_DEADLINE_MS = 10_000;
const SAMPLE_LETTERS = 20;
/** A preview is one HTTP request; it says when it did not come to the end. */
const PREVIEW_MS = 4_000;
const READ_TRIES = 5;
const READ_RETRY_MIN_MS = 200;
const READ_RETRY_MAX_MS = 5_000;

export class Redrive {
  readonly #plan: RedrivePlan;
  readonly #ports: RedrivePorts;
  readonly #auditId: string | null;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  readonly #sample: DeadLetterSummary[] = [];
  readonly #skipped = new Map<string, number>();
  #state: RedriveView['state'];
  #matched = 0;
  #driven = 0;
  #detail = '';
  #stoppedBy: string | undefined;

  /** @param auditId null: a preview */
  constructor(plan: RedrivePlan, ports: RedrivePorts, auditId: string | null) {
    this.#plan = plan;
    this.#ports = ports;
    this.#auditId = auditId;
    this.#state = auditId === null ? 'preview' : 'running';
  }

  get state(): RedriveView['state'] {
    return this.#state;
  }

  view(): RedriveView {
    return {
      id: this.#plan.id,
      auditId: this.#auditId,
      state: this.#state,
      matched: this.#matched,
      driven: this.#driven,
      skipped: this.#skippedInAll,
      sample: [...this.#sample],
      detail: this.#said === '' ? this.counts() : `${this.#said}; ${this.counts()}`,
    };
  }

  get #said(): string {
    if (this.#state !== 'running' || this.#stoppedBy === undefined) return this.#detail;
    return `asked by ${this.#stoppedBy} to stop; Kafka has not answered for one letter yet`;
  }

  /** In words. */
  counts(): string {
    const reasons = [...this.#skipped].map(([reason, count]) => `${reason} ${count}`);
    const skipped = `${this.#skippedInAll} skipped${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`;
    const absent = (this.#plan.positions ?? 0) - this.#matched;
    const without =
      absent > 0 && this.#state !== 'running' ? `, ${absent} positions without a letter that matches` : '';
    return this.#auditId === null
      ? `${this.#matched} match, ${this.#curable} would be driven, ${skipped}${without}`
      : `${this.#matched} matched, ${this.#driven} driven, ${skipped}${without}`;
  }

  /** From now on nothing is sent. Waits so long for what is on its way to Kafka. @param by who, in words */
  async stop(by: string, withinMs: number): Promise<void> {
    if (this.#state !== 'running') return;
    this.#stoppedBy ??= by;
    this.#stopped.resolve();
    const late = Promise.withResolvers<void>();
    const timer = this.#ports.clock.setTimer(withinMs, late.resolve);
    await Promise.race([this.#over.promise, late.promise]);
    timer.cancel();
  }

  /** @throws OperationUnavailable when Kafka is away */
  async preview(): Promise<void> {
    const dueMs = this.#ports.clock.monotonicMs() + PREVIEW_MS;
    for await (const { slice, range } of this.#slices((part) => this.#ports.log.read(part))) {
      for (const record of slice.records) {
        if (this.#curable >= this.#plan.max) {
          this.#detail = `counted up to the maximum of ${this.#plan.max}`;
          return;
        }
        this.#judge(range.partition, record);
      }
      if (this.#ports.clock.monotonicMs() >= dueMs) {
        this.#detail = `counted for ${PREVIEW_MS / 1000} s, as far as partition ${range.partition}, offset ${slice.next}; there may be more`;
        return;
      }
    }
  }

  /** Never throws. @param perSecond at most */
  async run(perSecond: number): Promise<void> {
    try {
      await this.#drive(perSecond);
      if (this.#state === 'running') this.#state = 'done';
    } catch (error) {
      if (!this.#isStopped()) this.#fail(error instanceof Error ? error.message : String(error));
    } finally {
      this.#over.resolve();
    }
  }

  async #drive(perSecond: number): Promise<void> {
    const { clock } = this.#ports;
    let nextMs = clock.monotonicMs();
    for await (const { slice, range } of this.#slices((part) => this.#readInsisting(part))) {
      for (const record of slice.records) {
        if (this.#isStopped()) return;
        if (this.#driven >= this.#plan.max) {
          this.#detail = `ended at the maximum of ${this.#plan.max}, before partition ${range.partition}, offset ${record.offset}`;
          return;
        }
        if (!this.#judge(range.partition, record)) continue;
        await this.#pause(nextMs - clock.monotonicMs());
        if (this.#isStopped()) return;
        nextMs = Math.max(nextMs, clock.monotonicMs()) + 1_000 / perSecond;
        if (!(await this.#send(range.partition, record))) return;
      }
    }
  }

  async *#slices(
    read: (range: OffsetRange) => Promise<LetterSlice>,
  ): AsyncGenerator<{ readonly slice: LetterSlice; readonly range: OffsetRange }> {
    for (const range of this.#plan.ranges) {
      for (let from = range.from; from < range.to; ) {
        if (this.#isStopped()) return;
        const slice = await read({ ...range, from });
        yield { slice, range };
        from = slice.next;
      }
    }
  }

  /** To read again does no harm. */
  async #readInsisting(range: OffsetRange): Promise<LetterSlice> {
    const delay = new RetryDelay(READ_RETRY_MIN_MS, READ_RETRY_MAX_MS, this.#ports.random);
    for (let tries = 1; ; tries++) {
      try {
        return await this.#ports.log.read(range);
      } catch (error) {
        if (tries >= READ_TRIES || this.#isStopped()) throw error;
        await this.#pause(delay.next());
      }
    }
  }

  /** True: it matches, and is worth driving. */
  #judge(partition: number, record: IncomingRecord): boolean {
    const { names, replyTopic } = this.#ports;
    const letter = letterOf(partition, record, names);
    if (!matches(this.#plan.filter, letter)) return false;
    this.#matched += 1;
    const why = whySkipped(letter.summary, record, replyTopic);
    if (why !== undefined) this.#skipped.set(why, (this.#skipped.get(why) ?? 0) + 1);
    else if (this.#sample.length < SAMPLE_LETTERS) this.#sample.push(letter.summary);
    return why === undefined;
  }

  /** False: the run is over. */
  async #send(partition: number, record: IncomingRecord): Promise<boolean> {
    const { writer, replyTopic } = this.#ports;
    const again = drivenAgain(record, this.#auditId ?? '');
    let withheld = false;
    const answer = await writer.send(replyTopic, [again], SEND_DEADLINE_MS, () => {
      withheld = this.#isStopped();
      return !withheld;
    });
    if (answer.kind === 'acked') {
      this.#driven += 1;
      return true;
    }
    if (withheld) return false;
    const perhaps = answer.kind === 'transient' ? ', which may have been written all the same' : '';
    this.#fail(`${answer.reason}; at partition ${partition}, offset ${record.offset}${perhaps}`);
    return false;
  }

  #fail(reason: string): void {
    this.#state = 'failed';
    this.#detail = reason;
  }

  #isStopped(): boolean {
    if (this.#stoppedBy === undefined) return false;
    if (this.#state === 'running') {
      this.#state = 'stopped';
      this.#detail = `stopped by ${this.#stoppedBy}`;
    }
    return true;
  }

  /** Or until it is stopped. */
  async #pause(delayMs: number): Promise<void> {
    if (delayMs <= 0) return;
    const over = Promise.withResolvers<void>();
    const timer = this.#ports.clock.setTimer(delayMs, over.resolve);
    await Promise.race([over.promise, this.#stopped.promise]);
    timer.cancel();
  }

  get #skippedInAll(): number {
    return [...this.#skipped.values()].reduce((sum, count) => sum + count, 0);
  }

  get #curable(): number {
    return this.#matched - this.#skippedInAll;
  }
}
