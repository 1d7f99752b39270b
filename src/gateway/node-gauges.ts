// The present values that a node shows (metrics.ts, `NodeGauges`), as its bridge has them. Asked for at every scrape.
import type { Clock } from '../actors/ports.ts';
import type { Bridge } from './bridge.ts';
import type { NodeGauges } from './metrics.ts';

/** `natsConnected`: at this moment. */
export function gaugesOf(bridge: Bridge, clock: Clock, natsConnected: () => boolean): NodeGauges {
  const { cluster, replies } = bridge;
  return {
    wallMs: () => clock.wallMs(),
    pendingByLane: () => cluster.life?.lanes.pending() ?? [],
    oldestHeldAtMsByLane: () => cluster.oldest().map(({ lane, heldAtMs }) => [lane, heldAtMs] as const),
    roomByLane: () => Object.entries(cluster.life?.room.perLane() ?? {}),
    replyLagByPartition: () => replies.lag(),
    reachable: () => new Map([...bridge.reachable, ['nats', natsConnected()]]),
    shardsOwned: () => cluster.life?.shards.owned() ?? 0,
    watchLag: () => cluster.life?.watchLag ?? 0,
    putsInDoubt: () => cluster.life?.putsInDoubt ?? 0,
    leaseRemainingMs: () => cluster.life?.lease.remainingMs() ?? 0,
    firstLockMs: () => cluster.firstLockMs(),
  };
}
