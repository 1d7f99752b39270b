// For how long the engine locks a job when it hands it out.
//
// Short, as a rule: an activation that gets lost, with a node or on its way, hides its job for so long. But a job that is not
// answered soon needs a renewal before that lock is over, and only so many renewals a second may be sent (probe-pace.ts). Where more
// slow jobs come than can be renewed in time their locks lapse, and the engine hands each of them out again once in a lock: of tens
// of thousands that is all it can do, it refuses what else is asked of it, the pace of renewals sinks further, and no job that
// waits gets through any more, for good. So under that pressure the lock is made longer, until a renewal comes in time.
//
// Eleven minutes are the most, or half of the time that any of so many jobs waits for its probe anyway, where that is more. So of
// however many that wait no more lapse in a second than four times the pace of all probes: a fifth of what a small engine hands out.
//
// It is doubled at once, as often as needed, and halved again when nobody has needed it for a probe interval, or for as long as it
// lasts if that is less: by then all who have got one have come for their renewal (engine-time.ts).
import { LIMITS } from './limits.ts';
import type { Clock } from './ports.ts';

/** A job asks for its renewal after up to 0.85 of its lock (`renewAfter`, `renewWithin`): the rest has to be enough to wait in. */
const LOCKS_PER_WAIT = 4;
/** Who waits is counted this often. */
const LOOK_EVERY_MS = 1_000;

export interface FirstLockOptions {
  readonly clock: Clock;
  /** How long a renewal that is urgent has to wait for its turn, as it looks now, ms. */
  waitMs(): number;
  probeEveryMs(): number;
}

export class FirstLock {
  readonly #options: FirstLockOptions;
  #ms: number = LIMITS.activationLockMs;
  #neededAtMs = 0;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: FirstLockOptions) {
    this.#options = options;
  }

  ms(): number {
    const { clock, waitMs, probeEveryMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return this.#ms;
    this.#lookedAtMs = nowMs;
    const wantedMs = waitMs() * LOCKS_PER_WAIT;
    const mostMs = Math.max(LIMITS.activationLockMostMs, probeEveryMs() / 2);
    while (this.#ms < wantedMs && this.#ms * 2 <= mostMs) this.#ms *= 2;
    if (wantedMs > this.#ms / 2) this.#neededAtMs = nowMs;
    if (this.#ms > LIMITS.activationLockMs && nowMs - this.#neededAtMs > Math.min(this.#ms, probeEveryMs())) {
      this.#ms /= 2;
      this.#neededAtMs = nowMs;
    }
    return this.#ms;
  }
}
