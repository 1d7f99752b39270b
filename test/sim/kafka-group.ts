// The cluster's consumer group on the reply topic: generations, committed offsets, and who reads what.
//
// A member that joins, leaves, is shown out or is not heard of for a session starts a rebalance. Members hear of it at their next
// heartbeat and join again; when all known ones have (or the slow ones are thrown out) a new generation begins. A commit counts
// only from a member and in the generation of now; whose partitions it names is not asked, and an offset may go back.
import type { ManualClock } from '../support/manual-clock.ts';
import type { History } from './history.ts';

export const SESSION_MS = 10_000;

export interface GroupMember {
  readonly id: string;
  readonly node: string;
  /** A new generation began: these partitions are the member's. */
  readonly assign: (generation: number, partitions: readonly number[]) => void;
  heardMs: number;
  joined: boolean;
}

export class KafkaGroup {
  readonly committed = new Map<number, number>();
  readonly #clock: ManualClock;
  readonly #history: History;
  readonly #partitions: number;
  readonly #members = new Map<string, GroupMember>();
  #generation = 0;
  #rebalancing = false;
  #round = 0;

  constructor(clock: ManualClock, history: History, partitions: number) {
    this.#clock = clock;
    this.#history = history;
    this.#partitions = partitions;
    this.#watchSessions();
  }

  get generation(): number {
    return this.#generation;
  }

  /** Joins, or joins again in the rebalance that goes on. */
  join(member: GroupMember): void {
    this.#members.set(member.id, member);
    member.heardMs = this.#clock.monotonicMs();
    member.joined = true;
    this.#rebalance(member);
    this.#completeIfAllJoined();
  }

  leave(memberId: string): boolean {
    if (!this.#members.delete(memberId)) return false;
    this.#rebalance();
    this.#completeIfAllJoined();
    return true;
  }

  /** Starts a rebalance for no reason that a member could see. */
  disturb(): void {
    if (this.#members.size > 0) this.#rebalance();
  }

  /** What the member learns: go on, join again, or that it is not a member any more. */
  heartbeat(memberId: string, generation: number): 'ok' | 'rejoin' | 'unknown' {
    const member = this.#members.get(memberId);
    if (member === undefined) return 'unknown';
    member.heardMs = this.#clock.monotonicMs();
    const upToDate = this.#rebalancing ? member.joined : generation === this.#generation;
    return upToDate ? 'ok' : 'rejoin';
  }

  /** False: refused. */
  commit(memberId: string, generation: number, offsets: ReadonlyMap<number, number>): boolean {
    const member = this.#members.get(memberId);
    if (member === undefined || generation !== this.#generation) return false;
    for (const [partition, offset] of offsets) {
      this.committed.set(partition, offset);
      this.#history.add({ kind: 'committed', node: member.node, partition, offset });
    }
    return true;
  }

  #rebalance(first?: GroupMember): void {
    if (this.#rebalancing) return;
    this.#rebalancing = true;
    const round = ++this.#round;
    for (const member of this.#members.values()) if (member !== first) member.joined = false;
    this.#clock.setTimer(SESSION_MS, () => {
      if (!this.#rebalancing || round !== this.#round) return;
      for (const member of [...this.#members.values()]) if (!member.joined) this.#members.delete(member.id);
      this.#completeIfAllJoined();
    });
  }

  #completeIfAllJoined(): void {
    const members = [...this.#members.values()];
    if (!this.#rebalancing || members.some((member) => !member.joined)) return;
    this.#rebalancing = false;
    this.#generation++;
    members.forEach((member, index) => {
      const mine = Array.from({ length: this.#partitions }, (_, partition) => partition).filter(
        (partition) => partition % members.length === index,
      );
      member.assign(this.#generation, mine);
    });
  }

  #watchSessions(): void {
    this.#clock.setTimer(1_000, () => {
      const latestMs = this.#clock.monotonicMs() - SESSION_MS;
      for (const member of [...this.#members.values()]) if (member.heardMs < latestMs) this.leave(member.id);
      this.#watchSessions();
    });
  }
}
