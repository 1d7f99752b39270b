// How long shards take from their claim until they answer here: what a takeover costs whoever waits for it, without the time
// until somebody noticed.
import type { ShardId } from '../actors/ids.ts';
import type { Clock } from '../actors/ports.ts';
import type { ClusterEvent } from '../cluster/events.ts';
import type { Metrics } from './metrics.ts';

export class ShardTimes {
  readonly #clock: Clock;
  readonly #metrics: Pick<Metrics, 'acquired'>;
  readonly #claims = new Map<ShardId, { readonly sentMs: number; takenOver: boolean }>();

  constructor(clock: Clock, metrics: Pick<Metrics, 'acquired'>) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  tell(event: Extract<ClusterEvent, { kind: 'joining' | 'takeover' | 'shard' }>): void {
    if (event.kind === 'joining') return this.#claims.clear();
    const { shard } = event;
    const claim = this.#claims.get(shard);
    if (event.kind === 'takeover') {
      if (claim !== undefined) claim.takenOver = true;
    } else if (event.to === 'acquiring') {
      this.#claims.set(shard, { sentMs: this.#clock.monotonicMs(), takenOver: false });
    } else if (event.to !== 'rehydrating') {
      this.#claims.delete(shard);
      if (event.to !== 'owned' || claim === undefined) return;
      this.#metrics.acquired(claim.takenOver ? 'takenOver' : 'handedOver', this.#clock.monotonicMs() - claim.sentMs);
    }
  }
}
