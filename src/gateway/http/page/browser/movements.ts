// The cluster's movements as sentences: those that happened together, between the same two nodes and for the same reason,
// are one line. A node that dies moves dozens of shards; the operator wants to read that once.
import type { Movement } from '../../../operations/model.ts';

export interface MovementGroup {
  /** Of the newest. */
  readonly atMs: number;
  readonly from: string | null;
  readonly to: string;
  readonly kind: Movement['kind'];
  readonly shards: readonly number[];
  readonly jobs: number;
  /** The slowest. */
  readonly tookMs: number;
}

/** Further apart they are told as two. */
const TOGETHER_MS = 5_000;

/** @param movements newest first, as the API gives them */
export function grouped(movements: readonly Movement[]): readonly MovementGroup[] {
  const groups: MovementGroup[] = [];
  const oldest = new Map<MovementGroup, number>();
  for (const { atMs, from, to, kind, shard, jobs, tookMs } of movements) {
    const i = groups.findIndex(
      (group) =>
        group.from === from && group.to === to && group.kind === kind && oldest.get(group)! - atMs <= TOGETHER_MS,
    );
    const group = groups[i];
    const next: MovementGroup = group
      ? {
          ...group,
          shards: [...group.shards, shard],
          jobs: group.jobs + jobs,
          tookMs: Math.max(group.tookMs, tookMs),
        }
      : { atMs, from, to, kind, shards: [shard], jobs, tookMs };
    if (group) {
      groups[i] = next;
      oldest.delete(group);
    } else groups.push(next);
    oldest.set(next, atMs);
  }
  return groups;
}
