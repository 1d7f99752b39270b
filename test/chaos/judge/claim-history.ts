// Who claimed which shard, in the order of the bucket's revisions, and which node an incarnation is a life of.
import type { JobKey } from '../../../src/actors/ids.ts';
import { shardOf } from '../../../src/actors/ids.ts';
import type { Event } from '../history.ts';
import type { Evidence } from './evidence.ts';

export type Claimed = Event<'claimed'>;

export class ClaimHistory {
  /** By shard, in the order of revisions, each once. */
  readonly ofShard: ReadonlyMap<number, readonly Claimed[]>;
  readonly #shards: number;
  readonly #nodes = new Map<string, string>();

  constructor(evidence: Evidence) {
    this.#shards = evidence.run.shards;
    this.ofShard = new Map(
      [...Map.groupBy(evidence.of('claimed'), ({ shard }) => shard)].map(([shard, claims]) => [
        shard,
        [...new Map(claims.map((claim) => [claim.revision, claim])).values()].toSorted(
          (a, b) => a.revision - b.revision,
        ),
      ]),
    );
    for (const { released, incarnation, node } of evidence.of('claimed')) {
      if (!released) this.#nodes.set(incarnation, node);
    }
    for (const { incarnation, node } of evidence.of('joined')) this.#nodes.set(incarnation, node);
  }

  shardOf(jobKey: string): number {
    return shardOf(jobKey as JobKey, this.#shards);
  }

  nodeOf(incarnation: string): string | undefined {
    return this.#nodes.get(incarnation);
  }

  of(shard: number): readonly Claimed[] {
    return this.ofShard.get(shard) ?? [];
  }

  /** The last claim (or release) stored by then that is one of those asked for. */
  lastAt(shard: number, atMs: number, asked: (claim: Claimed) => boolean = () => true): Claimed | undefined {
    return this.of(shard).findLast((claim) => claim.storedMs <= atMs && asked(claim));
  }

  next({ shard, revision }: Claimed): Claimed | undefined {
    return this.of(shard).find((claim) => claim.revision > revision);
  }
}
