// Which shards came to this node lately, from where, and how long that took: for people who look at the cluster. It hears of the
// node's own events and outlives its lives; another node's are asked for (gateway/operations).
import type { NodeName, ShardId } from '../actors/ids.ts';
import type { Clock } from '../actors/ports.ts';
import type { Claims } from './claims.ts';
import type { ClusterEvent } from './events.ts';

const REMEMBERED = 200;

export interface ShardMovement {
  /** When it answered, wall ms. */
  readonly atMs: number;
  readonly shard: ShardId;
  /** undefined: nobody had it, as far as is known here. */
  readonly from: NodeName | undefined;
  /** `takeover`: its owner was dead, or believed so. */
  readonly kind: 'handover' | 'takeover' | 'first';
  readonly tookMs: number;
  readonly jobs: number;
}

interface Coming {
  readonly from: NodeName | undefined;
  takeover: boolean;
  claimedAtMs: number;
  /** Set once it answers. */
  tookMs: number;
}

export class Movements {
  readonly #clock: Clock;
  readonly #coming = new Map<ShardId, Coming>();
  readonly #latest: ShardMovement[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Oldest first. */
  get latest(): readonly ShardMovement[] {
    return this.#latest;
  }

  heard(event: ClusterEvent, claims: Pick<Claims, 'lastOwner'> | undefined): void {
    const nowMs = this.#clock.monotonicMs();
    if (event.kind === 'joining') {
      this.#coming.clear();
    } else if (event.kind === 'takeover') {
      const coming = this.#coming.get(event.shard);
      if (coming !== undefined) coming.takeover = true;
    } else if (event.kind === 'shard') {
      if (event.to === 'acquiring') {
        const from = claims?.lastOwner(event.shard);
        this.#coming.set(event.shard, { from, takeover: false, claimedAtMs: nowMs, tookMs: 0 });
      }
      if (event.to === 'released') this.#coming.delete(event.shard);
      const coming = this.#coming.get(event.shard);
      if (coming !== undefined && event.to === 'rehydrating') coming.claimedAtMs = nowMs;
      if (coming !== undefined && event.to === 'owned') coming.tookMs = nowMs - coming.claimedAtMs;
    } else if (event.kind === 'rehydrated') {
      this.#arrived(event.shard, event.jobs);
    }
  }

  #arrived(shard: ShardId, jobs: number): void {
    const coming = this.#coming.get(shard);
    if (coming === undefined) return;
    this.#coming.delete(shard);
    const { from, takeover, tookMs } = coming;
    const kind = takeover ? 'takeover' : from === undefined ? 'first' : 'handover';
    this.#latest.push({ atMs: this.#clock.wallMs(), shard, from, kind, tookMs, jobs });
    if (this.#latest.length > REMEMBERED) this.#latest.shift();
  }
}
