// Rehydration. One ordered consumer with many filter subjects serves all shards acquired together (a filtered watch per
// shard costs the server a scan each). A shard is owned once its own claim was seen *and* pending was 0 once: a late write
// of the old owner, landed between our claim and the consumer, comes after the claim and is delivered before that.
// The consumer stays open as long as one of its shards is here: foreign writes reload the job they belong to.
//
// Most of what is delivered before the barrier are tombstones, which nobody wants to have: they are dropped as they come, and
// with them what was collected of their jobs. That needs what the watch promises: revisions rise, and none is left out but
// those overwritten; so what comes again after a reset, at or below the highest seen, is known already, or dropped for good.
import { flat } from '../actors/flat-text.ts';
import { ABSENT, type Incarnation, type JobKey, type Revision, type ShardId } from '../actors/ids.ts';
import { isTombstone } from '../actors/snapshot-codec.ts';
import { type Arrived, letGo } from './arrivals.ts';
import { parseClaim } from './claims.ts';
import { EVERYTHING, parseKey, shardFilter } from './names.ts';
import type { KvEntry, KvPort, KvWatch } from './ports.ts';

export interface WaveOptions {
  readonly kv: KvPort;
  readonly incarnation: Incarnation;
  /** Of the cluster. A wave of all of them reads the whole bucket: the little else that is in it costs less than a search. */
  readonly shardCount: number;
  /** The revision of our claim. One of an earlier tenure, still shown by a replica that lags, passes no barrier. */
  epochOf(shard: ShardId): Revision;
  /** How an entry is kept until its shard is taken. */
  arrived(shard: ShardId, jobKey: JobKey, entry: KvEntry): Arrived;
  /** The barrier of this shard is passed. `jobs` is the last entry of each key, without tombstones; from now on others have them. */
  onBarrier(shard: ShardId, jobs: ReadonlyMap<JobKey, Arrived>): void;
  /** An entry of a shard that was taken. */
  onDelivered(shard: ShardId, jobKey: JobKey, entry: KvEntry): void;
  onClaim(shard: ShardId, entry: KvEntry): void;
  onEntry(entry: KvEntry): void;
  /** The watch was made anew; the bucket as it is now. */
  onReset(bucketId: string): void;
}

export class Wave {
  readonly #options: WaveOptions;
  /** Shards before their barrier, with what was delivered so far. */
  readonly #waiting = new Map<ShardId, Map<JobKey, Arrived>>();
  readonly #claimSeen = new Set<ShardId>();
  /** Shards between barrier and `take`, with what has been delivered since. */
  readonly #passed = new Map<ShardId, Map<JobKey, KvEntry>>();
  readonly #open = new Set<ShardId>();
  /** The highest revision delivered of a shard before it was taken. */
  #upTo: Revision = ABSENT;
  readonly #settled = Promise.withResolvers<void>();
  #caughtUp = false;
  /** Somebody waits until what a break made it miss was delivered. */
  #again: PromiseWithResolvers<void> | undefined;
  #behind = 0;
  #watch: KvWatch | undefined;
  /** How many shards it watches, some of which may have left. */
  #watched = 0;
  #stopped = false;

  constructor(options: WaveOptions, shards: readonly ShardId[]) {
    this.#options = options;
    for (const shard of shards) this.#waiting.set(shard, new Map());
  }

