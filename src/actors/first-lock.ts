// For how long the engine locks a job when it hands it out.
//
// Short, as a rule: an activation that gets lost, with a node or on its way, hides its job for so long. But a job that is not
// answered soon needs a renewal before that lock is over, and only so many renewals a second may be sent (probe-pace.ts). Where more
// slow jobs come than can be renewed in time their locks lapse, and the engine hands each of them out again once in a lock: of tens
// of thousands that is all it can do, it refuses what else is asked of it, the pace of renewals sinks further, and no job that
// waits gets through any more, for good. So under that pressure the lock is made longer, until a renewal comes in time.
//
// It is doubled at once, as often as needed, and halved again only when for as long as it lasts nobody has needed it: jobs with
// a long lock come back for their renewal towards its end.
import { LIMITS } from './limits.ts';
import type { Clock } from './ports.ts';

/** A job asks for its renewal after up to 0.85 of its lock (`renewAfter`, `renewWithin`): the rest has to be enough to wait in. */
const LOCKS_PER_WAIT = 4;

export class FirstLock {
  readonly #clock: Clock;
  #ms: number = LIMITS.activationLockMs;
  #neededAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param waitMs how long a renewal that is urgent has to wait for its turn, as it looks now */
  ms(waitMs: number): number {
    const nowMs = this.#clock.monotonicMs();
    const wantedMs = waitMs * LOCKS_PER_WAIT;
    while (this.#ms < wantedMs && this.#ms < LIMITS.activationLockMostMs) this.#ms *= 2;
    if (wantedMs > this.#ms / 2) this.#neededAtMs = nowMs;
    if (this.#ms > LIMITS.activationLockMs && nowMs - this.#neededAtMs > this.#ms) {
      this.#ms /= 2;
      this.#neededAtMs = nowMs;
    }
    return this.#ms;
  }
}
