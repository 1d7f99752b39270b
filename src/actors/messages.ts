// What a pending job is told and what it answers. These cross nodes (msgpack), so they are plain data without classes.
import type { CorrelationId, JobKey, Lane } from './ids.ts';

/** How the technical side of a request is written, so that a service's framework reads it by itself. */
export type Profile = 'spring' | 'nest' | 'smallrye' | 'cloudevents' | 'cloudevents-structured' | 'body';

/** Every route setting that a job still needs after its route was changed or removed. Durations in ms; '' and 0: none. */
export interface CallSettings {
  readonly replyTimeoutMs: number;
  /** `fail`: a retry less, after `retryBackoffMs`; `error`: a BPMN error of `timeoutErrorCode`. Also when heartbeats stop. */
  readonly onReplyTimeout: 'incident' | 'fail' | 'error';
  readonly timeoutErrorCode: string;
  readonly retryBackoffMs: number;
  /** How long a tombstone is kept after completed, cancelled, gone. */
  readonly lateWindowMs: number;
  /** And after failed, timedOut, bpmnError. */
  readonly incidentWindowMs: number;
  /** How long the service may be silent, once the request was held; each heartbeat begins it anew. */
  readonly heartbeatTimeoutMs: number;
  /** What becomes of a reply that comes too late for the engine. */
  readonly onLate: 'dlq' | 'publishMessage' | 'drop';
  readonly lateMessageName: string;
  /** Where the service is told that nobody waits any more. */
  readonly cancelTopic: string;
  readonly profile: Profile;
  /** Takes the whole reply, whatever JSON it is. */
  readonly resultVariable: string;
  /** FEEL over `response` and `headers`, without the leading "=". */
  readonly resultExpression: string;
  readonly errorExpression: string;
}

/** What a route says nothing about. */
export const PLAIN_CONTRACT = {
  timeoutErrorCode: '',
  heartbeatTimeoutMs: 0,
  onLate: 'dlq',
  lateMessageName: '',
  cancelTopic: '',
  profile: 'spring',
  resultVariable: '',
  resultExpression: '',
  errorExpression: '',
} as const satisfies Partial<CallSettings>;

