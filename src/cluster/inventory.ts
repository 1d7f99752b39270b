// The pending jobs of this node as a list: longest held first, filtered, a page at a time. There may be a million, nearly all of
// them packed, and there is no index: it would cost memory for all of them, all the time, for a question that is asked now and
// then. So every page goes through all jobs once, in slices, and keeps the few that come first behind the cursor.
//
// What must hold: a page never fails because jobs come and go meanwhile; of jobs that stay, all pages together have each once.
// What is searched are the names and keys of a job, its business key and its stored error; never a payload.
import type { JobKey, ShardId } from '../actors/ids.ts';
import { packedNames } from '../actors/pending-job/cold.ts';
import type { Shared } from '../actors/pending-job/cold-shared.ts';
import type { Packed } from '../actors/pending-job/cold-store.ts';
import type { Clock } from '../actors/ports.ts';
import type { Snapshot, SnapshotKind } from '../actors/snapshot.ts';
import type { PendingJob } from './pending-job.ts';
import type { ShardJobs } from './shard-jobs.ts';
import { inSlices } from './slices.ts';
import { PlainSearch, TextSearch } from './text-search.ts';

export interface JobFilter {
  readonly lane?: string | undefined;
  readonly state?: Exclude<SnapshotKind, 'ended'> | undefined;
  /** BPMN process id. */
  readonly process?: string | undefined;
  /** Process instance key. */
  readonly instance?: string | undefined;
  readonly text?: string | undefined;
  /** Wall ms. */
  readonly heldBeforeMs?: number | undefined;
  readonly shard?: number | undefined;
}

/** Jobs are listed in this order: since when they are held, then by key. */
export interface Place {
  readonly heldAtMs: number;
  readonly jobKey: string;
}

export interface Listed {
  readonly jobKey: JobKey;
  readonly shard: ShardId;
  readonly snapshot: Snapshot;
  /** Kafka has its request, as far as this node knows. */
  readonly sent: boolean;
}

export interface Listing {
  readonly jobs: readonly Listed[];
  /** There are further ones behind the last. */
  readonly more: boolean;
}

export function byPlace(a: Place, b: Place): number {
  if (a.heldAtMs !== b.heldAtMs) return a.heldAtMs - b.heldAtMs;
  if (a.jobKey.length !== b.jobKey.length) return a.jobKey.length - b.jobKey.length; // decimals without leading zeros
  return a.jobKey < b.jobKey ? -1 : a.jobKey > b.jobKey ? 1 : 0;
}

export class Inventory {
  readonly #clock: Clock;
  readonly #jobs: Pick<ShardJobs, 'all'>;

  constructor(clock: Clock, jobs: Pick<ShardJobs, 'all'>) {
    this.#clock = clock;
    this.#jobs = jobs;
  }

  /**
   * The first `limit` jobs behind `after` that fit. undefined: it took longer than `withinMs`.
   */
  async page(
    filter: JobFilter,
    limit: number,
    after: Place | undefined,
    withinMs: number,
  ): Promise<Listing | undefined> {
    const wanted = new Wanted(filter);
    const endMs = this.#clock.monotonicMs() + withinMs;
    for (;;) {
      const page = await this.#look(wanted, filter.shard as ShardId | undefined, limit, after, endMs);
      if (page === undefined) return undefined;
      // Without a job nobody could say where the next page begins; those that were found have gone, so others are found now.
      if (page.jobs.length > 0 || !page.more) return page;
      if (this.#clock.monotonicMs() > endMs) return undefined;
    }
  }

  async #look(
    wanted: Wanted,
    only: ShardId | undefined,
    limit: number,
    after: Place | undefined,
    endMs: number,
  ): Promise<Listing | undefined> {
    const page = new Page(limit + 1, after);
    const complete = await inSlices(
      this.#clock,
      this.#jobs.all(only),
      (job) => {
        if (!page.mayAdmit(job.heldAtS)) return;
        // Its bytes are asked last: until the page is full for what is wanted, and then for its place.
        if (!page.isFull && !wanted.has(job)) return;
        const { heldAtMs } = job;
        if (page.admits(heldAtMs, job.jobKey) && (!page.isFull || wanted.has(job))) page.add(heldAtMs, job);
      },
      () => this.#clock.monotonicMs() > endMs,
    );
    if (!complete) return undefined;
    const more = page.places.length > limit;
    const jobs = page.places.slice(0, limit).flatMap((place) => listed(place, wanted, more));
    return { jobs: more ? jobs : jobs.sort((a, b) => byPlace(placeOf(a), placeOf(b))), more };
  }
}

