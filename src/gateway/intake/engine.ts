// The engine as the intakes of a node use it: every poll says whether the engine answered, and nothing is given back to it
// while this node is cut off.
import type { EnginePort } from '../ports.ts';
import type { IntakesOptions } from './intakes.ts';

export interface IntakeEngineOptions {
  readonly engine: EnginePort;
  /** For how long this node may still act; 0: not now. */
  mayActForMs(): number;
  /** A poll was answered, or was not. */
  onAnswer(code: 'ok' | 'transient'): void;
}

export function intakeEngine({ engine, mayActForMs, onAnswer }: IntakeEngineOptions): IntakesOptions['engine'] {
  return {
    openStream: (...stream) => engine.openStream(...stream),
    activate: async (...query) => {
      const jobs = await engine.activate(...query).catch((error: unknown) => {
        onAnswer('transient');
        throw error;
      });
      onAnswer('ok');
      return jobs;
    },
    // A give-back is an effect like any other: not while cut off, and over before the lease is.
    fail: async (jobKey, fail, deadlineMs, of) => {
      const forMs = mayActForMs();
      return forMs > 0
        ? engine.fail(jobKey, fail, Math.min(deadlineMs, forMs), of)
        : { code: 'transient', unseen: false, message: 'this node may not act now' };
    },
  };
}
