// The real clock and the real random source: the only implementations of these ports that are not virtual.
//
// Timers never keep the process alive (sockets do), and a delay beyond what the platform's timer can hold is waited for
// in pieces: setTimeout turns anything above 2^31-1 ms (24.8 days) into 1 ms, and reply timeouts may be longer.
import { randomBytes } from 'node:crypto';
import type { Clock, Random, Timer } from '../actors/ports.ts';

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export class SystemClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  setTimer(delayMs: number, run: () => void): Timer {
    // What is to be gathered in this turn goes after it: setTimeout would make a millisecond of nothing. Never unref'd: it
    // keeps the process for one turn only, and for an unref'd one a loop at rest sleeps until a socket or a timer wakes it.
    if (delayMs <= 0) {
      const immediate = setImmediate(run);
      return { cancel: () => clearImmediate(immediate) };
    }
    if (delayMs <= LONGEST_TIMEOUT_MS) {
      const timeout = setTimeout(run, delayMs).unref();
      return { cancel: () => clearTimeout(timeout) };
    }
    const dueMs = performance.now() + delayMs;
    let handle: NodeJS.Timeout | undefined;
    const arm = (remainingMs: number): void => {
      const last = remainingMs <= LONGEST_TIMEOUT_MS;
      handle = setTimeout(
        () => (last ? run() : arm(dueMs - performance.now())),
        last ? Math.max(0, remainingMs) : LONGEST_TIMEOUT_MS,
      ).unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  }
}

export class SystemRandom implements Random {
  float(): number {
    return Math.random();
  }

  bytes(count: number): Uint8Array {
    return new Uint8Array(randomBytes(count));
  }
}
