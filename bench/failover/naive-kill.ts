// The same for what one would write by hand: killed with 200 calls pending, and started again at once. It forgets whose
// replies it waits for, so the engine has to hand every job out again, when its lock is over.
import { naive } from '../contestants/naive.ts';
import type { Stage } from '../parts/stage.ts';
import { count, waitingCalls, warmUp } from './calls.ts';

export interface NaiveKillFigures {
  readonly calls: number;
  readonly lastEndedMs: number;
  readonly executedTwice: number;
  /** Answers of the service that ended no instance. */
  readonly repliesDropped: number;
  /** Instances that have not ended at all. */
  readonly open: number;
}

const LOCK_MS = 60_000;
const PATIENCE_S = 150;

export async function measureNaiveKill(stage: Stage, { calls = 200 } = {}): Promise<NaiveKillFigures> {
  const running = await naive.start(stage, { lockMs: LOCK_MS });
  try {
    await warmUp(stage, running);
    const before = await count(running);
    const load = await waitingCalls(stage, running, calls, PATIENCE_S);
    try {
      const atMs = Date.now();
      const again = running.killAndStart();
      running.service.tell({ kind: 'release' });
      const { tally } = await load.next('done');
      const lastEndedMs = Date.now() - atMs;
      await again;
      const { answers, again: executedTwice } = await count(running);
      const open = calls - tally.completed;
      return { calls, lastEndedMs, executedTwice, repliesDropped: answers - before.answers - tally.completed, open };
    } finally {
      await load.stop();
    }
  } finally {
    await running.stop();
  }
}
