// What happens in the cluster, as typed events: one log line each, and what tests wait for instead of sleeping.
import type { Incarnation, JobKey, NodeName, Revision, ShardId } from '../actors/ids.ts';
import type { Snapshot } from '../actors/snapshot.ts';
import type { ShardState } from './shard-lifecycle.ts';

export type ClusterEvent =
  | { readonly kind: 'joining'; readonly incarnation: Incarnation }
  | { readonly kind: 'joined'; readonly incarnation: Incarnation }
  | { readonly kind: 'left'; readonly incarnation: Incarnation }
  /** Everything is forgotten; a new incarnation follows. */
  | { readonly kind: 'lost'; readonly incarnation: Incarnation; readonly reason: string; readonly alarm: boolean }
  | { readonly kind: 'suspected' | 'dead'; readonly node: NodeName; readonly incarnation: Incarnation }
  | {
      readonly kind: 'shard';
      readonly shard: ShardId;
      readonly from: ShardState;
      readonly to: ShardState;
      readonly epoch: Revision;
    }
  | { readonly kind: 'takeover'; readonly shard: ShardId; readonly from: Incarnation }
  | { readonly kind: 'rehydrated'; readonly shard: ShardId; readonly jobs: number; readonly republished: number }
  | { readonly kind: 'stored'; readonly shard: ShardId; readonly jobKey: JobKey; readonly snapshot: Snapshot }
  /** `snapshot`: what was to be written. */
  | { readonly kind: 'conflict'; readonly shard: ShardId; readonly jobKey: JobKey; readonly snapshot: Snapshot }
  | { readonly kind: 'unreadable'; readonly shard: ShardId; readonly jobKey: JobKey; readonly error: unknown }
  | { readonly kind: 'commandFailed'; readonly actor: string; readonly error: unknown }
  | { readonly kind: 'skew'; readonly ms: number };
