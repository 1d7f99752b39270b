// The pending job as one decision function: state × command → effects and an answer. No clock, no I/O, no randomness of
// its own. Whoever drives it performs each yielded effect, feeds its answer, and runs one command per job at a time.
import { ABSENT } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type {
  ActAnswer,
  Activation,
  ActivationAnswer,
  OperatorAct,
  Reply,
  ReplyAnswer,
  RequestOutcome,
} from '../messages.ts';
import { SnapshotUnreadable } from '../snapshot-codec.ts';
import { due } from './due.ts';
import { type Decision, engine, type JobContext, type Standing } from './effects.ts';
import { startFailing } from './ending.ts';
import { CONSEQUENCES } from './engine-answers.ts';
import { hearAgain } from './heartbeat.ts';
import { activated } from './hold.ts';
import { operated } from './operated.ts';
import { refused } from './publish.ts';
import { replied } from './reply.ts';
import { adopt, type JobState } from './state.ts';
import { planUnknown, rehydrated, takeUp } from './take-up.ts';
import { Redecide, store, successor } from './writing.ts';

export type Command =
  | { readonly type: 'activated'; readonly activation: Activation }
  | { readonly type: 'replied'; readonly reply: Reply }
  | { readonly type: 'requestSettled'; readonly attempt: number; readonly outcome: RequestOutcome }
  | { readonly type: 'operated'; readonly act: OperatorAct }
  /** `mayProbe` false: a probe that is due waits for its turn (probe-queue.ts). */
  | { readonly type: 'due'; readonly mayProbe?: boolean }
  /** A foreign write was seen under the key (or its absence, after a takeover of the bucket). */
  | { readonly type: 'reloaded'; readonly standing: Standing }
  /** After a takeover: `covered` says whether the writer's sent watermark covers the request. */
  | { readonly type: 'rehydrated'; readonly covered: boolean };

export type CommandAnswer = ActivationAnswer | ReplyAnswer | ActAnswer | 'retry' | 'done';

export function* decide(state: JobState, context: JobContext, command: Command): Decision<CommandAnswer> {
  let answer: CommandAnswer | undefined;
  try {
    answer = yield* again(() => decideOnce(state, context, command));
    yield* again(() => takeUp(state, context));
  } catch (error) {
    if (!(error instanceof SnapshotUnreadable)) throw error;
    adopt(state, undefined, ABSENT);
    answer ??= yield* undecidable(command);
  }
  return answer ?? 'retry';
}

/**
 * What stands under the key cannot be read, now or later, so memory lets go of it and no sender is told to ask again: a
 * reply that waited here would hold up its partition, and with it every reply deadline. It goes to the dead letters,
 * unless the job has ended, possibly by this very reply: what may have been applied is never dead-lettered (I5).
 */
function* undecidable(command: Command): Decision<CommandAnswer> {
  if (command.type === 'activated') return 'stale'; // it comes back from the engine, by then perhaps to something readable
  if (command.type === 'operated') return { result: 'refused', detail: 'what is stored of this job cannot be read' };
  if (command.type !== 'replied') return 'done';
  const answer = yield* engine({ do: 'updateTimeout', timeoutMs: LIMITS.activationLockMs });
  return CONSEQUENCES.updateTimeout[answer.code] === 'gone' ? 'applied' : 'unreadable';
}

/** From the start after each conflict; undefined when there were too many. */
function* again<Answer>(decision: () => Decision<Answer>): Decision<Answer | undefined> {
  for (let conflicts = 0; conflicts <= LIMITS.conflictsPerCommand; conflicts++) {
    try {
      return yield* decision();
    } catch (error) {
      if (!(error instanceof Redecide)) throw error;
    }
  }
  return undefined;
}

function* decideOnce(state: JobState, context: JobContext, command: Command): Decision<CommandAnswer> {
  switch (command.type) {
    case 'activated':
      return yield* activated(state, context, command.activation);
    case 'replied':
      return yield* replied(state, context, command.reply);
    case 'operated':
      return yield* operated(state, context, command.act);
    case 'requestSettled':
      yield* requestSettled(state, context, command.attempt, command.outcome);
      return 'done';
    case 'due':
      yield* due(state, context, command.mayProbe ?? true);
      return 'done';
    case 'reloaded':
      if (command.standing.revision > state.revision) {
        adopt(state, command.standing.snapshot, command.standing.revision);
        planUnknown(state, context);
      }
      return 'done';
    case 'rehydrated':
      yield* rehydrated(state, context, command.covered);
      return 'done';
  }
}

function* requestSettled(
  state: JobState,
  context: JobContext,
  attempt: number,
  outcome: RequestOutcome,
): Decision<void> {
  const snapshot = state.snapshot;
  if (snapshot === undefined || snapshot.attempt !== attempt) return;
  if (outcome.kind === 'acked') {
    // Memory only: one record per incarnation, the sent watermark, says it for all jobs.
    state.ackedAttempt = attempt;
    state.ackedAtMs = context.clock.wallMs();
    hearAgain(state, context); // the service can have heard of it from now on
  } else if (snapshot.kind === 'held' && snapshot.sentAttempt === attempt) {
    // It was sent once, and only an operator's wish to send it again was refused: its timeline says so, that is all.
    if (state.ackedAttempt === attempt) return; // told once more
    state.ackedAttempt = attempt;
    const what = `not sent again: ${outcome.reason}`.slice(0, LIMITS.timelineChars);
    yield* store(state, successor(state, context, snapshot, {}, what));
  } else if (snapshot.kind === 'held') {
    yield* startFailing(state, context, snapshot, refused(outcome.reason), undefined);
  }
}
