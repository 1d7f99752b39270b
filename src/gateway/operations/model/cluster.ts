// The cluster as any node puts it together: nodes, shards, the latest movements; and who asks.
import Type from 'typebox';
import { AtMs, Nullable, words } from './fields.ts';

/** `silent`: its record stands and it did not answer in time; `dead`: judged so by the node that answers. */
export const NODE_STATES = ['ready', 'notReady', 'draining', 'left', 'silent', 'dead'] as const;
/** As the owner has them; `unknown`: the owner did not answer. */
export const SHARD_STATES = ['released', 'acquiring', 'rehydrating', 'owned', 'draining', 'unknown'] as const;

export const NodeView = Type.Object({
  node: Type.String(),
  incarnation: Type.String(),
  state: words(NODE_STATES),
  version: Nullable(Type.String({ description: 'Of holdfast; null when it did not answer' })),
  startedAtMs: Nullable(AtMs),
  leaseRemainingMs: Nullable(Type.Number()),
  shardsOwned: Type.Integer(),
  pending: Nullable(Type.Integer({ description: 'Jobs that wait here for a reply' })),
  clockSkewMs: Nullable(Type.Number({ description: "Against the NATS server's clock" })),
  waitingFor: Type.Array(Type.String(), {
    description: 'What it lacks to do its work, in words; a node that is ready may miss a server',
  }),
});
export type NodeView = Type.Static<typeof NodeView>;

export const ShardView = Type.Object({
  shard: Type.Integer(),
  node: Nullable(Type.String({ description: 'Whose claim stands' })),
  incarnation: Nullable(Type.String()),
  epoch: Type.Integer({ description: 'Revision of the claim; 0: never claimed' }),
  state: words(SHARD_STATES),
  target: Nullable(Type.String({ description: 'Where placement wants it' })),
});
export type ShardView = Type.Static<typeof ShardView>;

export const Movement = Type.Object({
  atMs: AtMs,
  shard: Type.Integer(),
  from: Nullable(Type.String({ description: 'Node' })),
  to: Type.String({ description: 'Node' }),
  kind: words(['handover', 'takeover', 'first'], 'takeover: the other was dead or believed so; first: nobody had it'),
  tookMs: Type.Number({ description: 'From the claim until it answered' }),
  jobs: Type.Integer({ description: 'Rehydrated' }),
});
export type Movement = Type.Static<typeof Movement>;

export const ClusterView = Type.Object({
  cluster: Type.String(),
  atMs: AtMs,
  answeredBy: Type.String({ description: 'The node that put this together' }),
  missing: Type.Array(Type.String(), { description: 'Nodes that should have answered and did not' }),
  nodes: Type.Array(NodeView),
  shards: Type.Array(ShardView),
  movements: Type.Array(Movement, { description: 'The latest, newest first, at most 200' }),
});
export type ClusterView = Type.Static<typeof ClusterView>;

export const WhoAmI = Type.Object({
  name: Type.String(),
  role: words(['viewer', 'operator', 'admin']),
  payloads: Type.Boolean({ description: 'May see payloads' }),
  cluster: Type.String(),
  node: Type.String({ description: 'That answers' }),
  version: Type.String(),
});
export type WhoAmI = Type.Static<typeof WhoAmI>;
