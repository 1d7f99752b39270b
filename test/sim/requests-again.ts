// Requests that are sent again, asked of a history: I6 (what has ended is not, nor what was never held) and I8 (after a crash only
// what must be). And those that would not be: a record of what was sent speaks only for what Kafka has (I6).
//
// A node may not yet have been told that the tombstone which it wrote is stored; but with a write unanswered for over a second
// it may send nothing at all, so that is how long an attempt may have ended when its request leaves.
//
// A hold that another incarnation writes again, unsent, is a request about to be published again. It must not be covered by
// the record of what the writer before it had sent, as that stood when the new owner claimed the shard; nor may it be older
// than that record may lag, when its writer crashed: first written, or acknowledged by Kafka, in the last 500 ms before.
// The second half holds as long as JetStream takes the record at once, so whoever asks for it says so; and where reads may be
// a moment old (a deposed leader), the record that counts is the one before a change of that moment.

import type { Incarnation, Revision } from '../../src/actors/ids.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { parseClaim } from '../../src/cluster/claims.ts';
import { parseSent, type SentRecord } from '../../src/cluster/sent-record.ts';
import type { EventOf } from './history.ts';
import { named } from './kafka-log.ts';

const TOLD_WITHIN_MS = 1_000;

/** Within this time what Kafka has acknowledged is in the record (design §8). */
const NOTED_WITHIN_MS = 500;

interface Hold {
  readonly node: string;
  readonly incarnation: Incarnation;
  readonly attempt: number;
  readonly revision: Revision;
  readonly writtenMs: number;
  /** When the ack of its request reached its writer. */
  ackedMs: number | undefined;
}

/** A record of what was sent, and the one before it. */
interface Noted {
  readonly record: SentRecord;
  readonly sinceMs: number;
  readonly before: SentRecord | undefined;
}

interface Claimed {
  readonly incarnation: Incarnation;
  readonly atMs: number;
  /** What each incarnation had noted when the claim was written. */
  readonly sent: ReadonlyMap<string, Noted>;
}

export interface Surroundings {
  /** JetStream takes each record of what was sent when it is written: then the 500 ms are asked for. */
  readonly recordsAreTaken: boolean;
  readonly staleReads: boolean;
}

/** Said here too, and not asked of the code that is under test. */
function covers({ upTo, except }: SentRecord, revision: number, jobKey: string, attempt: number): boolean {
  return revision <= upTo && !except.some(([key, number]) => key === jobKey && number === attempt);
}

/** How old an answer of a deposed leader may be. */
const STALE_MS = 1_000;

export class RequestsAgain {
  readonly #holds = new Map<string, Hold>();
  /** The last attempt that has a tombstone, by job. */
  readonly #ended = new Map<string, { readonly attempt: number; readonly atMs: number }>();
  /** Attempts of which a hold was ever stored, as jobKey/attempt. */
  readonly #held = new Set<string>();
  /** Requests in Kafka, as jobKey/attempt. */
  readonly #written = new Set<string>();
  readonly #claims = new Map<string, Claimed>();
  /** What a node writes and has not heard of, as node/jobKey: how could it know? */
  readonly #unheard = new Set<string>();
  #sent: ReadonlyMap<string, Noted> = new Map();
  /** By node, when lives of it ended by a crash. */
  readonly #crashesMs = new Map<string, number[]>();
  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  fault({ node, what, atMs }: EventOf<'fault'>): void {
    if (/^(kill|exit)/.test(what)) this.#crashesMs.set(node, [...(this.#crashesMs.get(node) ?? []), atMs]);
  }

  /** Kafka has the request of this attempt. */
  written(jobKey: string, attempt: number): void {
    this.#written.add(`${jobKey}/${attempt}`);
  }

  isWritten(jobKey: string, attempt: number): boolean {
    return this.#written.has(`${jobKey}/${attempt}`);
  }

