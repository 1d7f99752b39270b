// A node leaves in order and comes back, under a steady load: how long calls to a shard stand still while it moves, from
// "draining" at the old owner to "owned" at the new one. Going and coming back are told apart: the first is in a
// hurry with all that the node has, the second is asked for by a node that has just started.
import { Latencies } from '../parts/latency.ts';
import type { Stage } from '../parts/stage.ts';
import { allEnded, startLoad, warmUp } from './calls.ts';
import { logsOf, startCluster, type TroubleOptions, untilSpread, victimOf } from './cluster.ts';
import { type Handover, handovers, shardMoves } from './node-logs.ts';

export interface HandoverFigures {
  readonly leaving: Pauses;
  readonly returning: Pauses;
  readonly calls: number;
  readonly callP99Ms: number;
  readonly callMaxMs: number;
}

export interface Pauses {
  readonly shards: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Each of them, from short to long. */
  readonly allMs: readonly number[];
}

const PER_SECOND = 50;
const SECONDS = 30;

export async function measureHandover(stage: Stage, options: TroubleOptions = {}): Promise<HandoverFigures> {
  const running = await startCluster(stage, options, 'debug');
  const phases = [{ seconds: SECONDS, fromPerSecond: PER_SECOND, toPerSecond: PER_SECOND }];
  try {
    await warmUp(stage, running);
    const load = startLoad(stage, running.processId, { kind: 'open', phases });
    try {
      await load.next('tick');
      const done = load.next('done');
      let over = false;
      void load.next('measured').then(() => {
        over = true;
      });
      const node = victimOf(running, options);
      const leaveMs = Date.now();
      await node.stop();
      const returnMs = Date.now();
      await node.restart();
      await node.untilReady();
      await untilSpread(running.nodes);
      if (over) throw new Error(`the node was not back within the ${SECONDS} s of the load`);
      const { tally, latencies, faults } = await done;
      allEnded({ tally, faults });
      const all = handovers(shardMoves(await logsOf(running.nodes))).filter(({ atMs }) => atMs >= leaveMs);
      const calls = Latencies.of(latencies);
      return {
        leaving: pausesOf(all.filter(({ from }) => from === node.name)),
        returning: pausesOf(all.filter(({ to, atMs }) => to === node.name && atMs >= returnMs)),
        calls: tally.completed,
        callP99Ms: calls.percentile(99),
        callMaxMs: calls.percentile(100),
      };
    } finally {
      await load.stop();
    }
  } finally {
    await running.stop();
  }
}

export function pausesOf(found: readonly Handover[]): Pauses {
  const allMs = found.map(({ pauseMs }) => pauseMs).sort((a, b) => a - b);
  const at = (percentile: number) => allMs[Math.max(0, Math.ceil((allMs.length * percentile) / 100) - 1)] ?? 0;
  return { shards: allMs.length, p50Ms: at(50), p99Ms: at(99), allMs };
}
