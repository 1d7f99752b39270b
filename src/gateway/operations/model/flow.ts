// How calls flow through the cluster, second by second, and what waits, route by route.
import Type from 'typebox';
import { AtMs, JobKey, Nullable, words } from './fields.ts';

/** `thrown`: ended by a BPMN error, which is an answer too; `failed`: by a failure, or because time ran out. */
export const FLOW_STEPS = ['activated', 'held', 'sent', 'replied', 'completed', 'thrown', 'failed'] as const;
export type FlowStep = (typeof FLOW_STEPS)[number];

const Counts = Type.Array(Type.Integer(), {
  description: 'One count per second, oldest first; the last second is complete',
});
export const FlowView = Type.Object({
  atMs: Type.Number({ description: 'End of the last second counted' }),
  missing: Type.Array(Type.String()),
  perSecond: Type.Object({
    activated: Counts,
    held: Counts,
    sent: Counts,
    replied: Counts,
    completed: Counts,
    thrown: Counts,
    failed: Counts,
  }),
});
export type FlowView = Type.Static<typeof FlowView>;

export const RouteView = Type.Object({
  lane: Type.String({ description: 'Job type of a route, or request topic of tasks made from the template' }),
  kind: words(['route', 'template', 'removed'], 'removed: no longer configured, and still has pending jobs'),
  requestTopic: Nullable(Type.String()),
  replyTimeoutMs: Nullable(Type.Number({ description: 'As configured now; jobs keep what they were held with' })),
  pending: Type.Integer(),
  oldestHeldAtMs: Nullable(AtMs),
  oldestJobKey: Nullable(JobKey),
  heldPerSecond: Type.Number({ description: 'Over the last ten seconds' }),
  endedPerSecond: Type.Number(),
  /** Design §2, "room": new holds still admitted, on the node that admits least. */
  room: Nullable(Type.Integer({ description: 'Further holds that the fullest node admits; null: no limit met yet' })),
  unsent: Type.Integer({ description: 'Requests that Kafka has not acknowledged yet' }),
});
export type RouteView = Type.Static<typeof RouteView>;

export const RoutesView = Type.Object({ missing: Type.Array(Type.String()), routes: Type.Array(RouteView) });
export type RoutesView = Type.Static<typeof RoutesView>;
