// How many further jobs a node takes, per lane: what the lane's own limit leaves, and what the sent watermark does.
import type { Lane } from '../actors/ids.ts';
import type { Lanes } from './lanes.ts';
import type { SentWatermark } from './sent-watermark.ts';

export class Room {
  readonly #lanes: Lanes;
  readonly #watermark: SentWatermark;

  constructor(lanes: Lanes, watermark: SentWatermark) {
    this.#lanes = lanes;
    this.#watermark = watermark;
  }

  /** Asked at every activation; undefined: nothing is known of this lane. */
  of(lane: Lane): number | undefined {
    const room = this.#lanes.roomOf(lane);
    if (room === undefined && this.#watermark.unacked(lane) === 0) return undefined;
    return Math.min(room ?? Number.POSITIVE_INFINITY, this.#watermark.room(lane));
  }

  /** A lane not named has room. */
  perLane(): Record<string, number> {
    const lanes = new Set([...this.#lanes.limited(), ...this.#watermark.lanes()]);
    return Object.fromEntries([...lanes].map((lane) => [lane, this.of(lane) as number]));
  }

  admits(lane: Lane, maxPending: number): boolean {
    return this.#lanes.admits(lane, maxPending) && this.#watermark.room(lane) > 0;
  }
}
