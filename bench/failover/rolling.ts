// An upgrade at noon: one node after another stops in order and starts again, while calls come at a steady rate. What a caller
// sees of it is how late the latest of them ended, counted from when it was due; and what he would have seen anyway is the
// same before it began.
import { hurt } from '../load/faults.ts';
import { type Counts, Latencies } from '../parts/latency.ts';
import type { Stage } from '../parts/stage.ts';
import { allEnded, startLoad, warmUp } from './calls.ts';
import { startCluster, type TroubleOptions } from './cluster.ts';

export interface RollingFigures {
  readonly restartsS: number;
  readonly before: Calls;
  readonly during: Calls;
}

export interface Calls {
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly over250Ms: number;
  readonly over1000Ms: number;
  readonly over2000Ms: number;
}

const PER_SECOND = 100;
const STEADY_S = 15;
/** The restarts take ten; a call of the last of them that is held up for a whole first lock ends within it. */
const SECONDS = 55;

export async function measureRolling(stage: Stage, options: TroubleOptions = {}): Promise<RollingFigures> {
  const running = await startCluster(stage, options, 'info');
  const { nodes } = running;
  try {
    await warmUp(stage, running);
    const phases = [{ seconds: SECONDS, fromPerSecond: PER_SECOND, toPerSecond: PER_SECOND }];
    const load = startLoad(stage, running.processId, { kind: 'open', phases });
    const ticks: { readonly atS: number; readonly latencies: Counts }[] = [];
    load.on((said) => {
      if (said.kind === 'tick') ticks.push(said);
    });
    try {
      const done = load.next('done');
      let over = false;
      void load.next('measured').then(() => {
        over = true;
      });
      while ((ticks.at(-1)?.atS ?? 0) < STEADY_S) await load.next('tick');
      const steady = ticks.length;
      const beginMs = performance.now();
      const fault = { atS: 0, what: 'rollingRestart', node: 1, forS: 0 } as const;
      await hurt(fault, { nodes, zeebe: undefined, nats: [] }, () => undefined);
      const restartsS = (performance.now() - beginMs) / 1_000;
      if (over) throw new Error(`the restarts took ${restartsS.toFixed(0)} s and the load was over before`);
      allEnded(await done);
      return {
        restartsS,
        before: callsOf(ticks.slice(0, steady).map(({ latencies }) => latencies)),
        during: callsOf(ticks.slice(steady).map(({ latencies }) => latencies)),
      };
    } finally {
      await load.stop();
    }
  } finally {
    await running.stop();
  }
}

export function callsOf(counts: readonly Counts[]): Calls {
  const all = Latencies.of(...counts);
  const over = (ms: number) => counts.flat().reduce((sum, [us, times]) => sum + (us > ms * 1_000 ? times : 0), 0);
  return {
    calls: all.count,
    p50Ms: all.percentile(50),
    p99Ms: all.percentile(99),
    maxMs: all.percentile(100),
    over250Ms: over(250),
    over1000Ms: over(1_000),
    over2000Ms: over(2_000),
  };
}
