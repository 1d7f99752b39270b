// What was sent? Revisions are stream sequences, so one record per incarnation answers it for all its jobs:
// `_sent.<incarnation>` = { upTo, except }. A held snapshot written by that incarnation at a revision up to `upTo` has its
// request acknowledged by Kafka, unless (jobKey, attempt) is excepted.
//
// What must hold: `upTo` is never ahead. It stays at or below what was seen acknowledged when any hold still unanswered
// was issued (such a hold can only land above that), and every hold below it that Kafka has not acknowledged is named.
// It is written soon after it moves, so that a crash repeats only the requests of the last moments.
//
// The record names a bounded number of requests, so the intake of a lane stops when it owes too many. A lane may owe half of
// what the other lanes leave: one whose topic takes nothing stops at 500, a second such at 250, and a healthy lane then
// still has 125. From the fourth on everybody has a least share, and many of these may add up to more than the record
// names; then it speaks for less (`upTo` stays below), and a crash repeats more requests than it had to.
//
// It must also outlive the jobs it speaks for: its time to live is twice the longest reply timeout of any job that this
// incarnation has held or taken over, whatever the routes say by now, and at least 30 days. How long it is kept stands in the
// record too, so that whoever renews it later, with other jobs in view, never keeps it for less.
import { ABSENT, type Incarnation, type JobKey, type Lane, type Revision, type ShardId } from '../actors/ids.ts';
import type { Clock, Timer } from '../actors/ports.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { sentKey, toJson } from './names.ts';
import { keptForMs, NOTHING_SENT, type SentRecord } from './sent-record.ts';
import type { Store } from './store.ts';

interface Hold {
  readonly shard: ShardId;
  readonly jobKey: JobKey;
  readonly attempt: number;
  readonly lane: Lane;
  /** Writes of it that are unanswered. One, or two when its shard went and came back meanwhile. */
  writes: number;
  /** The highest revision acknowledged when the first of those was issued: they land above. */
  floor: Revision;
  /** Of its last acknowledged write; it stands, and is named, while the hold is written again. */
  revision: Revision | undefined;
  /** Left to the next owner of its shard. */
  handedOver: boolean;
}

export interface SentWatermarkOptions {
  readonly clock: Clock;
  readonly control: Store;
  /** Where the holds are written; tells the highest revision acknowledged. */
  readonly jobs: Store;
  readonly incarnation: Incarnation;
  /** As the routes are now. */
  readonly longestReplyTimeoutMs: number;
  /** Also told of stores that closed: then this incarnation is over anyway. */
  onFailed(error: unknown): void;
}

export class SentWatermark {
  readonly #options: SentWatermarkOptions;
  readonly #holds = new Map<string, Hold>();
  readonly #unackedByLane = new Map<Lane, number>();
  #unacked = 0;
  /** The highest revision of any hold stored. */
  #highestHold: Revision = ABSENT;
  #revision: Revision = ABSENT;
  #written = NOTHING_SENT;
  #flushing: Promise<void> | undefined;
  #timer: Timer | undefined;
  #stopped = false;
  #ttlMs: number = CLUSTER_LIMITS.watermarkTtlMinMs;

  constructor(options: SentWatermarkOptions) {
    this.#options = options;
    this.outlive(options.longestReplyTimeoutMs);
  }

