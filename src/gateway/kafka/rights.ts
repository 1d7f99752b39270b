// What this user may do, as the broker says it; and of which version the broker is. For `holdfast doctor` alone: nothing is tried, and
// nothing is changed.
import type { Broker, Cluster, Kafka } from 'kafkajs';
import { type ClusterChannel, clusterChannel } from './cluster-channel.ts';
import { kafkaErrorName, notAuthorized } from './errors.ts';
import {
  authorizedOnGroup,
  authorizedOnTopics,
  type FeatureLevels,
  featureLevels,
  type Operation,
} from './own-requests.ts';
import { Renewable } from './renewable.ts';
import { described } from './topics.ts';

/** `unsaid`: Kafka is too old to say it (before 2.3), or not able to right now. */
export type GroupRights =
  | { readonly kind: 'denied' }
  | { readonly kind: 'unsaid' }
  | { readonly kind: 'said'; readonly may: ReadonlySet<Operation> };

/** As FindCoordinator has it. */
const GROUP_COORDINATOR = 0;
/** That it may not even be seen. */
const TOPIC_AUTHORIZATION_FAILED = 29;

/** What brokers of kafkajs have, and its types do not. */
interface Asked {
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<unknown>;
}

/** All methods throw when Kafka is away, with a message for people. */
export class KafkaRights {
  readonly #channel: Renewable<ClusterChannel>;
  readonly #groupId: string;
  readonly #deadlineMs: number;

  /** @param groupId that is asked about; it is not joined */
  constructor(kafka: Kafka, groupId: string, deadlineMs = 5_000) {
    this.#groupId = groupId;
    this.#channel = new Renewable(() => clusterChannel(kafka, groupId));
    this.#deadlineMs = deadlineMs;
  }

  /** Without topics that are missing. Undefined: Kafka is too old to say it. */
  async onTopics(names: readonly string[]): Promise<ReadonlyMap<string, ReadonlySet<Operation>> | undefined> {
    const authorized = await this.#use((_, broker) => authorizedOnTopics(broker, names));
    if (authorized === undefined) return undefined;
    const said = new Map<string, ReadonlySet<Operation>>();
    for (const [name, { error, may }] of authorized) {
      if (error === TOPIC_AUTHORIZATION_FAILED) said.set(name, new Set());
      else if (error === 0 && may !== undefined) said.set(name, may);
    }
    return said;
  }

  /** Makes Kafka's own topic of offsets, where nobody has used a group yet. */
  async onGroup(): Promise<GroupRights> {
    const groupId = this.#groupId;
    return this.#use(async (cluster, broker) => {
      try {
        // The broker itself is asked first: kafkajs's own ways to a coordinator say only that there is none.
        await (broker as unknown as Asked).findGroupCoordinator({ groupId, coordinatorType: GROUP_COORDINATOR });
        const authorized = await authorizedOnGroup(await cluster.findGroupCoordinator({ groupId }), groupId);
        return authorized?.may === undefined ? { kind: 'unsaid' } : { kind: 'said', may: authorized.may };
      } catch (error) {
        if (notAuthorized(error)) return { kind: 'denied' };
        // Looked up after the right to see it.
        if (kafkaErrorName(error) === 'GROUP_COORDINATOR_NOT_AVAILABLE') return { kind: 'unsaid' };
        throw error;
      }
    });
  }

  /** Of one broker, and of the cluster as it knows it. Undefined: Kafka is older than 2.4. */
  async levels(): Promise<FeatureLevels | undefined> {
    return this.#use((_, broker) => featureLevels(broker));
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  async #use<R>(run: (cluster: Cluster, broker: Broker) => Promise<R>): Promise<R> {
    try {
      return await this.#channel.use(this.#deadlineMs, async ({ cluster }) => {
        await cluster.refreshMetadata();
        return run(cluster, await cluster.findControllerBroker());
      });
    } catch (error) {
      throw described(error);
    }
  }
}
