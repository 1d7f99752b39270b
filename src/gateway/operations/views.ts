// A snapshot as people see it. Payloads are only in `payload`, and only for who may see them.
import type { Revision } from '../../actors/ids.ts';
import { addToTimeline, type Snapshot, whereOf, writtenAt } from '../../actors/snapshot.ts';
import type { JobSummary, JobView, OutcomeView } from './model/jobs.ts';

/** What a snapshot does not say itself. */
export interface Around {
  readonly jobKey: string;
  readonly shard: number;
  /** As the service sees it. */
  readonly correlationId: string;
}

export function summaryOf(
  snapshot: Snapshot,
  around: Around & { readonly node: string; readonly sent: boolean },
): JobSummary {
  if (snapshot.kind === 'ended') throw new TypeError('a tombstone is not pending');
  return {
    ...common(snapshot, around),
    state: snapshot.kind,
    sent: around.sent,
    replyDeadlineMs: snapshot.replyDeadlineMs,
    retries: snapshot.retries,
    node: around.node,
    error: snapshot.failing?.cause ?? null,
  };
}

export function outcomeOf(snapshot: Snapshot, around: Around): OutcomeView {
  return {
    ...common(snapshot, around),
    outcome: snapshot.outcome ?? 'gone',
    endedAtMs: snapshot.endedAtMs,
    lastStep: snapshot.timeline.at(-2)?.what ?? '',
  };
}

/** What only the owner's memory knows; see node-answers.ts. */
export interface InMemory {
  readonly sent: boolean;
  readonly lockDeadlineMs: number;
  readonly nextLookMs: number;
  /** Later than the stored one by what came since. */
  readonly heartbeatDeadlineMs: number;
  /** Not written yet. */
  readonly timeline: Snapshot['timeline'];
}

export interface JobAround extends Around {
  readonly revision: number;
  readonly node: string | null;
  readonly memory: InMemory | undefined;
  readonly withPayload: boolean;
}

export function jobViewOf(snapshot: Snapshot, around: JobAround): JobView {
  const { failing, reply, request } = snapshot;
  const { memory } = around;
  const ended = snapshot.kind === 'ended';
  return {
    ...common(snapshot, around),
    state: snapshot.kind,
    outcome: snapshot.outcome ?? null,
    endedAtMs: ended ? snapshot.endedAtMs : null,
    elementInstanceKey: snapshot.origin.elementInstanceKey,
    revision: around.revision,
    incarnation: snapshot.incarnation,
    node: around.node,
    sent: snapshot.sentAttempt === snapshot.attempt || (memory?.sent ?? false),
    retries: snapshot.retries,
    replyDeadlineMs: snapshot.replyDeadlineMs,
    heartbeatDeadlineMs: moment(ended ? 0 : (memory?.heartbeatDeadlineMs ?? snapshot.heartbeatDeadlineMs)),
    lockDeadlineMs: moment(memory?.lockDeadlineMs ?? 0),
    nextLookMs: moment(memory?.nextLookMs ?? 0),
    businessKey: textOrNull(snapshot.alias),
    trace: textOrNull(snapshot.trace),
    settings: settingsOf(snapshot.settings),
    failing: failing
      ? {
          why: failing.why,
          cause: failing.cause,
          outcome: failing.outcome,
          retries: failing.retries,
          backoffMs: failing.backoffMs,
          errorCode: failing.errorCode,
        }
      : null,
    reply: reply
      ? { partition: reply.partition, offset: reply.offset, attempt: reply.attempt, status: reply.status }
      : null,
    request: request ? { topic: request.topic, key: request.key } : null,
    timeline: timelineOf(snapshot, around),
    payload: around.withPayload
      ? {
          request: request?.body ?? null,
          reply: reply?.body ?? null,
          progress: textOrNull(snapshot.progress),
          variables: textOrNull(failing?.variables ?? ''),
        }
      : null,
  };
}

/** Each step with the revision of the snapshot that was written with it; null: it is not written yet, or was not noted. */
function timelineOf({ timeline }: Snapshot, { revision, memory }: JobAround): JobView['timeline'] {
  const written = writtenAt(timeline, revision as Revision);
  const all = memory === undefined ? written : addToTimeline(written, memory.timeline);
  return all.map((entry) => {
    const { node, revision } = whereOf(entry);
    return { atMs: entry.atMs, what: entry.what, node, revision: revision ?? null };
  });
}

function common({ attempt, heldAtMs, lane, origin }: Snapshot, { jobKey, shard, correlationId }: Around) {
  const { jobType, processId, processVersion, elementId, instanceKey, tenantId } = origin;
  const where = { lane, jobType, processId, processVersion, elementId, instanceKey, tenantId };
  return { jobKey, correlationId, ...where, attempt, heldAtMs, shard };
}

/** Without those that are not set. */
function settingsOf(settings: Snapshot['settings']): JobView['settings'] {
  const said = Object.entries(settings).filter(
    ([name, value]) => value !== '' && !(name === 'heartbeatTimeoutMs' && value === 0),
  );
  return Object.fromEntries(said);
}

const moment = (ms: number): number | null => (ms > 0 ? ms : null);
const textOrNull = (text: string): string | null => (text === '' ? null : text);
