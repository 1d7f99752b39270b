// The liveness record `_member.<node>`: who lives, and what the others need to know of it. JSON, written by CAS.
import type { Incarnation, NodeName } from '../actors/ids.ts';
import { fromJson } from './names.ts';

export interface MemberRecord {
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  /**
   * `ready`: takes part in placement. `notReady`: its clock is off, or it may not publish requests yet; it keeps what it has
   * until a ready member asks for it. `draining`: gives its shards away. `left`: went in order, nothing to wait for.
   */
  readonly state: 'ready' | 'notReady' | 'draining' | 'left';
  /** Counts renewals, so that each write differs. */
  readonly renewal: number;
  /** Kafka's name for this node's reply consumer; the takeover shows it out of the group. '' before the first join. */
  readonly consumerMemberId: string;
  /** Reply partition → wall ms up to which it has been read to its end. Only partitions assigned to this node. */
  readonly replyProgress: Readonly<Record<string, number>>;
  /** Lane → further holds this node admits. A lane that is not named has room. */
  readonly room: Readonly<Record<string, number>>;
  /** Secret ids this node can verify. */
  readonly secrets: readonly string[];
  /** Snapshot versions this node reads. */
  readonly snapshotVersions: readonly number[];
}

/** What changes from renewal to renewal; asked for at each. */
export type MemberReport = Pick<
  MemberRecord,
  'consumerMemberId' | 'replyProgress' | 'room' | 'secrets' | 'snapshotVersions'
>;

/** What others act on at once, so that it cannot wait for the next renewal: differs as soon as any of it does. */
export function newsOf({ state, consumerMemberId, room }: MemberRecord): string {
  const full = Object.keys(room).filter((lane) => room[lane] === 0);
  return JSON.stringify([state, consumerMemberId, full.sort()]);
}

export function parseMember(bytes: Uint8Array): MemberRecord | undefined {
  const value = fromJson(bytes);
  if (typeof value !== 'object' || value === null) return undefined;
  const { node, incarnation, state } = value as Record<string, unknown>;
  if (typeof node !== 'string' || typeof incarnation !== 'string' || typeof state !== 'string') return undefined;
  return {
    renewal: 0,
    consumerMemberId: '',
    replyProgress: {},
    room: {},
    secrets: [],
    snapshotVersions: [1],
    ...(value as Partial<MemberRecord>),
    node: node as NodeName,
    incarnation: incarnation as Incarnation,
    state: state as MemberRecord['state'],
  };
}
