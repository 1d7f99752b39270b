// All deadlines of a process on one timer: a million keys, each due at a wall clock time, in O(1) per change.
//
// A hierarchical wheel of four levels with 256 slots each, counting ticks of 100 ms. A key lies on the level of the highest
// byte in which its tick differs from the present tick, in the slot of that byte. When the present tick enters a slot of a
// higher level, its keys move down; so where a key lies follows from the two ticks alone.
//
// A slot is a list that its keys themselves make up (`Timed`): a map and a set with an entry for each of a million keys take a
// tenth of all that a node uses, and a moment to grow in which nothing else has its turn.
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

/** What a key keeps for the one wheel that it may be in, and that alone changes it. */
export interface Timed<K> {
  /** When it is due; -1: it is in no wheel. */
  tick: number;
  /** Its neighbours in the slot. */
  earlier: K | undefined;
  later: K | undefined;
}

export const IN_NO_WHEEL = -1;

interface Slot<K> {
  first: K;
  last: K;
}

export class TimerWheel<K extends Timed<K>> {
  readonly #clock: Clock;
  readonly #onDue: (keys: readonly K[]) => void;
  #slots: (Slot<K> | undefined)[] = [];
  #size = 0;
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
    return this.#size;
  }

  /** Makes `key` due at `atMs`, wall clock; replaces its earlier time. A time that is past is due at the next tick. */
  schedule(atMs: number, key: K): void {
    this.cancel(key);
    // An empty wheel does not turn; it starts again at the present.
    if (this.#size === 0) this.#reset(this.#clock.wallMs());
    const tick = Math.ceil((atMs - this.#baseMs) / TICK_MS);
    this.#insert(Math.min(Math.max(tick, this.#now + 1), LAST_TICK), key);
    this.#timer ??= this.#setTimer();
  }

  /** Does nothing when the key is not in the wheel. */
  cancel(key: K): void {
    if (key.tick === IN_NO_WHEEL) return;
    const { earlier, later } = key;
    if (earlier === undefined || later === undefined) this.#cutEnd(this.#slotOf(key.tick), earlier, later);
    if (earlier !== undefined) earlier.later = later;
    if (later !== undefined) later.earlier = earlier;
    this.#leave(key);
  }

  /** Forgets everything. */
  clear(): void {
    for (const slot of this.#slots) for (const key of keysOf(slot)) this.#leave(key);
    this.#slots = [];
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #insert(tick: number, key: K): void {
    const index = this.#slotOf(tick);
    const slot = this.#slots[index];
    key.tick = tick;
    this.#size += 1;
    if (slot === undefined) {
      this.#slots[index] = { first: key, last: key };
    } else {
      key.earlier = slot.last;
      slot.last.later = key;
      slot.last = key;
    }
  }

  #leave(key: K): void {
    key.tick = IN_NO_WHEEL;
    key.earlier = undefined;
    key.later = undefined;
    this.#size -= 1;
  }

  /** The first key of a slot leaves it, or the last. */
  #cutEnd(index: number, earlier: K | undefined, later: K | undefined): void {
    const slot = this.#slots[index];
    if (earlier === undefined && later === undefined) this.#slots[index] = undefined;
    else if (slot !== undefined && earlier === undefined) slot.first = later!;
    else if (slot !== undefined) slot.last = earlier!;
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
    this.#timer = this.#size > 0 ? this.#setTimer() : undefined;
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

  #empty(index: number, due: K[]): void {
    const slot = this.#slots[index];
    if (slot === undefined) return;
    this.#slots[index] = undefined;
    for (const key of keysOf(slot)) this.#settle(key.tick, key, due);
  }

  /** Of a key whose slot is no more. */
  #settle(tick: number, key: K, due: K[]): void {
    this.#leave(key);
    if (tick > this.#now) this.#insert(tick, key);
    else due.push(key);
  }

  #reset(wallMs: number): void {
    this.#slots = [];
    this.#baseMs = wallMs;
    this.#now = 0;
  }

  #rebuild(wallMs: number, due: K[]): void {
    const earlierBaseMs = this.#baseMs;
    const slots = this.#slots;
    this.#reset(wallMs);
    const shift = (earlierBaseMs - this.#baseMs) / TICK_MS;
    for (const slot of slots) {
      for (const key of keysOf(slot)) this.#settle(Math.min(Math.ceil(key.tick + shift), LAST_TICK), key, due);
    }
  }
}

/** From the first to the last; whoever takes one may put it elsewhere. */
function* keysOf<K extends Timed<K>>(slot: Slot<K> | undefined): Generator<K> {
  let key = slot?.first;
  while (key !== undefined) {
    const { later } = key as K;
    yield key;
    key = later;
  }
}