  /** A claim, or a record of what was sent. What is wrong with it: jobs whose request it speaks for, and Kafka does not have. */
  system({ key, value, revision, atMs }: EventOf<'stored'>): { readonly jobKey: string; readonly message: string }[] {
    const [head = '', tail = ''] = key.split('.');
    if (head === '_sent') {
      const record = parseSent({ key, value, revision: revision as Revision, writtenMs: 0 });
      this.#sent = new Map(this.#sent).set(tail, { record, sinceMs: atMs, before: this.#sent.get(tail)?.record });
      return [...this.#holds].flatMap(([jobKey, hold]) => {
        const { incarnation, attempt } = hold;
        const untrue = incarnation === tail && covers(record, hold.revision, jobKey, attempt);
        if (!untrue || this.#written.has(`${jobKey}/${attempt}`)) return [];
        return [{ jobKey, message: `${tail} notes attempt ${attempt} as sent, which Kafka does not have` }];
      });
    } else if (tail === '_owner') {
      const { incarnation } = parseClaim(value, revision as Revision);
      this.#claims.set(head, { incarnation, atMs, sent: this.#sent });
    }
    return [];
  }

  /** It begins to write a job, or hears what became of that. */
  writes({ kind, node, key }: EventOf<'writing' | 'heard'>): void {
    const write = `${node}/${key.split('.')[1]}`;
    if (kind === 'writing') this.#unheard.add(write);
    else this.#unheard.delete(write);
  }

  /** The job's next snapshot. What is wrong with it; undefined: nothing. */
  job(jobKey: string, snapshot: Snapshot, { node, key, revision, atMs }: EventOf<'stored'>): string | undefined {
    const { kind, attempt, incarnation, sentAttempt } = snapshot;
    if (kind === 'ended') this.#ended.set(jobKey, { attempt, atMs });
    const before = this.#holds.get(jobKey);
    if (kind !== 'held' || sentAttempt === attempt) {
      this.#holds.delete(jobKey);
      return undefined;
    }
    this.#held.add(`${jobKey}/${attempt}`);
    const hold = { node, incarnation, attempt, revision: revision as Revision, writtenMs: atMs, ackedMs: undefined };
    this.#holds.set(jobKey, hold);
    if (before === undefined || before.attempt !== attempt || before.incarnation === incarnation) return undefined;
    return this.#breachOfRepeat(jobKey, before, this.#claims.get(key.split('.')[0] ?? ''), incarnation);
  }

  acked({ node, keys, atMs }: EventOf<'acked'>): void {
    for (const { jobKey, attempt } of keys.split(' ').map(named)) {
      const hold = this.#holds.get(jobKey);
      if (hold?.node === node && hold.attempt === attempt) hold.ackedMs ??= atMs;
    }
  }

  /** Requests in this batch whose attempt has ended, and what is wrong with that. */
  breaches({ node, keys, atMs }: EventOf<'sending'>): { readonly jobKey: string; readonly message: string }[] {
    return keys.split(' ').flatMap((key) => {
      const { jobKey, attempt } = named(key);
      if (jobKey !== '' && !this.#held.has(`${jobKey}/${attempt}`))
        return [{ jobKey, message: `${node} sends attempt ${attempt}, of which no hold was ever stored` }];
      const ended = this.#ended.get(jobKey);
      if (ended === undefined || ended.attempt < attempt || atMs - ended.atMs <= TOLD_WITHIN_MS) return [];
      if (this.#unheard.has(`${node}/${jobKey}`)) return [];
      return [{ jobKey, message: `${node} sends attempt ${attempt}, which ended ${atMs - ended.atMs} ms ago` }];
    });
  }

  #breachOfRepeat(jobKey: string, before: Hold, claim: Claimed | undefined, by: Incarnation): string | undefined {
    const { attempt, incarnation, revision, writtenMs, ackedMs, node } = before;
    if (claim?.incarnation === by) {
      const noted = claim.sent.get(incarnation);
      const fresh = !this.#surroundings.staleReads || claim.atMs - (noted?.sinceMs ?? 0) > STALE_MS;
      const record = fresh ? noted?.record : noted?.before;
      if (record !== undefined && covers(record, revision, jobKey, attempt))
        return `attempt ${attempt} is published again, though ${incarnation} had noted it as sent (up to ${record.upTo})`;
    }
    const crashedMs = this.#crashesMs.get(node)?.find((atMs) => atMs >= writtenMs);
    if (!this.#surroundings.recordsAreTaken || ackedMs === undefined || crashedMs === undefined) return undefined;
    const olderMs = crashedMs - Math.max(writtenMs, ackedMs);
    return olderMs > NOTED_WITHIN_MS
      ? `attempt ${attempt} is published again, though acknowledged ${olderMs} ms before ${node} crashed`
      : undefined;
  }
}
