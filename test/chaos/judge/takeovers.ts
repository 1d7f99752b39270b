// How long it takes after a kill until everything that the victim owned is owned by others, and until the first completion of
// a job among that: the pause that a user sees.
import { status } from '@grpc/grpc-js';
import type { Event } from '../history.ts';
import type { Claimed, ClaimHistory } from './claim-history.ts';
import type { Evidence } from './evidence.ts';

export interface Takeover {
  readonly victim: string;
  readonly atMs: number;
  readonly shards: number;
  /** Until the last shard's claim was another's, and was owned by that; ms after the kill. Undefined: not all of them. */
  readonly claimedMs: number | undefined;
  readonly ownedMs: number | undefined;
  /** Until the first job of those shards was completed by its new owner; undefined: none was. */
  readonly flowingMs: number | undefined;
}

/** Of each kill of a node that owned anything. */
export function takeovers(evidence: Evidence, claims: ClaimHistory): Takeover[] {
  const owned = new Map(evidence.of('owned').map((event) => [`${event.shard} ${event.epoch}`, event.atMs]));
  const completions = Map.groupBy(
    evidence.of('call').filter(({ command, code }) => command === 'CompleteJob' && code === status.OK),
    ({ jobKey }) => claims.shardOf(jobKey),
  );
  const kills = evidence.of('fault').filter(({ what, phase }) => what === 'kill' && phase === 'begin');
  return kills.flatMap(({ target: victim, atMs }): Takeover[] => {
    const lost = [...claims.ofShard.keys()].flatMap((shard): Claimed[] => {
      const claim = claims.lastAt(shard, atMs);
      return claim?.node === victim && !claim.released ? [claim] : [];
    });
    if (lost.length === 0) return [];
    const heirs = lost.map((claim) => {
      const later = claims.of(claim.shard).filter(({ revision, incarnation, released }) => {
        return revision > claim.revision && incarnation !== claim.incarnation && !released;
      });
      const ownedMs = later.flatMap(({ shard, revision }) => owned.get(`${shard} ${revision}`) ?? [])[0];
      const flowing = completions.get(claim.shard)?.filter(({ sentMs }) => ownedMs !== undefined && sentMs >= ownedMs);
      return { claimedMs: later[0]?.storedMs, ownedMs, flowingMs: earliest(flowing ?? []) };
    });
    const since = (times: readonly (number | undefined)[]) =>
      times.includes(undefined) ? undefined : Math.max(...times.map((time) => (time ?? 0) - atMs));
    const flowing = heirs.flatMap(({ flowingMs }) => flowingMs ?? []);
    return [
      {
        ...{ victim, atMs, shards: lost.length },
        claimedMs: since(heirs.map(({ claimedMs }) => claimedMs)),
        ownedMs: since(heirs.map(({ ownedMs }) => ownedMs)),
        flowingMs: flowing.length === 0 ? undefined : Math.min(...flowing) - atMs,
      },
    ];
  });
}

function earliest(calls: readonly Event<'call'>[]): number | undefined {
  return calls.length === 0 ? undefined : Math.min(...calls.map(({ answeredMs, sentMs }) => answeredMs ?? sentMs));
}
