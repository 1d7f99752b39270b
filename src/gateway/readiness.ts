// What is missing before a node does its work, in words for whoever runs it: an empty list is readiness.
import type { Cluster } from '../cluster/cluster.ts';
import type { Server } from './metrics.ts';

export interface ReadinessOf {
  readonly cluster: Pick<Cluster, 'life' | 'mayAct' | 'drained'>;
  /** Secrets whose files are behind those of the other nodes. */
  readonly lackingKeys: readonly string[];
  /** Has the reply consumer had an assignment? */
  readonly assignedOnce: boolean;
}

export function missingFor({ cluster, lackingKeys, assignedOnce }: ReadinessOf): string[] {
  const missing: string[] = [];
  const life = cluster.life;
  if (life === undefined) missing.push('membership: the NATS bucket, or a place in it');
  else if (!cluster.mayAct()) missing.push('JetStream: no lease, or writes go unanswered');
  if (life !== undefined && !life.skew.within) {
    const { ms } = life.skew;
    missing.push(
      ms === undefined
        ? "the clock: not compared with the NATS server's yet"
        : `the clock: ${Math.round(ms)} ms away from the NATS server's; set both by NTP`,
    );
  }
  if (cluster.drained) missing.push('an operator: he has drained this node (resume it, or restart it)');
  for (const id of lackingKeys)
    missing.push(`the keyFile of secret ${id}: all other nodes have a newer key; bring this file up to date`);
  // Without those keys it reads no replies.
  if (!assignedOnce && lackingKeys.length === 0) missing.push('Kafka: no assignment of the reply topic yet');
  return missing;
}

/** A node is ready without them, for it holds what there is to hold; its operator wants to know. */
export function unreachable(reachable: ReadonlyMap<Server, boolean>): string[] {
  const away = [...reachable].filter(([, answers]) => !answers);
  return away.map(([server]) => `${server === 'kafka' ? 'Kafka' : 'Zeebe'}: it does not answer`);
}
