// Which dead letters are worth another try, and what is then put on the reply topic.
//
// A letter is driven again when something besides it can have changed since: the call that has its business key has begun, the
// schema registry or a secret is back, a node was updated, a limit raised, a route's expression or result variable or the names of
// headers corrected. No change cures the others: a value that is no JSON stays none, and a job that the engine has said to be
// gone does not come back under its key. What is not the whole reply, or no reply of this cluster, is never sent in its name.
import type { DeadLetterReason } from '../../actors/messages.ts';
import { MOST_HEADERS } from '../kafka/header-decoding.ts';
import type { IncomingRecord, KafkaHeader, OutgoingRecord } from '../ports.ts';
import { ADDED } from '../replies/dead-letters.ts';
import { REDRIVEN } from './dead-letter-decoding.ts';
import type { DeadLetterSummary } from './model/dead-letters.ts';

/** Whether something besides the letter can cure it; docs/operations.md says what. */
export const CURABLE: Readonly<Record<DeadLetterReason, boolean>> = {
  unknown: true,
  schema: true,
  forged: true,
  unreadable: true,
  'no-id': true,
  malformed: true,
  'not-object': true,
  'too-large': true,
  refused: true,
  'not-json': false,
  late: false,
};

/** Why not, in a word or two; undefined: it is driven. */
export function whySkipped(
  { reason, truncated, original }: DeadLetterSummary,
  { headers }: IncomingRecord,
  replyTopic: string,
): string | undefined {
  if (reason === '') return 'no dead letter of ours';
  if (original.topic !== replyTopic) return 'from another topic';
  if (truncated !== null || headers.length >= MOST_HEADERS) return 'truncated';
  if (!isReason(reason)) return 'of an unknown reason';
  return CURABLE[reason] ? undefined : reason;
}

/** As the service sent it, with a header that tells who drove it again. */
export function drivenAgain({ key, value, headers }: IncomingRecord, auditId: string): OutgoingRecord {
  const theirs = headers.filter(({ name }) => !ADDED.has(name) && name !== REDRIVEN);
  return { key, value, headers: [...theirs, { name: REDRIVEN, value: auditId } satisfies KafkaHeader] };
}

/** A newer node may write others. */
function isReason(reason: string): reason is DeadLetterReason {
  return Object.hasOwn(CURABLE, reason);
}
