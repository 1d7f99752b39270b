// The pending jobs of this node as a list: longest held first, filtered, a page at a time. There may be a million, nearly all of
// them packed, and there is no index: it would cost memory for all of them, all the time, for a question that is asked now and
// then. So every page goes through all jobs once, in slices, and keeps the few that come first behind the cursor.
//
// What must hold: a page never fails because jobs come and go meanwhile; of jobs that stay, all pages together have each once.
// What is searched are the names and keys of a job, its business key and its stored error; never a payload.
import type { JobKey, ShardId } from '../actors/ids.ts';
import { isParked } from '../actors/pending-job/cold.ts';
import { aliasSpanOf, type OriginSpans, originSpansOf } from '../actors/pending-job/cold-search.ts';
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
    const page = new Page(limit + 1, after);
    const wanted = new Wanted(filter);
    const endMs = this.#clock.monotonicMs() + withinMs;
    const only = filter.shard as ShardId | undefined;
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
    const jobs = page.jobs.slice(0, limit).flatMap((job) => listed(job));
    return { jobs, more: page.jobs.length > limit };
  }
}

/** None when it has ended since it was found. */
function listed(job: PendingJob): Listed[] {
  const { snapshot, ackedAttempt } = job.peek();
  if (snapshot === undefined || snapshot.kind === 'ended') return [];
  const { jobKey, shard } = job;
  return [{ jobKey, shard, snapshot, sent: Math.max(ackedAttempt, snapshot.sentAttempt) === snapshot.attempt }];
}

/** The first few behind the cursor, in their order. */
class Page {
  readonly #most: number;
  readonly #after: Place | undefined;
  readonly #afterS: number;
  readonly #places: (Place & { readonly job: PendingJob })[] = [];
  /** Of the last place, once there are enough. */
  #lastS = Number.POSITIVE_INFINITY;

  constructor(most: number, after: Place | undefined) {
    this.#most = most;
    this.#after = after;
    this.#afterS = after === undefined ? Number.NEGATIVE_INFINITY : Math.floor(after.heldAtMs / 1_000);
  }

  get jobs(): readonly PendingJob[] {
    return this.#places.map(({ job }) => job);
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

/** So many jobs in a row have the text, but nowhere where it counts: so many further ones are not asked whether they have it at all. */
const IN_VAIN = 64;
const NOT_ASKED = 2_000;

/** What fits a filter. */
export class Wanted {
  readonly #filter: JobFilter;
  readonly #search: TextSearch | undefined;
  /** Of a text that may be part of a key. */
  readonly #digits: string | undefined;
  readonly #ownIdOf: string | undefined;
  readonly #process: PlainSearch | undefined;
  readonly #instance: PlainSearch | undefined;
  /** Jobs in a row that have the text somewhere else, as far as is known. */
  #inVain = 0;

  constructor(filter: JobFilter) {
    this.#filter = filter;
    const { text, process, instance } = filter;
    this.#process = process === undefined ? undefined : new PlainSearch(process);
    this.#instance = instance === undefined ? undefined : new PlainSearch(instance);
    if (text === undefined) return;
    this.#search = new TextSearch(text);
    if (/^\d+$/.test(text)) this.#digits = text;
    const [, base36] = OWN_ID.exec(text.toLowerCase()) ?? [];
    if (base36 !== undefined) this.#ownIdOf = fromBase36(base36).toString();
  }

  has(job: PendingJob): boolean {
    const { lane, state, heldBeforeMs } = this.#filter;
    if (heldBeforeMs !== undefined && job.heldAtMs > heldBeforeMs) return false;
    if (lane !== undefined && job.lane !== undefined && job.lane !== lane) return false;
    const { bytes } = job;
    if (bytes !== undefined && state !== undefined && state !== (isParked(bytes) ? 'parked' : 'held')) return false;
    if (bytes !== undefined && (lane === undefined || job.lane !== undefined)) {
      const found = this.#inBytes(job.jobKey, bytes);
      if (found !== undefined) return found;
    }
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

  /** undefined: it has to be unpacked. */
  #inBytes(jobKey: JobKey, packed: Packed): boolean | undefined {
    const [search, process, instance] = [this.#search, this.#process, this.#instance];
    // All of it first, payloads too: most jobs have what is looked for nowhere, and that is seen sooner than where anything is.
    if (process !== undefined && !process.isIn(packed)) return false;
    if (instance !== undefined && !instance.isIn(packed)) return false;
    const isKey = search === undefined || this.#isKey(jobKey);
    if (!isKey && this.#inVain < IN_VAIN && !search.inPacked(packed)) {
      this.#inVain = 0;
      return false;
    }
    if (isKey && process === undefined && instance === undefined) return true;
    const origin = originSpansOf(packed);
    if (origin === undefined) return undefined;
    if (process !== undefined && !process.isAt(packed, origin.processId)) return false;
    if (instance !== undefined && !instance.isAt(packed, origin.instanceKey)) return false;
    if (isKey) return true;
    const found = this.#inNames(search, packed, origin);
    this.#inVain = found === false ? (this.#inVain + 1) % (IN_VAIN + NOT_ASKED) : 0;
    return found;
  }

  /** What all have, but where none is looked, stands before (the lane, the job type) or behind (the timeline). */
  #inNames(search: TextSearch, packed: Packed, origin: OriginSpans): boolean | undefined {
    const { processId, elementId, instanceKey, elementInstanceKey } = origin;
    if (search.inSpan(packed, { from: processId.from, to: elementInstanceKey.to })) {
      const names = [processId, elementId, instanceKey, elementInstanceKey];
      if (names.some((span) => search.inSpan(packed, span))) return true;
    }
    const alias = aliasSpanOf(packed, origin);
    return alias && search.inSpan(packed, alias);
  }

  #isKey(jobKey: JobKey): boolean {
    return (this.#digits !== undefined && jobKey.includes(this.#digits)) || jobKey === this.#ownIdOf;
  }
}

function fromBase36(digits: string): bigint {
  return [...digits].reduce((value, digit) => value * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
}
