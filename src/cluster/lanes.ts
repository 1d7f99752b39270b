// How many jobs of each lane this node holds, and how many more it admits. The number of lanes is bounded: beyond the
// bound all further lanes share one count, so that nobody can grow memory or metrics by inventing names.
import { flat } from '../actors/flat-text.ts';
import type { Lane } from '../actors/ids.ts';

const LANES_MOST = 1000;
const OTHERS = '(others)' as Lane;

export class Lanes {
  readonly #pending = new Map<Lane, number>();
  /** One string for each, whoever holds a job of it. */
  readonly #names = new Map<Lane, Lane>();
  readonly #limits = new Map<Lane, number>();
  #total = 0;

  /** @returns the lane, to be kept: as a string that all jobs of it share */
  add(lane: Lane): Lane {
    const kept = this.#names.get(lane) ?? flat(lane);
    const name = this.#name(kept);
    if (name === kept) this.#names.set(kept, kept);
    this.#pending.set(name, (this.#pending.get(name) ?? 0) + 1);
    this.#total += 1;
    return kept;
  }

  remove(lane: Lane): void {
    const name = this.#name(lane);
    this.#pending.set(name, (this.#pending.get(name) ?? 1) - 1);
    this.#total -= 1;
  }

  admits(lane: Lane, maxPending: number): boolean {
    const name = this.#name(lane);
    this.#limits.set(name, maxPending);
    return (this.#pending.get(name) ?? 0) < maxPending;
  }

  get total(): number {
    return this.#total;
  }

  pending(): ReadonlyMap<Lane, number> {
    return this.#pending;
  }

  /** Further holds of this lane; undefined: it has no limit yet. */
  roomOf(lane: Lane): number | undefined {
    const limit = this.#limits.get(lane);
    return limit === undefined ? undefined : Math.max(0, limit - (this.#pending.get(lane) ?? 0));
  }

  /** Lanes with a limit. */
  limited(): Iterable<Lane> {
    return this.#limits.keys();
  }

  #name(lane: Lane): Lane {
    if (this.#pending.has(lane) || this.#pending.size < LANES_MOST) return lane;
    return OTHERS;
  }
}
