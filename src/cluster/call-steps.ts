// What happens to one call, step by step, for whoever follows single calls (traces). Each step brings the snapshot that stood at
// its end, so that what is told of a call needs no memory of it: the next step may happen on another node, days later.
//
// Nobody is told anything unless somebody follows: at a few thousand calls a second even the times would be felt.
import type { JobKey } from '../actors/ids.ts';
import type { Reply, ReplyAnswer, ReplyPosition } from '../actors/messages.ts';
import type { EngineAnswer } from '../actors/ports.ts';
import type { Snapshot } from '../actors/snapshot.ts';

interface Step {
  readonly jobKey: JobKey;
  readonly snapshot: Snapshot;
  /** Wall clock ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Commands that end an attempt. */
export type EndingCommand = 'complete' | 'fail' | 'throwError';

export type CallStep =
  /** From the activation until its hold is stored. */
  | (Step & { readonly kind: 'held' })
  /** From the reply's arrival at the job's owner until its answer. */
  | (Step & { readonly kind: 'replied'; readonly reply: Reply; readonly answer: ReplyAnswer })
  /** `cause`: the reply that it is for; undefined: a deadline, or a request that cannot be sent. */
  | (Step & {
      readonly kind: 'ending';
      readonly command: EndingCommand;
      readonly answer: EngineAnswer;
      readonly cause: ReplyPosition | undefined;
    });
