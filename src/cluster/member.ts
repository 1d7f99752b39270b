// This node as one member among others: its lease, what its record says of it, and how far its clock is off; and who of the others
// lives, as far as is known here.
//
// What must hold: what it says of its progress and compares with what others say is in the servers' time (skew.ts); and nothing
// is judged once it is over.
import type { Incarnation, NodeName } from '../actors/ids.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { Lease } from './lease.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { type MemberRecord, type MemberReport, parseMember } from './member-record.ts';
import { Membership } from './membership.ts';
import type { KvEntry } from './ports.ts';
import { progressByServer, replyProgressMs } from './reply-progress.ts';
import { Skew } from './skew.ts';
import type { Store } from './store.ts';
import { Suspicion } from './suspicion.ts';

export interface MemberSurroundings {
  readonly control: Store;
  /** Further jobs that this node takes, of each lane. */
  roomPerLane(): Record<string, number>;
  /** The set of members, or what is known of one, changed. */
  onChange(): void;
  onGone(kind: 'dead' | 'suspected', record: MemberRecord): void;
  /** This incarnation is over. */
  onSuperseded(by: Incarnation): void;
}

export class Member {
  readonly lease: Lease;
  readonly membership: Membership;
  readonly suspicion: Suspicion;
  readonly skew: Skew;
  readonly #options: ClusterOptions;
  readonly #incarnation: Incarnation;
  readonly #around: MemberSurroundings;
  /** As told last. */
  #skewed = false;
  #stopped = false;

  constructor(options: ClusterOptions, incarnation: Incarnation, around: MemberSurroundings) {
    this.#options = options;
    this.#incarnation = incarnation;
    this.#around = around;
    const { clock, bus, cluster, node, leaseTtlMs } = options;
    const { control, onChange, onGone, onSuperseded } = around;
    this.lease = new Lease(clock, leaseTtlMs, Math.min(CLUSTER_LIMITS.leaseMarginMs, leaseTtlMs / 5));
    this.skew = new Skew(clock);
    this.membership = new Membership({
      clock,
      control,
      lease: this.lease,
      node,
      incarnation,
      leaseTtlMs,
      report: () => this.#report(),
      ready: () => this.ready(),
      onChange,
      onSuperseded,
      onDead: (record) => onGone('dead', record),
    });
    this.suspicion = new Suspicion({
      clock,
      bus,
      control,
      cluster,
      leaseTtlMs,
      membership: this.membership,
      onChange,
      onSuspected: ({ record }) => onGone('suspected', record),
    });
  }

  /** Takes jobs, and is a target of placement. */
  ready(): boolean {
    return this.skew.within && this.#options.assignedOnce() && this.#options.drained?.() !== true;
  }

  stop(): void {
    this.#stopped = true;
    this.membership.stop();
    this.suspicion.stop();
  }

  /** Called on every tick of the node, once it is a member. */
  tick(): void {
    this.membership.judge();
    this.#lookAtClock();
    this.membership.tellNews();
  }

  /** The record of that node was delivered. */
  seen(node: NodeName, entry: KvEntry): void {
    if (node === this.#options.node) this.#measureSkew(entry);
    this.membership.seen(entry);
    if (!this.#stopped) this.suspicion.cleared(node);
  }

  /** Those that hold jobs, as far as is known here. */
  members(): number {
    const peers = [...this.membership.peers().values()].map(({ record }) => record);
    return (
      1 + peers.filter(({ state, incarnation }) => state !== 'left' && !this.membership.isDead(incarnation)).length
    );
  }

  /** Up to when all replies have been read, wall ms; 0: not known. */
  replyProgressMs(): number {
    const peers = [...this.membership.peers().values()].map(({ record }) => record.replyProgress);
    return replyProgressMs(this.#options.replyPartitions(), [this.#report().replyProgress, ...peers]);
  }

  #report(): MemberReport {
    const report = this.#options.report();
    const replyProgress = progressByServer(report.replyProgress, this.skew);
    return { ...report, replyProgress, room: this.#around.roomPerLane() };
  }

  #measureSkew(entry: KvEntry): void {
    const record = parseMember(entry.value);
    if (record?.incarnation !== this.#incarnation) return;
    const sentMs = this.membership.sentWallMs(record.renewal);
    if (sentMs !== undefined) this.skew.measure(entry.writtenMs, sentMs);
  }

  #lookAtClock(): void {
    const { ms, within } = this.skew;
    if (ms === undefined || within !== this.#skewed) return;
    this.#skewed = !within;
    this.#options.onEvent?.({ kind: 'skew', ms });
  }
}
