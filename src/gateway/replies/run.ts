// How far one partition of the reply topic is done. Replies settle in any order; what may be committed is the end of
// the contiguous run of settled ones: a commit that passed an unsettled record would lose it in a crash.
//
// Offsets have gaps (control records, aborted batches, compaction), so the run goes by what was read, not by counting:
// with nothing unsettled it ends at the read position, else at the first unsettled record.
//
// Progress: whoever asks "has every reply that was in Kafka at time T been dealt with?" is answered by marks (time, log
// end seen after that time). A mark is reached when the run's end has come to its log end. Pure: times come in.

/** By both clocks: the wall clock may be set meanwhile. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export class ReplyRun {
  readonly #unsettled = new Map<bigint, number>();
  readonly #marks: { readonly at: Moment; readonly end: bigint }[] = [];
  #read: bigint;
  #end: bigint;
  #bytes = 0;
  #progress: Moment | undefined;

  /** `start`: the next offset to be read, everything before it is done. */
  constructor(start: bigint) {
    this.#read = start;
    this.#end = start;
  }

  /** Next offset to commit: everything before it is settled, or is no record of ours. */
  get end(): bigint {
    return this.#end;
  }

  /** How many records are read and unsettled, and their bytes. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  get unsettledBytes(): number {
    return this.#bytes;
  }

  /** The latest moment before which every reply written is settled; undefined: none is known yet. */
  get progress(): Moment | undefined {
    return this.#progress;
  }

  /** A record was read. Offsets come rising; one that was read before is ignored: false. */
  take(offset: bigint, bytes: number): boolean {
    if (offset < this.#read) return false;
    this.#read = offset + 1n;
    this.#unsettled.set(offset, bytes);
    this.#bytes += bytes;
    this.#advance();
    return true;
  }

  /** Reading goes on at `next`: whatever lies before it and was not taken is no record. */
  readTo(next: bigint): void {
    if (next > this.#read) this.#read = next;
    this.#advance();
  }

  settle(offset: bigint): void {
    const bytes = this.#unsettled.get(offset);
    if (bytes === undefined) return;
    this.#unsettled.delete(offset);
    this.#bytes -= bytes;
    if (offset === this.#end) this.#advance();
  }

  /** The log ended at `end`, asked at `at`, later than the last time. A bounded number is remembered; above it the newest are dropped. */
  mark(at: Moment, end: bigint): void {
    if (this.#marks.length < 128) this.#marks.push({ at, end });
    this.#reach();
  }

  #advance(): void {
    const first = this.#unsettled.keys().next();
    this.#end = first.done ? this.#read : first.value;
    this.#reach();
  }

  #reach(): void {
    for (let mark = this.#marks[0]; mark !== undefined && mark.end <= this.#end; mark = this.#marks[0]) {
      this.#progress = mark.at;
      this.#marks.shift();
    }
  }
}
