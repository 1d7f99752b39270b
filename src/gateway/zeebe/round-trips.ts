// Whether the other end of a connection answers as soon as it can. How soon that is, is learnt from all its answers: the way
// there and back takes no longer than the best of them, and what another one takes beyond that, it spent waiting for whoever
// gives the answers. An engine may be in the same rack or on another continent, so no time is prompt by itself.

/** A gateway nearby answers within 1 ms. */
const SLACK_MS = 2;
/** A long way varies with its length. */
const SLACK_SHARE = 0.25;
/** Some answers are late by chance, so there has to be time for a few. */
const ANSWERS_WAITED_FOR = 5;
/** Longer than a busy machine keeps a thread from running. */
const PATIENCE_MIN_MS = 250;
const PATIENCE_MAX_MS = 1_500;

export class RoundTrips {
  #bestMs: number | undefined;

  /** Answers whether this one was prompt; the first can only be so if it is by any measure. */
  took(ms: number): boolean {
    const best = this.#bestMs ?? 0;
    this.#bestMs = Math.min(ms, this.#bestMs ?? ms);
    return ms <= best * (1 + SLACK_SHARE) + SLACK_MS;
  }

  /** For how long a prompt answer may be waited for. While nothing is known, the way may be as long as any. */
  get patienceMs(): number {
    if (this.#bestMs === undefined) return PATIENCE_MAX_MS;
    return Math.min(PATIENCE_MAX_MS, Math.max(PATIENCE_MIN_MS, ANSWERS_WAITED_FOR * this.#bestMs));
  }
}
