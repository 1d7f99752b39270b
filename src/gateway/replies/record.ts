// What a record on the reply topic is, judged by itself: a reply to one of our jobs, one under what may be a business key,
// or a dead letter and why.
//
// A record that carries a verified id but no usable value is both: a dead letter, and bad news for its job.
import type { JobKey } from '../../actors/ids.ts';
import type { DeadLetterReason, ReplyContent } from '../../actors/messages.ts';
import type { HeaderNames } from '../header-names.ts';
import type { IncomingRecord } from '../ports.ts';
import { schemaIdOf } from '../schema/registry.ts';
import { correlationOf, readReply } from './contract.ts';

/** Of a correlation id: whose it is, or that it only looks like one of ours, or does not even. */
export type VerifiedId =
  | { readonly kind: 'ok'; readonly jobKey: JobKey; readonly attempt: number }
  | { readonly kind: 'forged' }
  | { readonly kind: 'unknown' };

export type VerifyId = (correlationId: string) => VerifiedId;

export type JudgedRecord =
  | {
      readonly kind: 'reply';
      readonly jobKey: JobKey;
      readonly attempt: number;
      readonly content: ReplyContent | Encoded;
    }
  /** Its id is none of ours: it may be a business key, or nothing at all. */
  | { readonly kind: 'businessKey'; readonly businessKey: string; readonly content: ReplyContent | Encoded }
  | { readonly kind: 'deadLetter'; readonly reason: DeadLetterReason; readonly message: string };

/** The value has a schema, and is read once that is known: only for records whose id is in order. */
export interface Encoded {
  readonly kind: 'encoded';
}

export interface ReplyRules {
  readonly verify: VerifyId;
  readonly names: HeaderNames;
  /** The largest value that is passed on. */
  readonly maxBytes: number;
}

/** What a record is judged by before it is read as a reply, so that whoever settles it need not read it again. */
export type Judged = JudgedRecord & { readonly correlationId: string | undefined };

export function judge(record: IncomingRecord, { verify, names, maxBytes }: ReplyRules): Judged {
  const { id: correlationId } = correlationOf(record, names);
  if (correlationId === undefined) {
    return {
      ...deadLetter('no-id', `the record has no header ${names.correlationId}, nor another correlation id`),
      correlationId,
    };
  }
  const verified = verify(correlationId);
  if (verified.kind === 'forged') {
    return { ...deadLetter('forged', 'the correlation id was not made by this cluster'), correlationId };
  }
  const encoded = record.value !== null && schemaIdOf(record.value) !== undefined;
  const content = encoded ? { kind: 'encoded' as const } : readReply(record, names, maxBytes);
  if (verified.kind === 'unknown') {
    return { kind: 'businessKey', businessKey: correlationId, content, correlationId };
  }
  const { jobKey, attempt } = verified;
  return { kind: 'reply', jobKey, attempt, content, correlationId };
}

function deadLetter(reason: DeadLetterReason, message: string): JudgedRecord {
  return { kind: 'deadLetter', reason, message };
}
