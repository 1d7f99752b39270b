// Replies on their way to the owners of their jobs, and offsets on their way back to Kafka.
//
// Each record read is judged (record.ts), delivered or dead-lettered, and then settled; each partition commits the end
// of its contiguous run of settled records (run.ts). All of it belongs to one assignment: when the group is
// rebalanced, every run, timer and dead letter under way is void, whatever still answers is ignored, and reading starts anew at
// the committed offset. So a reply may be delivered twice, and is never lost.
//
// Replies to one job are delivered one after another in offset order: its snapshot keeps the highest offset applied, and
// an earlier record that came after a later one would pass for a duplicate. Different jobs do not wait for each other.
import type { JobKey } from '../../actors/ids.ts';
import type { DeadLetterReason, Reply, ReplyAnswer, ReplyContent } from '../../actors/messages.ts';
import type { Clock, Random, Timer } from '../../actors/ports.ts';
import { type HeaderNames, TRACE } from '../header-names.ts';
import type { AssignedPartition, IncomingRecord, ReplyHandlers, ReplyReader } from '../ports.ts';
import { bytesOf } from '../requests/topic-queue.ts';
import { RetryDelay } from '../retry-delay.ts';
import type { SchemaRegistry } from '../schema/registry.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import { ReplyCommits } from './commits.ts';
import type { DeadLetters } from './dead-letters.ts';
import { textOf } from './headers.ts';
import { type Judged, judge, type VerifyId } from './record.ts';
import { ReplyRun } from './run.ts';
import { decoded } from './schema.ts';

export interface RepliesLimits {
  /** The largest reply that is passed on: min(2 MiB, NATS max_payload − overhead). */
  readonly maxReplyBytes: number;
  /** Unsettled records, and their bytes with keys and headers, at which a partition is paused; it goes on below half. */
  readonly maxUnsettled: number;
  readonly maxUnsettledBytes: number;
  readonly commitEveryMs: number;
  /** How often the log's ends are asked for (progress). */
  readonly markEveryMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /**
   * A business key is not called unknown sooner than this after its record was read. Its alias is written moments before the
   * request, and a server that does not know yet that it lost the lead answers reads from the past.
   */
  readonly unknownAfterMs: number;
}

export const DEFAULT_REPLIES_LIMITS: RepliesLimits = {
  maxReplyBytes: 2 * 1024 * 1024,
  maxUnsettled: 2_000,
  maxUnsettledBytes: 16 * 1024 * 1024,
  commitEveryMs: 100,
  markEveryMs: 1_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
  unknownAfterMs: 2_000,
};

export type RepliesEvent =
  | {
      readonly kind: 'assigned';
      readonly memberId: string;
      readonly generation: number;
      readonly partitions: readonly number[];
    }
  | { readonly kind: 'unassigned' }
  /** A record is done: what its owner answered, or why it went to the dead letters (`late`, `refused`, `unreadable`: both). */
  | { readonly kind: 'settled'; readonly partition: number; readonly outcome: ReplyAnswer | DeadLetterReason }
  /** An owner could not be told, a commit or a query failed; it is tried again. */
  | { readonly kind: 'retry'; readonly what: 'deliver' | 'commit' | 'logEnd' | 'schema'; readonly error: unknown }
  | { readonly kind: 'paused' | 'resumed'; readonly partition: number };

export interface RepliesOptions {
  readonly reader: ReplyReader;
  readonly deadLetters: DeadLetters;
  readonly clock: Clock;
  readonly random: Random;
  readonly topic: string;
  readonly group: string;
  readonly verify: VerifyId;
  /** True: others may have signed with a key that is not known here yet, so what looks forged may be none. Default: never. */
  readonly lacksKeys?: () => boolean;
  readonly names: HeaderNames;
  /** Reads values that have a schema; undefined: no registry is configured. */
  readonly schemas?: Pick<SchemaRegistry, 'decode'> | undefined;
  /** Resolves with the owner's answer, however long that takes; rejects when this node may not go on asking (lease lost). */
  readonly deliver: (reply: Reply) => Promise<ReplyAnswer>;
  /** The job that a business key leads to, by a leader read; rejects like `deliver`. */
  readonly jobOf: (businessKey: string) => Promise<JobKey | undefined>;
  /** Absent: nobody is told. */
  readonly acknowledgements?: Acknowledgements | undefined;
  /** Owners are told what only matters to whoever follows single calls. Default: false. */
  readonly followed?: boolean;
  readonly limits?: Partial<RepliesLimits>;
  readonly onEvent?: (event: RepliesEvent) => void;
  /** Kafka was asked for the ends of the log, which is once a second. */
  readonly onLogEnd?: (answered: boolean) => void;
}

