// I5, asked record by record: what became of each reply whose offset is committed, and that none had two fates.
//
// A result may go one of four ways. It was *taken*: the engine completed its job with it, or a snapshot keeps its position as
// accepted. Its position is *noted* in some other snapshot (a cause to fail, a tombstone that says how its job ended). It was a
// *duplicate*: after it was written another reply stood stored, or a tombstone says that its job needs none. Or it came too
// late and went where its job's settings say: a dead letter, a message in the engine, or nowhere.
// Errors go the same ways, and come too late as soon as their attempt is not held any more. Garbage is noted or a dead
// letter. Anything else (no JSON, forged, without an id) is a dead letter, whatever it does to its job; a heartbeat leaves no
// mark. Nothing is excused by how the engine's job ended: that alone leaves no mark that anybody could find.
//
// And what was taken is never a dead letter or a message as well, whichever came first.
import type { Outcome, Snapshot, SnapshotKind } from '../../src/actors/snapshot.ts';
import type { EventOf, ReplyKind } from './history.ts';

export interface ReplyRecord {
  /** '' while nobody knows: it came under a business key, or under nothing. */
  jobKey: string;
  readonly name: string;
  readonly correlationId: string;
  readonly value: string | undefined;
  /** Its place in the order of all events. */
  readonly writtenAt: number;
  meant: ReplyKind;
  attempt: number;
  taken: boolean;
  noted: boolean;
  deadLettered: boolean;
  published: boolean;
}

/** What a job's snapshots say to replies that leave no mark of their own. */
interface Standing {
  /** When a stored reply was last seen to stand; 0: never. */
  replyAt: number;
  replyStands: boolean;
  /** A tombstone that is never opened again and takes any further reply for a duplicate, or for the one that ended the job. */
  needsNone: boolean;
  dropsLate: boolean;
  readonly steps: Step[];
}

/** What stood, from then until the next step. */
interface Step {
  readonly sinceAt: number;
  readonly kind: SnapshotKind;
  readonly attempt: number;
  readonly outcome: Outcome | undefined;
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

  /** Each record, and whether it is below the committed offset. */
  *all(): Iterable<{ readonly record: ReplyRecord; readonly settled: boolean }> {
    for (const [partition, records] of this.#partitions) {
      const settledTo = this.committedTo(partition);
      for (const [offset, record] of records.entries()) {
        if (record !== undefined) yield { record, settled: offset < settledTo };
      }
    }
  }

  written({ jobKey, attempt, partition, offset, correlationId, value }: EventOf<'written'>): void {
    const records = this.#partitions.get(partition) ?? [];
    this.#partitions.set(partition, records);
    records[offset] = {
      ...{ jobKey, attempt, correlationId, value },
      name: `${partition}/${offset}`,
      writtenAt: this.#now,
      meant: 'withoutId',
      ...{ taken: false, noted: false, deadLettered: false, published: false },
    };
  }

  meant({ jobKey, attempt, partition, offset, meant }: EventOf<'replied'>): void {
    const record = this.#at(partition, offset);
    if (record === undefined) return;
    record.jobKey = jobKey;
    record.attempt = attempt ?? record.attempt;
    record.meant = meant;
  }

  deadLettered({ origin, atMs, node }: EventOf<'written'>): void {
    const record = this.#named(origin);
    if (record === undefined) return this.#blame({ atMs, jobKey: '' }, `${node}: a dead letter of no reply: ${origin}`);
    record.deadLettered = true;
    this.#notBoth(record, atMs);
  }

  /** Published in the engine, under the id that names it. */
  published({ jobKey, payload, atMs, node }: EventOf<'accepted'>): void {
    const record = this.#named(payload.slice(jobKey.length + 1));
    if (record?.jobKey !== jobKey)
      return this.#blame({ atMs, jobKey }, `${node}: a late message of no reply: ${payload}`);
    record.published = true;
    this.#notBoth(record, atMs);
    if (record.meant !== 'result') this.#blame({ atMs, jobKey }, `${record.name} (${record.meant}) became a message`);
  }

  /** The engine completed the job with the body of this record. */
  completedWith(partition: number, offset: number, atMs: number): void {
    const record = this.#at(partition, offset);
    if (record === undefined) return;
    record.taken = true;
    this.#notBoth(record, atMs);
  }