/**
 * None when it has ended since it was found, or does not fit any more. Nor when it was held anew and there are further pages: it
 * then stands on one of these, and listed here with its new place it would be taken for where this page ends.
 */
function listed({ job, heldAtMs }: Found, wanted: Wanted, more: boolean): Listed[] {
  const { snapshot, ackedAttempt } = job.peek();
  if (snapshot === undefined || snapshot.kind === 'ended' || !wanted.has(job)) return [];
  if (more && snapshot.heldAtMs !== heldAtMs) return [];
  const { jobKey, shard } = job;
  return [{ jobKey, shard, snapshot, sent: Math.max(ackedAttempt, snapshot.sentAttempt) === snapshot.attempt }];
}

function placeOf({ jobKey, snapshot }: Listed): Place {
  return { jobKey, heldAtMs: snapshot.heldAtMs };
}

/** A job in the place that it had then. */
interface Found extends Place {
  readonly job: PendingJob;
}

/** The first few behind the cursor, in their order. */
class Page {
  readonly #most: number;
  readonly #after: Place | undefined;
  readonly #afterS: number;
  readonly #places: Found[] = [];
  /** Of the last place, once there are enough. */
  #lastS = Number.POSITIVE_INFINITY;

  constructor(most: number, after: Place | undefined) {
    this.#most = most;
    this.#after = after;
    this.#afterS = after === undefined ? Number.NEGATIVE_INFINITY : Math.floor(after.heldAtMs / 1_000);
  }

  get places(): readonly Found[] {
    return this.#places;
  }

  get isFull(): boolean {
    return this.#lastS !== Number.POSITIVE_INFINITY;
  }

  /** Most are refused by this: what a job keeps in its bytes is not looked at. */
  mayAdmit(heldAtS: number): boolean {
    return heldAtS <= this.#lastS && heldAtS >= this.#afterS;
  }

