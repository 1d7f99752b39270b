// The edges as the gateway's logic needs them: thin, one try each. Retrying, batching, credits and settling are logic above them and run
// in the simulator too.
import type { EngineCommands } from '../actors/ports.ts';

/** A job as the engine hands it out. int64 keys are decimal text, `variables` and `customHeaders` the engine's own JSON text. */
export interface ActivatedJob {
  readonly key: string;
  readonly type: string;
  readonly processInstanceKey: string;
  readonly bpmnProcessId: string;
  readonly processDefinitionVersion: number;
  readonly processDefinitionKey: string;
  readonly elementId: string;
  readonly elementInstanceKey: string;
  readonly customHeaders: string;
  readonly worker: string;
  readonly retries: number;
  /** Wall clock ms. */
  readonly deadlineMs: number;
  /** For how long it was locked when it was handed out; absent: nobody said. */
  readonly lockMs?: number;
  readonly variables: string;
  readonly tenantId: string;
}

export interface JobQuery {
  readonly jobType: string;
  readonly worker: string;
  readonly lockMs: number;
  /** Empty: all visible variables. */
  readonly fetchVariables: readonly string[];
  /** Never empty: `<default>` when tenants are not used. */
  readonly tenantIds: readonly string[];
}

/** The engine. A stream ends once, with a reason; nothing reopens it but its user. */
export interface EnginePort extends EngineCommands {
  openStream(query: JobQuery, onJob: (job: ActivatedJob) => void, onEnd: (reason: string) => void): JobStream;
  /** One ActivateJobs call. `longPollMs` 0 or less: answer at once. @throws EngineUnavailable */
  activate(
    query: JobQuery,
    maxJobs: number,
    longPollMs: number,
    signal?: AbortSignal,
  ): Promise<readonly ActivatedJob[]>;
}

export interface JobStream {
  /** Stops reading: HTTP/2 flow control makes the gateway look elsewhere. */
  pause(): void;
  resume(): void;
  /** Jobs that have reached this process are still handed over; resolves when no more come, and `onEnd` was called. */
  cancel(): Promise<void>;
}

export class EngineUnavailable extends Error {
  readonly code = 'ENGINE_UNAVAILABLE';
  readonly retryable = true;
}

export interface KafkaHeader {
  readonly name: string;
  readonly value: string | Uint8Array;
}

export interface OutgoingRecord {
  readonly key: string | Uint8Array | null;
  readonly value: string | Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
  /** Only the dead-letter writer sets it. */
  readonly partition?: number;
}

/**
 * One try of one produce request (one topic, acks from all).
 *  - `acked`: all records are written.
 *  - `refused`: can never succeed: unknown topic (believed only after a metadata request for that topic alone), a record
 *    too large, not authorised. With more than one record, the caller tries them one by one to find the culprit.
 *  - `transient`: try again; the records may have been written all the same. `answered`: Kafka itself did not take them, for now.
 */
export type SendAnswer =
  | { readonly kind: 'acked' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'transient'; readonly reason: string; readonly answered?: boolean };

export interface RecordWriter {
  /**
   * Before the records leave, much may have to be asked: does the topic exist, where is its leader. `mayStart` is asked
   * after that, in the turn in which they do leave; false: nothing was sent, and the answer is `transient`.
   */
  send(
    topic: string,
    records: readonly OutgoingRecord[],
    deadlineMs: number,
    mayStart: () => boolean,
  ): Promise<SendAnswer>;
  close(): Promise<void>;
}

export interface IncomingRecord {
  readonly offset: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** In the record's order; a name may appear more than once. */
  readonly headers: readonly { readonly name: string; readonly value: Uint8Array }[];
  /** Wall clock ms, as stamped in the record; -1: it says no time, or none that a date can be. */
  readonly timestampMs: number;
}

export interface AssignedPartition {
  readonly partition: number;
  /** Next offset to read; undefined: nothing is committed (the reader starts at the earliest and commits that at once). */
  readonly committed: string | undefined;
  /** The earliest offset there is. */
  readonly earliest: string;
}

/** Callbacks of the reply topic's reader; called one after another, never concurrently. */
export interface ReplyHandlers {
  /** After a (re)join: exactly these partitions are ours, read anew from their committed offset; everything before is void. */
  onAssigned(memberId: string, generation: number, partitions: readonly AssignedPartition[]): void;
  /** The group is being rebalanced or the connection is gone: commits are void until the next `onAssigned`. */
  onUnassigned(): void;
  /** Records in offset order. `nextOffset`: where reading goes on (past control records, aborted batches and unreadable ones too). */
  onBatch(partition: number, records: readonly IncomingRecord[], nextOffset: string): void;
}

/** The shared reply topic, read as one member of the cluster's consumer group. */
export interface ReplyReader {
  start(handlers: ReplyHandlers): Promise<void>;
  /** Commits "next offset to read". Ignored unless `generation` is the present one. @throws when Kafka refuses or is away */
  commit(generation: number, offsets: ReadonlyMap<number, string>): Promise<void>;
  pause(partitions: readonly number[]): void;
  resume(partitions: readonly number[]): void;
  /** Log end (next offset to be written) of every partition of the reply topic. @throws when Kafka is away */
  endOffsets(): Promise<ReadonlyMap<number, string>>;
  /** LeaveGroup on behalf of a dead member. True when Kafka took it. */
  evict(memberId: string): Promise<boolean>;
  stop(): Promise<void>;
}
