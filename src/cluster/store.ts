// Writes that are settled. A compare-and-set whose answer was lost may have landed, or may land later; reading instead
// would prove nothing, for a leader can answer "absent" and the write land after that. What settles it is a further
// compare-and-set on the same key: either it is stored, or its refusal names the revision that stands, and only that one
// is then read. If it is ours, an earlier try of ours had landed.
//
// What must hold
//  - A put answers once, truthfully, or rejects; while it is in doubt it goes on asking. Nothing is written after `close`.
//  - A revision acknowledged at or below one that was known before that try was sent cannot be: the bucket was restored
//    from an older copy, or a majority of its servers lost what they had acknowledged. The store then closes and says so.
//  - A refusal naming less than the expected revision may come from a server that does not know yet that it lost the
//    lead. Once more for "absent" (mostly a record that expired), for longer than such a server can last otherwise.
import { ABSENT, type Revision } from '../actors/ids.ts';
import { PassingMap } from '../actors/passing-map.ts';
import type { Clock, Random } from '../actors/ports.ts';
import { Backoff } from './backoff.ts';
import { type KvEntry, type KvPort, type KvPutAnswer, type KvPutOptions, KvUnavailable } from './ports.ts';

/** A leader without a majority steps down after 10 s (lostQuorum in the server's raft.go); and some. */
const STALE_LEADER_MS = 15_000;

/**
 *  - `stored`: acknowledged, by the answer or because the revision that stands is ours.
 *  - `conflict`: something else stands (undefined: nothing does). A put that was in doubt may have stood for a moment, and
 *    whoever overwrote it had read it.
 *  - `never`: no try can succeed (too large, no permission); `reason` is for people.
 */
export type StoreAnswer =
  | { readonly kind: 'stored'; readonly revision: Revision }
  | { readonly kind: 'conflict'; readonly standing: KvEntry | undefined }
  /** `mayStand`: a try before was never answered. */
  | { readonly kind: 'never'; readonly reason: string; readonly mayStand?: boolean };

export interface StorePutOptions extends KvPutOptions {
  /**
   * A try without an answer for this long is made again, while the earlier ones may still be answered: were they forgotten,
   * a bucket that takes a little longer for each write would never be heard at all.
   */
  readonly tryMs?: number;
}

/** The store was closed, by its owner or because the bucket was restored: this incarnation is over. */
export class StoreClosed extends Error {
  readonly code = 'STORE_CLOSED';
  readonly retryable = false;
}

export interface StoreOptions {
  readonly kv: KvPort;
  readonly clock: Clock;
  readonly random: Random;
  /** Puts sent and not settled; more wait their turn, first come first served. */
  readonly maxInFlight: number;
  /** The bucket went back in time; the store has closed itself. `reason` is for people. */
  onRestored(reason: string): void;
  /** A put was settled, so long after its first try was sent. */
  onSettled?(tookMs: number): void;
}

interface Put {
  /** In the order in which they were asked for. */
  readonly id: number;
  readonly key: string;
  readonly value: Uint8Array;
  readonly expected: Revision;
  readonly options: StorePutOptions | undefined;
  readonly resolve: (answer: StoreAnswer) => void;
  readonly reject: (error: unknown) => void;
  /** Highest revision known when its first try was sent. */
  mark: Revision;
  /** A try of it may have landed, or may yet. */
  doubted: boolean;
  /** Since when each try was answered by "never". */
  neverSinceMs: number | undefined;
  /** The last refusal that named less than expected, and since when it has been said. */
  behind: { readonly revision: Revision; readonly sinceMs: number } | undefined;
}

