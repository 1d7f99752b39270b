// Who owns what: the claims `<shard>._owner` as the system watch shows them, and when one may be taken. A claim's
// revision is the epoch (for diagnosis; safety comes from CAS on every snapshot).
import type { Incarnation, NodeName, Revision, ShardId } from '../actors/ids.ts';
import { ABSENT } from '../actors/ids.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import type { Membership } from './membership.ts';
import { fromJson, toJson } from './names.ts';
import type { KvEntry } from './ports.ts';
import type { Suspicion } from './suspicion.ts';

export interface Claim {
  /** '' when released. */
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  readonly revision: Revision;
}

const UNCLAIMED: Claim = { node: '' as NodeName, incarnation: '' as Incarnation, revision: ABSENT };

export class Claims {
  readonly #claims: Claim[];
  /** Of released ones too: a claim that is given up names nobody. */
  readonly #lastOwners = new Map<ShardId, NodeName>();

  constructor(shards: number) {
    this.#claims = new Array<Claim>(shards).fill(UNCLAIMED);
  }

  of(shard: ShardId): Claim {
    return this.#claims[shard] ?? UNCLAIMED;
  }

  /** True when it is news. */
  seen(shard: ShardId, entry: KvEntry): boolean {
    if (shard >= this.#claims.length || this.of(shard).revision >= entry.revision) return false;
    const claim = parseClaim(entry.value, entry.revision);
    this.#claims[shard] = claim;
    if (claim.node !== '') this.#lastOwners.set(shard, claim.node);
    return true;
  }

  /** Whose claim was seen last, released since or not. */
  lastOwner(shard: ShardId): NodeName | undefined {
    return this.#lastOwners.get(shard);
  }

  /** A refusal told us that nothing stands any more. */
  gone(shard: ShardId): void {
    this.#claims[shard] = UNCLAIMED;
  }
}

export function parseClaim(bytes: Uint8Array, revision: Revision): Claim {
  const value = fromJson(bytes) as { node?: unknown; incarnation?: unknown } | undefined;
  const text = (part: unknown) => (typeof part === 'string' ? part : '');
  return { node: text(value?.node) as NodeName, incarnation: text(value?.incarnation) as Incarnation, revision };
}

/** `epoch`: the revision this claim replaces; its own is the record's, shown by every KV tool beside the value. */
export function claimRecord(
  node: NodeName | '',
  incarnation: Incarnation | '',
  replaces: Revision,
  atMs: number,
): Uint8Array {
  return toJson({ node, incarnation, replacesEpoch: replaces, since: new Date(atMs).toISOString() });
}

/**
 * A claim is taken when it is absent or released, or names an incarnation that is dead, suspected, superseded by its own
 * node, gone, or draining for longer than draining may take (before that, a draining owner hands over by itself, with
 * nothing left unacknowledged).
 */
export function mayTake(claim: Claim, membership: Membership, suspicion: Suspicion, nowMonotonicMs: number): boolean {
  if (claim.incarnation === '') return true;
  const peer = membership.peers().get(claim.node);
  if (peer === undefined) return membership.isGone(claim.node, claim.revision);
  // Superseded by a later record of its node. A claim that is later than the record known here names an incarnation of which
  // nothing was heard yet (after a reconnection claims are read first): it may be as alive as we are.
  if (peer.record.incarnation !== claim.incarnation) return peer.revision > claim.revision;
  if (peer.record.state === 'left') return true;
  if (peer.drainingSinceMs > 0 && nowMonotonicMs - peer.drainingSinceMs > CLUSTER_LIMITS.drainMs) return true;
  return membership.isDead(claim.incarnation) || suspicion.isSuspected(claim.incarnation);
}
