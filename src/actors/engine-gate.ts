// The engine as pending jobs use it: a bounded number of commands in flight, first come first served, and one view of
// whether it is there. While it is away, one command at a time finds out; the others are told "later" without a call.
//
// A command may wait long for its turn, and meanwhile the lease may end, the connection go, its job's shard move. So what
// is queued is not a call but the one who will make it: `emit` runs when the turn has come, and asks then whether it may.

import type { EngineAnswer, EngineCommands } from './ports.ts';

export interface EngineGateOptions {
  readonly engine: EngineCommands;
  readonly inFlight: number;
  /** Consecutive answers "later" after which the engine counts as away. */
  readonly awayAfter: number;
  /** It answers again: stored results may go now. */
  onBack(): void;
  onAnswer?(command: keyof EngineCommands, answer: EngineAnswer): void;
}

const MAY_BE_REFUSED: readonly (keyof EngineCommands)[] = ['updateTimeout', 'publishMessage'];

const AWAY: EngineAnswer = { code: 'transient', unseen: false, message: 'the engine is away' };

interface Turn {
  readonly come: () => void;
  readonly never: (reason: Error) => void;
}

export class EngineGate {
  readonly #options: EngineGateOptions;
  readonly #waiting: Turn[] = [];
  /** Turns given and not yet over. */
  #inFlight = 0;
  #later = 0;
  #closed: Error | undefined;

  constructor(options: EngineGateOptions) {
    this.#options = options;
  }

  healthy(): boolean {
    return this.#later < this.#options.awayAfter;
  }

  /** `emit` makes the one call, once its turn has come, or throws. @throws what it throws; the reason of `close` */
  async call(
    command: keyof EngineCommands,
    emit: (engine: EngineCommands) => Promise<EngineAnswer>,
  ): Promise<EngineAnswer> {
    if (this.#closed !== undefined) throw this.#closed;
    if (!this.healthy() && this.#inFlight > 0) return AWAY;
    if (this.#inFlight < this.#options.inFlight) this.#inFlight += 1;
    else await new Promise<void>((come, never) => this.#waiting.push({ come, never }));
    try {
      // It may have gone away while this one waited; then whoever else has a turn finds out.
      if (!this.healthy() && this.#inFlight > 1) return AWAY;
      const answer = await emit(this.#options.engine);
      this.#options.onAnswer?.(command, answer);
      this.#note(command, answer);
      return answer;
    } finally {
      // The turn is handed on, not given back: nobody who comes now may take it first.
      const next = this.#waiting.shift();
      if (next !== undefined) next.come();
      else this.#inFlight -= 1;
    }
  }

  /** Nothing is started any more; whoever waits for a turn is told `reason`. What is in flight ends by itself. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const { never } of this.#waiting.splice(0)) never(reason);
  }

  /** Backpressure on renewals, probes and messages says nothing about completions, which the engine always takes. */
  #note(command: keyof EngineCommands, answer: EngineAnswer): void {
    if (answer.code === 'transient') {
      if (!MAY_BE_REFUSED.includes(command) || answer.unseen) this.#later += 1;
      return;
    }
    const wasAway = !this.healthy();
    this.#later = 0;
    if (wasAway) this.#options.onBack();
  }
}
