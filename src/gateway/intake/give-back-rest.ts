// How long a job rests in the engine that was given back because its lane is full. Each time that it is handed out and given
// back again costs the engine an activation and a FailJob, which everybody else pays for; so the more jobs of a lane wait,
// the longer each of them rests: as long as it takes for the lane to give back no more than a few a second.
import type { Clock, Random } from '../../actors/ports.ts';

const LEAST_MS = 2_000;
const MOST_MS = 5 * 60_000;
/** What a lane may give back in a second before its jobs rest longer: a percent or two of what a small engine does. */
const PER_SECOND = 10;
const WINDOW_MS = 1_000;
/** Lanes that are remembered: those that gave back lately. */
const LANES_MOST = 1_000;

interface Lane {
  restMs: number;
  windowMs: number;
  count: number;
}

export class GiveBackRest {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lanes = new Map<string, Lane>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** For a job of this lane that is given back now: jittered to between once and twice what the lane is at. */
  nextMs(lane: string): number {
    return Math.round(this.#paceOf(lane).restMs * (1 + this.#random.float()));
  }

  #paceOf(name: string): Lane {
    const nowMs = this.#clock.monotonicMs();
    const lane = this.#lanes.get(name) ?? { restMs: LEAST_MS, windowMs: nowMs, count: 0 };
    this.#lanes.delete(name); // and behind all others: the first is the one that gave back longest ago
    this.#lanes.set(name, lane);
    if (this.#lanes.size > LANES_MOST) this.#forgetOldest();
    const elapsedMs = nowMs - lane.windowMs;
    if (elapsedMs >= WINDOW_MS) {
      const perSecond = (lane.count * 1_000) / elapsedMs;
      // After a rest without a give-back there was room, or nobody waits any more.
      if (elapsedMs > 2 * lane.restMs) lane.restMs = LEAST_MS;
      else if (perSecond > PER_SECOND) lane.restMs = Math.min(MOST_MS, lane.restMs * 2);
      else if (perSecond < PER_SECOND / 4) lane.restMs = Math.max(LEAST_MS, lane.restMs / 2);
      lane.windowMs = nowMs;
      lane.count = 0;
    }
    lane.count += 1;
    return lane;
  }

  #forgetOldest(): void {
    const oldest = this.#lanes.keys().next();
    if (!oldest.done) this.#lanes.delete(oldest.value);
  }
}
