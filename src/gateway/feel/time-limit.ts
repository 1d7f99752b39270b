// A limit on how long an expression may keep a node from everything else: a loop without an end, or a pattern that
// backtracks for ever over the text that a service sent, would cost the node its lease, and the next one after it.
// Node's own watchdog ends it from another thread; that works inside regular expressions too.
import { createContext, Script } from 'node:vm';

const TRIES = 2;

const room: { work?: () => unknown } = {};
const context = createContext(room);
const script = new Script('work()');

/**
 * What `work` returns, unless it takes too long twice: the first time may be the fault of a machine that was suspended.
 * @throws what `work` does, and RangeError when it was ended
 */
export function withinLimit<T>(work: () => T, limitMs: number): T {
  room.work = work;
  try {
    for (let tries = 1; ; tries += 1) {
      try {
        return script.runInContext(context, { timeout: limitMs }) as T;
      } catch (error) {
        if (!isTimeout(error)) throw error;
        if (tries === TRIES) throw new RangeError(`it takes longer than ${limitMs} ms`);
      }
    }
  } finally {
    delete room.work;
  }
}

/** The error is of the other context's classes. */
function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
