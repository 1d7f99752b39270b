// A watch: what stands under the filters, then every write, in the bucket's order, through one link.
//
// What must hold, because the cluster's barrier rests on it: `pending` counts what the server still has to deliver at the
// moment it sends an entry; a value overwritten before it was sent is not sent; nothing is left out silently. After a
// broken link or a lost consumer the watch is made anew: `onReset`, then what stands (all of it, or what is newer than the last entry
// seen, as the server pleases). A write that lands while a link is down comes after that reset. The consumer may live on a
// replica that lags: then all of this is told as the bucket stood a moment ago.

import type { Timer } from '../../src/actors/ports.ts';
import type { KvWatch, KvWatchHandler } from '../../src/cluster/ports.ts';
import { type Bucket, matches, type StoredEntry } from './bucket.ts';
import { wayMs } from './call.ts';
import type { Link } from './host.ts';
import type { KvServers } from './sim-kv.ts';

/** How long a client takes to see that its consumer is gone (missed heartbeats), at most. */
const RESET_WITHIN_MS = 1_500;
const LAGS_AT_MOST_MS = 3_000;

export class SimWatch implements KvWatch {
  readonly #servers: KvServers;
  readonly #bucket: Bucket;
  readonly #link: Link;
  #filters: readonly (readonly string[])[];
  readonly #handler: KvWatchHandler;
  readonly #wanted = new Map<string, boolean>();
  #queue: StoredEntry[] = [];
  #seen = 0;
  #caughtUp = false;
  #live = true;
  /** A consumer is there; what is written while none is comes with the next one's load. */
  #loaded = false;
  /** Counts the consumers made; what an older one sent is not heard any more. */
  #consumer = 1;
  #sending: Timer | undefined;
  /** How far the replica of this consumer is behind. */
  #behindMs = 0;
  /** Entries arrive in order: none before this moment. */
  #arrivesMs = 0;
  readonly #endings: (() => void)[];

  constructor(servers: KvServers, link: Link, filters: readonly string[], handler: KvWatchHandler) {
    this.#servers = servers;
    this.#bucket = servers.bucket;
    this.#link = link;
    this.#filters = filters.map((filter) => filter.split('.'));
    this.#handler = handler;
    const onWrite = (entry: StoredEntry) => this.#written(entry, this.#behindMs);
    const onGone = () => this.#remake();
    this.#bucket.onWrite.add(onWrite);
    this.#bucket.onGone.add(onGone);
    this.#endings = [
      link.onChange((up) => (up ? this.#remake() : this.#drop())),
      () => this.#bucket.onWrite.delete(onWrite),
      () => this.#bucket.onGone.delete(onGone),
    ];
    this.#load();
  }

  narrow(filters: readonly string[]): void {
    if (!this.#live) return;
    this.#bucket.history.sight('watch narrowed');
    this.#filters = filters.map((filter) => filter.split('.'));
    this.#wanted.clear();
    this.#remake();
  }

  stop(): void {
    this.#live = false;
    this.#drop();
    for (const end of this.#endings) end();
  }

  /** The server's consumer is gone: nothing more comes from it. */
  #drop(): void {
    this.#loaded = false;
    this.#consumer++;
    this.#sending?.cancel();
    this.#sending = undefined;
    this.#queue = [];
  }

  /** The client notices and makes another, once there is a leader to make it. */
  #remake(): void {
    this.#drop();
    const consumer = this.#consumer;
    const { random, clock } = this.#servers;
    const attempt = () => {
      if (!this.#live || consumer !== this.#consumer || !this.#link.open) return;
      if (!this.#servers.available) clock.setTimer(200, attempt);
      else this.#load(true);
    };
    clock.setTimer(random.float() * RESET_WITHIN_MS, attempt);
  }

  #load(again = false): void {
    this.#loaded = true;
    const onlyNewer = again && this.#servers.random.chance(0.5);
    if (again) {
      const id = this.#bucket.id;
      this.#bucket.history.sight('watch reset');
      this.#caughtUp = false;
      this.#deliver(() => this.#handler.onReset(id));
    }
    this.#queue = [];
    const { random, faults } = this.#servers;
    const lags = faults.laggingReplica > 0 && random.chance(faults.laggingReplica);
    this.#behindMs = lags ? Math.ceil(random.float() * LAGS_AT_MOST_MS) : 0;
    if (this.#behindMs > 0) this.#bucket.history.sight('watch on a replica that lags');
    for (const newest of this.#bucket.all()) {
      const entry = this.#behindMs === 0 ? newest : this.#bucket.behind(newest.key, this.#behindMs);
      if (entry !== newest) this.#written(newest, this.#behindMs - (this.#servers.clock.wallMs() - newest.writtenMs));
      if (entry === undefined || !this.#wants(entry)) continue;
      if (!(onlyNewer && entry.revision <= this.#seen)) this.#queue.push(entry);
    }
    this.#queue.sort((a, b) => a.revision - b.revision);
    if (this.#queue.length === 0) this.#deliver(() => this.#reportCaughtUp());
    else this.#send();
  }

  #wants({ key, tokens }: StoredEntry): boolean {
    let wanted = this.#wanted.get(key);
    if (wanted === undefined) {
      wanted = this.#filters.some((filter) => matches(filter, tokens));
      this.#wanted.set(key, wanted);
    }
    return wanted;
  }

  /** The replica has it after this time. */
  #written(entry: StoredEntry, inMs: number): void {
    if (inMs <= 0) return this.#add(entry);
    const consumer = this.#consumer;
    // The wall clock counts whole milliseconds.
    this.#servers.clock.setTimer(inMs + 1, () => {
      if (consumer === this.#consumer) this.#add(entry);
    });
  }

  #add(entry: StoredEntry): void {
    if (!this.#loaded || !this.#wants(entry)) return;
    if (this.#behindMs > 0) this.#queue = this.#queue.filter(({ key }) => key !== entry.key);
    this.#queue.push(entry);
    if (this.#sending === undefined) this.#plan();
  }

  #plan(): void {
    this.#sending = this.#servers.clock.setTimer(0.1, () => this.#send());
  }

  /** One entry a time, so that writes can come in between. */
  #send(): void {
    this.#sending = undefined;
    const { random, faults } = this.#servers;
    if (this.#behindMs === 0) this.#queue = this.#queue.filter((entry) => this.#bucket.current(entry.key) === entry);
    const entry = this.#queue.shift();
    if (entry === undefined) {
      if (!this.#caughtUp) this.#deliver(() => this.#reportCaughtUp());
      return;
    }
    const pending = this.#queue.length;
    this.#deliver(() => {
      this.#seen = entry.revision;
      this.#handler.onEntry(entry, pending);
      if (pending === 0) this.#reportCaughtUp();
    });
    if (random.chance(faults.watchReset)) this.#remake();
    else if (pending > 0) this.#plan();
  }

  #reportCaughtUp(): void {
    if (this.#caughtUp || !this.#live) return;
    this.#caughtUp = true;
    this.#handler.onCaughtUp();
  }

  #deliver(run: () => void): void {
    const { random, faults, clock } = this.#servers;
    const lagMs = random.chance(faults.watchLag) ? random.float() * faults.lateMs : 0;
    const nowMs = clock.monotonicMs();
    this.#arrivesMs = Math.max(this.#arrivesMs, nowMs + wayMs(random, faults) + lagMs);
    const consumer = this.#consumer;
    this.#link.toHost(this.#arrivesMs - nowMs, () => {
      if (this.#live && consumer === this.#consumer) run();
    });
  }
}