  admits(heldAtMs: number, jobKey: JobKey): boolean {
    const last = this.#places[this.#most - 1];
    if (last !== undefined && heldAtMs > last.heldAtMs) return false;
    if (this.#after !== undefined && heldAtMs < this.#after.heldAtMs) return false;
    const place = { heldAtMs, jobKey };
    return (
      (last === undefined || byPlace(place, last) < 0) && (this.#after === undefined || byPlace(place, this.#after) > 0)
    );
  }

  add(heldAtMs: number, job: PendingJob): void {
    const place = { heldAtMs, jobKey: job.jobKey, job };
    let from = 0;
    let to = this.#places.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (byPlace(this.#places[middle]!, place) < 0) from = middle + 1;
      else to = middle;
    }
    this.#places.splice(from, 0, place);
    if (this.#places.length > this.#most) this.#places.pop();
    const last = this.#places[this.#most - 1];
    if (last !== undefined) this.#lastS = Math.floor(last.heldAtMs / 1_000);
  }
}

/** An id of ours names its job by the key; which attempt it was for, and who signed it, is all the same here. */
const OWN_ID = /^hf1-[a-z0-9]{1,8}-([1-9a-z][0-9a-z]{0,12})(?:-|$)/;

/** Of what a job shares with others. */
interface OfShared {
  /** False: none of these jobs does. */
  readonly fits: boolean;
  /** The text that is looked for is in it, or none is. */
  readonly hasText: boolean;
}

/** What fits a filter. */
export class Wanted {
  readonly #filter: JobFilter;
  readonly #search: TextSearch | undefined;
  /** Of a text that may be part of a key. */
  readonly #digits: string | undefined;
  readonly #ownIdOf: string | undefined;
  readonly #instance: PlainSearch | undefined;
  /** What many jobs have in common is asked once, not once for each of them. */
  readonly #answers = new Map<Shared, OfShared>();

  constructor(filter: JobFilter) {
    this.#filter = filter;
    const { text, instance } = filter;
    this.#instance = instance === undefined ? undefined : new PlainSearch(instance);
    if (text === undefined) return;
    this.#search = new TextSearch(text);
    if (/^\d+$/.test(text)) this.#digits = text;
    const [, base36] = OWN_ID.exec(text.toLowerCase()) ?? [];
    if (base36 !== undefined) this.#ownIdOf = fromBase36(base36).toString();
  }

  has(job: PendingJob): boolean {
    const { heldBeforeMs } = this.#filter;
    if (heldBeforeMs !== undefined && job.heldAtMs > heldBeforeMs) return false;
    const { shared } = job;
    if (shared !== undefined) return this.#hasPacked(job, shared);
    const { snapshot } = job.peek();
    return snapshot !== undefined && this.fits(job.jobKey, snapshot);
  }

  /** As `has`, of a snapshot in the open, of a tombstone too; times are not looked at. */
  fits(jobKey: JobKey, snapshot: Snapshot): boolean {
    const { lane, state, process, instance } = this.#filter;
    const { origin, kind, alias, failing } = snapshot;
    if (lane !== undefined && snapshot.lane !== lane) return false;
    if (state !== undefined && kind !== state) return false;
    if (process !== undefined && origin.processId !== process) return false;
    if (instance !== undefined && origin.instanceKey !== instance) return false;
    const search = this.#search;
    if (search === undefined || this.#isKey(jobKey)) return true;
    const { processId, elementId, instanceKey, elementInstanceKey } = origin;
    const reason = kind === 'ended' ? snapshot.timeline.at(-2)?.what : failing?.cause;
    const texts = [processId, elementId, instanceKey, elementInstanceKey, alias, reason ?? ''];
    return texts.some((text) => search.inText(text));
  }

  /** Nothing of it is unpacked, and of most jobs nothing is even looked at: what they share says enough. */
  #hasPacked(job: PendingJob, shared: Shared): boolean {
    const { fits, hasText } = this.#ofShared(shared);
    if (!fits) return false;
    const [search, instance] = [hasText || this.#isKey(job.jobKey) ? undefined : this.#search, this.#instance];
    if (search === undefined && instance === undefined) return true;
    if (search !== undefined && shared.onlyDigits && this.#digits === undefined) return false;
    const packed = job.bytes!;
    // Anywhere in it first: that is known of many jobs in a row at once.
    if (instance !== undefined && !instance.mayBeIn(packed)) return false;
    if (search !== undefined && !search.mayBeIn(packed)) return false;
    return this.#inNames(packed, search, instance);
  }

  #inNames(packed: Packed, search: TextSearch | undefined, instance: PlainSearch | undefined): boolean {
    const { instanceKey, elementInstanceKey, alias } = packedNames(packed);
    if (instance !== undefined && !instance.isAt(packed, instanceKey)) return false;
    if (search === undefined) return true;
    return [instanceKey, elementInstanceKey, alias].some((span) => search.inSpan(packed, span));
  }

  #ofShared(shared: Shared): OfShared {
    let answer = this.#answers.get(shared);
    if (answer === undefined) {
      answer = this.#askShared(shared);
      this.#answers.set(shared, answer);
    }
    return answer;
  }

  #askShared({ lane, kind, origin: { processId, elementId } }: Shared): OfShared {
    const { lane: wanted, state, process } = this.#filter;
    const fits =
      (wanted === undefined || wanted === lane) &&
      (state === undefined || state === kind) &&
      (process === undefined || process === processId);
    const search = this.#search;
    return { fits, hasText: search === undefined || search.inText(processId) || search.inText(elementId) };
  }

  #isKey(jobKey: JobKey): boolean {
    return (this.#digits !== undefined && jobKey.includes(this.#digits)) || jobKey === this.#ownIdOf;
  }
}

function fromBase36(digits: string): bigint {
  return [...digits].reduce((value, digit) => value * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
}
