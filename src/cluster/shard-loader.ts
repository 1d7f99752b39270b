// Brings shards into memory and takes them out of it: a wave per set of acquired shards, then their jobs with what their
// writers' sent watermarks say, then every foreign write; and at the end the drain, until nothing of the shard is under way.
import { ABSENT, type Incarnation, type JobKey, type Revision, type ShardId } from '../actors/ids.ts';
import type { Clock, Timer } from '../actors/ports.ts';
import { type Arrivals, type Arrived, isJob, letGo } from './arrivals.ts';
import type { ClusterEvent } from './events.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import type { PendingJob } from './pending-job.ts';
import type { KvEntry, KvPort } from './ports.ts';
import type { Rehydrated, Rehydration } from './rehydration.ts';
import type { Requests } from './requests-port.ts';
import type { SentWatermark } from './sent-watermark.ts';
import type { ShardJobs } from './shard-jobs.ts';
import { untilAvailable } from './until-available.ts';
import { Wave } from './wave.ts';

export interface ShardLoaderOptions {
  readonly clock: Clock;
  readonly kv: KvPort;
  readonly incarnation: Incarnation;
  readonly shardCount: number;
  readonly jobs: ShardJobs;
  readonly rehydration: Rehydration;
  readonly requests: Requests;
  readonly watermark: SentWatermark;
  /** For one wave; its claims are acknowledged. */
  arrivals(): Arrivals;
  epochOf(shard: ShardId): Revision;
  /** Not asked for by somebody else meanwhile. */
  isRehydrating(shard: ShardId): boolean;
  /** The shard's jobs are in memory and it answers. */
  barrierPassed(shard: ShardId): void;
  onClaim(shard: ShardId, entry: KvEntry): void;
  /** Any entry was delivered. */
  onEntry(entry: KvEntry): void;
  /** A watch was made anew; the bucket as it is now. */
  onReset(bucketId: string): void;
  onEvent(event: ClusterEvent): void;
  onUnreadable(shard: ShardId, jobKey: JobKey, error: unknown): void;
  /** Also told of stores that closed: then this incarnation is over anyway. */
  onFailed(error: unknown): void;
}

