// All deadlines of a process on one timer: a million keys, each due at a wall clock time, in O(1) per change.
//
// A hierarchical wheel of four levels with 256 slots each, counting ticks of 100 ms. A key lies on the level of the highest
// byte in which its tick differs from the present tick, in the slot of that byte. When the present tick enters a slot of a
// higher level, its keys move down; so where a key lies follows from the two ticks alone, and a key costs one entry in a
// map and one in a set.
//
// What must hold: never early, and late by at most one tick and the clock's own delay. Deadlines are wall clock times, and
// that clock may be set: when it went back by more than a second, or ahead by hours, the wheel is built anew around it.
import type { Clock, Timer } from './ports.ts';

export const TICK_MS = 100;
const BITS = 8;
const SLOTS = 1 << BITS;
const LEVELS = 4;
/** 13.6 years after the wheel was built; later deadlines come then, and whoever set them checks the time anyway. */
const LAST_TICK = 2 ** (BITS * LEVELS) - 1;
/** Beyond this many ticks ahead at once (7 hours) building anew is cheaper than walking. */
const MOST_STEPS = SLOTS * 1024;
/** A clock that went back by no more is waited for (1 s): building anew costs a pass over all keys. */
const MOST_WAIT = 10;

export class TimerWheel<K> {
  readonly #clock: Clock;
  readonly #onDue: (keys: readonly K[]) => void;
  readonly #ticks = new Map<K, number>();
  #slots: (Set<K> | undefined)[] = [];
  /** Wall clock ms of tick 0. */
  #baseMs: number;
  /** The present tick: everything up to it is due and gone. */
  #now = 0;
  #timer: Timer | undefined;

  /**
   * @param onDue gets the keys that fell due, which are no longer in the wheel. It may schedule and cancel.
   */
  constructor(clock: Clock, onDue: (keys: readonly K[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#baseMs = clock.wallMs();
  }

  get size(): number {
    return this.#ticks.size;
  }

  /** Makes `key` due at `atMs`, wall clock; replaces its earlier time. A time that is past is due at the next tick. */
  schedule(atMs: number, key: K): void {
    this.cancel(key);
    // An empty wheel does not turn; it starts again at the present.
    if (this.#ticks.size === 0) this.#reset(this.#clock.wallMs());
    const tick = Math.ceil((atMs - this.#baseMs) / TICK_MS);
    this.#insert(Math.min(Math.max(tick, this.#now + 1), LAST_TICK), key);
    this.#timer ??= this.#setTimer();
  }

  /** Does nothing when the key is not in the wheel. */
  cancel(key: K): void {
    const tick = this.#ticks.get(key);
    if (tick === undefined) return;
    this.#ticks.delete(key);
    const slot = this.#slotOf(tick);
    const keys = this.#slots[slot];
    keys?.delete(key);
    if (keys?.size === 0) this.#slots[slot] = undefined;
  }

  /** Forgets everything. */
  clear(): void {
    this.#ticks.clear();
    this.#slots = [];
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #insert(tick: number, key: K): void {
    this.#ticks.set(key, tick);
    const slot = this.#slotOf(tick);
    this.#slots[slot] ??= new Set();
    this.#slots[slot].add(key);
  }

  #slotOf(tick: number): number {
    const differing = (tick ^ this.#now) >>> 0;
    const level = differing === 0 ? 0 : (31 - Math.clz32(differing)) >>> 3;
    return level * SLOTS + ((tick >>> (level * BITS)) & (SLOTS - 1));
  }

  #setTimer(): Timer {
    const nextMs = this.#baseMs + (this.#now + 1) * TICK_MS - this.#clock.wallMs();
    return this.#clock.setTimer(Math.min(Math.max(nextMs, 1), TICK_MS), () => this.#turn());
  }

  #turn(): void {
    const due: K[] = [];
    const wallMs = this.#clock.wallMs();
    const target = Math.floor((wallMs - this.#baseMs) / TICK_MS);
    if (target < this.#now - MOST_WAIT || target - this.#now > MOST_STEPS) this.#rebuild(wallMs, due);
    else while (this.#now < target) this.#step(due);
    this.#timer = this.#ticks.size > 0 ? this.#setTimer() : undefined;
    if (due.length > 0) this.#onDue(due);
  }

  /** One tick on: what lies at it on the lowest level is due, and each higher slot that begins with it moves down. */
  #step(due: K[]): void {
    this.#now++;
    for (let level = 0; level < LEVELS; level++) {
      const digit = (this.#now >>> (level * BITS)) & (SLOTS - 1);
      this.#empty(level * SLOTS + digit, due);
      if (digit !== 0) break;
    }
  }

  #empty(slot: number, due: K[]): void {
    const keys = this.#slots[slot];
    if (!keys) return;
    this.#slots[slot] = undefined;
    for (const key of keys) this.#settle(this.#ticks.get(key)!, key, due);
  }

  #settle(tick: number, key: K, due: K[]): void {
    if (tick > this.#now) {
      this.#insert(tick, key);
    } else {
      this.#ticks.delete(key);
      due.push(key);
    }
  }

  #reset(wallMs: number): void {
    this.#slots = [];
    this.#baseMs = wallMs;
    this.#now = 0;
  }

  #rebuild(wallMs: number, due: K[]): void {
    const earlierBaseMs = this.#baseMs;
    const entries = [...this.#ticks];
    this.#reset(wallMs);
    const shift = (earlierBaseMs - this.#baseMs) / TICK_MS;
    for (const [key, tick] of entries) this.#settle(Math.min(Math.ceil(tick + shift), LAST_TICK), key, due);
  }
}
