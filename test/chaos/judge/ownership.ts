// Every shard has one owner. The bucket says whose claim stood: each replaced the one before it. The nodes' logs say who
// believed to own what: never without the claim, and never two at once for longer than one of them could not know better. At
// the end every shard is owned.
import type { Event } from '../history.ts';
import type { ClaimHistory } from './claim-history.ts';
import { couldKnow, type Disturbances } from './disturbances.ts';
import type { Breach, Evidence, Finding } from './evidence.ts';

/** A node that was stopped looks at its lease and its claims within this time of going on. */
const LOOKS_WITHIN_MS = 1_500;
/** A node that hands over for longer than this loses its claims to whoever wants them (design §6). */
const HANDS_OVER_FOR_MS = 20_000;

interface Holding {
  readonly owned: Event<'owned'>;
  readonly untilMs: number;
}

export function judgeOwnership(evidence: Evidence, claims: ClaimHistory, disturbances: Disturbances): Finding {
  const holdings = holdingsOf(evidence);
  return {
    breaches: [
      ...claimsWithoutCas(claims),
      ...[...holdings.values()].flatMap((ofShard) => [
        ...ownedWithoutClaim(ofShard, claims),
        ...ownedTogether(ofShard, evidence, claims, disturbances),
      ]),
      ...unowned(evidence, claims, holdings),
    ],
  };
}

/** By shard, in the order in which they began. */
function holdingsOf(evidence: Evidence): ReadonlyMap<number, readonly Holding[]> {
  const open = new Map<string, Map<number, Event<'owned'>>>();
  const over: Holding[] = [];
  const end = (node: string, untilMs: number, shard?: number) => {
    for (const [held, owned] of open.get(node) ?? []) {
      if (shard !== undefined && held !== shard) continue;
      over.push({ owned, untilMs });
      open.get(node)?.delete(held);
    }
  };
  for (const event of evidence.events) {
    const { kind, atMs } = event;
    if (kind === 'owned') {
      end(event.node, atMs, event.shard);
      const ofNode = open.get(event.node) ?? new Map<number, Event<'owned'>>();
      open.set(event.node, ofNode.set(event.shard, event));
    } else if (kind === 'released') end(event.node, atMs, event.shard);
    else if (kind === 'joined' || kind === 'lost' || kind === 'left' || kind === 'died') end(event.node, atMs);
    else if (kind === 'fault' && event.what === 'kill' && event.phase === 'begin') end(event.target, atMs);
  }
  const lastMs = evidence.events.at(-1)?.atMs ?? 0;
  for (const node of open.keys()) end(node, lastMs);
  const all = over.toSorted((a, b) => a.owned.atMs - b.owned.atMs || a.owned.epoch - b.owned.epoch);
  return Map.groupBy(all, ({ owned }) => owned.shard);
}

/** A watch may miss what was replaced at once; a claim that replaces less than what stood was not compared with it. */
function claimsWithoutCas(claims: ClaimHistory): Breach[] {
  return [...claims.ofShard.values()].flatMap((ofShard) =>
    ofShard.flatMap((claim, index): Breach[] => {
      const before = ofShard[index - 1];
      if (before === undefined || claim.replaces >= before.revision) return [];
      const message = `revision ${claim.revision} of shard ${claim.shard}'s claim replaces ${claim.replaces}, but ${before.revision} stood`;
      return [{ what: 'claimWithoutCas', atMs: claim.storedMs, message, events: [before, claim] }];
    }),
  );
}

function ownedWithoutClaim(holdings: readonly Holding[], claims: ClaimHistory): Breach[] {
  return holdings.flatMap(({ owned }): Breach[] => {
    const { shard, epoch, node, incarnation, atMs } = owned;
    const claim = claims.of(shard).find(({ revision }) => revision === epoch);
    const missed = claim === undefined && claims.of(shard).some(({ revision }) => revision > epoch);
    if (missed || (claim?.incarnation === incarnation && !claim.released)) return [];
    const message = `${node} owns shard ${shard} by claim ${epoch}, which ${claim ? 'is not its own' : 'nobody wrote'}`;
    return [{ what: 'ownedWithoutClaim', atMs, message, events: claim ? [claim, owned] : [owned] }];
  });
}

/** Of two at a time the one with the older claim is wrong, from when the other's was stored: since then it could be told. */
function ownedTogether(
  holdings: readonly Holding[],
  evidence: Evidence,
  claims: ClaimHistory,
  disturbances: Disturbances,
): Breach[] {
  return holdings.flatMap((holding, index) =>
    holdings.slice(index + 1).flatMap((later): Breach[] => {
      if (later.owned.atMs >= holding.untilMs || later.owned.incarnation === holding.owned.incarnation) return [];
      const [older, newer] = later.owned.epoch > holding.owned.epoch ? [holding, later] : [later, holding];
      const { node, shard } = older.owned;
      const claim = claims.of(shard).find(({ revision }) => revision === newer.owned.epoch);
      const changedMs = claim?.storedMs ?? newer.owned.atMs;
      const actedMs = Math.min(older.untilMs, newer.untilMs);
      if (handedOverTooLong(evidence, older, changedMs)) return [];
      const act = { node, changedMs, actedMs, awakeMs: LOOKS_WITHIN_MS };
      if (couldKnow(act, disturbances, evidence.run.leaseTtlMs) !== 'guilty') return [];
      const message = `${node} still owned shard ${shard} ${actedMs - changedMs} ms after ${newer.owned.node} had claimed it`;
      return [{ what: 'ownedTogether', atMs: later.owned.atMs, message, events: [older.owned, newer.owned] }];
    }),
  );
}

function handedOverTooLong(evidence: Evidence, { owned, untilMs }: Holding, claimedMs: number): boolean {
  return evidence
    .of('leaving')
    .some(
      ({ node, atMs }) =>
        node === owned.node && atMs <= untilMs && claimedMs >= atMs + HANDS_OVER_FOR_MS && atMs >= owned.atMs,
    );
}

function unowned(
  evidence: Evidence,
  claims: ClaimHistory,
  holdings: ReadonlyMap<number, readonly Holding[]>,
): Breach[] {
  const [settled] = evidence.of('settled');
  if (settled === undefined) return [];
  const { atMs } = settled;
  return Array.from({ length: evidence.run.shards }, (_, shard) => shard).flatMap((shard): Breach[] => {
    const claim = claims.lastAt(shard, atMs);
    // One that changes hands right then is owned soon after.
    const owners = (holdings.get(shard) ?? []).filter(({ untilMs }) => untilMs >= atMs);
    if (owners.some(({ owned }) => owned.epoch >= (claim?.revision ?? 0))) return [];
    const message = `shard ${shard} has a claim of ${claim?.node || 'nobody'}, and nobody owns it by that`;
    return [{ what: 'shardWithoutOwner', atMs, message, events: claim ? [claim, settled] : [settled] }];
  });
}
