// One partition of the reply topic in one assignment: its records on their way to the owners of their jobs, and each record
// until it is settled: by the owner's answer, or as a dead letter. When the assignment is over, nothing that comes back to its
// shares counts any more.
//
// Replies to one job are delivered one after another in offset order: its snapshot keeps the highest offset applied, and
// an earlier record that came after a later one would pass for a duplicate. Different jobs do not wait for each other.
import type { DeadLetterReason, Reply, ReplyAnswer, ReplyContent } from '../../actors/messages.ts';
import { TRACE } from '../header-names.ts';
import type { IncomingRecord } from '../ports.ts';
import { bytesOf } from '../requests/topic-queue.ts';
import { RetryDelay } from '../retry-delay.ts';
import { jobOfBusinessKey } from './business-key.ts';
import type { ReplyCommits } from './commits.ts';
import { textOf } from './headers.ts';
import { type Judged, judge, type ReplyRules } from './record.ts';
import type { RepliesLimits, RepliesOptions } from './replies-options.ts';
import type { Moment, ReplyRun } from './run.ts';
import { decoded } from './schema.ts';

/** Answers of an owner that send the record to the dead letters; what exactly was wrong stands in the job's incident. */
const BURIED: Partial<Record<ReplyAnswer, string>> = {
  late: 'its job had ended, and nothing says that it was by this reply',
  refused: 'the engine does not take this result, or would change it',
  'not-object': 'the reply is JSON, but not an object, and its call names no result variable',
  unreadable: 'what is stored of its job cannot be read (the log says why: SNAPSHOT_UNREADABLE)',
  malformed: 'the reply means nothing under the settings of its call',
};

const UNKNOWN = 'the correlation id is none of this cluster, and no business key that a pending call has';

export class Share {
  readonly partition: number;
  readonly run: ReplyRun;
  readonly #options: RepliesOptions;
  readonly #limits: RepliesLimits;
  readonly #commits: Pick<ReplyCommits, 'moved'>;
  readonly #rules: ReplyRules;
  /** The end of the log, as it was asked for last. */
  #logEnd: bigint | undefined;
  /** The last delivery of each job that has one under way. */
  readonly #lastOfJob = new Map<string, Promise<void>>();
  readonly #withdrawals = new Set<() => void>();
  #paused = false;
  #over = false;

  /** @param commits are told when the run may have moved */
  constructor(
    partition: number,
    run: ReplyRun,
    commits: Pick<ReplyCommits, 'moved'>,
    options: RepliesOptions,
    limits: RepliesLimits,
  ) {
    this.partition = partition;
    this.run = run;
    this.#commits = commits;
    this.#options = options;
    this.#limits = limits;
    this.#rules = { verify: options.verify, names: options.names, maxBytes: limits.maxReplyBytes };
  }

  /** Offsets between the settled run and the end of the log. undefined: not known yet. */
  get lag(): number | undefined {
    return this.#logEnd === undefined ? undefined : Math.max(0, Number(this.#logEnd - this.run.end));
  }

  take(records: readonly IncomingRecord[], nextOffset: string): void {
    for (const record of records) {
      if (!this.run.take(BigInt(record.offset), bytesOf(record))) continue;
      this.#handle(record, judge(record, this.#rules));
    }
    this.run.readTo(BigInt(nextOffset));
    this.#moved();
  }

  /** The log ended at `end`, asked at `at`, later than the last time. */
  mark(at: Moment, end: bigint): void {
    this.#logEnd = end;
    this.run.mark(at, end);
  }

  /** The assignment is over. */
  end(): void {
    this.#over = true;
    for (const withdraw of this.#withdrawals) withdraw();
  }

  #handle(record: IncomingRecord, judged: Judged): void {
    if (judged.kind === 'deadLetter') {
      if (judged.reason === 'forged' && this.#options.lacksKeys?.() === true) return void this.#handleLater(record);
      this.#bury(record, judged, judged.reason, judged.message);
      return;
    }
    const order = judged.kind === 'reply' ? judged.jobKey : `business key ${judged.businessKey}`;
    const before = this.#lastOfJob.get(order);
    const mine = this.#deliver(record, judged, before).finally(() => {
      if (this.#lastOfJob.get(order) === mine) this.#lastOfJob.delete(order);
    });
    this.#lastOfJob.set(order, mine);
  }

