// What a pending job stores: the actor's whole state, as it stands in the bucket.
//
// Flat, and every field is always there (undefined, '' or 0 when it does not apply), so that one record structure per
// version serves all kinds. A snapshot carries everything that a new owner needs to go on without the route it came from.
// Times are wall clock ms since the epoch, durations are ms. The bytes are the business of snapshot-codec.ts.
import { ABSENT, type Incarnation, type Lane, type Revision } from './ids.ts';
import type { CallSettings, JobOrigin, ReplyAsSent, RequestContent } from './messages.ts';

/**
 *  - `held`: stored before the request is published; waits for a reply.
 *  - `replied`: a result is stored, the engine has not taken it yet.
 *  - `failing`: a cause is stored, the job is being failed (or the error thrown).
 *  - `parked`: a stored reply without a hold; the job's next activation completes with it.
 *  - `ended`: the tombstone, without payload.
 */
export type SnapshotKind = 'held' | 'replied' | 'failing' | 'parked' | 'ended';

/** How an attempt ended. What may be reopened is decided by it: completed, cancelled and gone never. */
export type Outcome = 'completed' | 'failed' | 'timedOut' | 'bpmnError' | 'cancelled' | 'gone';

/** The partition of a result that was given by a person: it stands at no position of the reply topic. */
export const BY_HAND = -1;

/**
 * The first accepted reply. Of a job that stands as `replied` it is the result, interpreted: `body` is the JSON text of an
 * object, exactly as the engine gets it. What is `parked` is kept as it was sent: its job's settings are not known yet.
 */
export interface StoredReply extends ReplyAsSent {
  /** BY_HAND: of none. */
  readonly partition: number;
  readonly offset: string;
  /** 0: under a business key, which names none. */
  readonly attempt: number;
}

/** The stored cause without which nothing is failed or thrown. */
export interface Failing {
  /** Text for the incident. */
  readonly cause: string;
  readonly why:
    | 'malformed'
    | 'replyTimeout'
    | 'notSent'
    | 'refused'
    | 'heartbeatTimeout'
    | 'businessError'
    | 'technicalError'
    | 'businessKeyTaken'
    | 'byHand';
  /** Absolute, to set: repeating it changes nothing. */
  readonly retries: number;
  readonly backoffMs: number;
  readonly outcome: 'failed' | 'timedOut' | 'bpmnError';
  /** '' unless `outcome` is bpmnError. */
  readonly errorCode: string;
  /** JSON text of an object that goes to the engine with it; '' none. */
  readonly variables: string;
}

/** One step in the life of a job, for people. */
export interface TimelineEntry {
  readonly atMs: number;
  readonly what: string;
  /** Its name; once the next write is made also the revision of this one: `node-1@4711`. See `writtenAt`. */
  readonly node: string;
}

/** Steps without a write of their own: they are written with the one behind them. */
export const SENT = 'sent';
export const ATTACHED = 'attached';
/** Of several in a row the newest is kept. */
export const HEARTBEAT = 'heartbeat';

/** The beginning is kept for its cause, the end for its effect; what is dropped is the middle. */
const TIMELINE_FIRST = 4;
const TIMELINE_NEWEST = 12;

export interface Snapshot {
  readonly kind: SnapshotKind;
  readonly attempt: number;
  /** Who wrote this. */
  readonly incarnation: Incarnation;
  /** The attempt whose request Kafka is known to have; 0: not known here. */
  readonly sentAttempt: number;
  readonly lane: Lane;
  readonly origin: JobOrigin;
  readonly settings: CallSettings;
  /** The engine's retries at the last activation: data, never our counter. */
  readonly retries: number;
  readonly heldAtMs: number;
  /** Of a parked one: until when the engine may say that its job lives; 0: it has. */
  readonly replyDeadlineMs: number;
  /** 0: none. */
  readonly heartbeatDeadlineMs: number;
  /** What the last stored heartbeat said: JSON text, '' nothing. */
  readonly progress: string;
  readonly trace: string;
  /** What the service knows as correlation id where that is not the one we sign for this attempt: a business key. */
  readonly alias: string;
  /** Dropped by the first write after Kafka's ack. */
  readonly request: RequestContent | undefined;
  /** Highest applied offset per reply partition, across attempts; a record at or below it is a duplicate. */
  readonly applied: readonly (readonly [partition: number, offset: string])[];
  readonly reply: StoredReply | undefined;
  readonly failing: Failing | undefined;
  /** Set when `kind` is ended. */
  readonly outcome: Outcome | undefined;
  /** 0 unless `kind` is ended. */
  readonly endedAtMs: number;
  /** At most TIMELINE_FIRST + TIMELINE_NEWEST entries; add to it with `addToTimeline`. */
  readonly timeline: readonly TimelineEntry[];
  /** An operator wants the request published once more, with the job's next activation. */
  readonly resend: boolean;
}

/** How long this attempt waits in all: an operator may have given it longer than its settings do. */
export function waitsMs({ settings, replyDeadlineMs, heldAtMs }: Snapshot): number {
  return Math.max(settings.replyTimeoutMs, replyDeadlineMs - heldAtMs);
}

/**
 * The timeline that stands in the bucket at `revision`, with that noted where it is of this write. A revision is known only after
 * the write, so the next one notes it; until then it is the one that stands. What is noted is exact, whatever the next one drops;
 * only steps that a node of before has written, which notes none, and heartbeats of before it has dropped, may be noted too late.
 *
 * It is noted behind the node's name, where no name has an `@`: a field of its own would be a new version of snapshots, which is
 * more than it is worth. A job that waits pays nothing for it, and whoever knows nothing of it shows it with the name.
 */
export function writtenAt(timeline: readonly TimelineEntry[], revision: Revision): readonly TimelineEntry[] {
  if (revision === ABSENT) return timeline;
  const before = timeline.slice(0, -1).findLastIndex(({ what }) => what !== SENT && what !== ATTACHED);
  return timeline.map((entry, index) =>
    index > before && !entry.node.includes('@') ? { ...entry, node: `${entry.node}@${revision}` } : entry,
  );
}

/** The name of its node, and the revision that is noted; undefined: none is. */
export function whereOf({ node }: TimelineEntry): { readonly node: string; readonly revision: number | undefined } {
  const [name = '', revision] = node.split('@');
  return { node: name, revision: revision === undefined ? undefined : Number(revision) };
}

/** `timeline` with `added` at its end: the first 4 tell how it began, the newest 12 how it stands. */
export function addToTimeline(
  timeline: readonly TimelineEntry[],
  added: readonly TimelineEntry[],
): readonly TimelineEntry[] {
  const all = [...timeline, ...added].filter(
    (entry, index, entries) => entry.what !== HEARTBEAT || entries[index + 1]?.what !== HEARTBEAT,
  );
  if (all.length <= TIMELINE_FIRST + TIMELINE_NEWEST) return all;
  return [...all.slice(0, TIMELINE_FIRST), ...all.slice(-TIMELINE_NEWEST)];
}
