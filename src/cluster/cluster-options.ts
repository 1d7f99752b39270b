// What a node of the cluster is given: its name and settings, and the edges that it lives between. Each life of the node
// (node-life.ts) is made of these anew.
import type { CorrelationId, JobKey, NodeName } from '../actors/ids.ts';
import type { CallSettings, ReplyAsSent, Verdict } from '../actors/messages.ts';
import type { Clock, EngineAnswer, EngineCommands, Random } from '../actors/ports.ts';
import type { CallStep } from './call-steps.ts';
import type { ClusterEvent } from './events.ts';
import type { Leg } from './legs.ts';
import type { MemberRecord, MemberReport } from './member-record.ts';
import type { Bus, KvPort } from './ports.ts';
import type { Requests } from './requests-port.ts';

export interface ClusterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KvPort;
  readonly bus: Bus;
  readonly engine: EngineCommands;
  readonly requests: Requests;
  readonly cluster: string;
  readonly node: NodeName;
  readonly shards: number;
  readonly leaseTtlMs: number;
  /** Of the routes as they are now; jobs of earlier ones may have longer ones. */
  readonly longestReplyTimeoutMs: number;
  /** Before each life: the bucket and its `_meta` are there (waits as long as it must). Rejects only when starting makes no sense. */
  prepare(): Promise<void>;
  report(): Omit<MemberReport, 'room'>;
  correlationId(jobKey: JobKey, attempt: number): CorrelationId;
  /** What a reply means under the settings of its job. Pure and total. */
  interpret(settings: CallSettings, reply: ReplyAsSent, job: { readonly retries: number }): Verdict;
  /** Has the reply consumer had an assignment? Before its first one no request may be published; once true it stays true. */
  assignedOnce(): boolean;
  /** An operator wants this node to have nothing: it is not ready then. `Cluster` sets it itself (`drain`). */
  drained?(): boolean;
  /** Partitions of the reply topic; 0 while unknown. */
  replyPartitions(): number;
  /** A node is dead or suspected, or we replaced a record of our own name: its Kafka consumer can be shown out. */
  onGone(record: MemberRecord): void;
  /** The bucket's `_meta` as it stands now. */
  onMeta?(value: Uint8Array): void;
  onEvent?(event: ClusterEvent): void;
  onEngineAnswer?(command: keyof EngineCommands, answer: EngineAnswer): void;
  /** A part of a call took so long, ms; for metrics. */
  onLeg?(leg: Leg, ms: number): void;
  /** What another node wants to know, or this one of itself (questions.ts). */
  onQuestion?(question: unknown, withinMs: number, mostBytes: number): Promise<unknown>;
  /** A write to the bucket was settled, so long after it was first sent. */
  onPut?(tookMs: number): void;
  /** Absent: nobody follows single calls. */
  onStep?(step: CallStep): void;
}
