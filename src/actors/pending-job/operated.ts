// What a person does to a pending job by hand. Like everything that is not a result out of Kafka it is stored before it is done
// (design §5), by the paths that error replies and stored results take, so what holds for those holds here: the first accepted
// result completes, nothing is failed without a stored cause, a job that ended stays ended.
//
// An act may be told twice, for its answer can be lost and its owner can change: the mark that it leaves in the timeline, which
// carries the act's id, tells that it was done.
import { OURS } from '../correlation-id.ts';
import { ABSENT } from '../ids.ts';
import type { ActAnswer, Activation, OperatorAct } from '../messages.ts';
import { BY_HAND, type Failing, type Snapshot, type StoredReply } from '../snapshot.ts';
import { renew } from './due.ts';
import { claimAlias, type Decision, type JobContext, read } from './effects.ts';
import { finishReplied, startFailing } from './ending.ts';
import { aliasMs, CORRELATION, publish } from './publish.ts';
import { adopt, type JobState } from './state.ts';
import { takeUp } from './take-up.ts';
import { NotStorable, store, successor, writeTombstone } from './writing.ts';

export function* operated(state: JobState, context: JobContext, act: OperatorAct): Decision<ActAnswer> {
  if (state.snapshot === undefined) {
    const standing = yield* read();
    adopt(state, standing?.snapshot, standing?.revision ?? ABSENT);
  }
  const snapshot = state.snapshot;
  if (snapshot === undefined) return { result: 'absent', detail: 'no job of this key is pending, nor ended lately' };
  if (snapshot.kind !== 'parked' && isMarked(snapshot, act)) return doneAlready(state, act);
  if (snapshot.kind === 'ended') return ended(snapshot);
  try {
    switch (act.act) {
      case 'resend':
        return yield* resend(state, context, snapshot, act);
      case 'extend':
        // The one act after which it stays held: a request that nobody is known to have sent is seen to first.
        yield* takeUp(state, context);
        return yield* extend(state, context, state.snapshot ?? snapshot, act);
      case 'complete':
        return yield* complete(state, context, snapshot, act);
      case 'fail':
      case 'throw':
        return yield* fail(state, context, snapshot, act, failingBy(snapshot, act));
      case 'drop':
        return yield* drop(state, context, snapshot, act);
    }
  } catch (error) {
    if (!(error instanceof NotStorable)) throw error;
    return { result: 'refused', detail: `it cannot be stored: ${error.message}` };
  }
}

/**
 * The request is published again when the job comes back from the engine, whose variables by then make its body: only there it
 * still is. Called with the activation that attaches. The wish is taken back first: a process that dies right then has one
 * request less to answer for, and whoever misses it asks again.
 */
export function* sendAgain(
  state: JobState,
  context: JobContext,
  held: Snapshot,
  activation: Activation,
): Decision<void> {
  if (!held.resend || activation.fault !== undefined) return;
  const next = successor(state, context, held, { resend: false }, 'sent again');
  yield* store(state, next);
  // Not acknowledged until Kafka has it once more: its shard is not handed over before that.
  state.ackedAttempt = 0;
  const correlationId = held.alias || context.correlationId(state.jobKey, held.attempt);
  const { request } = activation;
  const headers = [[CORRELATION, correlationId] as const, ...request.headers];
  yield* publish(state, context, { ...next, request: { ...request, headers } });
}

function* resend(state: JobState, context: JobContext, snapshot: Snapshot, act: OperatorAct): Decision<ActAnswer> {
  if (snapshot.kind !== 'held') return wrongState(snapshot, 'held');
  if (![state.ackedAttempt, snapshot.sentAttempt].includes(snapshot.attempt))
    return { result: 'wrongState', detail: 'its request was not sent yet: that goes on by itself' };
  yield* store(state, successor(state, context, snapshot, { resend: true }, markOf(act)));
  yield* renew(state, context);
  if (state.snapshot?.kind === 'ended') return GONE;
  return { result: 'later', detail: 'the request is sent again as soon as the engine hands the job out, in a moment' };
}

/** A new deadline from now on, and a whole heartbeat timeout again; the business key is kept for as long. */
function* extend(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  act: Extract<OperatorAct, { act: 'extend' }>,
): Decision<ActAnswer> {
  if (snapshot.kind !== 'held') return wrongState(snapshot, 'held');
  const nowMs = context.clock.wallMs();
  const { alias, settings } = snapshot;
  if (alias !== '' && !OURS.test(alias)) {
    const ttlMs = aliasMs({ ...settings, replyTimeoutMs: act.replyTimeoutMs });
    if ((yield* claimAlias(alias, ttlMs)) === 'taken')
      return { result: 'refused', detail: `another job has the business key "${alias}" by now` };
  }
  if (settings.heartbeatTimeoutMs > 0)
    state.heartbeatDeadlineMs = Math.max(state.heartbeatDeadlineMs, nowMs + settings.heartbeatTimeoutMs);
  const replyDeadlineMs = nowMs + act.replyTimeoutMs;
  yield* store(state, successor(state, context, snapshot, { replyDeadlineMs }, markOf(act)));
  return { result: 'done', detail: `its reply may come until ${new Date(replyDeadlineMs).toISOString()}` };
}

