// Between each node and each server a link of their own (tcp-link.ts), so that one node can lose one server while everybody
// else goes on. A node is told the addresses of its links and must not learn a way around them: the NATS servers do not
// advertise each other, the Kafka broker has a listener per node that advertises that node's link. The link to the engine is
// behind the proxy that counts (engine-proxy.ts), so an answer that did not get through was not given.
import { EngineProxy } from '../../deploy/demo/engine-proxy.ts';
import type { KafkaListener } from '../../deploy/local/index.ts';
import { freePorts } from '../../deploy/local/ports.ts';
import type { Servers } from '../support/nodes.ts';
import type { ServerKind } from './history.ts';
import { type LinkState, TcpLink } from './tcp-link.ts';

type NodeLinks = Readonly<Record<ServerKind, readonly TcpLink[]>>;

/** Until it is known where the servers are: nobody listens there. */
const NOWHERE = '127.0.0.1:1';

export class Links {
  readonly kafkaListeners: readonly KafkaListener[];
  readonly #links: ReadonlyMap<string, NodeLinks>;
  readonly #engines = new Map<string, string>();
  #proxy: EngineProxy | undefined;
  #kafkaBrokers: string | undefined;

  private constructor(links: ReadonlyMap<string, NodeLinks>, kafkaListeners: readonly KafkaListener[]) {
    this.#links = links;
    this.kafkaListeners = kafkaListeners;
  }

  static async open(nodes: readonly string[], natsServers: number): Promise<Links> {
    const open = (count: number) => Promise.all(Array.from({ length: count }, () => TcpLink.open(NOWHERE)));
    const links = new Map<string, NodeLinks>();
    const listeners: KafkaListener[] = [];
    const ports = await freePorts(nodes.length);
    for (const [i, name] of nodes.entries()) {
      const [nats, kafka, zeebe] = await Promise.all([open(natsServers), open(1), open(1)]);
      links.set(name, { nats, kafka, zeebe });
      const advertised = kafka[0]?.address ?? '';
      const port = ports[i] ?? 0;
      for (const link of kafka) link.target = `127.0.0.1:${port}`;
      listeners.push({ name: name.toUpperCase(), port, advertised });
    }
    return new Links(links, listeners);
  }

  /**
   * Now the servers are there.
   * @param ownKafka whether the broker was started with our listeners; else nodes go to it directly
   */
  async lead({ natsUrl, kafkaBrokers, zeebeAddress }: Servers, ownKafka: boolean): Promise<EngineProxy> {
    const nats = natsUrl.split(',').map((url) => url.replace('nats://', ''));
    const proxy = new EngineProxy(zeebeAddress);
    this.#proxy = proxy;
    if (!ownKafka) this.#kafkaBrokers = kafkaBrokers;
    for (const [name, links] of this.#links) {
      for (const [i, link] of links.nats.entries()) link.target = nats[i] ?? NOWHERE;
      for (const link of links.zeebe) {
        link.target = zeebeAddress;
        this.#engines.set(name, await proxy.listen(name, link.address));
      }
    }
    return proxy;
  }

  /** The servers as this node finds them. */
  of(node: string): Servers {
    const links = this.#of(node);
    return {
      natsUrl: links.nats.map(({ address }) => `nats://${address}`).join(','),
      kafkaBrokers: this.#kafkaBrokers ?? links.kafka.map(({ address }) => address).join(','),
      zeebeAddress: this.#engines.get(node) ?? NOWHERE,
    };
  }

  set(node: string, server: ServerKind, state: LinkState): void {
    for (const link of this.#of(node)[server]) link.set(state);
  }

  heal(): void {
    for (const node of this.#links.keys()) {
      for (const server of ['nats', 'kafka', 'zeebe'] as const) this.set(node, server, { kind: 'pass' });
    }
  }

  close(): void {
    this.#proxy?.close();
    for (const links of this.#links.values()) {
      for (const link of Object.values(links).flat()) link.close();
    }
  }

  #of(node: string): NodeLinks {
    const links = this.#links.get(node);
    if (links === undefined) throw new Error(`no links of ${node}`);
    return links;
  }
}
