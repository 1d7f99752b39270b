// A look at all jobs of all shards, about in the order in which they came: in that order they lie in memory, whichever their shard.
// Shard by shard a look at a million of them waits for memory three times as long, and that is what a search costs.
//
// What must hold: each job that stays is shown once, whatever comes and goes meanwhile. The order is a matter of speed alone: a
// job that was written anew stands where it was, with a later revision, and its shard then waits until the others have come to it.
import type { Revision } from '../actors/ids.ts';

/** About so many are shown between two changes of the shard: what they refer to fits a core's cache. */
const IN_A_ROUND = 2_048;
const FIRST_STEP = 4_096;

export interface JobList<J> {
  readonly jobs: Iterable<J>;
  /** False: it is not there any more, and nothing further of it is shown. */
  isHere(): boolean;
}

interface Reading<J> {
  readonly list: JobList<J>;
  readonly jobs: Iterator<J>;
  /** Revision of the last one that was shown; beyond all of them: there are no more. */
  reached: number;
}

export function* byArrival<J extends { readonly revision: Revision }>(lists: Iterable<JobList<J>>): Generator<J> {
  let open = Array.from(lists, (list): Reading<J> => ({ list, jobs: list.jobs[Symbol.iterator](), reached: -1 }));
  let upTo = 0;
  let step = FIRST_STEP;
  while (open.length > 0) {
    let shown = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const reading of open) {
      while (reading.reached < upTo) {
        const next = reading.list.isHere() ? reading.jobs.next() : undefined;
        if (next === undefined || next.done === true) {
          reading.reached = Number.POSITIVE_INFINITY;
          break;
        }
        reading.reached = next.value.revision;
        shown += 1;
        yield next.value;
      }
      if (reading.reached < least) least = reading.reached;
    }
    open = open.filter(({ reached }) => reached !== Number.POSITIVE_INFINITY);
    // Jobs may be few among millions of revisions, or many.
    step = shown < IN_A_ROUND / 2 ? step * 2 : shown > IN_A_ROUND * 2 ? Math.max(1, step / 2) : step;
    upTo = Math.max(upTo, least) + step;
  }
}
