// Who is there. One liveness record per node, rewritten by CAS every TTL/5. A peer is dead when its record has not
// advanced for a TTL on our monotonic clock, and our own renewal was acknowledged meanwhile, and a leader read confirms
// it: a blind observer judges nobody. Whoever finds another incarnation in its own node's record must end.
// What others act on at once is not kept for the next renewal: a node that is killed meanwhile would be shown out of
// Kafka's group by a name that it no longer has.
import { ABSENT, type Incarnation, type NodeName, type Revision } from '../actors/ids.ts';
import type { Clock, Timer } from '../actors/ports.ts';
import type { Lease } from './lease.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { type MemberRecord, type MemberReport, newsOf, parseMember } from './member-record.ts';
import { memberKey, toJson } from './names.ts';
import type { KvEntry } from './ports.ts';
import type { Store } from './store.ts';

/** The watch may be behind, but not by more than this while the lease lasts. */
const RENEWALS_REMEMBERED = 64;

export interface Peer {
  readonly record: MemberRecord;
  readonly revision: Revision;
  /** When its record was last seen to advance, our monotonic ms. */
  readonly advancedMs: number;
  /** When it was first seen draining, our monotonic ms; 0: it is not. */
  readonly drainingSinceMs: number;
}

export interface MembershipOptions {
  readonly clock: Clock;
  readonly control: Store;
  readonly lease: Lease;
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  readonly leaseTtlMs: number;
  report(): MemberReport;
  /** May this node be given shards now? */
  ready(): boolean;
  /** The set of members, or what is known of one, changed. */
  onChange(): void;
  /** This incarnation is over. */
  onSuperseded(by: Incarnation): void;
  onDead(peer: MemberRecord): void;
}

