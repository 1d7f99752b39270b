// How far this node's wall clock is from the NATS server's. Our own record comes back with the server's time of writing,
// which lies between sending and receiving if the two clocks agree. Beyond a second a node is not ready: deadlines, locks
// and reply progress compare times of different machines.
//
// It is measured at each renewal. Between two of them our own monotonic clock tells whether somebody set the wall clock (or
// the machine slept): then the next measurement is not waited for.
import type { Clock } from '../actors/ports.ts';

const MAX_SKEW_MS = 1000;
/** A clock that was off must come as near as this before it counts again: one that is off by about a second must not flap. */
const BACK_SKEW_MS = 500;

/** @returns ms that the server's clock is surely ahead (positive) or behind (negative); 0: nothing can be said against it */
export function skewOf(writtenMs: number, sentMs: number, receivedMs: number): number {
  if (writtenMs < sentMs) return writtenMs - sentMs;
  return Math.max(0, writtenMs - receivedMs);
}

export class Skew {
  readonly #clock: Clock;
  /** `leastMs`: the server's clock is not further behind than that. `offsetMs`: our wall clock less our monotonic one. */
  #measured: { readonly ms: number; readonly leastMs: number; readonly offsetMs: number } | undefined;
  #off = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Our record is back: sent at `sentMs` by our wall clock, written at `writtenMs` by the server's. */
  measure(writtenMs: number, sentMs: number): void {
    const receivedMs = this.#clock.wallMs();
    const ms = skewOf(writtenMs, sentMs, receivedMs);
    const wasOff = this.#measured !== undefined && !this.within;
    // One that took long has nothing to say in favour of a clock that was found to be off.
    if (wasOff && Math.abs(ms) <= MAX_SKEW_MS && receivedMs - sentMs > MAX_SKEW_MS) return;
    this.#off = Math.abs(ms) > (wasOff ? BACK_SKEW_MS : MAX_SKEW_MS);
    this.#measured = { ms, leastMs: writtenMs - receivedMs, offsetMs: this.#offsetMs() };
  }

  /** As `skewOf`, now; undefined before the first measurement. */
  get ms(): number | undefined {
    return this.#measured && this.#measured.ms - this.#movedMs(this.#measured.offsetMs);
  }

  /** Measured, and small enough to compare times of this node with those of others. */
  get within(): boolean {
    return !this.#off && Math.abs(this.ms ?? Number.POSITIVE_INFINITY) <= MAX_SKEW_MS;
  }

  /** A time of our wall clock by the server's, or earlier than that; undefined before the first measurement. */
  byServer(wallMs: number): number | undefined {
    if (this.#measured === undefined || this.within) return this.#measured && wallMs;
    return wallMs + Math.min(0, this.#measured.leastMs - this.#movedMs(this.#measured.offsetMs));
  }

  #movedMs(sinceOffsetMs: number): number {
    return this.#offsetMs() - sinceOffsetMs;
  }

  #offsetMs(): number {
    return this.#clock.wallMs() - this.#clock.monotonicMs();
  }
}
