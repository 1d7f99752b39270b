// Which version of the snapshot a node writes while nodes of two versions work together.

import { CLUSTER_LIMITS } from './limits.ts';
import type { Membership } from './membership.ts';

/**
 * The highest version that all members read, at most `newest`. Those that died or left lately count too: in the midst of an
 * upgrade a node of the version before may only be away for a while, and has to read what was written meanwhile.
 */
export function commonSnapshotVersion(newest: number, membership: Membership, nowMonotonicMs: number): number {
  let version = newest;
  for (const { record, advancedMs } of membership.peers().values()) {
    const reads = Math.max(...record.snapshotVersions);
    if (reads >= version) continue;
    const isGone = record.state === 'left' || membership.isDead(record.incarnation);
    if (!isGone || nowMonotonicMs - advancedMs < CLUSTER_LIMITS.versionOfGoneMs) version = reads;
  }
  return version;
}
