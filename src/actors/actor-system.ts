// The actors of one process, by name. It spawns, finds and stops them; each runs by itself (actor-cell.ts).
// Nothing here is distributed: which node has which actor is the cluster's business.
import type { Actor, ActorRef } from './actor.ts';
import { ActorCell, type ActorFailure, type Home } from './actor-cell.ts';
import { ActorStopped, NameTaken } from './kernel-errors.ts';
import type { Clock } from './ports.ts';

export interface ActorSystemOptions {
  /** The most messages that wait for one actor, besides the one in flight. */
  readonly mailboxLimit: number;
  /** The deadline of an ask that names none. */
  readonly askTimeoutMs: number;
  /** Told of each error inside an actor, and of each sent message that a stop left unhandled. Must not throw. */
  readonly onFailure: (failure: ActorFailure) => void;
}

export function defaultActorSystem(): ActorSystemOptions {
  return { mailboxLimit: 1000, askTimeoutMs: 30_000, onFailure: () => {} };
}

export class ActorSystem {
  readonly #cells = new Map<string, ActorCell<unknown, unknown>>();
  readonly #home: Home;
  /** Of those that are not found by name. */
  readonly #unnamed: Home;
  #closed = false;

  constructor(clock: Clock, options: Partial<ActorSystemOptions> = {}) {
    const { mailboxLimit, askTimeoutMs, onFailure } = { ...defaultActorSystem(), ...options };
    const onStopped = (name: string) => void this.#cells.delete(name);
    this.#home = { clock, mailboxLimit, askTimeoutMs, onFailure, onStopped };
    this.#unnamed = { ...this.#home, onStopped: () => {} };
  }

  /** How many actors there are, stopping ones included. */
  get size(): number {
    return this.#cells.size;
  }

  /**
   * Takes the actor in. It can be sent to at once; messages wait until it has started.
   * @throws NameTaken, or ActorStopped when the system is shutting down
   */
  spawn<M, R>(name: string, actor: Actor<M, R>): ActorRef<M, R> {
    if (this.#closed) throw new ActorStopped(name);
    if (this.#cells.has(name)) throw new NameTaken(name);
    const cell = new ActorCell(name, actor, this.#home);
    this.#cells.set(name, cell as ActorCell<unknown, unknown>);
    return cell;
  }

  /**
   * Runs an actor for whoever holds the reference: it is not found by name and not stopped by `shutdown`, and costs
   * nothing once the reference is dropped. For actors that come and go by the thousand; `name` is for messages.
   */
  host<M, R>(name: string, actor: Actor<M, R>): ActorRef<M, R> {
    return new ActorCell(name, actor, this.#unnamed);
  }

  /** The actor of that name, also while it stops. The caller knows what it spawned under the name. */
  find<M, R>(name: string): ActorRef<M, R> | undefined {
    return this.#cells.get(name) as ActorCell<M, R> | undefined;
  }

  /**
   * Refuses what waits for the actor, lets the message in flight finish and shuts the actor down; then its name is free.
   * An actor that stops itself must not await this inside `receive`.
   */
  async stop(ref: ActorRef<never, unknown>): Promise<void> {
    const cell = this.#cells.get(ref.name);
    if (cell === (ref as unknown)) await cell?.stop();
  }

  /** Stops all actors and takes no new ones. */
  async shutdown(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#cells.values()].map((cell) => cell.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}
