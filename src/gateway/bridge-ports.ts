// What a bridge is put together over: its servers, real or simulated, what of the configuration it lives by, and what it tells
// of its parts.
import type { Clock, Random } from '../actors/ports.ts';
import type { ClusterEvent } from '../cluster/events.ts';
import type { Bus, KvPort, TailPort } from '../cluster/ports.ts';
import type { Config } from './config/config.ts';
import type { IntakeEvent } from './intake/intake.ts';
import type { SizeLimits } from './intake/routes.ts';
import type { Metrics } from './metrics.ts';
import type { NodeAnswersOptions } from './operations/node-answers.ts';
import type { EnginePort, RecordWriter, ReplyReader } from './ports.ts';
import type { RepliesEvent } from './replies/replies-options.ts';
import type { TopicEvent } from './requests/topic-troubles.ts';
import type { SchemaRegistry } from './schema/registry.ts';
import type { Secrets } from './secrets.ts';
import type { Tracing } from './tracing.ts';

export interface BridgePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KvPort;
  readonly bus: Bus;
  readonly engine: EnginePort;
  readonly writer: RecordWriter;
  readonly replies: ReplyReader;
  /**
   * The bucket and its `_meta` are there; answers the secrets kept in it. Waits as long as it must; rejects when starting
   * makes no sense (another number of shards).
   */
  prepare(secrets: Secrets): Promise<void>;
  /** undefined: no registry is configured. */
  readonly schemas?: SchemaRegistry | undefined;
  readonly metrics?: Metrics;
  /** The bucket as a log; undefined: nobody looks back. */
  readonly tail?: TailPort;
  /** Of holdfast, for people. */
  readonly version?: string;
  /** What whoever runs the bridge still waits for, besides the bridge itself. */
  waitingFor?(): string[];
  /** This node's runs over dead letters; undefined: nobody can begin one here (yet). */
  redrives?(): ReturnType<NodeAnswersOptions['redrives']>;
  /** undefined: nobody follows single calls. */
  readonly tracing?: Tracing | undefined;
  onEvent?(event: BridgeEvent): void;
}

export type BridgeEvent =
  | { readonly from: 'cluster'; readonly event: ClusterEvent }
  | { readonly from: 'replies'; readonly event: RepliesEvent }
  | { readonly from: 'kafka'; readonly event: TopicEvent }
  | { readonly from: 'intake'; readonly jobType: string; readonly event: IntakeEvent };

export type BridgeConfig = Pick<
  Config,
  | 'cluster'
  | 'node'
  | 'routes'
  | 'template'
  | 'leaseTtlMs'
  | 'shards'
  | 'secrets'
  | 'replyTopic'
  | 'deadLetterTopic'
  | 'acknowledgements'
  | 'ackTopic'
  | 'headerNames'
> & {
  readonly sizes: SizeLimits;
  readonly maxReplyBytes: number;
};
