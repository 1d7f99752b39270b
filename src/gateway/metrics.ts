// What a node counts and shows, as seen by those who have something to tell; none of them knows of Prometheus.
//
// Counters are told as things happen (`Metrics`); what has a present value (`NodeGauges`) is asked for when somebody
// looks, so that keeping it costs nothing in between and a stuck node cannot show a stale lease as alive.
import type { ActivationAnswer, DeadLetterReason, RequestOutcome } from '../actors/messages.ts';
import type { EngineAnswer, EngineCommands } from '../actors/ports.ts';
import type { Outcome } from '../actors/snapshot.ts';
import type { Leg } from '../cluster/legs.ts';

/** `late`: for the dead letters; else by what the settings of its job say. */
export type CountedReply =
  | 'applied'
  | 'duplicate'
  | 'late'
  | 'latePublished'
  | 'lateDropped'
  | 'unknown'
  | 'forged'
  | 'unreadable'
  | 'malformed';
/** `activate`: polls for jobs; what the engine pushes by a stream is not asked for. */
export type EngineCommand = keyof EngineCommands | 'activate';

/** `handedOver`: by a node that lives, or nobody's. */
export type Acquired = 'takenOver' | 'handedOver';

export const SERVERS = ['nats', 'kafka', 'zeebe'] as const;
export type Server = (typeof SERVERS)[number];

/** Everything that happens and is counted. Each call costs a tenth of a microsecond, of histograms three; none throws. */
export interface Metrics {
  hold(lane: string, answer: ActivationAnswer): void;
  request(lane: string, outcome: RequestOutcome['kind']): void;
  /** So many requests were in a try that Kafka did not answer; they are tried again. */
  retried(count: number): void;
  /** Requests published again after a takeover. */
  republished(count: number): void;
  reply(answer: CountedReply): void;
  deadLetter(reason: DeadLetterReason): void;
  /** A batch of the reply topic that could not be read. */
  batchRefused(): void;
  /** `heldMs`: from the hold to the end of the attempt. */
  outcome(lane: string, outcome: Outcome, heldMs: number): void;
  /** A part of a call that was completed at the first try (cluster/legs.ts). */
  leg(leg: Leg, ms: number): void;
  engineCall(command: EngineCommand, code: EngineAnswer['code']): void;
  /** JetStream has settled a write `ms` after it was first sent. */
  put(ms: number): void;
  takeover(): void;
  /** A shard answers here, `ms` after its claim was sent. */
  acquired(how: Acquired, ms: number): void;
  /** So many pending jobs were read back into memory. */
  rehydrated(jobs: number): void;
  casConflict(): void;
  incarnation(): void;
}

/** What has a value at any moment. */
export interface NodeGauges {
  wallMs(): number;
  pendingByLane(): Iterable<readonly [lane: string, pending: number]>;
  /** When the oldest of each lane was held, wall clock ms; a lane that holds none is left out. Absent: nobody knows. */
  oldestHeldAtMsByLane?(): Iterable<readonly [lane: string, heldAtMs: number]>;
  /** Further holds that this node admits, of each lane that it knows of. */
  roomByLane(): Iterable<readonly [lane: string, room: number]>;
  /** Replies in Kafka and not settled, of each partition that this node reads. */
  replyLagByPartition(): Iterable<readonly [partition: number, records: number]>;
  /** Did each answer when it was asked last? One that was not asked yet is left out. */
  reachable(): Iterable<readonly [server: Server, reachable: boolean]>;
  shardsOwned(): number;
  putsInDoubt(): number;
  /** Entries of the bucket that JetStream has yet to deliver. */
  watchLag(): number;
  /** 0 when the lease is void. */
  leaseRemainingMs(): number;
  /** For how long the engine is to lock a job that it hands out now. */
  firstLockMs(): number;
}

/** Counts nothing. */
export const NO_METRICS: Metrics = {
  hold() {},
  request() {},
  retried() {},
  republished() {},
  reply() {},
  deadLetter() {},
  batchRefused() {},
  outcome() {},
  leg() {},
  engineCall() {},
  put() {},
  takeover() {},
  acquired() {},
  rehydrated() {},
  casConflict() {},
  incarnation() {},
};
