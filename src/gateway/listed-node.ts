// This node in the lists of NATS's service monitoring (cluster/nats/service.ts): for as long as it is a member, as that member.
import type { Clock } from '../actors/ports.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { ClusterEvent } from '../cluster/events.ts';
import { NatsService } from '../cluster/nats/service.ts';
import type { Bus } from '../cluster/ports.ts';
import { productVersion } from './product.ts';

export interface ListedNodeOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly clock: Clock;
  readonly cluster: string;
  readonly node: string;
}

export class ListedNode {
  readonly #options: ListedNodeOptions;
  #service: NatsService | undefined;

  constructor(options: ListedNodeOptions) {
    this.#options = options;
  }

  tell(event: ClusterEvent, { life }: Pick<Cluster, 'life'>): void {
    if (event.kind !== 'joined' && event.kind !== 'lost' && event.kind !== 'left') return;
    this.#service?.stop();
    this.#service = undefined;
    if (event.kind !== 'joined' || life === undefined) return;
    this.#service = new NatsService({
      ...this.#options,
      version: productVersion(),
      incarnation: event.incarnation,
      startedMs: this.#options.clock.wallMs(),
      endpoints: () => life.endpoints(),
    });
  }
}