/** Answers of an owner that send the record to the dead letters; what exactly was wrong stands in the job's incident. */
const BURIED: Partial<Record<ReplyAnswer, string>> = {
  late: 'its job had ended, and nothing says that it was by this reply',
  refused: 'the engine does not take this result, or would change it',
  'not-object': 'the reply is JSON, but not an object, and its call names no result variable',
  unreadable: 'what is stored of its job cannot be read (the log says why: SNAPSHOT_UNREADABLE)',
  malformed: 'the reply means nothing under the settings of its call',
};

const UNKNOWN = 'the correlation id is none of this cluster, and no business key that a pending call has';

/** One partition in one assignment. `over`: nothing that comes back to it counts any more. */
interface Share {
  readonly partition: number;
  readonly run: ReplyRun;
  /** The end of the log, as it was asked for last. */
  logEnd: bigint | undefined;
  /** The last delivery of each job that has one under way. */
  readonly lastOfJob: Map<string, Promise<void>>;
  readonly withdrawals: Set<() => void>;
  paused: boolean;
  over: boolean;
}

interface Assignment {
  readonly generation: number;
  readonly shares: ReadonlyMap<number, Share>;
  readonly commits: ReplyCommits;
}

export class Replies {
  readonly #options: RepliesOptions;
  readonly #limits: RepliesLimits;
  /** Resolves when the group has given this node its first assignment, even of no partition. */
  readonly assignedOnce: Promise<void>;
  readonly #assignedFirst: () => void;
  #assignment: Assignment | undefined;
  #memberId = '';
  #markTimer: Timer | undefined;
  #stopped = false;

