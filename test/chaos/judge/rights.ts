// Who may act for a shard: the incarnation that its claim names, from when its node has loaded the shard until the claim is
// another's or that life is over. Give-backs are sent by intake nodes, whoever owns the shard.
import type { Event } from '../history.ts';
import type { Claimed, ClaimHistory } from './claim-history.ts';
import { TOLD_WITHIN_MS } from './disturbances.ts';
import type { Evidence, Offence } from './evidence.ts';

/** A node's log and the proxy do not look at the clock in the same moment. */
const SAME_MOMENT_MS = 100;

type Call = Event<'call'>;

/** Something that a node must not do, unless it could not know what had changed. */
export interface Suspicion {
  readonly what: Offence;
  readonly message: string;
  readonly events: readonly Event[];
  readonly changedMs: number;
}

export class Rights {
  readonly #claims: ClaimHistory;
  readonly #leaseTtlMs: number;
  readonly #ownedAt = new Map<string, number>();
  /** By node, in order: which incarnation it was, and when it ceased to be any. */
  readonly #lives = new Map<string, { readonly atMs: number; readonly incarnation: string | undefined }[]>();

  constructor(evidence: Evidence, claims: ClaimHistory) {
    this.#claims = claims;
    this.#leaseTtlMs = evidence.run.leaseTtlMs;
    for (const { shard, epoch, atMs } of evidence.of('owned')) this.#ownedAt.set(`${shard} ${epoch}`, atMs);
    for (const event of evidence.events) {
      const { kind, atMs } = event;
      if (kind === 'joined') this.#lived(event.node, atMs, event.incarnation);
      else if (kind === 'lost' || kind === 'left' || kind === 'died') this.#lived(event.node, atMs, undefined);
      else if (kind === 'fault' && event.what === 'kill' && event.phase === 'begin')
        this.#lived(event.target, atMs, undefined);
    }
  }

  suspicion(call: Call): Suspicion | undefined {
    if (call.giveBack === true) return undefined;
    const { node, sentMs, command } = call;
    const shard = this.#claims.shardOf(call.jobKey);
    const own = this.#claims.lastAt(shard, sentMs, (claim) => !claim.released && claim.node === node);
    if (own === undefined) {
      const message = `${node} sent ${command} and had never claimed shard ${shard}`;
      return { what: 'actedWithoutClaim', message, events: [], changedMs: this.#never(sentMs) };
    }
    return this.#afterClaim(call, own) ?? this.#afterLife(call, own) ?? this.#beforeOwned(call, own);
  }

  #afterClaim({ node, command, sentMs }: Call, own: Claimed): Suspicion | undefined {
    const next = this.#claims.next(own);
    if (next === undefined || next.storedMs >= sentMs) return undefined;
    const lateMs = sentMs - next.storedMs;
    const by = next.released ? 'given up' : `taken by ${next.node}`;
    const message = `${node} sent ${command} ${lateMs} ms after its claim of shard ${own.shard} was ${by}`;
    return { what: 'actedWithoutClaim', message, events: [own, next], changedMs: next.storedMs };
  }

  /** The claim still names a life that is over, or one before this. */
  #afterLife({ node, command, sentMs }: Call, own: Claimed): Suspicion | undefined {
    const lives = this.#lives.get(node) ?? [];
    const over = lives.find(
      (life, index) =>
        life.atMs < sentMs && life.incarnation !== own.incarnation && lives[index - 1]?.incarnation === own.incarnation,
    );
    if (over === undefined) return undefined;
    const lateMs = sentMs - over.atMs;
    const message = `${node} sent ${command} ${lateMs} ms after the life that claimed shard ${own.shard} was over`;
    return { what: 'actedWithoutClaim', message, events: [own], changedMs: over.atMs };
  }

  #beforeOwned({ node, command, sentMs }: Call, own: Claimed): Suspicion | undefined {
    const ownedMs = this.#ownedAt.get(`${own.shard} ${own.revision}`);
    if (ownedMs !== undefined && ownedMs <= sentMs + SAME_MOMENT_MS) return undefined;
    // It may have been sent under the claim before this one.
    const before = this.#claims.lastAt(
      own.shard,
      sentMs,
      ({ released, node: by, revision }) => !released && by === node && revision < own.revision,
    );
    const changedMs = before === undefined ? undefined : this.#claims.next(before)?.storedMs;
    const message = `${node} sent ${command} with a claim on shard ${own.shard} that it had not loaded`;
    return { what: 'actedBeforeOwned', message, events: [own], changedMs: changedMs ?? this.#never(sentMs) };
  }

  /** What never gave the right: as if it had ended longer ago than any lease lasts. */
  #never(sentMs: number): number {
    return sentMs - this.#leaseTtlMs - TOLD_WITHIN_MS;
  }

  #lived(node: string, atMs: number, incarnation: string | undefined): void {
    const lives = this.#lives.get(node) ?? [];
    this.#lives.set(node, [...lives, { atMs, incarnation }]);
  }
}