/** The Kafka record to publish, without what the owner adds: correlation id (key and header) and reply topic. */
export interface RequestContent {
  readonly topic: string;
  /** The record's key; '': the correlation id. */
  readonly key: string;
  /** The business payload and nothing else: the engine's own JSON text, untouched. */
  readonly body: string;
  /** The schema that the body is written in when it is published: an id of the registry, and a message for Protobuf. */
  readonly schema: { readonly id: number; readonly message: string } | undefined;
  /** Further headers, name and value. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Where a job comes from; for people, never sent in a body. */
export interface JobOrigin {
  readonly jobType: string;
  readonly processId: string;
  readonly processVersion: number;
  readonly elementId: string;
  readonly instanceKey: string;
  readonly elementInstanceKey: string;
  readonly tenantId: string;
}

/** An activated job on its way to its owner. */
export interface Activation {
  readonly jobKey: JobKey;
  readonly lane: Lane;
  /** The most holds of this lane that one node admits. */
  readonly maxPending: number;
  readonly retries: number;
  /** The engine's lock, wall clock ms. */
  readonly lockDeadlineMs: number;
  /** How long that is from when the engine handed it out; absent: told by a node that knows of no other than `activationLockMs`. */
  readonly lockMs?: number;
  readonly origin: JobOrigin;
  readonly request: RequestContent;
  /** What the service is to see as correlation id instead of ours; '': ours. */
  readonly businessKey: string;
  readonly settings: CallSettings;
  /** The process instance's trace context (`traceparent`), '' when there is none. */
  readonly trace: string;
  /** Set when the intake node already knows that the request cannot be sent: an incident with this text. */
  readonly fault: string | undefined;
  /** The fault may pass by itself: a retry less after the backoff, and an incident only when there are none left. */
  readonly faultPasses: boolean;
}

/**
 *  - `held`: stored, and the request is or will be published.
 *  - `attached`: the job is held already; its lock was refreshed.
 *  - `ended`: it ended here; nothing is sent again.
 *  - `stale`: the lock was over before the hold could be written; the job comes back from the engine.
 *  - `full`: the lane's limit is reached; the intake node gives the job back.
 *  - `failed`: a stored cause fails the job (for example, a request too large).
 */
export type ActivationAnswer = 'held' | 'attached' | 'ended' | 'stale' | 'full' | 'failed';

/** Position of a reply record; with the shared reply topic a partition names it. */
export interface ReplyPosition {
  readonly partition: number;
  readonly offset: string;
}

/** A reply whose correlation id was verified, on its way to the owner of its job. */
export interface Reply {
  readonly jobKey: JobKey;
  /** As its correlation id says; 0: the id is a business key, which names no attempt. */
  readonly attempt: number;
  readonly position: ReplyPosition;
  readonly content: ReplyContent;
  /** Absent: nobody follows single calls. */
  readonly seen?: SeenRecord;
}

/** What only matters to whoever follows single calls (traces). */
export interface SeenRecord {
  readonly correlationId: string;
  /** The service's own trace context, W3C; '' when the record has none. */
  readonly traceparent: string;
}

export type ReplyContent = ReplyAsSent | Malformed;

/** Nobody can use it: the record is dead-lettered, its job fails now, one retry less. `message` is for people. */
export interface Malformed {
  readonly kind: 'malformed';
  readonly reason: DeadLetterReason;
  readonly message: string;
}

/** Well-formed, and not interpreted: what it means is a matter of its job's settings. */
export interface ReplyAsSent {
  readonly kind: 'reply';
  readonly status: 'result' | 'error' | 'failure' | 'heartbeat';
  /** JSON text, as the service wrote it; '' when the record had no value. */
  readonly body: string;
  readonly code: string;
  readonly message: string;
  readonly retries: number | undefined;
  readonly backoffMs: number | undefined;
  /** What is not technical, for expressions. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** What a reply means to its job. `variables`: JSON text of an object, exactly as the engine gets it. */
export type Verdict =
  | { readonly kind: 'result'; readonly variables: string }
  /** A business error. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly variables: string }
  /** A technical error; `retries` undefined: one less. */
  | {
      readonly kind: 'failure';
      readonly message: string;
      readonly retries: number | undefined;
      readonly backoffMs: number | undefined;
      readonly variables: string;
    }
  | { readonly kind: 'heartbeat'; readonly progress: string }
  | Malformed;

/** Why a reply was refused by its job's owner: it is dead-lettered, and its job failed with it. */
export type Rejection = 'not-object' | 'malformed' | 'refused';

export type DeadLetterReason =
  | Rejection
  | 'not-json'
  | 'no-id'
  | 'forged'
  | 'unknown'
  | 'late'
  | 'too-large'
  | 'schema'
  | 'unreadable';

/**
 * Design §2, "answer to a reply". A late one that its job's settings send elsewhere than to the dead letters says so; a
 * `Rejection` is a reply that can never become a result (`refused`: the engine takes no such variables, or would change
 * them), its job fails with it. `unreadable`: what is stored of its job cannot be read, and the engine does not say that the
 * job has ended. `notOwner` and silence are the router's and never reach the reply's reader.
 */
export type ReplyAnswer = 'applied' | 'duplicate' | 'late' | 'latePublished' | 'lateDropped' | 'unreadable' | Rejection;

/** What a person may do to one job. */
export type JobAct =
  /** The engine hands the job out again soon, and its request is then published once more, under an id of the same attempt. */
  | { readonly act: 'resend' }
  /** `replyTimeoutMs`: from now on. */
  | { readonly act: 'extend'; readonly replyTimeoutMs: number }
  /** `variables`: JSON text of an object. */
  | { readonly act: 'complete'; readonly variables: string }
  /** `retries`, `backoffMs` undefined: one less, and what its settings say. */
  | {
      readonly act: 'fail';
      readonly message: string;
      readonly retries: number | undefined;
      readonly backoffMs: number | undefined;
    }
  /** `variables`: JSON text of an object, or ''. */
  | { readonly act: 'throw'; readonly errorCode: string; readonly message: string; readonly variables: string }
  /** The hold is given up, at the cost of no retry; or the parked reply thrown away. */
  | { readonly act: 'drop' };

/** `by` names who does it, `id` is the act's in the audit; both are kept in the job's timeline. */
export type OperatorAct = JobAct & { readonly by: string; readonly id: string };

/**
 *  - `done`: the engine has said yes, or nobody had to be asked. `later`: it is stored and happens by itself.
 *  - `gone`: the engine does not have this job any more. `absent`: nothing pending has this key.
 *  - `wrongState`: it cannot be done to the job as it stands. `refused`: it cannot be done, or not now. `detail` says why.
 */
export interface ActAnswer {
  readonly result: 'done' | 'later' | 'gone' | 'absent' | 'wrongState' | 'refused';
  /** For people. */
  readonly detail: string;
}

/** A Kafka record as the request publisher takes it. */
export interface OutgoingRequest {
  readonly jobKey: JobKey;
  readonly attempt: number;
  readonly correlationId: CorrelationId;
  readonly lane: Lane;
  readonly content: RequestContent;
  readonly profile: Profile;
  readonly origin: JobOrigin;
  readonly replyDeadlineMs: number;
  /** `traceparent`, '' when there is none. */
  readonly trace: string;
}

/** Tells the service that nobody waits for its reply any more. */
export interface CancelRecord {
  readonly jobKey: JobKey;
  readonly attempt: number;
  readonly correlationId: CorrelationId;
  readonly topic: string;
  readonly profile: Profile;
  readonly origin: JobOrigin;
  readonly reason: 'cancelled' | 'timedOut' | 'byHand';
}

/** What became of a request, once nothing more will happen to it. */
export type RequestOutcome =
  | { readonly kind: 'acked' }
  /** It can never be sent (unknown topic, too large, not authorised); never written to Kafka. */
  | { readonly kind: 'refused'; readonly reason: string };
