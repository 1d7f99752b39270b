// What the logs of nodes tell about shards and reply partitions, when they are read after the fact: a look at /metrics every
// so often would cost the nodes time at the very moment that is measured, and tell less. Nodes of one machine share its clock.
// Shards and settled replies are debug lines, assignments are info lines (src/gateway/node-log.ts).
import type { ShardState } from '../../src/cluster/shard-lifecycle.ts';
import type { LogLine } from '../../test/support/nodes.ts';

export type LogsByNode = ReadonlyMap<string, readonly LogLine[]>;

export interface ShardMove {
  readonly atMs: number;
  readonly node: string;
  readonly shard: number;
  readonly to: ShardState;
}

/** Calls to a shard stand still from when its owner takes no more until somebody answers again. */
export interface Handover {
  readonly shard: number;
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
  readonly pauseMs: number;
}

/** Of all nodes, in the order of time. */
export function shardMoves(logs: LogsByNode): ShardMove[] {
  const moves: ShardMove[] = [];
  for (const [node, lines] of logs) {
    for (const { time, message, shard } of lines) {
      const [, to] = /^shard (released|acquiring|rehydrating|owned|draining)$/.exec(message) ?? [];
      if (to !== undefined && typeof shard === 'number') {
        moves.push({ atMs: Date.parse(time), node, shard, to: to as ShardState });
      }
    }
  }
  return moves.sort((a, b) => a.atMs - b.atMs);
}

export function ownedBy(moves: readonly ShardMove[], node: string, atMs: number): number[] {
  const owned = new Set<number>();
  for (const move of moves) {
    if (move.node !== node || move.atMs > atMs) continue;
    if (move.to === 'owned') owned.add(move.shard);
    else owned.delete(move.shard);
  }
  return [...owned].sort((a, b) => a - b);
}

/** ms from that moment until the last of these shards was owned by another node; undefined while one is not. */
export function servedAgainMs(
  moves: readonly ShardMove[],
  { shards, lostBy, atMs }: { readonly shards: readonly number[]; readonly lostBy: string; readonly atMs: number },
): number | undefined {
  const first = new Map<number, number>();
  for (const { node, shard, to, atMs: movedMs } of moves) {
    if (to === 'owned' && node !== lostBy && movedMs >= atMs && !first.has(shard)) first.set(shard, movedMs - atMs);
  }
  return lastOf(shards, first);
}

export function handovers(moves: readonly ShardMove[]): Handover[] {
  const draining = new Map<number, ShardMove>();
  const found: Handover[] = [];
  for (const move of moves) {
    const { shard, to, node, atMs } = move;
    if (to === 'draining') draining.set(shard, move);
    const begin = draining.get(shard);
    if (to !== 'owned' || begin === undefined) continue;
    draining.delete(shard);
    found.push({ shard, from: begin.node, to: node, atMs: begin.atMs, pauseMs: atMs - begin.atMs });
  }
  return found;
}

/** Reply partitions that a node reads at that moment. */
export function readBy(lines: readonly LogLine[], atMs: number): number[] {
  let partitions: readonly number[] = [];
  for (const line of lines) {
    if (Date.parse(line.time) > atMs) break;
    if (line.message === 'replies: assigned') partitions = line.partitions as number[];
    if (line.message === 'replies: unassigned') partitions = [];
  }
  return [...partitions].sort((a, b) => a - b);
}

/**
 * ms from that moment until another node had settled a reply on the first, and on the last, of these partitions; undefined
 * while there is one without.
 */
export function flowingAgainMs(
  logs: LogsByNode,
  {
    partitions,
    lostBy,
    atMs,
  }: { readonly partitions: readonly number[]; readonly lostBy: string; readonly atMs: number },
): { readonly firstMs: number; readonly allMs: number } | undefined {
  const first = new Map<number, number>();
  for (const [node, lines] of logs) {
    if (node === lostBy) continue;
    for (const { time, message, partition } of lines) {
      const tookMs = Date.parse(time) - atMs;
      if (message !== 'replies: settled' || typeof partition !== 'number' || tookMs < 0) continue;
      first.set(partition, Math.min(first.get(partition) ?? Number.POSITIVE_INFINITY, tookMs));
    }
  }
  const allMs = lastOf(partitions, first);
  if (allMs === undefined) return undefined;
  return { firstMs: Math.min(...partitions.map((each) => first.get(each) ?? allMs)), allMs };
}

function lastOf(wanted: readonly number[], first: ReadonlyMap<number, number>): number | undefined {
  const times = wanted.map((each) => first.get(each));
  return times.includes(undefined) ? undefined : Math.max(0, ...(times as number[]));
}
