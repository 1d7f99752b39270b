// The cluster of a measurement of trouble: three nodes, started anew for each round, whose logs are read afterwards.
import { REPLY_PARTITIONS } from '../../src/gateway/kafka/topics.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { BridgeNode, Nodes } from '../../test/support/nodes.ts';
import { type HoldfastRunning, holdfast } from '../contestants/holdfast.ts';
import type { Stage } from '../parts/stage.ts';
import { type LogsByNode, readBy } from './node-logs.ts';

export interface TroubleOptions {
  /** Of the bucket; default 1. */
  readonly replicas?: 1 | 3;
  /** Counts the rounds, so that another node is hurt each time. */
  readonly round?: number;
}

const NODES = 3;
const SHARDS = 128;

/** @param logLevel `debug`: shards and replies can be followed; at a load, that costs the nodes time */
export async function startCluster(
  stage: Stage,
  { replicas = 1 }: TroubleOptions,
  logLevel: 'debug' | 'info',
): Promise<HoldfastRunning> {
  const running = await holdfast(NODES, replicas).start(stage, { logLevel });
  try {
    await untilSpread(running.nodes);
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

export function victimOf({ nodes }: HoldfastRunning, { round = 0 }: TroubleOptions): BridgeNode {
  const victim = nodes.all[round % nodes.all.length];
  if (victim === undefined) throw new Error('there are no nodes');
  return victim;
}

/**
 * Shards and reply partitions have stopped moving: each has an owner, and every node its share. Looked at rarely, and at the
 * logs only when the shards are spread: it must not take the nodes' time while they move.
 */
export async function untilSpread({ all }: Nodes): Promise<void> {
  const shardsOwned = () => Promise.all(all.map((node) => node.metric('holdfast_shards_owned')));
  const partitionsRead = () => Promise.all(all.map(async (node) => readBy(await node.log(), Date.now()).length));
  const even = (counts: readonly number[], whole: number) =>
    counts.reduce((sum, each) => sum + each, 0) === whole &&
    counts.every((each) => each <= Math.ceil(whole / all.length));
  const spread = async () => even(await shardsOwned(), SHARDS) && even(await partitionsRead(), REPLY_PARTITIONS);
  await eventually('shards and partitions to be spread over the nodes', spread, {
    deadlineMs: 60_000,
    everyMs: 1_000,
    diagnose: async () => ({ shards: await shardsOwned(), partitions: await partitionsRead() }),
  });
}

export async function logsOf({ all }: Nodes): Promise<LogsByNode> {
  return new Map(await Promise.all(all.map(async (node) => [node.name, await node.log()] as const)));
}