export class ShardLoader {
  readonly #options: ShardLoaderOptions;
  readonly #waves = new Set<Wave>();
  /** Acquired, and in no wave yet. */
  readonly #next = new Set<ShardId>();
  /** Waves that have lost some of their shards. */
  readonly #narrowing = new Map<Wave, Timer>();
  #acquiring = false;
  #loadedInARow = 0;
  #breath: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ShardLoaderOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
    for (const wave of this.#waves) wave.stop();
    for (const timer of this.#narrowing.values()) timer.cancel();
  }

  /**
   * The claims of these shards are acknowledged. Waves go one after another: a server lets 32 MB be on their way for each
   * consumer, and hangs up on a client with 64 MB waiting. What comes while one is under way makes the next together: shards
   * that are handed over come one by one, and a wave costs as much for one as for many.
   */
  async acquire(shards: readonly ShardId[]): Promise<void> {
    for (const shard of shards) this.#next.add(shard);
    if (this.#acquiring) return;
    this.#acquiring = true;
    try {
      while (this.#next.size > 0 && !this.#stopped) {
        const together = [...this.#next].slice(0, CLUSTER_LIMITS.shardsPerWave);
        for (const shard of together) this.#next.delete(shard);
        await this.#acquireTogether(together.filter((shard) => this.#options.isRehydrating(shard)));
      }
    } finally {
      this.#acquiring = false;
    }
  }

  /** Resolves when all that stood in the bucket is delivered, or nobody waits for it any more. */
  async #acquireTogether(shards: readonly ShardId[]): Promise<void> {
    if (shards.length === 0) return;
    const { kv, clock, incarnation, shardCount, epochOf, onClaim, onEntry, onReset } = this.#options;
    const arrivals = this.#options.arrivals();
    const wave = new Wave(
      {
        kv,
        incarnation,
        shardCount,
        epochOf,
        arrived: (of, jobKey, entry) => arrivals.arrived(of, jobKey, entry),
        onBarrier: (shard, jobs) => void this.#load(wave, arrivals, shard, jobs).catch(this.#options.onFailed),
        onDelivered: (shard, jobKey, entry) => this.#delivered(shard, jobKey, entry),
        onClaim,
        onEntry,
        onReset,
      },
      shards,
    );
    this.#waves.add(wave);
    await untilAvailable(
      clock,
      () => wave.start(),
      () => this.#stopped,
    ).catch(this.#options.onFailed);
    if (this.#stopped) return;
    await wave.settled;
    if (wave.isWide) this.#narrowLater(wave);
  }

  /** Entries of this node's shards that JetStream has yet to deliver, as of the last one of each watch. */
  get behind(): number {
    let behind = 0;
    for (const wave of this.#waves) behind += wave.behind;
    return behind;
  }

  /** Asked when the connection is back: what others wrote meanwhile of the jobs that are here has been delivered. */
  async caughtUpAgain(): Promise<void> {
    await Promise.all([...this.#waves].map((wave) => wave.caughtUpAgain()));
  }

  /** The shard is not here any more. */
  released(shard: ShardId): void {
    this.#options.jobs.drop(shard);
    this.#next.delete(shard); // acquired again it is told again, and must not be in two waves
    for (const wave of this.#waves) {
      if (!wave.has(shard)) continue;
      if (wave.leave(shard)) this.#waves.delete(wave);
      else this.#narrowLater(wave);
    }
  }

  /** Shards leave one after another, and each time a watch is made anew the server has work. */
  #narrowLater(wave: Wave): void {
    if (this.#narrowing.has(wave)) return;
    const narrow = () => {
      this.#narrowing.delete(wave);
      wave.narrow();
    };
    this.#narrowing.set(wave, this.#options.clock.setTimer(CLUSTER_LIMITS.narrowAfterMs, narrow));
  }

  /**
   * Until its mailboxes are empty, no request is unacknowledged (a queued one is taken back, its new owner sends it), and
   * the sent watermark speaks for its requests.
   */
  async drain(shard: ShardId): Promise<void> {
    const { clock, jobs, requests, watermark } = this.#options;
    const pause = () => new Promise<void>((resolve) => clock.setTimer(CLUSTER_LIMITS.drainLookMs, resolve));
    let left: readonly PendingJob[] = [];
    jobs.close(shard);
    const startMs = clock.monotonicMs();
    for (;;) {
      const unsent = jobs.unsent(shard);
      if (jobs.commands(shard) === 0 && unsent.length === 0) break;
      const waitedMs = clock.monotonicMs() - startMs;
      if (waitedMs > CLUSTER_LIMITS.drainRequestsMs && jobs.commands(shard) === 0) {
        // Kafka does not take them. Not settled in the watermark: the record goes on naming them as not sent.
        const answers = unsent.map(({ state }) => requests.withdraw(state.jobKey, state.snapshot?.attempt ?? 0));
        left = unsent;
        if (!answers.includes('inFlight')) break;
      }
      if (this.#stopped || waitedMs > CLUSTER_LIMITS.drainMs) break;
      await pause();
    }
    for (const { jobKey, state } of left) watermark.handedOver(jobKey, state.snapshot?.attempt ?? 0);
    // A request that was sent and that the record does not speak for would be sent again by the next owner.
    const highest = jobs.highestRevision(shard);
    if (highest === ABSENT) return; // nobody waits for anything here
    const untilMs = clock.monotonicMs() + CLUSTER_LIMITS.drainRecordMs;
    while (!(await watermark.speaksFor(highest))) {
      if (this.#stopped || clock.monotonicMs() > untilMs) break;
      await pause();
    }
  }

  async #load(wave: Wave, arrivals: Arrivals, shard: ShardId, collected: ReadonlyMap<JobKey, Arrived>): Promise<void> {
    const { jobs, epochOf, isRehydrating, barrierPassed, onEvent } = this.#options;
    const live = await this.#live(arrivals, shard, collected);
    if (live === undefined || this.#stopped || !wave.has(shard) || !isRehydrating(shard)) {
      for (const job of collected.values()) letGo(job);
      return;
    }
    this.#loadedInARow += collected.size;
    jobs.open(shard);
    let resting = 0;
    let republished = 0;
    for (const job of collected.values()) {
      if (!isJob(job)) continue;
      jobs.rest(job);
      resting += 1;
    }
    for (const { jobKey, snapshot, revision, covered } of live) {
      if (snapshot.kind === 'held' && !covered) republished += 1;
      jobs.load(shard, jobKey, snapshot, revision, covered);
    }
    jobs.loaded(shard, epochOf(shard));
    const late = wave.take(shard);
    barrierPassed(shard);
    onEvent({ kind: 'rehydrated', shard, jobs: live.length + resting, republished });
    for (const [jobKey, entry] of late) this.#delivered(shard, jobKey, entry);
  }

  /** Those of them that do not only wait. undefined: it failed, and that is told. */
  async #live(
    { writers }: Arrivals,
    shard: ShardId,
    collected: ReadonlyMap<JobKey, Arrived>,
  ): Promise<Rehydrated[] | undefined> {
    try {
      const live = await this.#options.rehydration.read(shard, collected, writers);
      await this.#breathe();
      return live;
    } catch (error) {
      this.#options.onFailed(error);
      return undefined;
    }
  }

  /** The barriers of a wave are passed all at once; between many thousand jobs timers and sockets have their turn. */
  async #breathe(): Promise<void> {
    while (this.#loadedInARow > CLUSTER_LIMITS.loadedInARow && !this.#stopped) {
      this.#breath ??= new Promise<void>((resolve) => this.#options.clock.setTimer(0, resolve)).then(() => {
        this.#loadedInARow = 0;
        this.#breath = undefined;
      });
      await this.#breath;
    }
  }

  #delivered(shard: ShardId, jobKey: JobKey, entry: KvEntry): void {
    const { jobs, rehydration, onUnreadable } = this.#options;
    if (this.#stopped) return;
    try {
      if (!jobs.delivered(shard, jobKey, entry)) return;
    } catch (error) {
      return onUnreadable(shard, jobKey, error);
    }
    void rehydration.read(shard, new Map([[jobKey, entry]])).then((found) => {
      for (const job of found) jobs.load(shard, jobKey, job.snapshot, job.revision, job.covered);
    }, this.#options.onFailed);
  }
}
