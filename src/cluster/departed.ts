// What is still known of jobs that have left memory, of the shards that are here. The bucket keeps their tombstones; this is
// what no tombstone says.
//
// What must hold: the watch may be behind, and a write from before a job left is no news when it comes: it must not bring the
// job back. And a job that is opened again goes on with what was known of it when it ended, as far as that is remembered: of the
// latest of each shard.
import { ABSENT, type JobKey, type Revision, type ShardId } from '../actors/ids.ts';
import { type JobState, mayBeReopened } from '../actors/pending-job/state.ts';
import { CLUSTER_LIMITS } from './limits.ts';

/** Of the state of a job that has ended and was forgotten (state.ts). */
export type Ended = Pick<JobState, 'unbrokenAt' | 'handedOutMs'>;

/** A job that leaves, as it is at that moment. */
export interface Leaving {
  readonly shard: ShardId;
  readonly jobKey: JobKey;
  readonly revision: Revision;
  readonly state: JobState;
}

export class Departed {
  /** Jobs that left memory, by the revision last known, until the watch has passed it. */
  readonly #forgotten = new Map<ShardId, Map<JobKey, Revision>>();
  /** What is still to be known of jobs that may be opened again, of which memory keeps no tombstone: the latest of each shard. */
  readonly #ended = new Map<ShardId, Map<JobKey, Ended>>();
  /** How far the watch of a shard has come. */
  readonly #delivered = new Map<ShardId, Revision>();

  /** The watch of the shard has come so far. */
  delivered(shard: ShardId, revision: Revision): void {
    this.#delivered.set(shard, revision);
  }

  leaves(job: Leaving): void {
    const { jobKey, shard, revision } = job;
    if (revision > (this.#delivered.get(shard) ?? ABSENT)) {
      const forgotten = this.#forgotten.get(shard) ?? new Map<JobKey, Revision>();
      this.#forgotten.set(shard, forgotten.set(jobKey, revision));
    }
    if (mayBeReopened(job.state.snapshot?.outcome)) this.#remember(job);
    else this.#ended.get(shard)?.delete(jobKey);
  }

  /** The shard is not here any more. */
  drop(shard: ShardId): void {
    this.#forgotten.delete(shard);
    this.#ended.delete(shard);
    this.#delivered.delete(shard);
  }

  /**
   * The watch may be behind: writes up to the last one before a job was forgotten are no news. Asked of each write that is delivered,
   * of a job that is here again too: what the watch has passed need not be remembered any longer.
   */
  wasForgotten(shard: ShardId, jobKey: JobKey, revision: Revision): boolean {
    const forgotten = this.#forgotten.get(shard);
    const last = forgotten?.get(jobKey);
    if (last === undefined) return false;
    if (revision >= last) forgotten?.delete(jobKey);
    return revision <= last;
  }

  /** Of a job that comes back; undefined: it never ended here, or not lately. */
  endedOf(shard: ShardId, jobKey: JobKey): Ended | undefined {
    return this.#ended.get(shard)?.get(jobKey);
  }

  #remember({ shard, jobKey, revision, state }: Leaving): void {
    const known = this.#ended.get(shard) ?? new Map<JobKey, Ended>();
    this.#ended.set(shard, known);
    known.delete(jobKey);
    known.set(jobKey, { unbrokenAt: state.unbroken ? revision : ABSENT, handedOutMs: state.handedOutMs });
    const [oldest] = known.keys();
    if (known.size > CLUSTER_LIMITS.endedPerShard && oldest !== undefined) known.delete(oldest);
  }
}