  /** Before the incarnation's first hold: a record that covers nothing. */
  async start(): Promise<void> {
    await this.#write(NOTHING_SENT);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** A job with this reply timeout is here: records are kept for as long as it may need them. */
  outlive(replyTimeoutMs: number): void {
    this.#ttlMs = Math.max(this.#ttlMs, 2 * replyTimeoutMs);
  }

  /** For how long records are kept that speak for jobs of this node. */
  get ttlMs(): number {
    return this.#ttlMs;
  }

  /** A hold is about to be written; or written again, after its shard had been elsewhere. */
  issued(shard: ShardId, jobKey: JobKey, attempt: number, lane: Lane, replyTimeoutMs: number): void {
    this.outlive(replyTimeoutMs);
    const floor = this.#options.jobs.highestAcknowledged;
    const known = this.#holds.get(id(jobKey, attempt));
    if (known !== undefined) {
      if (known.writes === 0) known.floor = floor;
      known.writes += 1;
      if (!known.handedOver) return;
      known.handedOver = false;
    } else {
      const hold = { shard, jobKey, attempt, lane, writes: 1, floor, revision: undefined, handedOver: false };
      this.#holds.set(id(jobKey, attempt), hold);
    }
    this.#unacked += 1;
    this.#unackedByLane.set(lane, this.unacked(lane) + 1);
  }

  /** It is stored; its request may now be published. */
  stored(jobKey: JobKey, attempt: number, revision: Revision): void {
    if (revision > this.#highestHold) this.#highestHold = revision;
    const hold = this.#holds.get(id(jobKey, attempt));
    if (hold !== undefined) {
      hold.writes -= 1;
      hold.revision = revision;
    }
    this.#plan();
  }

  /**
   * That write never came to be; what was stored before it may still stand.
   * @param mayStand it may have come to be all the same, above the floor: it is named from there on
   */
  refused(jobKey: JobKey, attempt: number, mayStand = false): void {
    const hold = this.#holds.get(id(jobKey, attempt));
    if (hold === undefined) return;
    hold.writes -= 1;
    if (mayStand) hold.revision ??= (hold.floor + 1) as Revision;
    if (hold.writes === 0 && hold.revision === undefined) this.settled(jobKey, attempt);
    else this.#plan();
  }

  /** Kafka acknowledged the request; or a later snapshot of the job is stored, which owes none. */
  settled(jobKey: JobKey, attempt: number): void {
    const hold = this.#holds.get(id(jobKey, attempt));
    if (hold === undefined) return;
    this.#holds.delete(id(jobKey, attempt));
    if (!hold.handedOver) this.#uncount(hold.lane);
    this.#plan();
  }

  #uncount(lane: Lane): void {
    this.#unacked -= 1;
    const left = this.unacked(lane) - 1;
    if (left > 0) this.#unackedByLane.set(lane, left);
    else this.#unackedByLane.delete(lane);
  }

  /** Unsent, and left to the shard's next owner: named for as long as it may look, but no reason to stop intake here. */
  handedOver(jobKey: JobKey, attempt: number): void {
    const hold = this.#holds.get(id(jobKey, attempt));
    if (hold === undefined || hold.handedOver) return;
    hold.handedOver = true;
    this.#uncount(hold.lane);
  }

  /** The shard went without being drained: so with all that is unsent of it, writes of it that are still under way included. */
  left(shard: ShardId): void {
    for (const { jobKey, attempt } of this.#of(shard)) this.handedOver(jobKey, attempt);
  }

  /**
   * The shard is here again, and what stood of it at this revision is known. A hold from before that does not stand any more, of a job
   * that has gone on or ended elsewhere meanwhile, is asked for by nobody: named for ever, such holds would fill the record. A later
   * one may be stored and not delivered yet.
   */
  back(shard: ShardId, known: Revision, stands: (jobKey: JobKey, attempt: number) => boolean): void {
    for (const { jobKey, attempt, writes, revision = known } of this.#of(shard)) {
      if (writes === 0 && revision < known && !stands(jobKey, attempt)) this.settled(jobKey, attempt);
    }
  }

  #of(shard: ShardId): Hold[] {
    return [...this.#holds.values()].filter((hold) => hold.shard === shard);
  }

  unacked(lane?: Lane): number {
    return lane === undefined ? this.#unacked : (this.#unackedByLane.get(lane) ?? 0);
  }

  /** Lanes with unacknowledged requests. */
  lanes(): Iterable<Lane> {
    return this.#unackedByLane.keys();
  }

  /** Further holds of this lane, until it owes half of what the other lanes leave, or the least that every lane may owe. */
  room(lane: Lane): number {
    const { watermarkExceptions, laneUnackedLeast } = CLUSTER_LIMITS;
    const mine = this.unacked(lane);
    const share = Math.floor((watermarkExceptions - (this.#unacked - mine)) / 2);
    return Math.max(0, Math.max(laneUnackedLeast, share) - mine);
  }

  /** The record as it should stand now. */
  current(): SentRecord {
    let upTo = this.#options.jobs.highestAcknowledged as number;
    const unacked: { jobKey: JobKey; attempt: number; revision: number }[] = [];
    for (const hold of this.#holds.values()) {
      const { jobKey, attempt, writes, floor, revision } = hold;
      if (writes > 0) upTo = Math.min(upTo, floor);
      if (revision !== undefined) unacked.push({ jobKey, attempt, revision });
    }
    // More than the record may name: stay below the first that does not fit.
    unacked.sort((a, b) => a.revision - b.revision);
    const tooMany = unacked[CLUSTER_LIMITS.watermarkExceptions];
    if (tooMany !== undefined) upTo = Math.min(upTo, tooMany.revision - 1);
    const except = unacked.filter((hold) => hold.revision <= upTo).map((hold) => [hold.jobKey, hold.attempt] as const);
    // Monotone by itself: the floor of a later write is not below what was written, and of the holds that stand below
    // that, none was added.
    return { upTo, except };
  }

  /** Writes what stands now; on drain, and after a takeover. @throws StoreClosed */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#flushing !== undefined) await this.#flushing;
    const record = this.current();
    if (record.upTo === this.#written.upTo && sameExceptions(record, this.#written)) return;
    this.#flushing = this.#write(record).finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
  }

  /**
   * Writes what stands now. Does it speak for every hold of ours up to this revision? Not while an older write is unanswered,
   * whatever shard that belongs to. @throws StoreClosed
   */
  async speaksFor(revision: Revision): Promise<boolean> {
    await this.flush();
    return this.#written.upTo >= Math.min(revision, this.#highestHold);
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = this.#options.clock.setTimer(CLUSTER_LIMITS.watermarkFlushMs, () => {
      this.#timer = undefined;
      void this.flush().catch(this.#options.onFailed);
    });
  }

  async #write(record: SentRecord): Promise<void> {
    const { control, incarnation } = this.#options;
    for (;;) {
      const ttlMs = this.#ttlMs;
      const answer = await control.put(sentKey(incarnation), toJson({ ...record, ttlMs }), this.#revision, { ttlMs });
      if (answer.kind === 'stored') {
        this.#revision = answer.revision;
        this.#written = record;
        return;
      }
      if (answer.kind === 'never') throw new Error(`the sent watermark cannot be written: ${answer.reason}`);
      // Somebody renewed its time to live while taking over from us. What it says is what we wrote, but for that time.
      this.#ttlMs = Math.max(this.#ttlMs, keptForMs(answer.standing));
      this.#revision = answer.standing?.revision ?? ABSENT;
    }
  }
}

const id = (jobKey: JobKey, attempt: number): string => `${jobKey}/${attempt}`;

function sameExceptions(a: SentRecord, b: SentRecord): boolean {
  return (
    a.except.length === b.except.length &&
    a.except.every(([jobKey, attempt], i) => b.except[i]?.[0] === jobKey && b.except[i]?.[1] === attempt)
  );
}
