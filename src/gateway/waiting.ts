// What a node still waits for while it starts. A server that is away is asked again until it is there or the node is told to
// stop; meanwhile it stands in the readiness by name, and each reason stands in the log once.
import type { Clock } from '../actors/ports.ts';
import type { Log } from './log.ts';
import { MetaMismatch } from './meta.ts';

const AGAIN_MS = 1_000;

export class Waiting {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #stopping: AbortSignal;
  readonly #reasons = new Map<string, string>();

  constructor(log: Log, clock: Clock, stopping: AbortSignal) {
    this.#log = log;
    this.#clock = clock;
    this.#stopping = stopping;
  }

  /** Again until it works. @throws MetaMismatch, which no waiting mends; the signal's reason, when the node is told to stop */
  async until<T>(what: string, work: () => Promise<T>): Promise<T> {
    for (;;) {
      this.#stopping.throwIfAborted();
      try {
        const result = await work();
        this.done(what);
        return result;
      } catch (error) {
        if (error instanceof MetaMismatch) throw error;
        this.for(what, error instanceof Error ? error.message : String(error));
      }
      await new Promise<void>((resolve) => this.#clock.setTimer(AGAIN_MS, resolve));
    }
  }

  for(what: string, reason: string): void {
    if (this.#reasons.get(what) === reason) return;
    this.#reasons.set(what, reason);
    this.#log.warn(`waiting for ${what}`, { reason });
  }

  done(what: string): void {
    if (this.#reasons.delete(what)) this.#log.info(`${what}: there`);
  }

  names(): string[] {
    return [...this.#reasons].map(([what, reason]) => `${what}: ${reason}`);
  }
}
