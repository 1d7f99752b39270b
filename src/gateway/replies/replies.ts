// Replies on their way to the owners of their jobs, and offsets on their way back to Kafka.
//
// Each record read is judged (record.ts), delivered or dead-lettered, and then settled (share.ts); each partition commits the
// end of its contiguous run of settled records (run.ts, commits.ts). All of it belongs to one assignment: when the group is
// rebalanced, every run, timer and dead letter under way is void, whatever still answers is ignored, and reading starts anew at
// the committed offset. So a reply may be delivered twice, and is never lost.
import type { Timer } from '../../actors/ports.ts';
import type { AssignedPartition, ReplyHandlers } from '../ports.ts';
import { ReplyCommits } from './commits.ts';
import { DEFAULT_REPLIES_LIMITS, type RepliesLimits, type RepliesOptions } from './replies-options.ts';
import { ReplyRun } from './run.ts';
import { Share } from './share.ts';

interface Assignment {
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
    for (const { partition, lag } of this.#assignment?.shares.values() ?? []) {
      if (lag !== undefined) lags.set(partition, lag);
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
      onBatch: (partition, records, nextOffset) => this.#assignment?.shares.get(partition)?.take(records, nextOffset),
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
    const runs = new Map<number, ReplyRun>();
    for (const { partition, committed, earliest } of partitions)
      runs.set(partition, new ReplyRun(BigInt(committed ?? earliest)));
    const commits = this.#commitsOf(generation, runs);
    const shares = new Map<number, Share>();
    for (const [partition, run] of runs)
      shares.set(partition, new Share(partition, run, commits, this.#options, this.#limits));
    this.#memberId = memberId;
    this.#assignment = { shares, commits };
    this.#options.onEvent?.({ kind: 'assigned', memberId, generation, partitions: [...shares.keys()] });
    this.#assignedFirst();
  }

  #unassign(): void {
    if (this.#assignment === undefined) return;
    for (const share of this.#assignment.shares.values()) share.end();
    this.#assignment.commits.end();
    this.#assignment = undefined;
    this.#options.onEvent?.({ kind: 'unassigned' });
  }

  #commitsOf(generation: number, runs: ReadonlyMap<number, ReplyRun>): ReplyCommits {
    const { reader, clock, random, onEvent } = this.#options;
    const { commitEveryMs: everyMs, retryMinMs, retryMaxMs } = this.#limits;
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
        if (end !== undefined) share.mark(at, BigInt(end));
      }
    } catch (error) {
      this.#options.onLogEnd?.(false);
      this.#options.onEvent?.({ kind: 'retry', what: 'logEnd', error });
    }
  }
}
