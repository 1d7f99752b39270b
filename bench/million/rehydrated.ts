// How long a node took to own all its shards: from the first of its claims, by the server's stamp in the bucket, to the line
// of its log that says of the last shard that its jobs are in memory. Both clocks are this machine's.
import { ABSENT, type ShardId } from '../../src/actors/ids.ts';
import { claimKey } from '../../src/cluster/names.ts';
import { bucketName } from '../../src/cluster/nats/bucket.ts';
import { connectNats } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { BridgeNode, LogLine } from '../../test/support/nodes.ts';

export interface Rehydrated {
  readonly seconds: number;
  readonly jobs: number;
}

/**
 * Resolves once the node owns all shards.
 * @throws when it does not in time, when a job is missing, or a request was published again (all were sent)
 */
export async function rehydrated(
  node: BridgeNode,
  natsUrl: string,
  cluster: string,
  plan: { readonly shards: number; readonly pending: number },
  deadlineMs: number,
): Promise<Rehydrated> {
  await eventually(
    `${cluster} to own ${plan.shards} shards`,
    async () => (await node.metric('holdfast_shards_owned')) === plan.shards,
    { deadlineMs, everyMs: 250, diagnose: () => node.diagnose() },
  );
  // A node writes its log when it finds the time: the last lines may come a little later.
  const lines = await eventually(
    `the log of ${cluster} to name ${plan.pending} jobs`,
    async () => {
      const found = shardLines(await node.log());
      return found.reduce((sum, line) => sum + line.jobs, 0) >= plan.pending ? found : undefined;
    },
    { diagnose: async () => ({ pending: await node.metric('holdfast_pending_jobs'), node: await node.diagnose() }) },
  );
  const total = (of: (line: ShardLine) => number) => lines.reduce((sum, line) => sum + of(line), 0);
  const [jobs, again] = [total((line) => line.jobs), total((line) => line.republished)];
  const pending = await node.metric('holdfast_pending_jobs');
  if (jobs !== plan.pending || pending !== plan.pending || again > 0)
    throw new Error(
      `of ${plan.pending} jobs ${jobs} were rehydrated, ${pending} are pending, ${again} were sent again`,
    );
  const fromMs = await firstClaimMs(natsUrl, cluster, plan.shards);
  const toMs = Math.max(...lines.map(({ atMs }) => atMs));
  return { seconds: (toMs - fromMs) / 1_000, jobs };
}

/** @throws when the node has begun anew meanwhile: what was measured is not what it says */
export async function checkStayed(node: BridgeNode): Promise<void> {
  const lost = (await node.log()).find(({ kind }) => kind === 'lost');
  if (lost !== undefined) throw new Error(`the node lost its life while it was measured: ${lost.reason}`);
}

interface ShardLine {
  readonly atMs: number;
  readonly jobs: number;
  readonly republished: number;
}

/** A shard without jobs has no such line at the level of users, and takes no time. */
export function shardLines(log: readonly LogLine[]): ShardLine[] {
  return log
    .filter(({ message }) => message === 'shard rehydrated')
    .map(({ time, jobs, republished }) => ({
      atMs: Date.parse(time),
      jobs: Number(jobs),
      republished: Number(republished),
    }));
}

async function firstClaimMs(natsUrl: string, cluster: string, shards: number): Promise<number> {
  await using link = await connectNats({ url: natsUrl, name: 'bench' });
  const kv = new NatsKv(link, new Inbox(link), bucketName(cluster));
  const claims = await Promise.all(Array.from({ length: shards }, (_, shard) => kv.get(claimKey(shard as ShardId))));
  const written = claims.map((claim) => {
    if (claim === undefined || claim.revision === ABSENT) throw new Error(`${cluster} has a shard without a claim`);
    return claim.writtenMs;
  });
  return Math.min(...written);
}
