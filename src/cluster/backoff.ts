// Pauses between tries: growing, so that an outage is not made worse, and jittered, so that the tries of everybody who was
// waiting do not come back all at once. Ending them wakes whoever waits, so that nothing outlives its owner.
import type { Clock, Random } from '../actors/ports.ts';

const FIRST_MS = 50;
const MOST_MS = 1_000;

export class Backoff {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sleepers = new Set<() => void>();
  #ended = false;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Resolves 25–50 ms after the first try, twice that after the second, 0.5–1 s from the sixth on; at once after `end`, and
   * never later than `withinMs`.
   */
  pause(tries: number, withinMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#ended) return Promise.resolve();
    const mostMs = Math.min(FIRST_MS * 2 ** Math.min(tries - 1, 10), MOST_MS);
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#sleepers.delete(wake);
        resolve();
      };
      const pauseMs = Math.min(mostMs * (0.5 + this.#random.float() / 2), withinMs);
      const timer = this.#clock.setTimer(pauseMs, wake);
      this.#sleepers.add(wake);
    });
  }

  end(): void {
    this.#ended = true;
    for (const wake of this.#sleepers) wake();
  }
}
