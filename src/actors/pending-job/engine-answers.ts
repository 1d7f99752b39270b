// The answers of the engine, all in one table (design §5): command × answer → what happens next. The codes behind them
// are those that real engines 8.6, 8.8 and 8.9 gave; gateway/zeebe maps gRPC onto them.
import type { EngineAnswer } from '../ports.ts';

export type EngineCommand = 'complete' | 'fail' | 'throwError' | 'updateTimeout';

export type Consequence =
  /** Write the tombstone that this command stands for. */
  | 'ended'
  /** The job is gone; who ended it is decided by `whoEnded`. */
  | 'gone'
  /** In backoff or incident: keep the stored result, complete at the next activation. */
  | 'keepReply'
  /** The engine will never take this result: the reply is malformed. */
  | 'malformed'
  /** The message is too long or invalid: say it shorter. */
  | 'shorten'
  /** The lock stands. */
  | 'extended'
  /** The lock lapsed or the job is in an incident: wait for the activation. */
  | 'awaitActivation'
  | 'retry';

export const CONSEQUENCES: Readonly<Record<EngineCommand, Readonly<Record<EngineAnswer['code'], Consequence>>>> = {
  complete: { ok: 'ended', notFound: 'gone', failedPrecondition: 'keepReply', never: 'malformed', transient: 'retry' },
  fail: { ok: 'ended', notFound: 'gone', failedPrecondition: 'ended', never: 'shorten', transient: 'retry' },
  throwError: { ok: 'ended', notFound: 'gone', failedPrecondition: 'ended', never: 'shorten', transient: 'retry' },
  updateTimeout: {
    ok: 'extended',
    notFound: 'gone',
    failedPrecondition: 'awaitActivation',
    never: 'retry',
    transient: 'retry',
  },
};

/** What this incarnation knows of its own part in a job's end. */
export interface OwnPart {
  /** A CompleteJob of ours left, and its answer was never seen. */
  readonly completeUnseen: boolean;
  /** Some other terminal command of ours (fail, throw) has an answer that was never seen. */
  readonly otherUnseen: boolean;
  /** This incarnation wrote the hold, no foreign write came between, and its claim still stands after the answer. */
  readonly unbroken: boolean;
}

/**
 * NOT_FOUND says only that the job is gone (design §3.5). Who ended it:
 * our own unseen completion; or somebody else, which is known only to a holder without a break; or nobody can say.
 */
export function whoEnded(own: OwnPart): 'completed' | 'cancelled' | 'gone' {
  if (own.completeUnseen) return 'completed';
  return own.unbroken && !own.otherUnseen ? 'cancelled' : 'gone';
}
