// Taking one's own name (design §6, "Shard lifecycle"). A process that finds a record of its own name asks that
// incarnation's subject: an answer means a second live node of that name, which must not start; no responders for about
// a second means its process is gone; silence means nothing, so the record is watched for a TTL.
import { ABSENT, type Incarnation, type NodeName, type Revision } from '../actors/ids.ts';
import type { Clock } from '../actors/ports.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { type MemberRecord, parseMember } from './member-record.ts';
import { memberKey, nodeSubject } from './names.ts';
import type { Bus, KvEntry } from './ports.ts';
import type { Store } from './store.ts';

export class NodeNameTaken extends Error {
  readonly code = 'NODE_NAME_TAKEN';
  readonly retryable = false;

  constructor(node: NodeName) {
    super(`a live node is already named ${node}: give this one another name (HOLDFAST_NODE), or stop the other`);
  }
}

export interface JoinOptions {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly control: Store;
  readonly cluster: string;
  readonly node: NodeName;
  readonly leaseTtlMs: number;
  /** Earlier incarnations of this very process need no proof of death. */
  readonly own: ReadonlySet<Incarnation>;
}

/** `revision`: over which the own record may be written; `replaced`: the record that stood, of a process that is gone. */
export interface TakenName {
  readonly revision: Revision;
  readonly replaced: MemberRecord | undefined;
}

/** @throws NodeNameTaken, StoreClosed */
export async function takeName(options: JoinOptions): Promise<TakenName> {
  const { clock, bus, control, cluster, node, leaseTtlMs, own } = options;
  let entry = await control.get(memberKey(node));
  let stillSinceMs = clock.monotonicMs();
  let goneSinceMs: number | undefined;
  for (;;) {
    const record = entry === undefined ? undefined : parseMember(entry.value);
    if (entry === undefined || record === undefined)
      return { revision: entry?.revision ?? ABSENT, replaced: undefined };
    const taken = { revision: entry.revision, replaced: record };
    if (record.state === 'left' || own.has(record.incarnation)) return { ...taken, replaced: undefined };
    const subject = nodeSubject(cluster, record.incarnation, 'ping');
    const answer = await bus.request(subject, new Uint8Array(), CLUSTER_LIMITS.pingTimeoutMs);
    if (answer.kind === 'answer') throw new NodeNameTaken(node);
    if (answer.kind !== 'noResponders') goneSinceMs = undefined;
    else goneSinceMs ??= clock.monotonicMs();
    if (goneSinceMs !== undefined && clock.monotonicMs() - goneSinceMs >= CLUSTER_LIMITS.suspectAfterMs) return taken;
    if (clock.monotonicMs() - stillSinceMs > leaseTtlMs) return taken;
    await new Promise<void>((resolve) => clock.setTimer(CLUSTER_LIMITS.pingEveryMs, resolve));
    const again: KvEntry | undefined = await control.get(memberKey(node));
    if (again?.revision !== entry.revision) {
      // It advances: somebody lives there, whatever his subject says.
      stillSinceMs = clock.monotonicMs();
      goneSinceMs = undefined;
    }
    entry = again;
  }
}