/** Given instead of a reply, and stored like one: what the service sends from now on is a duplicate. */
function* complete(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  act: Extract<OperatorAct, { act: 'complete' }>,
): Decision<ActAnswer> {
  if (snapshot.kind !== 'held' && snapshot.kind !== 'failing') return wrongState(snapshot, 'held or failing');
  const reply: StoredReply = {
    kind: 'reply',
    status: 'result',
    body: act.variables,
    code: '',
    message: '',
    retries: undefined,
    backoffMs: undefined,
    headers: [],
    partition: BY_HAND,
    offset: '0',
    attempt: snapshot.attempt,
  };
  const changes = { kind: 'replied', reply, request: undefined, failing: undefined } as const;
  const replied = successor(state, context, snapshot, changes, markOf(act));
  yield* store(state, replied);
  yield* finishReplied(state, context, replied);
  return happened(state, act);
}

function* fail(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  act: OperatorAct,
  failing: Failing,
): Decision<ActAnswer> {
  if (snapshot.kind !== 'held') return wrongState(snapshot, 'held');
  yield* startFailing(state, context, snapshot, failing, undefined, markOf(act));
  return happened(state, act);
}

/** The hold is given up; the engine keeps its retries and hands the job out again. Of a parked reply nothing else is there. */
function* drop(
  state: JobState,
  context: JobContext,
  snapshot: Snapshot,
  act: Extract<OperatorAct, { act: 'drop' }>,
): Decision<ActAnswer> {
  if (snapshot.kind === 'parked') {
    if (!isMarked(snapshot, act)) yield* store(state, successor(state, context, snapshot, {}, markOf(act)));
    // As an end that may be opened again: its job may well live, and is then begun anew.
    yield* writeTombstone(state, context, 'failed', undefined);
    return { result: 'done', detail: 'the parked reply was thrown away; if the engine has its job, that begins anew' };
  }
  const cause = `Given back to the engine by ${act.by}.`;
  const givenBack = { ...FAILED, cause, retries: Math.max(1, snapshot.retries), backoffMs: 0 };
  return yield* fail(state, context, snapshot, act, givenBack);
}

const FAILED = { why: 'byHand', outcome: 'failed', errorCode: '', variables: '' } as const;

function failingBy(snapshot: Snapshot, act: Extract<OperatorAct, { act: 'fail' | 'throw' }>): Failing {
  const { retries, settings } = snapshot;
  if (act.act === 'throw') {
    const { errorCode, variables, message: cause } = act;
    return { cause, why: 'byHand', retries, backoffMs: 0, outcome: 'bpmnError', errorCode, variables };
  }
  return {
    ...FAILED,
    cause: act.message,
    retries: act.retries ?? Math.max(0, retries - 1),
    backoffMs: act.backoffMs ?? settings.retryBackoffMs,
  };
}

/** In the timeline; it names who did it, and the act, by the id under which it is audited. */
function markOf({ act, by, id }: OperatorAct): string {
  return `${act} by ${by} (${id})`;
}

function isMarked({ timeline }: Snapshot, act: OperatorAct): boolean {
  return timeline.some(({ what }) => what === markOf(act));
}

const GONE: ActAnswer = { result: 'gone', detail: 'the engine does not have this job any more' };

/** What it has come to: the engine was told, or is going to be. */
function happened({ snapshot }: JobState, { act }: OperatorAct): ActAnswer {
  if (snapshot?.kind !== 'ended')
    return {
      result: 'later',
      detail: 'it is stored; the engine does not answer yet, and is asked again until it does',
    };
  if (snapshot.outcome === 'gone' || snapshot.outcome === 'cancelled') return GONE;
  const wanted = act === 'complete' ? 'completed' : act === 'throw' ? 'bpmnError' : 'failed';
  // The engine takes no such result, ever: like a reply of that kind it has cost the job a retry.
  if (snapshot.outcome !== wanted) return { result: 'refused', detail: `the engine refused it: ${snapshot.outcome}` };
  return { result: 'done', detail: `the job ended here: ${snapshot.outcome}` };
}

function doneAlready(state: JobState, act: OperatorAct): ActAnswer {
  if (act.act === 'resend') return { result: 'later', detail: 'it was asked for already' };
  return act.act === 'extend' ? { result: 'done', detail: 'it was extended already' } : happened(state, act);
}

function ended({ outcome }: Snapshot): ActAnswer {
  const again = outcome === 'failed' || outcome === 'timedOut' || outcome === 'bpmnError';
  const then = again ? '; what becomes of it now is the engine’s: see to its incident there' : '';
  return { result: 'absent', detail: `its last attempt has ended: ${outcome}${then}` };
}

const IS: Readonly<Record<Exclude<Snapshot['kind'], 'ended'>, string>> = {
  held: 'it is held',
  replied: 'its result is stored already and goes to the engine by itself',
  failing: 'it is being failed already',
  parked: 'a reply is parked for it, and its job has not been handed out yet',
};

function wrongState({ kind }: Snapshot, wanted: string): ActAnswer {
  return {
    result: 'wrongState',
    detail: `${kind === 'ended' ? 'it has ended' : IS[kind]}; this needs a job that is ${wanted}`,
  };
}
