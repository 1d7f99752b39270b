// Remembers what was asked of somebody far away: askers of the same thing at the same time share one question, answers are
// kept for a time that depends on them, and the least recently used go first when there are too many.
//
// A value whose time is over is asked for anew; when that fails in a way that may pass, the old value serves on for a while.
import type { Clock } from '../../actors/ports.ts';

export interface LoadingCacheOptions {
  readonly clock: Clock;
  readonly limit: number;
  /** How long a value is kept; Infinity: until it is the least recently used. */
  readonly valueMs: number;
  /** How long an error that will not pass by itself is kept; others are not. */
  readonly errorMs: number;
}

interface Entry<V> {
  answer: Promise<V>;
  /** Infinity while it is asked for. */
  untilMs: number;
  last: { readonly value: V } | undefined;
}

export class LoadingCache<K, V> {
  readonly #options: LoadingCacheOptions;
  readonly #entries = new Map<K, Entry<V>>();

  constructor(options: LoadingCacheOptions) {
    this.#options = options;
  }

  get(key: K, load: (key: K) => Promise<V>): Promise<V> {
    const known = this.#entries.get(key);
    const fresh = known !== undefined && this.#options.clock.monotonicMs() < known.untilMs;
    const entry = fresh ? known : this.#ask(key, load, known?.last);
    // A Map keeps the order of insertion: the first is the least recently used.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > this.#options.limit) this.#entries.delete(this.#entries.keys().next().value as K);
    return entry.answer;
  }

  #ask(key: K, load: (key: K) => Promise<V>, last: Entry<V>['last']): Entry<V> {
    const { clock, valueMs, errorMs } = this.#options;
    const keep = (ms: number): void => {
      entry.untilMs = clock.monotonicMs() + ms;
    };
    const entry = { untilMs: Number.POSITIVE_INFINITY, last } as Entry<V>;
    entry.answer = load(key).then(
      (value) => {
        keep(valueMs);
        entry.last = { value };
        return value;
      },
      (error: unknown) => {
        const mayPass = (error as { retryable?: unknown }).retryable !== false;
        const old = mayPass ? entry.last : undefined;
        if (old === undefined) entry.last = undefined;
        keep(old !== undefined || !mayPass ? errorMs : 0);
        if (old !== undefined) return old.value;
        throw error;
      },
    );
    return entry;
  }
}
