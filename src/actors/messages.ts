// What a pending job is told and what it answers. These cross nodes (msgpack), so they are plain data without classes.
import type { CorrelationId, JobKey, Lane } from './ids.ts';

/** Every route setting that a job still needs after its route was changed or removed. Durations in ms. */
export interface CallSettings {
  readonly replyTimeoutMs: number;
  readonly onReplyTimeout: 'incident' | 'fail';
  readonly retryBackoffMs: number;
  /** How long a tombstone is kept after completed, cancelled, gone. */
  readonly lateWindowMs: number;
  /** And after failed, timedOut, bpmnError. */
  readonly incidentWindowMs: number;
}

/** The Kafka record to publish, without what the owner adds: correlation id (key and header) and reply topic. */
export interface RequestContent {
  readonly topic: string;
  /** The business payload and nothing else: the engine's own JSON text, untouched. */
  readonly body: string;
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
  readonly origin: JobOrigin;
  readonly request: RequestContent;
  readonly settings: CallSettings;
  /** The process instance's trace context (`traceparent`), '' when there is none. */
  readonly trace: string;
  /** Set when the intake node already knows that the request cannot be sent: an incident with this text. */
  readonly fault: string | undefined;
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
  readonly attempt: number;
  readonly position: ReplyPosition;
  readonly content: ReplyContent;
}

export type ReplyContent =
  /** `variables`: JSON text of an object, as the service wrote it. */
  | { readonly kind: 'result'; readonly variables: string }
  /** The record itself is dead-lettered by the node that read it; the job fails now, one retry less. */
  | { readonly kind: 'malformed'; readonly reason: DeadLetterReason; readonly message: string };

export type DeadLetterReason =
  | 'not-json'
  | 'not-object'
  | 'no-id'
  | 'forged'
  | 'unknown'
  | 'late'
  | 'too-large'
  | 'refused';

/** Design §2, "answer to a reply", and `refused`: the engine will never take this result, the job fails with it. `notOwner` and silence are the router's and never reach the reply's reader. */
export type ReplyAnswer = 'applied' | 'duplicate' | 'late' | 'refused';

/** A Kafka record as the request publisher takes it. */
export interface OutgoingRequest {
  readonly jobKey: JobKey;
  readonly attempt: number;
  readonly correlationId: CorrelationId;
  readonly lane: Lane;
  readonly topic: string;
  readonly body: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** What became of a request, once nothing more will happen to it. */
export type RequestOutcome =
  | { readonly kind: 'acked' }
  /** It can never be sent (unknown topic, too large, not authorised); never written to Kafka. */
  | { readonly kind: 'refused'; readonly reason: string };
