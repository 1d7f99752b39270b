// A node's pending jobs as ShardJobs has them, and nothing that could happen to them: for whoever only looks at them.
import { type JobKey, type Revision, type ShardId, shardOf } from '../../src/actors/ids.ts';
import { ColdStore } from '../../src/actors/pending-job/cold-store.ts';
import type { Clock } from '../../src/actors/ports.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { byArrival } from '../../src/cluster/by-arrival.ts';
import { Inventory } from '../../src/cluster/inventory.ts';
import { Lanes } from '../../src/cluster/lanes.ts';
import { OldestOfLanes } from '../../src/cluster/oldest.ts';
import { type JobSurroundings, PendingJob } from '../../src/cluster/pending-job.ts';

export const SHELF_SHARDS = 8;

export class JobShelf<C extends Clock> {
  readonly clock: C;
  readonly lanes = new Lanes();
  readonly cold = new ColdStore();
  readonly shards = new Map<ShardId, Map<JobKey, PendingJob>>();
  readonly inventory: Inventory;
  readonly oldest: OldestOfLanes;

  readonly #shardCount: number;
  #revision = 0;

  constructor(clock: C, shardCount = SHELF_SHARDS) {
    this.clock = clock;
    this.#shardCount = shardCount;
    this.inventory = new Inventory(clock, this);
    this.oldest = new OldestOfLanes(clock, this, this.lanes);
  }

  add(jobKey: JobKey, snapshot: Snapshot, pack = true): PendingJob {
    const shard = shardOf(jobKey, this.#shardCount);
    this.#revision += 1;
    const job = new PendingJob(shard, jobKey, { lanes: this.lanes, cold: this.cold } as unknown as JobSurroundings);
    Object.assign(job.state, { snapshot, revision: this.#revision as Revision, ackedAttempt: snapshot.sentAttempt });
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

  all(only?: ShardId): Generator<PendingJob> {
    const asked = [...this.shards].filter(([shard]) => only === undefined || shard === only);
    return byArrival(asked.map(([, jobs]) => ({ jobs: jobs.values(), isHere: () => true })));
  }

  get size(): number {
    return [...this.shards.values()].reduce((sum, jobs) => sum + jobs.size, 0);
  }
}
