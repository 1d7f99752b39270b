// May this node act now? No effect after its lease, and none while it is cut off: NATS disconnected, or a JetStream write
// unanswered for over a second (design §6). Asked at the emission of every effect; whoever must wait is woken by time.
import type { Clock } from '../actors/ports.ts';
import type { Lease } from './lease.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import type { Bus } from './ports.ts';
import type { Store } from './store.ts';

/** The incarnation is over: forget everything, answer nothing. */
export class Lost extends Error {
  readonly code = 'LOST';
  readonly retryable = true;
}

export class EffectsGate {
  readonly #clock: Clock;
  readonly #lease: Lease;
  readonly #bus: Bus;
  readonly #stores: readonly Store[];
  #lost = false;
  #holds = 0;
  #interruptions = 0;

  constructor(clock: Clock, lease: Lease, bus: Bus, stores: readonly Store[]) {
    this.#clock = clock;
    this.#lease = lease;
    this.#bus = bus;
    this.#stores = stores;
  }

  mayAct(): boolean {
    return this.mayActForMs() > 0;
  }

  /** ms that an effect started now may take: what the lease has left; 0 when it must not start. */
  mayActForMs(): number {
    const allowed =
      !this.#lost &&
      this.#holds === 0 &&
      this.#bus.connected() &&
      this.#stores.every((store) => store.oldestUnansweredMs() <= CLUSTER_LIMITS.cutOffAfterMs);
    return allowed ? this.#lease.remainingMs() : 0;
  }

  /** Nothing is started while `work` runs: after a reconnect a node learns what it has missed before it acts. */
  async holdWhile(work: () => Promise<void>): Promise<void> {
    this.#holds += 1;
    this.#interruptions += 1;
    try {
      await work();
    } finally {
      this.#holds -= 1;
    }
  }

  /** How often it was held: what was learnt before the last of these may be old. */
  get interruptions(): number {
    return this.#interruptions;
  }

  lose(): void {
    this.#lost = true;
  }

  get lost(): boolean {
    return this.#lost;
  }

  /**
   * Waits until acting is allowed and runs `effect` in that very turn, with the ms that it may take. @throws Lost; what
   * `effect` throws
   */
  async emit<T>(effect: (forMs: number) => Promise<T>): Promise<T> {
    for (;;) {
      const forMs = this.mayActForMs();
      if (forMs > 0) return effect(forMs);
      if (this.#lost) throw new Lost('this incarnation is over');
      await new Promise<void>((resolve) => this.#clock.setTimer(50, resolve));
    }
  }
}
