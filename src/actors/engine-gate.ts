// The engine as pending jobs use it: a bounded number of commands in flight, first come first served, and one view of
// whether it is there. While it is away, one command at a time finds out; the others are told "later" without a call.

import type { JobKey } from './ids.ts';
import type { EngineAnswer, EngineCommands, FailJob, PublishMessage, ThrowError } from './ports.ts';

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

export class EngineGate implements EngineCommands {
  readonly #options: EngineGateOptions;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #later = 0;

  constructor(options: EngineGateOptions) {
    this.#options = options;
  }

  healthy(): boolean {
    return this.#later < this.#options.awayAfter;
  }

  complete(jobKey: JobKey, variables: string, deadlineMs: number): Promise<EngineAnswer> {
    return this.#call('complete', (engine) => engine.complete(jobKey, variables, deadlineMs));
  }

  fail(jobKey: JobKey, fail: FailJob, deadlineMs: number): Promise<EngineAnswer> {
    return this.#call('fail', (engine) => engine.fail(jobKey, fail, deadlineMs));
  }

  throwError(jobKey: JobKey, error: ThrowError, deadlineMs: number): Promise<EngineAnswer> {
    return this.#call('throwError', (engine) => engine.throwError(jobKey, error, deadlineMs));
  }

  updateTimeout(jobKey: JobKey, timeoutMs: number, deadlineMs: number): Promise<EngineAnswer> {
    return this.#call('updateTimeout', (engine) => engine.updateTimeout(jobKey, timeoutMs, deadlineMs));
  }

  publishMessage(message: PublishMessage, deadlineMs: number): Promise<EngineAnswer> {
    return this.#call('publishMessage', (engine) => engine.publishMessage(message, deadlineMs));
  }

  async #call(
    command: keyof EngineCommands,
    run: (engine: EngineCommands) => Promise<EngineAnswer>,
  ): Promise<EngineAnswer> {
    if (!this.healthy() && this.#inFlight > 0) return AWAY;
    if (this.#inFlight >= this.#options.inFlight) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#inFlight += 1;
    try {
      const answer = await run(this.#options.engine);
      this.#options.onAnswer?.(command, answer);
      this.#note(command, answer);
      return answer;
    } finally {
      this.#inFlight -= 1;
      this.#waiting.shift()?.();
    }
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
