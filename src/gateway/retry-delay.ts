// How long to wait before the next try: doubling from a least to a most delay, and jittered to between half and the
// whole of it, so that nodes which failed together do not come back together.
import type { Random } from '../actors/ports.ts';

export class RetryDelay {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: Pick<Random, 'float'>;
  #failures = 0;

  constructor(minMs: number, maxMs: number, random: Pick<Random, 'float'>) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** The delay after one more failure, in ms. */
  next(): number {
    const wholeMs = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return wholeMs * (0.5 + this.#random.float() / 2);
  }

  /** It went well: the next failure starts from the least delay. */
  reset(): void {
    this.#failures = 0;
  }
}