  constructor(options: RepliesOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_REPLIES_LIMITS, ...options.limits };
    const first = Promise.withResolvers<void>();
    this.assignedOnce = first.promise;
    this.#assignedFirst = first.resolve;
  }

  /** This consumer's latest name in the group; others show it out by it, also in the middle of a rebalance. '' before the first. */
  get memberId(): string {
    return this.#memberId;
  }

  get assigned(): readonly number[] {
    return [...(this.#assignment?.shares.keys() ?? [])];
  }

  /** Replies read and not settled, over all partitions. */
  get unsettled(): number {
    let count = 0;
    for (const { run } of this.#assignment?.shares.values() ?? []) count += run.unsettled;
    return count;
  }

  /** Per assigned partition: offsets between the settled run and the end of the log. Absent: not known yet. */
  lag(): ReadonlyMap<number, number> {
    const lags = new Map<number, number>();
    for (const { partition, run, logEnd } of this.#assignment?.shares.values() ?? []) {
      if (logEnd !== undefined) lags.set(partition, Math.max(0, Number(logEnd - run.end)));
    }
    return lags;
  }

  /** Per assigned partition: every reply written before this moment (wall clock ms) is settled. Absent: not known yet. */
  progress(): ReadonlyMap<number, number> {
    const { clock } = this.#options;
    const offsetMs = clock.wallMs() - clock.monotonicMs();
    const progress = new Map<number, number>();
    for (const { partition, run } of this.#assignment?.shares.values() ?? []) {
      if (run.progress === undefined) continue;
      // The wall clock may have been wrong then, and set since; or the machine slept. The earlier of the two is safe.
      const { wallMs, monotonicMs } = run.progress;
      progress.set(partition, Math.min(wallMs, Math.floor(monotonicMs + offsetMs)));
    }
    return progress;
  }

  async start(): Promise<void> {
    const handlers: ReplyHandlers = {
      onAssigned: (memberId, generation, partitions) => this.#assign(memberId, generation, partitions),
      onUnassigned: () => this.#unassign(),
      onBatch: (partition, records, nextOffset) => this.#take(partition, records, nextOffset),
    };
    await this.#options.reader.start(handlers);
    this.#markIn(0);
  }

  /** Commits what is settled, then leaves the group. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#markTimer?.cancel();
    await this.#assignment?.commits.flush();
    this.#unassign();
    await this.#options.reader.stop();
  }

  #assign(memberId: string, generation: number, partitions: readonly AssignedPartition[]): void {
    this.#unassign();
    const shares = new Map<number, Share>();
    for (const { partition, committed, earliest } of partitions) {
      const start = BigInt(committed ?? earliest);
      shares.set(partition, {
        partition,
        run: new ReplyRun(start),
        logEnd: undefined,
        lastOfJob: new Map(),
        withdrawals: new Set(),
        paused: false,
        over: false,
      });
    }
    this.#memberId = memberId;
    this.#assignment = { generation, shares, commits: this.#commitsOf(generation, shares) };
    this.#options.onEvent?.({ kind: 'assigned', memberId, generation, partitions: [...shares.keys()] });
    this.#assignedFirst();
  }

  #unassign(): void {
    if (this.#assignment === undefined) return;
    for (const share of this.#assignment.shares.values()) {
      share.over = true;
      for (const withdraw of share.withdrawals) withdraw();
    }
    this.#assignment.commits.end();
    this.#assignment = undefined;
    this.#options.onEvent?.({ kind: 'unassigned' });
  }

  #take(partition: number, records: readonly IncomingRecord[], nextOffset: string): void {
    const share = this.#assignment?.shares.get(partition);
    if (share === undefined) return;
    const { verify, names } = this.#options;
    for (const record of records) {
      if (!share.run.take(BigInt(record.offset), bytesOf(record))) continue;
      this.#handle(share, record, judge(record, { verify, names, maxBytes: this.#limits.maxReplyBytes }));
    }
    share.run.readTo(BigInt(nextOffset));
    this.#moved(share);
  }

  #handle(share: Share, record: IncomingRecord, judged: Judged): void {
    if (judged.kind === 'deadLetter') {
      if (judged.reason === 'forged' && this.#options.lacksKeys?.() === true)
        return void this.#handleLater(share, record);
      this.#bury(share, record, judged, judged.reason, judged.message);
      return;
    }
    const order = judged.kind === 'reply' ? judged.jobKey : `business key ${judged.businessKey}`;
    const before = share.lastOfJob.get(order);
    const mine = this.#deliver(share, record, judged, before).finally(() => {
      if (share.lastOfJob.get(order) === mine) share.lastOfJob.delete(order);
    });
    share.lastOfJob.set(order, mine);
  }

  /** Without a limit: what is dead-lettered as forged is lost to its job, and the node says what it waits for. */
  async #handleLater(share: Share, record: IncomingRecord): Promise<void> {
    const { clock, verify, names, lacksKeys } = this.#options;
    while (!share.over && lacksKeys?.() === true)
      await new Promise<void>((resolve) => clock.setTimer(this.#limits.retryMaxMs, resolve));
    if (!share.over)
      this.#handle(share, record, judge(record, { verify, names, maxBytes: this.#limits.maxReplyBytes }));
  }

  async #deliver(
    share: Share,
    record: IncomingRecord,
    encoded: Exclude<Judged, { kind: 'deadLetter' }>,
    before: Promise<void> | undefined,
  ): Promise<void> {
    const { partition } = share;
    const position = { partition, offset: record.offset };
    const readMs = this.#options.clock.monotonicMs();
    const delay = new RetryDelay(this.#limits.retryMinMs, this.#limits.retryMaxMs, this.#options.random);
    await before;
    const content = await this.#contentOf(share, record, encoded);
    const judged: Delivered = { ...encoded, content };
    while (!share.over) {
      try {
        const job = judged.kind === 'reply' ? judged : await this.#jobOf(judged.businessKey, readMs);
        if (share.over) return;
        if (job === undefined) return this.#bury(share, record, judged, 'unknown', UNKNOWN);
        const { jobKey, attempt } = job;
        const answer = await this.#options.deliver({
          jobKey,
          attempt,
          position,
          content,
          ...this.#seen(record, judged),
        });
        if (!share.over) this.#answered(share, record, judged, answer);
        return;
      } catch (error) {
        if (share.over) return;
        this.#options.onEvent?.({ kind: 'retry', what: 'deliver', error });
        await new Promise<void>((resolve) => this.#options.clock.setTimer(delay.next(), resolve));
      }
    }
  }

  async #contentOf(
    share: Share,
    record: IncomingRecord,
    { content }: Exclude<Judged, { kind: 'deadLetter' }>,
  ): Promise<ReplyContent> {
    if (content.kind !== 'encoded') return content;
    const { clock, random, names, schemas, onEvent } = this.#options;
    const onRetry = (error: unknown) => onEvent?.({ kind: 'retry', what: 'schema', error });
    const maxBytes = this.#limits.maxReplyBytes;
    return decoded(record, { clock, random, names, maxBytes, schemas, over: () => share.over, onRetry });
  }

  #seen(record: IncomingRecord, { correlationId = '' }: Judged): Pick<Reply, 'seen'> {
    return this.#options.followed ? { seen: { correlationId, traceparent: textOf(record, TRACE) } } : {};
  }

  /**
   * A business key names no attempt. That it leads to no job is only believed of a look that began so late that any replica has
   * heard of the job: not one that was begun early and answered late.
   */
  async #jobOf(businessKey: string, readMs: number): Promise<{ jobKey: JobKey; attempt: number } | undefined> {
    const { clock, jobOf } = this.#options;
    const decisiveMs = readMs + this.#limits.unknownAfterMs;
    for (;;) {
      const askedMs = clock.monotonicMs();
      const jobKey = await jobOf(businessKey);
      if (jobKey !== undefined) return { jobKey, attempt: 0 };
      if (askedMs >= decisiveMs) return undefined;
      await new Promise<void>((resolve) => clock.setTimer(Math.max(0, decisiveMs - clock.monotonicMs()), resolve));
    }
  }

  #answered(share: Share, record: IncomingRecord, judged: Delivered, answer: ReplyAnswer): void {
    const { content } = judged;
    if (content.kind === 'malformed') return this.#bury(share, record, judged, content.reason, content.message);
    const why = BURIED[answer];
    if (why === undefined) this.#settle(share, record, judged, answer);
    else this.#bury(share, record, judged, answer as DeadLetterReason, why);
  }

  #bury(share: Share, record: IncomingRecord, judged: Judged, reason: DeadLetterReason, message: string): void {
    const { deadLetters, topic, group } = this.#options;
    const withdraw = deadLetters.write({ record, topic, partition: share.partition, group, reason, message }, () => {
      share.withdrawals.delete(withdraw);
      if (!share.over) this.#settle(share, record, judged, reason);
    });
    share.withdrawals.add(withdraw);
  }

  /** Told to whoever wants to know first; a heartbeat wants no answer. */
  #settle(share: Share, record: IncomingRecord, judged: Judged, outcome: ReplyAnswer | DeadLetterReason): void {
    const { acknowledgements } = this.#options;
    const { correlationId } = judged;
    if (acknowledgements === undefined || correlationId === undefined || isHeartbeat(judged)) {
      return this.#settled(share, record, outcome);
    }
    const withdraw = acknowledgements.write(correlationId, outcome, () => {
      share.withdrawals.delete(withdraw);
      if (!share.over) this.#settled(share, record, outcome);
    });
    share.withdrawals.add(withdraw);
  }

  #settled(share: Share, record: IncomingRecord, outcome: ReplyAnswer | DeadLetterReason): void {
    share.run.settle(BigInt(record.offset));
    this.#options.onEvent?.({ kind: 'settled', partition: share.partition, outcome });
    this.#moved(share);
  }

  /** After every change of a run: keep it within its limits, and see that its end is committed. */
  #moved(share: Share): void {
    const { partition, run } = share;
    const load = Math.max(
      run.unsettled / this.#limits.maxUnsettled,
      run.unsettledBytes / this.#limits.maxUnsettledBytes,
    );
    if (!share.paused && load >= 1) {
      share.paused = true;
      this.#options.reader.pause([partition]);
      this.#options.onEvent?.({ kind: 'paused', partition });
    } else if (share.paused && load < 0.5) {
      share.paused = false;
      this.#options.reader.resume([partition]);
      this.#options.onEvent?.({ kind: 'resumed', partition });
    }
    this.#assignment?.commits.moved();
  }

  #commitsOf(generation: number, shares: ReadonlyMap<number, Share>): ReplyCommits {
    const { reader, clock, random, onEvent } = this.#options;
    const { commitEveryMs: everyMs, retryMinMs, retryMaxMs } = this.#limits;
    const runs = new Map([...shares].map(([partition, { run }]) => [partition, run]));
    const onError = (error: unknown) => onEvent?.({ kind: 'retry', what: 'commit', error });
    return new ReplyCommits({ reader, clock, random, generation, runs, everyMs, retryMinMs, retryMaxMs, onError });
  }

  #markIn(delayMs: number): void {
    this.#markTimer = this.#options.clock.setTimer(delayMs, () => {
      void this.#mark().finally(() => {
        if (!this.#stopped) this.#markIn(this.#limits.markEveryMs);
      });
    });
  }

  /** The time is taken before the query: whatever was in the log at that moment lies before the ends that it answers. */
  async #mark(): Promise<void> {
    const assignment = this.#assignment;
    if (assignment === undefined || assignment.shares.size === 0) return;
    const { clock } = this.#options;
    const at = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
    try {
      const ends = await this.#options.reader.endOffsets();
      this.#options.onLogEnd?.(true);
      for (const share of assignment.shares.values()) {
        const end = ends.get(share.partition);
        if (end === undefined) continue;
        share.logEnd = BigInt(end);
        share.run.mark(at, share.logEnd);
      }
    } catch (error) {
      this.#options.onLogEnd?.(false);
      this.#options.onEvent?.({ kind: 'retry', what: 'logEnd', error });
    }
  }
}

/** As it is told to its job's owner. */
type Delivered = Exclude<Judged, { kind: 'deadLetter' }> & { readonly content: ReplyContent };

function isHeartbeat(judged: Judged): boolean {
  return judged.kind !== 'deadLetter' && judged.content.kind === 'reply' && judged.content.status === 'heartbeat';
}
