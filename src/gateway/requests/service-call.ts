// A call to a service, as every profile is given it before it becomes a record.
import type { Profile } from '../../actors/messages.ts';

/** What identifies a call to its service. */
export interface Call {
  readonly profile: Profile;
  /** '': the correlation id. */
  readonly key: string;
  readonly correlationId: string;
  /** The job's key, decimal: the same for every attempt. */
  readonly jobId: string;
  readonly attempt: number;
  readonly cluster: string;
  readonly processId: string;
  readonly elementId: string;
  /** W3C `traceparent`; '' none. */
  readonly trace: string;
}

export interface RequestCall extends Call {
  /** The business payload: JSON text, or bytes that a schema has made of it (profiles without an envelope only). */
  readonly body: string | Uint8Array;
  readonly replyTopic: string;
  readonly replyPartition?: number | undefined;
  /** Wall clock ms. */
  readonly replyDeadlineMs: number;
  /** Static and mapped ones. One that has the name of a technical header of this record is left out. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}