export class Membership {
  readonly #options: MembershipOptions;
  readonly #peers = new Map<NodeName, Peer>();
  readonly #dead = new Set<Incarnation>();
  readonly #judging = new Set<Incarnation>();
  /** Nodes that claims name and no record is known of. */
  readonly #strangers = new Map<NodeName, { readonly claimed: Revision; readonly absent: boolean }>();
  #own: ReadonlySet<Incarnation> = new Set();
  #state: MemberRecord['state'] = 'ready';
  #revision: Revision = ABSENT;
  #renewal = 0;
  #timer: Timer | undefined;
  #renewing: Promise<void> | undefined;
  #stopped = false;
  /** What the last renewal said of what others act on at once. */
  #toldNews = '';
  #toldNewsAtMs = Number.NEGATIVE_INFINITY;
  /** As the others know it. */
  #toldState: MemberRecord['state'] = 'notReady';
  /** When the last renewals were sent, wall ms. */
  readonly #sentWallMs = new Map<number, number>();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /**
   * Writes the first record over `standing` (see join.ts) and keeps renewing it. `own`: earlier incarnations of this
   * process; a renewal of theirs may land as late as now, and means nobody else. @throws StoreClosed
   */
  async start(standing: Revision, own: ReadonlySet<Incarnation> = new Set()): Promise<void> {
    this.#own = own;
    this.#revision = standing;
    await this.#renew();
    this.#plan();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Changes our own state and tells everybody at once. */
  async announce(state: MemberRecord['state']): Promise<void> {
    this.#state = state;
    await this.#renew();
  }

  /** When that renewal was sent, wall ms; undefined when that is long ago. */
  sentWallMs(renewal: number): number | undefined {
    return this.#sentWallMs.get(renewal);
  }

  /** As it stands in our record: the others must not see another placement than we do. */
  get state(): MemberRecord['state'] {
    return this.#toldState;
  }

  peers(): ReadonlyMap<NodeName, Peer> {
    return this.#peers;
  }

  isDead(incarnation: Incarnation): boolean {
    return this.#dead.has(incarnation);
  }

  /**
   * Of a node without a known record that a claim of that revision names: is there none? It may only not have been delivered
   * yet (after a reconnection claims are read first), so the leader is asked; until it has answered: no.
   */
  isGone(node: NodeName, claimed: Revision): boolean {
    if (node === this.#options.node) return true; // an earlier incarnation of ours
    const asked = this.#strangers.get(node);
    if (asked !== undefined && asked.claimed >= claimed) return asked.absent;
    this.#strangers.set(node, { claimed, absent: false });
    void this.#lookFor(node, claimed);
    return false;
  }

  async #lookFor(node: NodeName, claimed: Revision): Promise<void> {
    const entry = await this.#options.control.get(memberKey(node)).catch(() => 'unknown' as const);
    if (this.#stopped || this.#strangers.get(node)?.claimed !== claimed) return;
    if (entry === undefined) {
      this.#strangers.set(node, { claimed, absent: true });
      return this.#options.onChange();
    }
    this.#strangers.delete(node); // not answered: asked again when claims are looked at again
    if (entry !== 'unknown') this.seen(entry);
  }

  /** An entry under `_member.*` came through the system watch. */
  seen(entry: KvEntry): void {
    const record = parseMember(entry.value);
    if (record === undefined) return;
    const { node, incarnation, clock } = this.#options;
    if (record.node === node) {
      if (record.incarnation !== incarnation && entry.revision > this.#revision)
        this.#options.onSuperseded(record.incarnation);
      return;
    }
    const known = this.#peers.get(record.node);
    if (known !== undefined && known.revision >= entry.revision) return;
    const nowMs = clock.monotonicMs();
    const drainingSinceMs = record.state !== 'draining' ? 0 : (known?.drainingSinceMs ?? 0) || nowMs;
    this.#peers.set(record.node, { record, revision: entry.revision, advancedMs: nowMs, drainingSinceMs });
    this.#dead.delete(record.incarnation);
    this.#strangers.delete(record.node);
    this.#options.onChange();
  }

  /** Called on every tick of the node: judges peers whose records stand still. */
  judge(): void {
    const { clock, lease, leaseTtlMs } = this.#options;
    for (const peer of this.#peers.values()) {
      const { incarnation, state } = peer.record;
      if (state === 'left' || this.#dead.has(incarnation) || this.#judging.has(incarnation)) continue;
      const stillMs = clock.monotonicMs() - peer.advancedMs;
      // Our own renewal must have gone through after the peer's should have come: else it is we who are blind.
      if (stillMs <= leaseTtlMs || lease.renewedAtMs() < peer.advancedMs + leaseTtlMs / 2 || !lease.valid()) continue;
      this.#judging.add(incarnation);
      void this.#confirmDeath(peer).finally(() => this.#judging.delete(incarnation));
    }
  }

  /** Called on every tick of the node, once it is a member. */
  tellNews(): void {
    if (this.#stopped || this.#renewing !== undefined || newsOf(this.#record()) === this.#toldNews) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#toldNewsAtMs < CLUSTER_LIMITS.newsEveryMs) return;
    this.#toldNewsAtMs = nowMs;
    this.#renewAndPlan();
  }

  async #confirmDeath(peer: Peer): Promise<void> {
    const entry = await this.#options.control.get(memberKey(peer.record.node)).catch(() => 'unknown' as const);
    if (entry === 'unknown' || this.#stopped) return;
    if (entry !== undefined && entry.revision > peer.revision) return this.seen(entry);
    this.#dead.add(peer.record.incarnation);
    this.#options.onDead(peer.record);
    this.#options.onChange();
  }

  /** Counted from when the last one was sent: one that was held up brings a lease half gone, and is followed at once. */
  #plan(): void {
    if (this.#stopped) return;
    const { clock, lease, leaseTtlMs } = this.#options;
    const dueMs = lease.renewedAtMs() + leaseTtlMs / CLUSTER_LIMITS.renewalsPerTtl;
    this.#timer = clock.setTimer(Math.max(0, dueMs - clock.monotonicMs()), () => this.#renewAndPlan());
  }

  #renewAndPlan(): void {
    this.#timer?.cancel();
    this.#renew().then(
      () => this.#plan(),
      () => undefined, // the store is closed: this incarnation is over
    );
  }

  /** One renewal at a time; the lease counts from before it was sent. */
  #renew(): Promise<void> {
    const after = this.#renewing ?? Promise.resolve();
    const renewing = after
      .catch(() => undefined)
      .then(() => this.#renewOnce())
      .finally(() => {
        if (this.#renewing === renewing) this.#renewing = undefined;
      });
    this.#renewing = renewing;
    return renewing;
  }

  #record(): MemberRecord {
    const { node, incarnation, report, ready } = this.#options;
    const state = this.#state === 'ready' && !ready() ? 'notReady' : this.#state;
    return { node, incarnation, state, renewal: this.#renewal, ...report() };
  }

  async #renewOnce(): Promise<void> {
    const { control, lease, node, incarnation } = this.#options;
    this.#renewal += 1;
    const record = this.#record();
    const sent = lease.stamp();
    this.#toldNews = newsOf(record);
    this.#sentWallMs.set(this.#renewal, sent.wallMs);
    this.#sentWallMs.delete(this.#renewal - RENEWALS_REMEMBERED);
    const answer = await control.put(memberKey(node), toJson(record), this.#revision, {
      ttlMs: CLUSTER_LIMITS.memberTtlMs,
      tryMs: CLUSTER_LIMITS.renewalTryMs,
    });
    if (this.#stopped) return;
    if (answer.kind === 'stored') {
      this.#revision = answer.revision;
      lease.renewed(sent);
      const changed = record.state !== this.#toldState;
      this.#toldState = record.state;
      if (changed) this.#options.onChange();
      return;
    }
    if (answer.kind === 'never') throw new Error(`the record of node ${node} cannot be written: ${answer.reason}`);
    const standing = answer.standing === undefined ? undefined : parseMember(answer.standing.value);
    const other = standing !== undefined && standing.incarnation !== incarnation;
    if (other && !this.#own.has(standing.incarnation)) {
      this.#options.onSuperseded(standing.incarnation);
      return;
    }
    // Ours, or of a former life (or nothing: expired, or the bucket was made anew) stands: write over it.
    this.#revision = answer.standing?.revision ?? ABSENT;
    await this.#renewOnce();
  }
}
