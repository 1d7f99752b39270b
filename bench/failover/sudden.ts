// A node that is gone from one moment to the next, or hangs, while 200 calls wait for their replies, which come at that very
// moment: how long until the last of them has ended, when shards and reply partitions are served again, and whether
// every instance got its own answer, once.
import { eventually } from '../../test/support/eventually.ts';
import type { BridgeNode } from '../../test/support/nodes.ts';
import type { HoldfastRunning } from '../contestants/holdfast.ts';
import type { StarterSaid } from '../load/starter.ts';
import type { Stage } from '../parts/stage.ts';
import { BucketWitness, unexplained } from './bucket-witness.ts';
import { type Counted, count, waitingCalls, warmUp } from './calls.ts';
import { logsOf, startCluster, type TroubleOptions, untilSpread, victimOf } from './cluster.ts';
import { flowingAgainMs, ownedBy, readBy, servedAgainMs, shardMoves } from './node-logs.ts';

export interface SuddenOptions extends TroubleOptions {
  /** That wait for their replies; default 200. */
  readonly calls?: number;
}

export interface SuddenFigures {
  readonly calls: number;
  /** All times are from the moment at which the node was gone. */
  readonly lastEndedMs: number;
  readonly shardsLost: number;
  readonly shardsServedMs: number;
  readonly partitionsLost: number;
  /** Until another node had settled a reply on one of the partitions, and on every one. */
  readonly repliesFlowingMs: number;
  readonly repliesFlowingAllMs: number;
  /** Instances that did not end with their own answer, and dead letters. */
  readonly repliesDropped: number;
  readonly executedTwice: number;
  /** Of those, the ones that the sent watermark of the node does cover. */
  readonly unexplained: number;
  readonly endedTwice: number;
}

const PATIENCE_S = 60;

export const measureKill = (stage: Stage, options: SuddenOptions = {}): Promise<SuddenFigures> =>
  measure(stage, options, (node) => void node.kill());

/** It comes to itself afterwards, and must not finish what others have done meanwhile. */
export const measurePause = (stage: Stage, options: SuddenOptions = {}): Promise<SuddenFigures> =>
  measure(
    stage,
    options,
    (node) => node.pause(),
    async (node, running) => {
      const joined = async () => (await node.log()).filter(({ message }) => message === 'cluster: joined').length;
      const before = await joined();
      node.resume();
      const another = async () => (await joined()) > before;
      await eventually(`${node.name} to begin a new life`, another, {
        deadlineMs: 60_000,
        diagnose: () => node.diagnose(),
      });
      await untilSpread(running.nodes);
    },
  );

async function measure(
  stage: Stage,
  options: SuddenOptions,
  hurt: (node: BridgeNode) => void,
  heal: (node: BridgeNode, running: HoldfastRunning) => Promise<void> = async () => undefined,
): Promise<SuddenFigures> {
  const { calls = 200 } = options;
  const running = await startCluster(stage, options, 'debug');
  try {
    await using bucket = await BucketWitness.open(running.nats?.url ?? '', running.processId);
    await warmUp(stage, running);
    const load = await waitingCalls(stage, running, calls, PATIENCE_S);
    try {
      const victim = victimOf(running, options);
      const incarnation = bucket.incarnations.get(victim.name);
      const atMs = Date.now();
      hurt(victim);
      running.service.tell({ kind: 'release' });
      const done = await load.next('done');
      const lastEndedMs = Date.now() - atMs;
      const parts = await whatWasLost(running, victim.name, atMs);
      await heal(victim, running);
      const counted = await count(running);
      const sent = incarnation === undefined ? undefined : bucket.sent.get(incarnation);
      return {
        calls,
        lastEndedMs,
        ...parts,
        repliesDropped: await dropped(running, done, calls),
        executedTwice: counted.again,
        unexplained: mustKnow(counted, bucket, { incarnation, sent }),
        endedTwice: bucket.endedTwice(),
      };
    } finally {
      await load.stop();
    }
  } finally {
    await running.stop();
  }
}

async function whatWasLost({ nodes }: HoldfastRunning, lostBy: string, atMs: number) {
  const look = async () => {
    const logs = await logsOf(nodes);
    const moves = shardMoves(logs);
    const shards = ownedBy(moves, lostBy, atMs);
    const partitions = readBy(logs.get(lostBy) ?? [], atMs);
    const shardsServedMs = servedAgainMs(moves, { shards, lostBy, atMs });
    const flowing = flowingAgainMs(logs, { partitions, lostBy, atMs });
    return { shards, partitions, shardsServedMs, flowing };
  };
  return eventually(
    `everything that ${lostBy} had to be served by others`,
    async () => {
      const { shards, partitions, shardsServedMs, flowing } = await look();
      if (shardsServedMs === undefined || flowing === undefined) return undefined;
      return {
        shardsLost: shards.length,
        shardsServedMs,
        partitionsLost: partitions.length,
        repliesFlowingMs: flowing.firstMs,
        repliesFlowingAllMs: flowing.allMs,
      };
    },
    { deadlineMs: 20_000, everyMs: 500, diagnose: look },
  );
}

async function dropped(
  { nodes }: HoldfastRunning,
  { tally }: Extract<StarterSaid, { kind: 'done' }>,
  calls: number,
): Promise<number> {
  return calls - tally.completed + (await nodes.metric('holdfast_dead_letters_total'));
}

function mustKnow(counted: Counted, { holds }: BucketWitness, record: Parameters<typeof unexplained>[2]): number {
  return unexplained(counted.againIds, holds, record).length;
}
