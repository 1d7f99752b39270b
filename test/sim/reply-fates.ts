// I5, asked record by record: what became of each reply whose offset is committed, and that none had two fates.
//
// A result may go one of four ways. It was *taken*: the engine completed its job with it, or a snapshot keeps its position as
// accepted. Its position is *noted* in some other snapshot (a cause to fail, a tombstone that says how its job ended). It was a
// *duplicate*: after it was written another reply stood stored, or a tombstone says that its job needs none. Or it is a dead
// letter. Anything else (malformed, forged, without an id) is a dead letter, whatever it does to its job. Nothing is excused by
// how the engine's job ended: that alone leaves no mark that anybody could find.
//
// And what was taken is never a dead letter as well, whichever came first.
import type { Snapshot } from '../../src/actors/snapshot.ts';
import type { EventOf, ReplyKind } from './history.ts';

interface ReplyRecord {
  readonly jobKey: string;
  readonly name: string;
  readonly value: string | undefined;
  /** Its place in the order of all events. */
  readonly writtenAt: number;
  meant: ReplyKind;
  taken: boolean;
  noted: boolean;
  deadLettered: boolean;
}

/** What a job's snapshots say to replies that leave no mark of their own. */
interface Standing {
  /** When a stored reply was last seen to stand; 0: never. */
  replyAt: number;
  replyStands: boolean;
  /** A tombstone that is never opened again and takes any further reply for a duplicate, or for the one that ended the job. */
  needsNone: boolean;
}

export type Blame = (at: { readonly atMs: number; readonly jobKey: string }, message: string) => void;

export class ReplyFates {
  readonly #blame: Blame;
  readonly #partitions = new Map<number, ReplyRecord[]>();
  readonly #jobs = new Map<string, Standing>();
  readonly #committed = new Map<number, number>();
  #now = 0;

  constructor(blame: Blame) {
    this.#blame = blame;
  }

  /** To be called for each event before the others. */
  tick(): void {
    this.#now++;
  }

  committedTo(partition: number): number {
    return this.#committed.get(partition) ?? 0;
  }

  written({ jobKey, partition, offset, value }: EventOf<'written'>): void {
    const records = this.#partitions.get(partition) ?? [];
    this.#partitions.set(partition, records);
    records[offset] = {
      jobKey,
      name: `${partition}/${offset}`,
      value,
      writtenAt: this.#now,
      meant: 'withoutId',
      taken: false,
      noted: false,
      deadLettered: false,
    };
  }

  meant({ partition, offset, meant }: EventOf<'replied'>): void {
    const record = this.#at(partition, offset);
    if (record !== undefined) record.meant = meant;
  }

  deadLettered({ origin, atMs, node }: EventOf<'written'>): void {
    const [partition, offset] = origin.split('/').map(Number);
    const record = this.#at(partition ?? -1, offset ?? -1);
    if (record === undefined) return this.#blame({ atMs, jobKey: '' }, `${node}: a dead letter of no reply: ${origin}`);
    record.deadLettered = true;
    this.#notBoth(record, atMs);
  }

  /** The engine completed the job with the body of this record. */
  completedWith(partition: number, offset: number, atMs: number): void {
    const record = this.#at(partition, offset);
    if (record === undefined) return;
    record.taken = true;
    this.#notBoth(record, atMs);
  }

  stored(jobKey: string, snapshot: Snapshot, atMs: number): void {
    const standing = this.#jobs.get(jobKey) ?? { replyAt: 0, replyStands: false, needsNone: false };
    this.#jobs.set(jobKey, standing);
    const { kind, outcome, reply } = snapshot;
    if (standing.replyStands) standing.replyAt = this.#now;
    standing.replyStands = reply !== undefined;
    const endedWithIt = outcome === 'completed' || outcome === 'gone';
    if (endedWithIt) standing.needsNone = true;
    for (const [partition, text] of snapshot.applied) {
      const offset = Number(text);
      const record = this.#at(partition, offset);
      if (record?.jobKey !== jobKey) {
        this.#blame({ atMs, jobKey }, `its ${kind} snapshot names ${partition}/${text}, which is no reply to it`);
        continue;
      }
      const accepted = endedWithIt || (reply?.partition === partition && Number(reply.offset) === offset);
      if (!record.noted && accepted) record.taken = true;
      record.noted = true;
      this.#notBoth(record, atMs);
    }
  }

  committed({ partition, offset, atMs, node }: EventOf<'committed'>): void {
    const records = this.#partitions.get(partition) ?? [];
    for (let at = this.committedTo(partition); at < offset; at++) {
      const record = records[at];
      if (record === undefined || this.#leftAMark(record)) continue;
      const { jobKey, meant, value } = record;
      this.#blame({ atMs, jobKey }, `${node} committed ${record.name} (${meant}), which is nowhere: ${value}`);
    }
    this.#committed.set(partition, Math.max(offset, this.committedTo(partition)));
  }

  #leftAMark({ jobKey, writtenAt, meant, taken, noted, deadLettered }: ReplyRecord): boolean {
    if (deadLettered || meant !== 'result') return deadLettered;
    const standing = this.#jobs.get(jobKey);
    const duplicate = standing?.needsNone || standing?.replyStands || (standing?.replyAt ?? 0) > writtenAt;
    return taken || noted || duplicate;
  }

  #notBoth(record: ReplyRecord, atMs: number): void {
    const { jobKey, name, taken, deadLettered } = record;
    if (taken && deadLettered) this.#blame({ atMs, jobKey }, `reply ${name} was applied, and is a dead letter`);
  }

  #at(partition: number, offset: number): ReplyRecord | undefined {
    return this.#partitions.get(partition)?.[offset];
  }
}
