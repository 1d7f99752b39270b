// Reads and watches can be repeated; while JetStream is away they are, without an end: nothing goes on without them, and
// what ends the waiting is the end of the incarnation (`over`).
import type { Clock } from '../actors/ports.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { KvUnavailable } from './ports.ts';

/** @throws whatever `work` throws besides KvUnavailable; that too once `over` */
export async function untilAvailable<T>(clock: Clock, work: () => Promise<T>, over: () => boolean): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KvUnavailable) || over()) throw error;
      await new Promise<void>((resolve) => clock.setTimer(CLUSTER_LIMITS.tickMs, resolve));
    }
  }
}
