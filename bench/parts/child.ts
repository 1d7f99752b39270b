// A process of a measurement that is told what to do and says what it saw: a program of ours, forked, with messages both
// ways. It ends with whoever forked it, and its end before it was told to is an error for whoever waits for it. It has a process
// group of its own, so that Ctrl-C reaches only whoever forked it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Longer than any measured phase. */
const SILENCE_MS = 15 * 60_000;

export class Child<ToChild, FromChild extends { readonly kind: string }> {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #listeners = new Set<(message: FromChild) => void>();
  #stopped = false;
  readonly #ended: Promise<never>;

  /** @param program URL of the program's file */
  constructor(name: string, program: URL, order: ToChild) {
    this.name = name;
    // kafkajs sets timers in the past, of which Node warns.
    const execArgv = ['--disable-warning=TimeoutNegativeWarning'];
    this.#process = fork(fileURLToPath(program), [], { serialization: 'advanced', execArgv, detached: true });
    this.#process.on('message', (message) => {
      for (const listener of this.#listeners) listener(message as FromChild);
    });
    const { promise, reject } = Promise.withResolvers<never>();
    this.#ended = promise;
    promise.catch(() => undefined);
    this.#process.on('exit', (code, signal) => {
      if (!this.#stopped) reject(new Error(`${name} ended by itself (${signal ?? `code ${code}`})`));
    });
    this.tell(order);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  tell(message: ToChild): void {
    if (this.#process.connected) this.#process.send(message as object);
  }

  /** Hears every message from now on, until the returned function is called. */
  on(listener: (message: FromChild) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next message of this kind. @throws when the process ends first, or says nothing of the kind for too long */
  async next<K extends FromChild['kind']>(
    kind: K,
    withinMs = SILENCE_MS,
  ): Promise<Extract<FromChild, { readonly kind: K }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<FromChild, { readonly kind: K }>>();
    const off = this.on((message) => {
      if (message.kind === kind) resolve(message as Extract<FromChild, { readonly kind: K }>);
    });
    const late = setTimeout(() => reject(new Error(`${this.name} did not say "${kind}" in ${withinMs} ms`)), withinMs);
    try {
      return await Promise.race([promise, this.#ended]);
    } finally {
      off();
      clearTimeout(late);
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#stopped = true;
    this.#process.kill(signal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const patience = setTimeout(() => this.#process.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(patience);
  }
}

/** Inside of a child: hears its orders, and ends with its parent. */
export function serve<ToChild, FromChild>(onOrder: (order: ToChild, say: (message: FromChild) => void) => void): void {
  const say = (message: FromChild) => {
    if (process.connected) process.send?.(message as object);
  };
  process.on('message', (order) => onOrder(order as ToChild, say));
  process.on('disconnect', () => process.exit());
}