  stored(jobKey: string, snapshot: Snapshot, atMs: number): void {
    const standing = this.#standingOf(jobKey);
    const { kind, attempt, outcome, reply } = snapshot;
    standing.dropsLate = snapshot.settings.onLate === 'drop';
    standing.steps.push({ sinceAt: this.#now, kind, attempt, outcome });
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
      if (!record.noted && (accepted || isError(record))) record.taken = true;
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

  /** It counted, or its job needs no more replies. */
  mayBeApplied({ jobKey, taken, noted }: ReplyRecord): boolean {
    return taken || noted || this.#standingOf(jobKey).needsNone;
  }

  /** Beside it another answer stood stored, or stands. */
  mayBeDuplicate(record: ReplyRecord): boolean {
    const { replyStands, replyAt } = this.#standingOf(record.jobKey);
    const besideResult = record.meant === 'result' && (replyStands || replyAt > record.writtenAt);
    return besideResult || this.#isSecondAnswer(record);
  }

  /** What the job's settings do with replies that come too late was done, or nothing is to be done. */
  mayBeLate(record: ReplyRecord): boolean {
    return record.deadLettered || record.published || this.#droppedAsLate(record);
  }

  #leftAMark(record: ReplyRecord): boolean {
    const { jobKey, meant, taken, noted, deadLettered, published } = record;
    if (meant === 'heartbeat') return true;
    if (deadLettered || meant === 'malformed' || meant === 'forged' || meant === 'withoutId') return deadLettered;
    const standing = this.#standingOf(jobKey);
    if (taken || noted || published || standing.needsNone) return true;
    return meant !== 'garbage' && (this.mayBeDuplicate(record) || this.#droppedAsLate(record));
  }

  /**
   * An error beside another answer to its attempt. One whose id names an attempt that ended with an answer is a second one
   * whenever it comes, and whoever says so may know of nothing later.
   */
  #isSecondAnswer(record: ReplyRecord): boolean {
    const underKey = !record.correlationId.startsWith('hf1-');
    const endedSo = ({ outcome }: Step) => outcome === 'failed' || outcome === 'bpmnError';
    const answered = (step: Step) =>
      (underKey || step.attempt === record.attempt) &&
      (step.kind === 'replied' || step.kind === 'failing' || endedSo(step));
    if (!isError(record)) return false;
    if (this.#stepsSince(record).some(answered)) return true;
    return !underKey && this.#standingOf(record.jobKey).steps.some((step) => endedSo(step) && answered(step));
  }

  #droppedAsLate(record: ReplyRecord): boolean {
    if (!this.#standingOf(record.jobKey).dropsLate) return record.meant === 'heartbeat';
    return this.#stepsSince(record).some(({ kind, attempt, outcome }) =>
      record.meant === 'result' ? outcome === 'cancelled' : kind !== 'held' || attempt !== record.attempt,
    );
  }

  #stepsSince({ jobKey, writtenAt }: ReplyRecord): Step[] {
    return this.#standingOf(jobKey).steps.filter(
      (_, index, steps) => (steps[index + 1]?.sinceAt ?? Infinity) >= writtenAt,
    );
  }

  #notBoth(record: ReplyRecord, atMs: number): void {
    const { jobKey, name, correlationId, taken, deadLettered, published } = record;
    // A business key names no attempt: an error that was late, and is read again, may meet the next attempt.
    const mayBeBoth = isError(record) && !correlationId.startsWith('hf1-');
    if (taken && deadLettered && !mayBeBoth)
      this.#blame({ atMs, jobKey }, `reply ${name} was applied, and is a dead letter`);
    if (taken && published) this.#blame({ atMs, jobKey }, `reply ${name} was applied, and is a message`);
  }

  #standingOf(jobKey: string): Standing {
    const known = this.#jobs.get(jobKey);
    if (known !== undefined) return known;
    const standing: Standing = { replyAt: 0, replyStands: false, needsNone: false, dropsLate: false, steps: [] };
    this.#jobs.set(jobKey, standing);
    return standing;
  }

  #named(position: string): ReplyRecord | undefined {
    const [partition, offset] = position.split('/').map(Number);
    return this.#at(partition ?? -1, offset ?? -1);
  }

  #at(partition: number, offset: number): ReplyRecord | undefined {
    return this.#partitions.get(partition)?.[offset];
  }
}

function isError({ meant }: ReplyRecord): boolean {
  return meant === 'error' || meant === 'failure';
}
