// What is asked of the consumer group beside the consumer itself: positions, commits, and showing a dead member out.
//
// kafkajs's own commit repeats itself after a rebalance under the new generation, and Kafka takes a commit for another member's
// partition and moves it back. Ours names member and generation, once: Kafka refuses it when either is not present any more.
// All of this goes over connections of its own, for a JoinGroup keeps the consumer's connection busy until everybody has joined.
import type { Broker, Cluster, Kafka } from 'kafkajs';
import { type ClusterChannel, clusterChannel } from './cluster-channel.ts';
import { kafkaErrorName } from './errors.ts';
import { Renewable } from './renewable.ts';

export interface Position {
  readonly partition: number;
  /** Undefined when nothing is committed, or when what is committed is not in the log (any more). */
  readonly committed: string | undefined;
  readonly earliest: string;
}

/** Names one member in one generation of the group, as Kafka does. */
export interface GroupMembership {
  readonly memberId: string;
  readonly generationId: number;
}

type Leaving = { leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown> };

export class ConsumerGroup {
  readonly #channel: Renewable<ClusterChannel>;
  readonly #groupId: string;
  readonly #topic: string;
  readonly #deadlineMs: number;

  constructor(kafka: Kafka, groupId: string, topic: string, deadlineMs = 5_000) {
    this.#groupId = groupId;
    this.#topic = topic;
    this.#deadlineMs = deadlineMs;
    this.#channel = new Renewable(() => clusterChannel(kafka, groupId, true));
  }

  /** @throws when Kafka is away or the topic is missing */
  async positions(partitions: readonly number[]): Promise<readonly Position[]> {
    if (partitions.length === 0) return [];
    return this.#use(async (cluster) => {
      const [committed, earliest, latest] = await Promise.all([
        this.#committed(cluster, partitions),
        this.#logOffsets(cluster, partitions, true),
        this.#logOffsets(cluster, partitions, false),
      ]);
      return partitions.map((partition) => {
        const start = earliest.get(partition);
        const end = latest.get(partition);
        if (start === undefined || end === undefined)
          throw new Error(`Kafka did not say where partition ${partition} is`);
        const at = BigInt(committed.get(partition) ?? -1);
        const usable = at >= BigInt(start) && at <= BigInt(end);
        return { partition, committed: usable ? at.toString() : undefined, earliest: start };
      });
    });
  }

  /**
   * Log end per partition of the topic: where the next record will be written. Not the last stable offset, behind which a reader of
   * committed records waits for open transactions: a reply behind one is in Kafka all the same, and deadlines wait until it is read.
   */
  async endOffsets(): Promise<ReadonlyMap<number, string>> {
    return this.#use(async (cluster) => {
      const partitions = cluster.findTopicPartitionMetadata(this.#topic).map(({ partitionId }) => partitionId);
      return this.#logOffsets(cluster, partitions, false);
    });
  }

  /** @throws when Kafka refuses (another generation, not a member) or is away */
  async commit(member: GroupMembership, offsets: ReadonlyMap<number, string>): Promise<void> {
    const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset }));
    await this.#use(async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId: this.#groupId });
      await coordinator.offsetCommit({
        groupId: this.#groupId,
        memberId: member.memberId,
        groupGenerationId: member.generationId,
        topics: [{ topic: this.#topic, partitions }],
      });
    });
  }

  /** True: the member is out, by us or already. */
  async evict(memberId: string): Promise<boolean> {
    try {
      await this.#use(async (cluster) => {
        const coordinator = await cluster.findGroupCoordinator({ groupId: this.#groupId });
        await (coordinator as Broker & Leaving).leaveGroup({ groupId: this.#groupId, memberId });
      });
      return true;
    } catch (error) {
      return kafkaErrorName(error) === 'UNKNOWN_MEMBER_ID';
    }
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  #use<R>(run: (cluster: Cluster) => Promise<R>): Promise<R> {
    return this.#channel.use(this.#deadlineMs, async ({ cluster }) => {
      await cluster.addTargetTopic(this.#topic);
      await cluster.refreshMetadataIfNecessary();
      try {
        return await run(cluster);
      } catch (error) {
        // A leader or coordinator has moved: the next call looks again.
        if (kafkaErrorName(error) !== undefined) await cluster.refreshMetadata();
        throw error;
      }
    });
  }

  async #committed(cluster: Cluster, partitions: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const coordinator = await cluster.findGroupCoordinator({ groupId: this.#groupId });
    const asked = partitions.map((partition) => ({ partition, offset: '' }));
    const { responses } = await coordinator.offsetFetch({
      groupId: this.#groupId,
      topics: [{ topic: this.#topic, partitions: asked }],
    });
    return new Map(responses[0]?.partitions.map(({ partition, offset }) => [partition, offset]));
  }

  async #logOffsets(
    cluster: Cluster,
    partitions: readonly number[],
    fromBeginning: boolean,
  ): Promise<ReadonlyMap<number, string>> {
    const asked = partitions.map((partition) => ({ partition }));
    const [answer] = await cluster.fetchTopicsOffset([{ topic: this.#topic, partitions: asked, fromBeginning }]);
    return new Map(answer?.partitions.map(({ partition, offset }) => [partition, offset]));
  }
}