export class Store {
  readonly #options: StoreOptions;
  readonly #waiting = new PassingMap<number, Put>();
  readonly #inFlight = new PassingMap<number, Put>();
  /** Since when each put has had no answer at all, ms on the monotonic clock, oldest first. */
  readonly #unanswered = new Map<number, number>();
  readonly #backoff: Backoff;
  #nextId = 1;
  #highest: Revision = ABSENT;
  #closed: string | undefined;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock, options.random);
  }

  /**
   * Writes `value` if `expected` stands under `key` (0: if nothing does). The bytes must not change until it is settled,
   * and no other put to the same key should be in flight.
   * @throws StoreClosed
   */
  put(key: string, value: Uint8Array, expected: Revision, options?: StorePutOptions): Promise<StoreAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(new StoreClosed(this.#closed));
      const id = this.#nextId++;
      this.#waiting.set(id, {
        id,
        key,
        value,
        expected,
        options,
        resolve,
        reject,
        mark: ABSENT,
        doubted: false,
        neverSinceMs: undefined,
        behind: undefined,
      });
      this.#sendNext();
    });
  }

  /** What stands under the key, asked until there is an answer. @throws StoreClosed */
  get(key: string): Promise<KvEntry | undefined> {
    return this.#read(() => this.#options.kv.get(key));
  }

  /** One revision, asked until there is an answer; undefined when it was overwritten or expired. @throws StoreClosed */
  getRevision(revision: Revision): Promise<KvEntry | undefined> {
    return this.#read(() => this.#options.kv.getRevision(revision));
  }

  /** A watch delivered this revision: whatever is sent from now on must be stored above it. */
  noteDelivered(revision: Revision): void {
    if (revision > this.#highest) this.#highest = revision;
  }

  /** Highest revision acknowledged to us or delivered. */
  get highestAcknowledged(): Revision {
    return this.#highest;
  }

  /** Age of the oldest write that JetStream has not answered, ms; 0 when there is none. */
  oldestUnansweredMs(): number {
    for (const since of this.#unanswered.values()) return this.#options.clock.monotonicMs() - since;
    return 0;
  }

  /** How many puts are in doubt. */
  get inDoubt(): number {
    let count = 0;
    for (const put of this.#inFlight.values()) if (put.doubted) count += 1;
    return count;
  }

  /** Rejects everything unsettled with StoreClosed. Tries already sent may still land; none is sent any more. */
  close(reason = 'this incarnation is over'): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    for (const put of [...this.#waiting.values(), ...this.#inFlight.values()]) put.reject(new StoreClosed(reason));
    this.#waiting.clear();
    this.#inFlight.clear();
    this.#unanswered.clear();
    this.#backoff.end();
  }

  #sendNext(): void {
    for (const put of this.#waiting.values()) {
      if (this.#inFlight.size >= this.#options.maxInFlight) return;
      this.#waiting.delete(put.id);
      this.#inFlight.set(put.id, put);
      put.mark = this.#highest;
      const { clock, onSettled } = this.#options;
      const sentMs = clock.monotonicMs();
      const over = (): void => {
        this.#inFlight.delete(put.id);
        this.#unanswered.delete(put.id);
        this.#sendNext();
      };
      this.#settle(put).then(
        (answer) => {
          over();
          onSettled?.(clock.monotonicMs() - sentMs);
          put.resolve(answer);
        },
        (error: unknown) => {
          over();
          put.reject(error);
        },
      );
    }
  }

  async #settle(put: Put): Promise<StoreAnswer> {
    const { kv, clock } = this.#options;
    const { tryMs, ...options } = put.options ?? {};
    const open = new Set<Promise<KvPutAnswer>>();
    for (let tries = 1; ; tries++) {
      // An earlier try may be the one that is answered.
      const mark = tryMs === undefined ? this.#highest : put.mark;
      const sentMs = clock.monotonicMs();
      if (!this.#unanswered.has(put.id)) this.#unanswered.set(put.id, sentMs);
      const asked = kv.put(put.key, put.value, put.expected, options);
      const answer = await (tryMs === undefined ? asked : this.#firstAnswer(open, asked, tryMs));
      this.#checkOpen();
      if (answer.kind === 'inDoubt') {
        put.doubted = true;
        put.neverSinceMs = undefined;
      } else if (answer.kind !== 'notSent') {
        this.#unanswered.delete(put.id);
        if (answer.kind === 'stored') return this.#acknowledge(put, answer.revision, mark);
        if (answer.kind === 'never' && !put.doubted) return answer;
        if (answer.kind === 'never' && this.#isNever(put)) return { ...answer, mayStand: true };
        const settled = answer.kind === 'refused' ? await this.#refused(put, answer.revision) : undefined;
        if (settled !== undefined) return settled;
      }
      // Whoever gives a try less time wants the next one no later than that after it: at once, if it went unanswered.
      await this.#pause(tries, tryMs && Math.max(0, sentMs + tryMs - clock.monotonicMs()));
    }
  }

  /**
   * A try before may have been written, and this one says nothing of it. Who hears nothing but "never" for as long as a leader may be
   * behind is told so all the same, and that it may stand: the next write of its key finds out.
   */
  #isNever(put: Put): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    put.neverSinceMs ??= nowMs;
    return nowMs - put.neverSinceMs >= STALE_LEADER_MS;
  }

  /** To the try that was just made, or to one of those before it that are `open`; in doubt when none comes in time. */
  #firstAnswer(open: Set<Promise<KvPutAnswer>>, asked: Promise<KvPutAnswer>, withinMs: number): Promise<KvPutAnswer> {
    open.add(asked);
    return new Promise((resolve) => {
      let over = false;
      const end = (answer: KvPutAnswer): void => {
        over = true;
        timer.cancel();
        resolve(answer);
      };
      const timer = this.#options.clock.setTimer(withinMs, () => end({ kind: 'inDoubt', reason: 'no answer yet' }));
      for (const one of open) {
        void one.then((answer) => {
          if (over) return; // the next try hears it
          open.delete(one);
          if (answer.kind !== 'inDoubt' || one === asked) end(answer);
        });
      }
    });
  }

  /** What a refusal settles; undefined: nothing yet, ask again. */
  async #refused(put: Put, revision: Revision): Promise<StoreAnswer | undefined> {
    if (revision > put.expected) {
      const standing = await this.getRevision(revision);
      // Overwritten or expired since? Then the next refusal names what stands now.
      if (standing?.key !== put.key) return undefined;
      const isOurs = put.doubted && Buffer.compare(standing.value, put.value) === 0;
      return isOurs ? this.#acknowledge(put, revision, put.mark) : { kind: 'conflict', standing };
    }
    const nowMs = this.#options.clock.monotonicMs();
    const before = put.behind?.revision === revision ? put.behind : undefined;
    put.behind = before ?? { revision, sinceMs: nowMs };
    if (before === undefined || revision === put.expected) return undefined;
    if (revision === ABSENT) return { kind: 'conflict', standing: undefined };
    if (nowMs - before.sinceMs < STALE_LEADER_MS) return undefined;
    return this.#goneBack(`${put.key} stands at ${revision} although ${put.expected} was acknowledged`);
  }

  #acknowledge(put: Put, revision: Revision, mark: Revision): StoreAnswer {
    if (revision <= mark)
      this.#goneBack(`${put.key} was stored as ${revision} although ${mark} had been acknowledged before it was sent`);
    this.noteDelivered(revision);
    return { kind: 'stored', revision };
  }

  #goneBack(what: string): never {
    const reason = `the bucket went back in time (restored, or its servers lost acknowledged writes): ${what}`;
    this.close(reason);
    this.#options.onRestored(reason);
    throw new StoreClosed(reason);
  }

  async #read(read: () => Promise<KvEntry | undefined>): Promise<KvEntry | undefined> {
    for (let tries = 1; ; tries++) {
      this.#checkOpen();
      try {
        const entry = await read();
        this.#checkOpen();
        return entry;
      } catch (error) {
        if (!(error instanceof KvUnavailable)) throw error;
        await this.#pause(tries);
      }
    }
  }

  async #pause(tries: number, withinMs?: number): Promise<void> {
    await this.#backoff.pause(tries, withinMs);
    this.#checkOpen();
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new StoreClosed(this.#closed);
  }
}
