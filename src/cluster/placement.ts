// Which member should own which shard: a pure function of names, so that members who see the same names agree without
// talking. (Those who see others for a moment disagree for a moment; claims settle it.)
//
// Rendezvous hashing with a cap: every pair of shard and node has a score, pairs are taken from the highest score down,
// and a node that has ceil(shards / nodes) takes no more. Taking pairs in one order over all shards, rather than shard by
// shard, is what keeps moves few: it is the stable assignment, in which no shard and node would both rather have each
// other, so one node less disturbs only those who wanted its place.
//
// The scores may change only together with a full restart: members of two minds would hand shards to and fro.
import { fnv1a32, type NodeName } from '../actors/ids.ts';

interface Pair {
  readonly score: number;
  readonly shard: number;
  readonly node: number;
}

/**
 * @param nodes names of the members that take part, in any order
 * @returns index = shard; empty when there are no nodes
 */
export function place(nodes: readonly NodeName[], shards: number): readonly NodeName[] {
  const names = [...new Set(nodes)].sort();
  const cap = Math.ceil(shards / names.length);
  const taken = new Array<number>(names.length).fill(0);
  const owners: NodeName[] = new Array(names.length === 0 ? 0 : shards);
  for (const { shard, node } of pairsByScore(names, shards)) {
    const load = taken[node]!;
    if (load >= cap || owners[shard] !== undefined) continue;
    owners[shard] = names[node]!;
    taken[node] = load + 1;
  }
  return owners;
}

/** Highest score first; the sort is stable, so equal scores stand in the order of shard and name. */
function pairsByScore(names: readonly NodeName[], shards: number): readonly Pair[] {
  const seeds = names.map((name) => mix(fnv1a32(name)));
  const pairs: Pair[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const spread = mix(Math.imul(shard + 1, 0x9e3779b1));
    for (const [node, seed] of seeds.entries()) pairs.push({ score: mix(seed ^ spread), shard, node });
  }
  return pairs.sort((a, b) => b.score - a.score);
}

/** Murmur3's finalizer: without it FNV's high bits hardly notice the last characters, and names end in 1, 2, 3. */
function mix(value: number): number {
  let x = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
