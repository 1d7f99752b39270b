// The subjects of an incarnation, and what each was asked. `ping` says that it is there, by answering at all (suspicion.ts), and on
// `release` others ask for shards (shards.ts): these two are listened to here. `commands` and `answers` are the router's.
import type { Incarnation } from '../actors/ids.ts';
import { type Endpoint, EndpointCount } from './endpoint-count.ts';
import { nodeSubject } from './names.ts';
import type { Bus } from './ports.ts';

export interface EndpointsOptions {
  readonly bus: Bus;
  readonly cluster: string;
  readonly incarnation: Incarnation;
  readonly router: { readonly commands: EndpointCount; readonly answers: EndpointCount };
  /** Somebody asks for shards. */
  onRelease(data: Uint8Array): void;
}

export class Endpoints {
  readonly #options: EndpointsOptions;
  readonly #pings = new EndpointCount();
  readonly #releases = new EndpointCount();
  #unsubscribe: readonly (() => void)[] = [];

  constructor(options: EndpointsOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, cluster, incarnation } = this.#options;
    this.#unsubscribe = [
      bus.subscribe(nodeSubject(cluster, incarnation, 'ping'), () => {
        this.#pings.requests += 1;
        return new Uint8Array();
      }),
      bus.subscribe(nodeSubject(cluster, incarnation, 'release'), (message) => {
        this.#releases.requests += 1;
        this.#options.onRelease(message.data);
        return undefined;
      }),
    ];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  list(): readonly Endpoint[] {
    const { cluster, incarnation, router } = this.#options;
    const counts = {
      commands: router.commands,
      answers: router.answers,
      ping: this.#pings,
      release: this.#releases,
    };
    return (['commands', 'answers', 'ping', 'release'] as const).map((name) => ({
      name,
      subject: nodeSubject(cluster, incarnation, name),
      count: counts[name],
    }));
  }
}