  /** @throws KvUnavailable */
  async start(): Promise<void> {
    if (this.#stopped) return; // every shard has left already
    const shards = [...this.#waiting.keys()];
    this.#watched = shards.length;
    const filters = shards.length === this.#options.shardCount ? [EVERYTHING] : shards.map(shardFilter);
    const watch = await this.#options.kv.watch(filters, {
      onEntry: (entry, pending) => {
        this.#behind = pending;
        this.#entry(entry);
      },
      onCaughtUp: () => {
        this.#caughtUp = true;
        this.#settled.resolve();
        this.#heardAgain();
        this.#passBarriers();
      },
      onReset: (bucketId) => this.#options.onReset(bucketId),
    });
    if (this.#stopped) watch.stop();
    else this.#watch = watch;
  }

  /** All that stood is delivered, or nobody waits for it any more. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /**
   * Asked when the connection is back, before the watch is made anew: what was written meanwhile has been delivered, or nobody
   * waits for it any more. Before it has caught up for the first time no job of it is here.
   */
  caughtUpAgain(): Promise<void> {
    if (this.#stopped || !this.#caughtUp) return Promise.resolve();
    this.#again ??= Promise.withResolvers<void>();
    return this.#again.promise;
  }

  has(shard: ShardId): boolean {
    return this.#waiting.has(shard) || this.#open.has(shard);
  }

  /**
   * The shard's jobs are in memory: from now on entries are delivered one by one. Answers the last one of each key, tombstones
   * too, of those that were delivered since its barrier.
   */
  take(shard: ShardId): ReadonlyMap<JobKey, KvEntry> {
    const late = this.#passed.get(shard) ?? new Map<JobKey, KvEntry>();
    this.#passed.delete(shard);
    if (this.#waiting.delete(shard)) this.#open.add(shard);
    return late;
  }

  /** The shard is not here any more. Answers true when the wave has none left, and has stopped. */
  leave(shard: ShardId): boolean {
    this.#letGoOf(shard);
    this.#waiting.delete(shard);
    this.#passed.delete(shard);
    this.#open.delete(shard);
    if (this.#waiting.size + this.#open.size > 0) return false;
    this.stop();
    return true;
  }

  /** How many entries the server had yet to deliver when it delivered the last one. */
  get behind(): number {
    return this.#stopped ? 0 : this.#behind;
  }

  /** It hears of shards that have left, too. */
  get isWide(): boolean {
    return !this.#stopped && this.#waiting.size + this.#open.size < this.#watched;
  }

  /** Hears no more of the shards that have left, of which others write. Not before it has caught up: that would begin anew. */
  narrow(): void {
    if (!this.isWide || !this.#caughtUp || this.#watch === undefined) return;
    const shards = [...this.#waiting.keys(), ...this.#open];
    this.#watched = shards.length;
    this.#watch.narrow(shards.map(shardFilter));
  }

  stop(): void {
    for (const shard of this.#waiting.keys()) this.#letGoOf(shard);
    this.#stopped = true;
    this.#settled.resolve();
    this.#heardAgain();
    this.#watch?.stop();
  }

  #heardAgain(): void {
    this.#again?.resolve();
    this.#again = undefined;
  }

  /** What was kept of it, if nobody else has it by now. */
  #letGoOf(shard: ShardId): void {
    if (this.#passed.has(shard)) return;
    for (const arrived of this.#waiting.get(shard)?.values() ?? []) letGo(arrived);
  }

  #entry(entry: KvEntry): void {
    if (this.#stopped) return;
    this.#options.onEntry(entry);
    const name = parseKey(entry.key);
    if (name.kind === 'claim') {
      this.#options.onClaim(name.shard, entry);
      const claim = parseClaim(entry.value, entry.revision);
      const { incarnation, epochOf } = this.#options;
      if (claim.incarnation === incarnation && claim.revision >= epochOf(name.shard)) {
        this.#claimSeen.add(name.shard);
        this.#passBarriers();
      }
    } else if (name.kind === 'job') {
      const collected = this.#waiting.get(name.shard);
      if (collected !== undefined) this.#collect(name.shard, name.jobKey, entry, collected);
      else if (this.#open.has(name.shard)) this.#options.onDelivered(name.shard, name.jobKey, entry);
    }
  }

  #collect(shard: ShardId, jobKey: JobKey, entry: KvEntry, collected: Map<JobKey, Arrived>): void {
    if (entry.revision <= this.#upTo) return;
    this.#upTo = entry.revision;
    const late = this.#passed.get(shard);
    if (late !== undefined) {
      late.set(jobKey, copied(entry));
      return;
    }
    const earlier = collected.get(jobKey);
    if (earlier !== undefined) letGo(earlier);
    collected.delete(jobKey);
    if (!isTombstone(entry.value)) this.#keep(shard, flat(jobKey), entry, collected);
  }

  #keep(shard: ShardId, jobKey: JobKey, entry: KvEntry, collected: Map<JobKey, Arrived>): void {
    const arrived = this.#options.arrived(shard, jobKey, entry);
    collected.set(jobKey, arrived === entry ? copied(entry) : arrived);
  }

  #passBarriers(): void {
    if (!this.#caughtUp) return;
    for (const [shard, jobs] of [...this.#waiting]) {
      if (!this.#claimSeen.has(shard) || this.#passed.has(shard)) continue;
      this.#passed.set(shard, new Map());
      this.#options.onBarrier(shard, jobs);
    }
  }
}

function copied(entry: KvEntry): KvEntry {
  return { ...entry, value: new Uint8Array(entry.value) };
}
