// The cluster's movements as sentences: what happened together and for one reason is one line. A node that dies leaves dozens of
// shards to all the others, one that joins is given some by each: the operator wants to read that once.
import type { Movement } from '../../../operations/model/cluster.ts';

export interface MovementGroup {
  /** Of the newest. */
  readonly atMs: number;
  readonly kind: Movement['kind'];
  /** Of a takeover the node that they were taken from, else the one that has them now; null: nobody. */
  readonly about: string | null;
  /** The nodes on the other side, and how many shards of each; most first. */
  readonly others: readonly (readonly [node: string | null, shards: number])[];
  readonly shards: readonly number[];
  readonly jobs: number;
  /** The slowest. */
  readonly tookMs: number;
}

/** Further apart they are told as two. */
const TOGETHER_MS = 5_000;

/** @param movements newest first, as the API gives them */
export function grouped(movements: readonly Movement[]): readonly MovementGroup[] {
  const groups: Movement[][] = [];
  for (const movement of movements) {
    const group = groups.find(
      (one) =>
        one[0]!.kind === movement.kind &&
        aboutOf(one[0]!) === aboutOf(movement) &&
        one.at(-1)!.atMs - movement.atMs <= TOGETHER_MS,
    );
    if (group) group.push(movement);
    else groups.push([movement]);
  }
  return groups.map(groupOf);
}

function aboutOf({ kind, from, to }: Movement): string | null {
  return kind === 'takeover' ? from : to;
}

function groupOf(movements: readonly Movement[]): MovementGroup {
  const newest = movements[0]!;
  const others = Map.groupBy(movements, ({ kind, from, to }) => (kind === 'takeover' ? to : from));
  return {
    atMs: newest.atMs,
    kind: newest.kind,
    about: aboutOf(newest),
    others: [...others].map(([node, of]) => [node, of.length] as const).sort((a, b) => b[1] - a[1]),
    shards: movements.map(({ shard }) => shard),
    jobs: movements.reduce((sum, { jobs }) => sum + jobs, 0),
    tookMs: Math.max(...movements.map(({ tookMs }) => tookMs)),
  };
}
