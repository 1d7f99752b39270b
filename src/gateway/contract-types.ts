// What the contract with services and modellers is spoken in, until these stand in actors/messages.ts: the settings of a
// call, a reply as its reader passes it on, and what it means to its job.
import type { DeadLetterReason as KnownReason } from '../actors/messages.ts';

/** In which framework's header names a request is written; replies are recognised in any of them. */
export type Profile = 'spring' | 'nest' | 'smallrye' | 'cloudevents' | 'cloudevents-structured' | 'body';

/**
 *  - `malformed`: an expression failed, a bad status or header, an unsuitable number.
 *  - `schema`: it cannot be decoded.
 */
export type DeadLetterReason = KnownReason | 'malformed' | 'schema';

/** Every setting that a job still needs after its route or model was changed. Durations in ms. */
export interface CallSettings {
  readonly replyTimeoutMs: number;
  /** fail: a retry less after `retryBackoffMs`; incident: now; error: the BPMN error `timeoutErrorCode`. */
  readonly onReplyTimeout: 'incident' | 'fail' | 'error';
  /** '' unless `onReplyTimeout` is error. */
  readonly timeoutErrorCode: string;
  readonly retryBackoffMs: number;
  readonly lateWindowMs: number;
  readonly incidentWindowMs: number;
  /** 0: none. */
  readonly heartbeatTimeoutMs: number;
  readonly onLate: 'dlq' | 'publishMessage' | 'drop';
  /** For `publishMessage`. */
  readonly lateMessageName: string;
  /** '': no cancel record. */
  readonly cancelTopic: string;
  readonly profile: Profile;
  /** '': none. */
  readonly resultVariable: string;
  /** FEEL without the leading "=", '' none. */
  readonly resultExpression: string;
  readonly errorExpression: string;
}

/** A reply as its reader passes it on: well-formed, not interpreted yet. */
export type ReplyContent =
  | {
      readonly kind: 'reply';
      readonly status: 'result' | 'error' | 'failure' | 'heartbeat';
      /** JSON text of any value; '' when there was no value (allowed for error, failure, heartbeat). */
      readonly body: string;
      /** From the headers; '' none. */
      readonly code: string;
      readonly message: string;
      readonly retries: number | undefined;
      readonly backoffMs: number | undefined;
      /** Business headers, for expressions; technical ones are left out. */
      readonly headers: readonly (readonly [name: string, value: string])[];
    }
  | Malformed;

/** What a reply means to its job. `variables` is JSON text of an object, exactly what the engine gets; '{}' none. */
export type Verdict =
  | { readonly kind: 'result'; readonly variables: string }
  /** A BPMN error. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly variables: string }
  /** `retries` undefined: one less than before; `backoffMs` undefined: as the call's settings say. */
  | {
      readonly kind: 'failure';
      readonly message: string;
      readonly retries: number | undefined;
      readonly backoffMs: number | undefined;
      readonly variables: string;
    }
  /** `progress`: JSON text or '', at most 4096 bytes of UTF-8. */
  | { readonly kind: 'heartbeat'; readonly progress: string }
  | Malformed;

export interface Malformed {
  readonly kind: 'malformed';
  readonly reason: DeadLetterReason;
  readonly message: string;
}
