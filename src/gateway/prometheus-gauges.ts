// The present values of a node in Prometheus form. Each is asked for at the moment of a scrape and kept nowhere; with a label,
// what the node does not tell of any more disappears.
import { Gauge, type Registry } from 'prom-client';
import type { NodeGauges } from './metrics.ts';

/** To be called once for a registry. @param laneLabel under which a lane is shown: those beyond the bound share one */
export function registerGauges(registry: Registry, node: NodeGauges, laneLabel: (lane: string) => string): void {
  const value = (name: string, help: string, tell: () => number): void => {
    new Gauge({
      name: `holdfast_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(tell());
      },
    });
  };
  const values = <Label extends string>(
    name: string,
    help: string,
    label: Label,
    tell: (gauge: Gauge<Label>) => void,
  ): void => {
    new Gauge<Label>({
      name: `holdfast_${name}`,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset();
        tell(this);
      },
    });
  };
  values('pending_jobs', 'Jobs held by this node that wait for a reply', 'lane', (gauge) => {
    // Those beyond the bound add up under one label.
    for (const [lane, pending] of node.pendingByLane()) gauge.inc({ lane: laneLabel(lane) }, pending);
  });
  if (node.oldestHeldAtMsByLane !== undefined) {
    const oldest = node.oldestHeldAtMsByLane.bind(node);
    values('oldest_pending_seconds', 'Age of the oldest job held by this node', 'lane', (gauge) => {
      const ages = new Map<string, number>();
      for (const [name, heldAtMs] of oldest()) {
        const lane = laneLabel(name);
        ages.set(lane, Math.max(0, node.wallMs() - heldAtMs, ages.get(lane) ?? 0));
      }
      for (const [lane, ageMs] of ages) gauge.set({ lane }, ageMs / 1000);
    });
  }
  values('room_jobs', 'Further jobs that this node admits', 'lane', (gauge) => {
    for (const [lane, room] of node.roomByLane()) gauge.set({ lane: laneLabel(lane) }, room);
  });
  values('reply_lag_records', 'Replies in Kafka that are not settled', 'partition', (gauge) => {
    for (const [partition, records] of node.replyLagByPartition()) gauge.set({ partition }, records);
  });
  values('server_reachable', '1 if the server answered when it was asked last, else 0', 'server', (gauge) => {
    for (const [server, reachable] of node.reachable()) gauge.set({ server }, reachable ? 1 : 0);
  });
  value('shards_owned', 'Shards owned by this node', () => node.shardsOwned());
  value('watch_lag_entries', 'Entries of the bucket that JetStream has yet to deliver', () => node.watchLag());
  value('puts_in_doubt', 'Writes whose fate is not known yet', () => node.putsInDoubt());
  value('lease_remaining_seconds', 'How long this node may still act', () => node.leaseRemainingMs() / 1000);
  value(
    'first_lock_seconds',
    'For how long the engine locks a job that it hands to this node now',
    () => node.firstLockMs() / 1000,
  );
}
