// Nodes and shards as one table each: what the claims and records of the cluster say, and what the nodes that answered say of
// themselves. Pure.
import type { ShardId } from '../../actors/ids.ts';
import type { Claim } from '../../cluster/claims.ts';
import type { NodeLife } from '../../cluster/node-life.ts';
import type { Answered } from '../../cluster/questions.ts';
import type { NodeView, ShardView } from './model/cluster.ts';
import type { NodeAnswer } from './node-questions.ts';

export type Heard = Answered & { readonly answer: NodeAnswer };

export function claimsOf(life: NodeLife, shards: number): Claim[] {
  return Array.from({ length: shards }, (_, shard) => life.claims.of(shard as ShardId));
}

export function nodesOf(
  self: string,
  life: NodeLife,
  answered: readonly Heard[],
  claims: readonly Claim[],
): NodeView[] {
  const records = [...life.membership.peers().values()].map(({ record }) => record);
  const members = [{ node: self, incarnation: life.incarnation, state: life.membership.state }, ...records];
  const views = members.map(({ node, incarnation, state }): NodeView => {
    const shardsOwned = claims.filter((claim) => claim.incarnation === incarnation).length;
    const said = answered.find((one) => one.incarnation === incarnation)?.answer;
    if (said !== undefined) {
      const { shards, movements, ...view } = said;
      return { node, incarnation, shardsOwned, ...view };
    }
    const gone = life.membership.isDead(incarnation) ? 'dead' : state === 'left' ? 'left' : 'silent';
    const nothing = { version: null, startedAtMs: null, leaseRemainingMs: null, pending: null, clockSkewMs: null };
    return { node, incarnation, state: gone, shardsOwned, ...nothing, waitingFor: [] };
  });
  return views.sort((a, b) => (a.node < b.node ? -1 : 1));
}

export function shardView(
  shard: ShardId,
  { node, incarnation, revision }: Claim,
  life: NodeLife,
  answered: readonly Heard[],
): ShardView {
  const stateAt = ({ answer }: { readonly answer: NodeAnswer }) => answer.shards.find(([id]) => id === shard)?.[1];
  const owner = answered.find((one) => one.incarnation === incarnation);
  const claiming = answered.map(stateAt).find((state) => state === 'acquiring');
  const unheard = incarnation === '' ? 'released' : 'unknown';
  return {
    shard,
    node: node === '' ? null : node,
    incarnation: incarnation === '' ? null : incarnation,
    epoch: revision,
    state: (owner === undefined ? undefined : (stateAt(owner) ?? 'released')) ?? claiming ?? unheard,
    target: life.shards.targetOf(shard) ?? null,
  };
}
