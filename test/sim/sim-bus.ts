// Core NATS between nodes: at most once, and the one honest sign of death, "no responders".
//
// A killed process closes its sockets, so a request to its subjects answers `noResponders` as soon as the server has seen
// that. A paused process, a silent link and a parted pair of nodes answer nothing at all. The bus shares its connection (the link
// `nats`) with the bucket.
import type { Bus, BusAnswer, BusMessage } from '../../src/cluster/ports.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { call, wayMs } from './call.ts';
import type { Faults } from './faults.ts';
import type { Host } from './host.ts';
import type { SeededRandom } from './random.ts';

const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** How long the server takes to drop the subscriptions of a connection that was closed. */
const CLOSED_WITHIN_MS = 4;

interface Subscription {
  readonly host: Host;
  readonly subject: string;
  readonly handler: (message: BusMessage) => Uint8Array | undefined;
  open: boolean;
}

export class BusServers {
  readonly clock: ManualClock;
  readonly random: SeededRandom;
  faults: Faults['bus'];
  /** By subject: exact ones only, as the cluster uses them. */
  readonly #subscriptions = new Map<string, Set<Subscription>>();
  readonly #parted = new Set<string>();

  constructor(clock: ManualClock, random: SeededRandom, faults: Faults['bus']) {
    this.clock = clock;
    this.random = random;
    this.faults = faults;
  }

  /** Nothing passes between these two nodes, either way; both still reach everything else. */
  part(one: string, other: string): void {
    this.#parted.add(pair(one, other));
  }

  join(one: string, other: string): void {
    this.#parted.delete(pair(one, other));
  }

  joinAll(): void {
    this.#parted.clear();
  }

  add(subscription: Subscription): () => void {
    const sharing = this.#subscriptions.get(subscription.subject) ?? new Set();
    this.#subscriptions.set(subscription.subject, sharing.add(subscription));
    const unlisten = subscription.host.links.nats.onChange((up) => {
      this.clock.setTimer(CLOSED_WITHIN_MS, () => {
        subscription.open = subscription.host.links.nats.open;
      });
      if (up) subscription.open = true;
    });
    return () => {
      sharing.delete(subscription);
      unlisten();
    };
  }

  /** How many connections take it. What they answer, if anything, comes by `answer`. */
  route(from: string, subject: string, data: Uint8Array, reply: string, answer: (data: Uint8Array) => void): number {
    let takers = 0;
    for (const { host, handler, open } of this.#subscriptions.get(subject) ?? []) {
      if (!open) continue;
      takers++;
      if (this.#parted.has(pair(from, host.name))) continue;
      host.links.nats.toHost(wayMs(this.random, this.faults), () => {
        const result = handler({ subject, data, reply });
        if (result !== undefined && reply !== '') {
          const copy = result.slice();
          host.links.nats.toServer(wayMs(this.random, this.faults), () => answer(copy));
        }
      });
    }
    return takers;
  }
}

export class SimBus implements Bus {
  readonly #servers: BusServers;
  readonly #host: Host;

  constructor(servers: BusServers, host: Host) {
    this.#servers = servers;
    this.#host = host;
  }

  connected(): boolean {
    return this.#host.links.nats.state !== 'down';
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    const { clock, links } = this.#host;
    return links.nats.onChange((up) => clock.deliver(0, () => listener(up)));
  }

  publish(subject: string, data: Uint8Array): void {
    const { random, faults } = this.#servers;
    const copy = data.slice();
    const lost = random.chance(faults.requestLost);
    this.#host.links.nats.toServer(wayMs(random, faults), () => {
      if (!lost) this.#servers.route(this.#host.name, subject, copy, '', () => {});
    });
  }

  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<BusAnswer> {
    const { random, faults } = this.#servers;
    const copy = data.slice();
    return call<BusAnswer>({
      host: this.#host,
      server: 'nats',
      random,
      faults,
      deadlineMs: timeoutMs,
      serve: (answer) => {
        const takers = this.#servers.route(this.#host.name, subject, copy, '_INBOX', (result) =>
          answer({ kind: 'answer', data: result }),
        );
        if (takers === 0) answer({ kind: 'noResponders' });
      },
      inDoubt: () => ({ kind: 'silence' }),
    });
  }

  subscribe(subject: string, handler: (message: BusMessage) => Uint8Array | undefined): () => void {
    const host = this.#host;
    return this.#servers.add({ host, subject, handler, open: host.links.nats.open });
  }

  maxPayloadBytes(): number {
    return MAX_PAYLOAD_BYTES;
  }
}

function pair(one: string, other: string): string {
  return one < other ? `${one}/${other}` : `${other}/${one}`;
}
