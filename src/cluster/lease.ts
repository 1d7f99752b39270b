// A member's right to act, bounded in time. It is counted from when the renewal was *sent*, and void as soon as either
// clock has passed TTL − margin: the monotonic one catches a wall clock set back, the wall clock a suspended machine.
// It is checked at the emission of every effect, never by a timer.
import type { Clock } from '../actors/ports.ts';

export class Lease {
  readonly #clock: Clock;
  readonly #validMs: number;
  #sentMonotonicMs = Number.NEGATIVE_INFINITY;
  #sentWallMs = Number.NEGATIVE_INFINITY;
  #revoked = false;

  constructor(clock: Clock, ttlMs: number, marginMs: number) {
    this.#clock = clock;
    this.#validMs = ttlMs - marginMs;
  }

  /** Call before a renewal is sent; the result is handed to `renewed` when it is acknowledged. */
  stamp(): { readonly monotonicMs: number; readonly wallMs: number } {
    return { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.wallMs() };
  }

  renewed(sent: { readonly monotonicMs: number; readonly wallMs: number }): void {
    // A lease that was void for a moment stays void: what happened meanwhile is unknown.
    if (this.#sentMonotonicMs !== Number.NEGATIVE_INFINITY && this.remainingMs() <= 0) this.#revoked = true;
    this.#sentMonotonicMs = sent.monotonicMs;
    this.#sentWallMs = sent.wallMs;
  }

  /** For good: this incarnation is over. */
  revoke(): void {
    this.#revoked = true;
  }

  valid(): boolean {
    return this.remainingMs() > 0;
  }

  /** ms left to act; 0 when void. */
  remainingMs(): number {
    if (this.#revoked) return 0;
    const monotonicMs = this.#sentMonotonicMs + this.#validMs - this.#clock.monotonicMs();
    const wallMs = this.#sentWallMs + this.#validMs - this.#clock.wallMs();
    return Math.max(0, Math.min(monotonicMs, wallMs));
  }

  /** When the last acknowledged renewal was sent, monotonic ms. */
  renewedAtMs(): number {
    return this.#sentMonotonicMs;
  }
}
