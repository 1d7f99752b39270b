// One command of one job, told as steps of its call (call-steps.ts). Made only where somebody follows.

import type { ReplyAnswer, ReplyPosition } from '../actors/messages.ts';
import type { Command, CommandAnswer } from '../actors/pending-job/decide.ts';
import type { Effect } from '../actors/pending-job/effects.ts';
import type { JobState } from '../actors/pending-job/state.ts';
import type { Clock, EngineAnswer } from '../actors/ports.ts';
import type { Snapshot } from '../actors/snapshot.ts';
import type { CallStep, EndingCommand } from './call-steps.ts';

export class FollowedCommand {
  readonly #command: Command;
  readonly #clock: Clock;
  readonly #tell: (step: CallStep) => void;
  readonly #fromMs: number;
  #effectFromMs = 0;

  constructor(command: Command, clock: Clock, tell: (step: CallStep) => void) {
    this.#command = command;
    this.#clock = clock;
    this.#tell = tell;
    this.#fromMs = clock.wallMs();
  }

  begins(effect: Effect): void {
    if (isEnding(effect.do)) this.#effectFromMs = this.#clock.wallMs();
  }

  performed(effect: Effect, answer: unknown, { jobKey, snapshot }: JobState): void {
    if (!isEnding(effect.do) || snapshot === undefined) return;
    const times = { fromMs: this.#effectFromMs, toMs: this.#clock.wallMs() };
    const cause = this.#causeOf(snapshot);
    this.#tell({
      kind: 'ending',
      jobKey,
      snapshot,
      command: effect.do,
      answer: answer as EngineAnswer,
      cause,
      ...times,
    });
  }

  answered(answer: CommandAnswer, { jobKey, snapshot }: JobState): void {
    if (snapshot === undefined) return;
    const step = { jobKey, snapshot, fromMs: this.#fromMs, toMs: this.#clock.wallMs() };
    if (this.#command.type === 'activated' && answer === 'held') this.#tell({ kind: 'held', ...step });
    if (this.#command.type === 'replied') {
      this.#tell({ kind: 'replied', reply: this.#command.reply, answer: answer as ReplyAnswer, ...step });
    }
  }

  /** The reply at hand, or the one that was stored until the engine takes it. */
  #causeOf({ reply }: Snapshot): ReplyPosition | undefined {
    return this.#command.type === 'replied' ? this.#command.reply.position : reply;
  }
}

function isEnding(effect: Effect['do']): effect is EndingCommand {
  return effect === 'complete' || effect === 'fail' || effect === 'throwError';
}
