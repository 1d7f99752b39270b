// Claims as the bucket's leader has them. The watch tells of them too, but may be behind, or cut off.
import type { Incarnation, Revision, ShardId } from '../actors/ids.ts';
import { parseClaim } from './claims.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { claimKey } from './names.ts';
import type { KvEntry } from './ports.ts';
import type { Store } from './store.ts';

/** Those of many shards, a few at a time. @throws StoreClosed */
export async function readClaims(
  store: Store,
  shards: readonly ShardId[],
  onEntry: (shard: ShardId, entry: KvEntry) => void,
): Promise<void> {
  for (let from = 0; from < shards.length; from += CLUSTER_LIMITS.readsInFlight) {
    await Promise.all(
      shards.slice(from, from + CLUSTER_LIMITS.readsInFlight).map(async (shard) => {
        const entry = await store.get(claimKey(shard));
        if (entry !== undefined) onEntry(shard, entry);
      }),
    );
  }
}

/** Is the claim this incarnation's, and has been since that revision? @throws StoreClosed */
export async function isClaimedSince(
  store: Store,
  shard: ShardId,
  incarnation: Incarnation,
  since: Revision,
): Promise<boolean> {
  const entry = await store.get(claimKey(shard));
  if (entry === undefined || entry.revision > since) return false;
  return parseClaim(entry.value, entry.revision).incarnation === incarnation;
}
