// A node's pending jobs as ShardJobs has them, and nothing that could happen to them: for whoever only looks at them.
import type { JobKey, Revision, ShardId } from '../../src/actors/ids.ts';
import type { Clock } from '../../src/actors/ports.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { Inventory } from '../../src/cluster/inventory.ts';
import { Lanes } from '../../src/cluster/lanes.ts';
import { OldestOfLanes } from '../../src/cluster/oldest.ts';
import { type JobSurroundings, PendingJob } from '../../src/cluster/pending-job.ts';

export const SHELF_SHARDS = 8;

export class JobShelf<C extends Clock> {
  readonly clock: C;
  readonly lanes = new Lanes();
  readonly shards = new Map<ShardId, Map<JobKey, PendingJob>>();
  readonly inventory: Inventory;
  readonly oldest: OldestOfLanes;

  constructor(clock: C) {
    this.clock = clock;
    this.inventory = new Inventory(clock, this);
    this.oldest = new OldestOfLanes(clock, this, this.lanes);
  }

  add(jobKey: JobKey, snapshot: Snapshot, pack = true): PendingJob {
    const shard = Number(BigInt(jobKey) % BigInt(SHELF_SHARDS)) as ShardId;
    const job = new PendingJob(shard, jobKey, { lanes: this.lanes } as unknown as JobSurroundings);
    Object.assign(job.state, { snapshot, revision: 1 as Revision, ackedAttempt: snapshot.sentAttempt });
    job.count(snapshot);
    if (pack) job.pack();
    const jobs = this.shards.get(shard) ?? new Map<JobKey, PendingJob>();
    this.shards.set(shard, jobs.set(jobKey, job));
    return job;
  }

  remove({ shard, jobKey }: PendingJob): void {
    const job = this.shards.get(shard)?.get(jobKey);
    job?.count(undefined);
    this.shards.get(shard)?.delete(jobKey);
  }

  *all(only?: ShardId): Generator<PendingJob> {
    for (const [shard, jobs] of this.shards) {
      if (only !== undefined && shard !== only) continue;
      for (const job of jobs.values()) yield job;
    }
  }

  get size(): number {
    return [...this.shards.values()].reduce((sum, jobs) => sum + jobs.size, 0);
  }
}
