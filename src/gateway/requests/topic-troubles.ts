// Tells people which topics Kafka does not take records on, be it requests, dead letters or acknowledgements. Their owners try
// again by themselves, and a leader's election or one record that is too large is no news: what is told is a topic that was tried
// for a while and took nothing, then at most once a minute, and that it takes records again.
import type { Clock } from '../../actors/ports.ts';
import type { TopicTry } from './topic-queue.ts';

export type TopicEvent =
  | { readonly kind: 'notWritten'; readonly topic: string; readonly forMs: number; readonly reason: string }
  | { readonly kind: 'writtenAgain'; readonly topic: string; readonly afterMs: number };

const TOLD_AFTER_MS = 10_000;
const TOLD_EVERY_MS = 60_000;
/** Nobody has tried for so long: what failed before is another story. */
const OVER_AFTER_MS = 60_000;
/** Topics may come from the model, without a bound. */
const MOST_TOPICS = 1_000;

interface Trouble {
  readonly sinceMs: number;
  lastMs: number;
  toldMs: number | undefined;
}

export class TopicTroubles {
  readonly #clock: Clock;
  readonly #onEvent: (event: TopicEvent) => void;
  readonly #troubles = new Map<string, Trouble>();

  constructor(clock: Clock, onEvent: (event: TopicEvent) => void) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  tried({ topic, answer, reason, tookMs }: TopicTry): void {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#troubles.get(topic);
    if (answer === 'acked') {
      this.#troubles.delete(topic);
      if (known?.toldMs !== undefined) this.#onEvent({ kind: 'writtenAgain', topic, afterMs: nowMs - known.sinceMs });
      return;
    }
    const goesOn = known !== undefined && nowMs - tookMs - known.lastMs < OVER_AFTER_MS;
    const trouble = goesOn ? known : this.#begin(topic, nowMs - tookMs, known?.toldMs);
    trouble.lastMs = nowMs;
    const forMs = nowMs - trouble.sinceMs;
    if (forMs < TOLD_AFTER_MS || nowMs - (trouble.toldMs ?? Number.NEGATIVE_INFINITY) < TOLD_EVERY_MS) return;
    trouble.toldMs = nowMs;
    this.#onEvent({ kind: 'notWritten', topic, forMs, reason });
  }

  #begin(topic: string, sinceMs: number, toldMs: number | undefined): Trouble {
    const [oldest] = this.#troubles.keys();
    if (this.#troubles.size >= MOST_TOPICS && oldest !== undefined) this.#troubles.delete(oldest);
    const trouble = { sinceMs, lastMs: sinceMs, toldMs };
    this.#troubles.set(topic, trouble);
    return trouble;
  }
}