  /** Without a limit: what is dead-lettered as forged is lost to its job, and the node says what it waits for. */
  async #handleLater(record: IncomingRecord): Promise<void> {
    const { clock, lacksKeys } = this.#options;
    while (!this.#over && lacksKeys?.() === true)
      await new Promise<void>((resolve) => clock.setTimer(this.#limits.retryMaxMs, resolve));
    if (!this.#over) this.#handle(record, judge(record, this.#rules));
  }

  async #deliver(record: IncomingRecord, encoded: Deliverable, before: Promise<void> | undefined): Promise<void> {
    const position = { partition: this.partition, offset: record.offset };
    const { clock, jobOf } = this.#options;
    const decisiveMs = clock.monotonicMs() + this.#limits.unknownAfterMs;
    const delay = new RetryDelay(this.#limits.retryMinMs, this.#limits.retryMaxMs, this.#options.random);
    await before;
    const content = await this.#contentOf(record, encoded);
    const judged: Delivered = { ...encoded, content };
    while (!this.#over) {
      try {
        const job =
          judged.kind === 'reply' ? judged : await jobOfBusinessKey(judged.businessKey, decisiveMs, clock, jobOf);
        if (this.#over) return;
        if (job === undefined) return this.#bury(record, judged, 'unknown', UNKNOWN);
        const { jobKey, attempt } = job;
        const answer = await this.#options.deliver({
          jobKey,
          attempt,
          position,
          content,
          ...this.#seen(record, judged),
        });
        if (!this.#over) this.#answered(record, judged, answer);
        return;
      } catch (error) {
        if (this.#over) return;
        this.#options.onEvent?.({ kind: 'retry', what: 'deliver', error });
        await new Promise<void>((resolve) => clock.setTimer(delay.next(), resolve));
      }
    }
  }

  async #contentOf(record: IncomingRecord, { content }: Deliverable): Promise<ReplyContent> {
    if (content.kind !== 'encoded') return content;
    const { clock, random, names, schemas, onEvent } = this.#options;
    const onRetry = (error: unknown) => onEvent?.({ kind: 'retry', what: 'schema', error });
    const maxBytes = this.#limits.maxReplyBytes;
    return decoded(record, { clock, random, names, maxBytes, schemas, over: () => this.#over, onRetry });
  }

  #seen(record: IncomingRecord, { correlationId = '' }: Judged): Pick<Reply, 'seen'> {
    return this.#options.followed ? { seen: { correlationId, traceparent: textOf(record, TRACE) } } : {};
  }

  #answered(record: IncomingRecord, judged: Delivered, answer: ReplyAnswer): void {
    const { content } = judged;
    if (content.kind === 'malformed') return this.#bury(record, judged, content.reason, content.message);
    const why = BURIED[answer];
    if (why === undefined) this.#settle(record, judged, answer);
    else this.#bury(record, judged, answer as DeadLetterReason, why);
  }

  #bury(record: IncomingRecord, judged: Judged, reason: DeadLetterReason, message: string): void {
    const { deadLetters, topic, group } = this.#options;
    const withdraw = deadLetters.write({ record, topic, partition: this.partition, group, reason, message }, () => {
      this.#withdrawals.delete(withdraw);
      if (!this.#over) this.#settle(record, judged, reason);
    });
    this.#withdrawals.add(withdraw);
  }

  /** Told to whoever wants to know first; a heartbeat wants no answer. */
  #settle(record: IncomingRecord, judged: Judged, outcome: ReplyAnswer | DeadLetterReason): void {
    const { acknowledgements } = this.#options;
    const { correlationId } = judged;
    if (acknowledgements === undefined || correlationId === undefined || isHeartbeat(judged)) {
      return this.#settled(record, outcome);
    }
    const withdraw = acknowledgements.write(correlationId, outcome, () => {
      this.#withdrawals.delete(withdraw);
      if (!this.#over) this.#settled(record, outcome);
    });
    this.#withdrawals.add(withdraw);
  }

  #settled(record: IncomingRecord, outcome: ReplyAnswer | DeadLetterReason): void {
    this.run.settle(BigInt(record.offset));
    this.#options.onEvent?.({ kind: 'settled', partition: this.partition, outcome });
    this.#moved();
  }

  /** After every change of a run: keep it within its limits, and see that its end is committed. */
  #moved(): void {
    const { partition, run } = this;
    const load = Math.max(
      run.unsettled / this.#limits.maxUnsettled,
      run.unsettledBytes / this.#limits.maxUnsettledBytes,
    );
    if (!this.#paused && load >= 1) {
      this.#paused = true;
      this.#options.reader.pause([partition]);
      this.#options.onEvent?.({ kind: 'paused', partition });
    } else if (this.#paused && load < 0.5) {
      this.#paused = false;
      this.#options.reader.resume([partition]);
      this.#options.onEvent?.({ kind: 'resumed', partition });
    }
    this.#commits.moved();
  }
}

type Deliverable = Exclude<Judged, { kind: 'deadLetter' }>;

/** As it is told to its job's owner. */
type Delivered = Deliverable & { readonly content: ReplyContent };

function isHeartbeat(judged: Judged): boolean {
  return judged.kind !== 'deadLetter' && judged.content.kind === 'reply' && judged.content.status === 'heartbeat';
}
