// Fast suspicion. A killed process closes its sockets, and a request to its incarnation's subject then answers "no
// responders" at once. A node without responders for about a second, asked again after JetStream has answered us, is taken
// over before its lease ends. That is safe, because claims and CAS decide, and a node that is cut off starts no effect.
// A suspect whose record advances is cleared, and left alone for a doubling time.
import type { Incarnation, NodeName, Revision } from '../actors/ids.ts';
import type { Clock, Timer } from '../actors/ports.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import type { Membership, Peer } from './membership.ts';
import { memberKey, nodeSubject } from './names.ts';
import type { Bus } from './ports.ts';
import type { Store } from './store.ts';

interface Watched {
  /** When the first of an unbroken run of "no responders" was asked for, monotonic ms. */
  goneSinceMs: number | undefined;
  asking: boolean;
  /** The revision of its record when it was suspected; undefined: it is not. */
  suspectedAt: Revision | undefined;
  holdOffMs: number;
  leaveAloneUntilMs: number;
}

export interface SuspicionOptions {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly control: Store;
  readonly cluster: string;
  readonly leaseTtlMs: number;
  readonly membership: Membership;
  onChange(): void;
  onSuspected(peer: Peer): void;
}

export class Suspicion {
  readonly #options: SuspicionOptions;
  readonly #watched = new Map<Incarnation, Watched>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: SuspicionOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopped) return;
    for (const peer of this.#options.membership.peers().values()) {
      if (peer.record.state !== 'left') void this.#ask(peer);
    }
    this.#timer = this.#options.clock.setTimer(CLUSTER_LIMITS.pingEveryMs, () => this.start());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  isSuspected(incarnation: Incarnation): boolean {
    return this.#watched.get(incarnation)?.suspectedAt !== undefined;
  }

  /** A record advanced: whoever wrote it lives. */
  cleared(node: NodeName): void {
    const peer = this.#options.membership.peers().get(node);
    const watched = peer && this.#watched.get(peer.record.incarnation);
    if (peer === undefined || watched?.suspectedAt === undefined || peer.revision <= watched.suspectedAt) return;
    watched.suspectedAt = undefined;
    watched.goneSinceMs = undefined;
    watched.leaveAloneUntilMs = this.#options.clock.monotonicMs() + watched.holdOffMs;
    watched.holdOffMs = Math.min(watched.holdOffMs * 2, this.#options.leaseTtlMs);
    this.#options.onChange();
  }

  async #ask(peer: Peer): Promise<void> {
    const { clock, bus } = this.#options;
    const { incarnation } = peer.record;
    const watched = this.#watch(incarnation);
    if (watched.asking || watched.suspectedAt !== undefined || clock.monotonicMs() < watched.leaveAloneUntilMs) return;
    watched.asking = true;
    // Counted from the question: counted from its answer, a slow first one would cost a whole further round of asking.
    const askedMs = clock.monotonicMs();
    try {
      const answer = await this.#ping(incarnation);
      if (answer !== 'noResponders') {
        watched.goneSinceMs = undefined;
        return;
      }
      watched.goneSinceMs ??= askedMs;
      if (clock.monotonicMs() - watched.goneSinceMs < CLUSTER_LIMITS.suspectAfterMs) return;
      // Is it we who are cut off? Only after JetStream has answered us does a further "no responders" count.
      const entry = await this.#options.control.get(memberKey(peer.record.node));
      if (entry !== undefined && entry.revision > peer.revision) {
        this.#options.membership.seen(entry);
        watched.goneSinceMs = undefined;
        return;
      }
      if ((await this.#ping(incarnation)) !== 'noResponders' || this.#stopped || !bus.connected()) return;
      watched.suspectedAt = peer.revision;
      this.#options.onSuspected(peer);
      this.#options.onChange();
    } catch {
      watched.goneSinceMs = undefined; // we could not read: judge nobody
    } finally {
      watched.asking = false;
    }
  }

  async #ping(incarnation: Incarnation): Promise<'answer' | 'noResponders' | 'silence'> {
    const subject = nodeSubject(this.#options.cluster, incarnation, 'ping');
    return (await this.#options.bus.request(subject, new Uint8Array(), CLUSTER_LIMITS.pingTimeoutMs)).kind;
  }

  #watch(incarnation: Incarnation): Watched {
    let watched = this.#watched.get(incarnation);
    if (watched === undefined) {
      watched = {
        goneSinceMs: undefined,
        asking: false,
        suspectedAt: undefined,
        holdOffMs: CLUSTER_LIMITS.suspicionHoldOffMs,
        leaveAloneUntilMs: 0,
      };
      this.#watched.set(incarnation, watched);
    }
    return watched;
  }
}
