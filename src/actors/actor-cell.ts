// One actor's place in the system: its mailbox, its phase, and the only loop that ever calls it.
//
//   starting ──▶ running ──▶ stopping ──▶ stopped
//
// What must hold: at most one loop per cell (`#busy`), so at most one message or hook in flight; messages are taken in
// the order they were handed over; everyone who asked is answered once, also those still waiting when the actor stops.
// The loop starts in a microtask of its own: handing over a message never runs foreign code on the sender's stack.
// An idle cell holds no mailbox, promise or closure.
import type { Actor, ActorRef, Supervision } from './actor.ts';
import { ActorStopped, AskTimeout, MailboxFull } from './kernel-errors.ts';
import { type Asker, type Envelope, Mailbox } from './mailbox.ts';
import type { Clock } from './ports.ts';

/** What all cells of a system share. */
export interface Home {
  readonly clock: Clock;
  readonly mailboxLimit: number;
  readonly askTimeoutMs: number;
  onFailure(failure: ActorFailure): void;
  /** The cell has stopped and its name is free. */
  onStopped(name: string): void;
}

/** An error inside an actor, or a message that was sent (not asked) and never handled; for the log. */
export interface ActorFailure {
  readonly actor: string;
  readonly error: unknown;
  /** What became of the actor; undefined when it was stopping already. */
  readonly supervision: Supervision | undefined;
}

interface Ending {
  readonly cause: unknown;
  readonly done: Promise<void>;
  readonly finish: () => void;
}

export class ActorCell<M, R> implements ActorRef<M, R> {
  readonly name: string;
  readonly #actor: Actor<M, R>;
  readonly #home: Home;
  #mailbox: Mailbox<Envelope<M, R>> | undefined;
  #ending: Ending | undefined;
  #phase: 'starting' | 'running' | 'stopping' | 'stopped' = 'running';
  #busy = false;
  /** From the start hooks to the shutdown hooks; what never came up is not shut down, and nothing twice. */
  #up = true;

  constructor(name: string, actor: Actor<M, R>, home: Home) {
    this.name = name;
    this.#actor = actor;
    this.#home = home;
    if (actor.beforeStart || actor.afterStart) {
      this.#phase = 'starting';
      this.#up = false;
      this.#wake();
    }
  }

  send(message: M): void {
    this.#take({ message, asker: undefined });
  }

  ask(message: M, timeoutMs = this.#home.askTimeoutMs): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const asker =
      timeoutMs === Number.POSITIVE_INFINITY ? { resolve, reject } : this.#within(timeoutMs, resolve, reject);
    try {
      this.#take({ message, asker });
    } catch (error) {
      asker.reject(error);
    }
    return promise;
  }

  #within(timeoutMs: number, resolve: (answer: R) => void, reject: (error: unknown) => void): Asker<R> {
    const expire = () => reject(new AskTimeout(this.name, timeoutMs));
    const timer = this.#home.clock.setTimer(timeoutMs, expire);
    return {
      resolve: (answer) => {
        timer.cancel();
        resolve(answer);
      },
      reject: (error) => {
        timer.cancel();
        reject(error);
      },
    };
  }

  /** Refuses what waits, lets the message in flight finish, then shuts down. Asked twice, it is the same stop. */
  stop(cause?: unknown): Promise<void> {
    if (this.#ending) return this.#ending.done;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ending = { cause, done: promise, finish: resolve };
    this.#phase = 'stopping';
    this.#refuseWaiting(cause);
    this.#wake();
    return promise;
  }

  #take(envelope: Envelope<M, R>): void {
    if (this.#phase === 'stopping' || this.#phase === 'stopped') throw new ActorStopped(this.name, this.#ending?.cause);
    this.#mailbox ??= new Mailbox();
    if (this.#mailbox.size >= this.#home.mailboxLimit) throw new MailboxFull(this.name, this.#home.mailboxLimit);
    this.#mailbox.push(envelope);
    this.#wake();
  }

  #wake(): void {
    if (this.#busy) return;
    this.#busy = true;
    void this.#run();
  }

  /** Runs until there is nothing to do. Between the last `shift` and `#busy = false` nothing may be awaited. */
  async #run(): Promise<void> {
    await undefined;
    if (this.#phase === 'starting') await this.#start();
    for (let next = this.#mailbox?.shift(); next; next = this.#mailbox?.shift()) await this.#handle(next);
    this.#mailbox = undefined;
    if (this.#ending) await this.#shutDown(this.#ending);
    else this.#busy = false;
  }

  async #handle({ message, asker }: Envelope<M, R>): Promise<void> {
    try {
      const answer = await this.#actor.receive(message);
      asker?.resolve(answer);
    } catch (error) {
      asker?.reject(error);
      await this.#supervise(error);
    }
  }

  async #supervise(error: unknown): Promise<void> {
    if (this.#ending) return this.#home.onFailure({ actor: this.name, error, supervision: undefined });
    const supervision = this.#verdict(error);
    this.#home.onFailure({ actor: this.name, error, supervision });
    if (supervision === 'Shutdown') void this.stop(error);
    if (supervision !== 'Restart') return;
    await this.#bringDown();
    await this.#start();
  }

  #verdict(error: unknown): Supervision {
    try {
      return this.#actor.onError ? this.#actor.onError(error) : 'Restart';
    } catch {
      return 'Shutdown';
    }
  }

  async #start(): Promise<void> {
    if (this.#ending) return;
    this.#up = true;
    await this.#runHook('beforeStart');
    if (!this.#ending) await this.#runHook('afterStart');
    if (!this.#ending) this.#phase = 'running';
  }

  async #bringDown(): Promise<void> {
    if (!this.#up) return;
    await this.#runHook('beforeShutdown');
    this.#up = false;
    await this.#runHook('afterShutdown');
  }

  async #shutDown(ending: Ending): Promise<void> {
    await this.#bringDown();
    this.#phase = 'stopped';
    this.#home.onStopped(this.name);
    ending.finish();
  }

  /** An actor whose hook throws cannot be trusted with messages any more: it stops. */
  async #runHook(hook: 'beforeStart' | 'afterStart' | 'beforeShutdown' | 'afterShutdown'): Promise<void> {
    try {
      await this.#actor[hook]?.();
    } catch (error) {
      const supervision = this.#ending ? undefined : 'Shutdown';
      this.#home.onFailure({ actor: this.name, error, supervision });
      void this.stop(error);
    }
  }

  #refuseWaiting(cause: unknown): void {
    for (let next = this.#mailbox?.shift(); next; next = this.#mailbox?.shift()) {
      const error = new ActorStopped(this.name, cause);
      if (next.asker) next.asker.reject(error);
      else this.#home.onFailure({ actor: this.name, error, supervision: undefined });
    }
  }
}
