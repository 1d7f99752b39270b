// kafkajs's cluster object, with connections of its own, for requests that its public API does not have.
//
// The API hands that object to partition assigners only: a consumer is made for the sake of its assigner, and never run, so
// no group is ever joined. (kafkajs is pinned; this is the only file that does so.)
import { type Cluster, type Kafka, PartitionAssigners } from 'kafkajs';
import type { Connectable } from './renewable.ts';

export interface ClusterChannel extends Connectable {
  readonly cluster: Cluster;
}

/** @param readUncommitted does its end of a log include what is in a transaction that is still open? */
export function clusterChannel(kafka: Kafka, groupId: string, readUncommitted = false): ClusterChannel {
  let found: Cluster | undefined;
  const consumer = kafka.consumer({
    groupId,
    allowAutoTopicCreation: false,
    metadataMaxAge: 30_000,
    readUncommitted,
    retry: { retries: 0 },
    partitionAssigners: [
      (config) => {
        found = config.cluster;
        return PartitionAssigners.roundRobin(config);
      },
    ],
  });
  if (found === undefined) throw new Error('kafkajs did not hand its cluster to the partition assigner');
  return { cluster: found, connect: () => consumer.connect(), disconnect: () => consumer.disconnect() };
}
