// What a decision asks the outside to do. A decision is a generator: it yields an effect, and is fed its answer; so it
// reads top to bottom, while no clock, I/O or randomness of its own is inside and any driver (production, simulator,
// property test) can run it. One effect at a time per job: the mailbox holds everything else back meanwhile.
import type { CorrelationId, Incarnation, JobKey, Lane, NodeName, Revision } from '../ids.ts';
import type { CallSettings, CancelRecord, OutgoingRequest, ReplyAsSent, Verdict } from '../messages.ts';
import type { Clock, EngineAnswer, FailJob, PublishMessage, Random, ThrowError } from '../ports.ts';
import type { Snapshot } from '../snapshot.ts';

export type Effect =
  /** CAS write against `expected`; answered by PutAnswer once it is settled. */
  | { readonly do: 'put'; readonly snapshot: Snapshot; readonly expected: Revision; readonly ttlMs: number | undefined }
  /** Leader read of the job's key; answered by Standing | undefined. */
  | { readonly do: 'read' }
  | { readonly do: 'complete'; readonly variables: string }
  | { readonly do: 'fail'; readonly fail: FailJob }
  | { readonly do: 'throwError'; readonly error: ThrowError }
  | { readonly do: 'updateTimeout'; readonly timeoutMs: number }
  | { readonly do: 'publishMessage'; readonly message: PublishMessage }
  /** Leader read of the shard's claim: is it ours, and has it been since before this write? Answered by boolean. */
  | { readonly do: 'confirmOwner'; readonly since: Revision }
  /** Leader read of another incarnation's sent watermark: does it cover this hold? Answered by boolean. */
  | { readonly do: 'wasSent'; readonly writer: Incarnation; readonly revision: Revision; readonly attempt: number }
  /** Hands the request to the publisher; its outcome comes back as a command of its own. */
  | { readonly do: 'publish'; readonly request: OutgoingRequest }
  /** Claims a business key for this job; answered by AliasAnswer once that is settled. */
  | { readonly do: 'claimAlias'; readonly key: string; readonly ttlMs: number }
  /** Hands a cancel record to the publisher; what becomes of it is not awaited. */
  | { readonly do: 'cancelRecord'; readonly record: CancelRecord }
  /** Takes an unsent request back; answered by WithdrawAnswer. */
  | { readonly do: 'withdraw'; readonly attempt: number };

export interface Standing {
  readonly snapshot: Snapshot;
  readonly revision: Revision;
}

export type PutAnswer =
  | { readonly kind: 'stored'; readonly revision: Revision }
  /** Another write came first; `standing` undefined: nothing stands there (expired, or the bucket was made anew). */
  | { readonly kind: 'conflict'; readonly standing: Standing | undefined }
  /** It can never be stored (too large). */
  | { readonly kind: 'never'; readonly reason: string };

/** `taken`: another job that lives, or whose tombstone still stands, has this business key. */
export type AliasAnswer = 'ours' | 'taken';

export type WithdrawAnswer = 'withdrawn' | 'inFlight' | 'unknown';

/** What decisions may know of their surroundings; shared by all jobs of an incarnation. */
export interface JobContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  correlationId(jobKey: JobKey, attempt: number): CorrelationId;
  /** What a reply means under these settings. Pure, and total: whatever a service sends has a verdict. */
  interpret(settings: CallSettings, reply: ReplyAsSent, job: { readonly retries: number }): Verdict;
  /** False while the engine was last seen slow or away: results are then stored before they are tried. */
  engineHealthy(): boolean;
  /** How far apart the probes of one job are meant to be (probe-pace.ts). */
  probeEveryMs(): number;
  /** May this node hold one more of the lane? */
  admits(lane: Lane, maxPending: number): boolean;
  /** Every reply partition has been read up to its end at or after this time, wall ms. */
  replyProgressMs(): number;
}

export type Decision<Answer> = Generator<Effect, Answer, unknown>;

export function* put(snapshot: Snapshot, expected: Revision, ttlMs?: number): Decision<PutAnswer> {
  return (yield { do: 'put', snapshot, expected, ttlMs }) as PutAnswer;
}

export function* read(): Decision<Standing | undefined> {
  return (yield { do: 'read' }) as Standing | undefined;
}

export function* engine(
  call: Extract<Effect, { do: 'complete' | 'fail' | 'throwError' | 'updateTimeout' | 'publishMessage' }>,
): Decision<EngineAnswer> {
  return (yield call) as EngineAnswer;
}

export function* confirmOwner(since: Revision): Decision<boolean> {
  return (yield { do: 'confirmOwner', since }) as boolean;
}

export function* wasSent(hold: Standing): Decision<boolean> {
  const { incarnation: writer, attempt } = hold.snapshot;
  return (yield { do: 'wasSent', writer, revision: hold.revision, attempt }) as boolean;
}

export function* claimAlias(key: string, ttlMs: number): Decision<AliasAnswer> {
  return (yield { do: 'claimAlias', key, ttlMs }) as AliasAnswer;
}

export function* withdraw(attempt: number): Decision<WithdrawAnswer> {
  return (yield { do: 'withdraw', attempt }) as WithdrawAnswer;
}
