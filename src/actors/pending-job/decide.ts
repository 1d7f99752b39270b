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
import type { Snapshot } from '../snapshot.ts';
import { SnapshotUnreadable } from '../snapshot-codec.ts';
import { due } from './due.ts';
import { type Decision, engine, type JobContext, type Standing, wasSent } from './effects.ts';
import { startFailing } from './ending.ts';
import { CONSEQUENCES } from './engine-answers.ts';
import { planRetry } from './engine-time.ts';
import { hearAgain } from './heartbeat.ts';
import { activated, publish, refused } from './hold.ts';
import { operated } from './operated.ts';
import { replied } from './reply.ts';
import { adopt, type JobState } from './state.ts';
import { NotStorable, Redecide, store, successor } from './writing.ts';

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
  } else if (snapshot.kind === 'held' && snapshot.sentAttempt === attempt) {
    state.ackedAttempt = attempt; // it was sent once, and only an operator's wish to send it again was refused
  } else if (snapshot.kind === 'held') {
    yield* startFailing(state, context, snapshot, refused(outcome.reason), undefined);
  }
}

/**
 * A new owner re-issues what the stored state implies. A request that the dead incarnation's record does not cover is
 * first written again under our own incarnation: then our record speaks for it, should we die too.
 */
function* rehydrated(state: JobState, context: JobContext, covered: boolean): Decision<void> {
  const snapshot = state.snapshot;
  if (snapshot === undefined || snapshot.kind === 'ended') return;
  if (snapshot.kind !== 'held') planUnknown(state, context);
  else if (covered || snapshot.sentAttempt === snapshot.attempt) restAgain(state, context);
  else {
    planUnknown(state, context);
    yield* publishAgain(state, context, snapshot);
  }
}

/** A job that waits, and owes no request, has nothing to do after a takeover but to be looked at by and by. */
export function restAgain(state: JobState, context: JobContext): void {
  planUnknown(state, context);
  if (state.snapshot?.kind === 'held') state.ackedAttempt = state.snapshot.attempt;
}

function* publishAgain(state: JobState, context: JobContext, held: Snapshot): Decision<void> {
  const next = successor(state, context, held, {}, 'published again');
  try {
    yield* store(state, next);
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
    return yield* startFailing(state, context, held, refused(error.message), undefined);
  }
  yield* publish(state, context, next);
}

/**
 * Whatever a command found under the key (another incarnation's write that landed late, or one of an actor of ours whose
 * shard was given up meanwhile) is looked after like what was rehydrated: a live job always has a next look, and no hold waits for a reply to a request that nobody sends.
 */
function* takeUp(state: JobState, context: JobContext): Decision<void> {
  const { snapshot, revision } = state;
  if (snapshot === undefined) return;
  if (state.engineAtMs === 0) planUnknown(state, context);
  const owed = snapshot.kind === 'held' && ![snapshot.sentAttempt, state.ackedAttempt].includes(snapshot.attempt);
  if (!owed || !state.adopted) return;
  if (yield* wasSent({ snapshot, revision })) state.ackedAttempt = snapshot.attempt;
  else yield* publishAgain(state, context, snapshot);
}

/** Its lock and its engine state are not known here: look soon, but not all at once; stored intentions first. */
function planUnknown(state: JobState, context: JobContext): void {
  const kind = state.snapshot?.kind;
  if (kind === undefined || kind === 'ended') return;
  if (kind === 'replied' || kind === 'failing') {
    state.engineTries = 0;
    planRetry(state, context);
  } else {
    state.engineAtMs = context.clock.wallMs() + context.random.float() * LIMITS.activationLockMs;
    hearAgain(state, context);
  }
}

export { NotStorable };
