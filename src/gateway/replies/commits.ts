// Commits of one assignment: where the run of a partition has moved, its new end goes to Kafka, all partitions together and
// at most every so often. One commit is under way at a time, so none can overtake a later one; one that fails is made anew
// from where the runs then stand. When the assignment is over nothing is committed any more: the partitions may have other owners.
import type { Clock, Random, Timer } from '../../actors/ports.ts';
import type { ReplyReader } from '../ports.ts';
import { RetryDelay } from '../retry-delay.ts';
import type { ReplyRun } from './run.ts';

export interface ReplyCommitsOptions {
  readonly reader: Pick<ReplyReader, 'commit'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly generation: number;
  readonly runs: ReadonlyMap<number, ReplyRun>;
  readonly everyMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  readonly onError: (error: unknown) => void;
}

export class ReplyCommits {
  readonly #options: ReplyCommitsOptions;
  readonly #delay: RetryDelay;
  /** Per partition, what Kafka has: the start, or the last commit that succeeded. */
  readonly #committed: Map<number, bigint>;
  #timer: Timer | undefined;
  #underWay: Promise<void> | undefined;
  #over = false;

  constructor(options: ReplyCommitsOptions) {
    this.#options = options;
    this.#delay = new RetryDelay(options.retryMinMs, options.retryMaxMs, options.random);
    this.#committed = new Map([...options.runs].map(([partition, run]) => [partition, run.end]));
  }

  /** A run may have moved. */
  moved(): void {
    if (this.#timer === undefined && this.#underWay === undefined && this.#due().size > 0)
      this.#in(this.#options.everyMs);
  }

  /** What can be committed is; one try. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    await this.#underWay;
    await this.#commit();
  }

  end(): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  #in(delayMs: number): void {
    if (this.#over) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      this.#underWay = this.#commit().then((nextInMs) => {
        this.#underWay = undefined;
        if (this.#due().size > 0) this.#in(nextInMs);
      });
    });
  }

  #due(): Map<number, bigint> {
    const due = new Map<number, bigint>();
    for (const [partition, run] of this.#options.runs) {
      if (run.end > (this.#committed.get(partition) ?? 0n)) due.set(partition, run.end);
    }
    return due;
  }

  /** When to look again, in ms. */
  async #commit(): Promise<number> {
    const { reader, generation, everyMs, onError } = this.#options;
    const due = this.#due();
    if (this.#over || due.size === 0) return everyMs;
    try {
      await reader.commit(generation, new Map([...due].map(([partition, end]) => [partition, end.toString()])));
    } catch (error) {
      if (!this.#over) onError(error);
      return this.#delay.next();
    }
    this.#delay.reset();
    for (const [partition, end] of due) this.#committed.set(partition, end);
    return everyMs;
  }
}
