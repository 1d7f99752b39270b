// Since when the longest held job of each lane waits: asked at every scrape, so it must cost nothing there, and it must not cost
// a place for each of a million jobs either. The few oldest of each lane are remembered, from a look at all jobs now and then.
//
// What must hold: a hold is never older than those before it, so as long as one of the few is still there, it is the oldest. Only
// shards that come here bring older ones; and when the few have all gone, the next ones are not known. Then all are looked at
// again, once somebody asks: at once where they are not many, else in slices. Until that is done the last of the few stands for
// the lane: what is left is no older.
import type { JobKey, Lane, ShardId } from '../actors/ids.ts';
import type { Clock } from '../actors/ports.ts';
import type { Lanes } from './lanes.ts';
import type { PendingJob } from './pending-job.ts';
import type { ShardJobs } from './shard-jobs.ts';
import { inSlices } from './slices.ts';

/** Remembered of each lane. */
const FEW = 32;
/** So many are looked at while the asker waits: well below a millisecond. */
const AT_ONCE = 10_000;
/** A longer look is followed by a rest of so many times what it took, however often it is asked. */
const REST = 20;

export interface Oldest {
  readonly lane: Lane;
  readonly heldAtMs: number;
  /** undefined: it has ended; the next one is not known yet. */
  readonly jobKey: JobKey | undefined;
  readonly shard: ShardId | undefined;
}

interface Known {
  readonly heldAtMs: number;
  readonly job: PendingJob;
}

export class OldestOfLanes {
  readonly #clock: Clock;
  readonly #jobs: Pick<ShardJobs, 'all' | 'size'>;
  readonly #lanes: Pick<Lanes, 'pending'>;
  #known = new Map<Lane, Known[]>();
  /** Where the few of a lane ended: what came behind them is no older. */
  #bounds = new Map<Lane, number>();
  #looking: Promise<void> | undefined;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  /** Something came that may be older. */
  #stale = true;

  constructor(clock: Clock, jobs: Pick<ShardJobs, 'all' | 'size'>, lanes: Pick<Lanes, 'pending'>) {
    this.#clock = clock;
    this.#jobs = jobs;
    this.#lanes = lanes;
  }

  /** A shard was loaded. */
  came(): void {
    this.#stale = true;
  }

  /** As known now, at once; what is not known is looked for, and known the next time. */
  now(): Oldest[] {
    let known = this.#asKnown();
    if (known.complete) return known.oldest;
    if (this.#jobs.size <= AT_ONCE) {
      const look = new Look();
      for (const job of this.#jobs.all()) look.at(job);
      this.#take(look);
      known = this.#asKnown();
    } else {
      void this.#lookInSlices();
    }
    return known.oldest;
  }

  /** After a look, where one is needed. */
  async fresh(): Promise<Oldest[]> {
    this.now();
    await this.#looking;
    return this.now();
  }

  #asKnown(): { readonly oldest: Oldest[]; readonly complete: boolean } {
    const oldest: Oldest[] = [];
    let complete = !this.#stale;
    for (const [lane, pending] of this.#lanes.pending()) {
      if (pending <= 0) continue;
      const ofLane = this.#of(lane);
      complete &&= ofLane?.jobKey !== undefined;
      if (ofLane !== undefined) oldest.push(ofLane);
    }
    return { oldest, complete };
  }

  #of(lane: Lane): Oldest | undefined {
    const few = this.#known.get(lane) ?? [];
    // A job that left counts in no lane, and one that was held anew is as young as any.
    const first = few.findIndex(({ job, heldAtMs }) => job.lane === lane && job.heldAtMs === heldAtMs);
    const gone = first < 0 ? few.length : first;
    if (gone > 0) few.splice(0, gone);
    const [oldest] = few;
    if (oldest !== undefined) {
      const { job, heldAtMs } = oldest;
      return { lane, heldAtMs, jobKey: job.jobKey, shard: job.shard };
    }
    const heldAtMs = this.#bounds.get(lane);
    return heldAtMs === undefined ? undefined : { lane, heldAtMs, jobKey: undefined, shard: undefined };
  }

  #lookInSlices(): void {
    const startMs = this.#clock.monotonicMs();
    if (this.#looking !== undefined || startMs < this.#restUntilMs) return;
    const look = new Look();
    this.#stale = false; // what comes from now on may be missed
    this.#looking = inSlices(
      this.#clock,
      this.#jobs.all(),
      (job) => look.at(job),
      () => false,
    ).then(() => {
      const stale = this.#stale;
      this.#take(look);
      this.#stale = stale;
      const nowMs = this.#clock.monotonicMs();
      this.#restUntilMs = nowMs + REST * (nowMs - startMs);
      this.#looking = undefined;
    });
  }

  #take({ found }: Look): void {
    this.#stale = false;
    this.#known = found;
    this.#bounds = new Map([...found].map(([lane, few]) => [lane, few.at(-1)!.heldAtMs]));
  }
}

/** The few oldest of each lane, as the jobs go by. */
class Look {
  readonly found = new Map<Lane, Known[]>();

  at(job: PendingJob): void {
    const { lane } = job;
    if (lane === undefined) return;
    const { heldAtMs } = job;
    // Its hold is on its way, over nothing or over a tombstone: it is younger than whatever is known.
    if (heldAtMs === 0 || (!job.packed && job.state.snapshot?.kind === 'ended')) return;
    const few = this.found.get(lane);
    if (few === undefined) {
      this.found.set(lane, [{ heldAtMs, job }]);
      return;
    }
    if (few.length >= FEW && heldAtMs >= few[FEW - 1]!.heldAtMs) return;
    const at = few.findIndex((known) => known.heldAtMs > heldAtMs);
    few.splice(at < 0 ? few.length : at, 0, { heldAtMs, job });
    if (few.length > FEW) few.pop();
  }
}
