// Jobs whose probe is due, waiting for a turn of the pace (probe-pace.ts). They wait here and not in their mailboxes: a reply
// that comes meanwhile is taken at once, and whoever needs no probe any more leaves the queue.
//
// Two lines, each first come first served; while both wait, turns go to each in turn. *Urgent* are locks that can still be
// kept; one that is over by its turn goes to the end of the other line, for its activation will come and tell as much
// as a probe. So under pressure locks lapse, which costs the engine less than renewing them, and no job waits without an end.
//
// Turns come evenly: at most what the pace allows for the time that has passed, in ticks of 100 ms, so no second has more
// than the pace of a second.
import type { Clock, Timer } from './ports.ts';
import type { ProbePace } from './probe-pace.ts';

const TICK_MS = 100;
/** After a longer sleep of this process its turns are not made up for. */
const MOST_MS = 1000;

export class ProbeQueue<K> {
  readonly #clock: Clock;
  readonly #pace: Pick<ProbePace, 'perSecond'>;
  readonly #onTurn: (keys: readonly K[]) => void;
  /** With the wall clock time at which the lock is over. */
  readonly #urgent = new Map<K, number>();
  readonly #others = new Set<K>();
  /** Goes on where the last turn ended: a set skips its deleted entries one by one each time somebody begins at its front. */
  #othersInTurn = this.#others.keys();
  #othersTurn = false;
  /** Of a turn, what is left of the last tick. */
  #credit = 0;
  #timer: Timer | undefined;
  #tickedMs = 0;

  constructor(clock: Clock, pace: Pick<ProbePace, 'perSecond'>, onTurn: (keys: readonly K[]) => void) {
    this.#clock = clock;
    this.#pace = pace;
    this.#onTurn = onTurn;
  }

  get size(): number {
    return this.#urgent.size + this.#others.size;
  }

  /** How many turns it takes until the last of those has had its own whose lock can still be kept. Asks each of them. */
  get urgentTurns(): number {
    const wallMs = this.#clock.wallMs();
    let locks = 0;
    for (const untilMs of this.#urgent.values()) if (untilMs > wallMs && untilMs < Number.POSITIVE_INFINITY) locks += 1;
    return locks * (this.#others.size > 0 ? 2 : 1);
  }

  has(key: K): boolean {
    return this.#urgent.has(key) || this.#others.has(key);
  }

  /** @param urgentUntilMs wall clock; 0 or past: it can wait. Who waits already keeps its place. */
  want(key: K, urgentUntilMs: number): void {
    if (this.has(key)) return;
    if (urgentUntilMs > this.#clock.wallMs()) this.#urgent.set(key, urgentUntilMs);
    else this.#others.add(key);
    if (this.#timer !== undefined) return;
    this.#tickedMs = this.#clock.monotonicMs();
    this.#plan();
  }

  cancel(key: K): void {
    this.#urgent.delete(key);
    this.#others.delete(key);
  }

  clear(): void {
    this.#urgent.clear();
    this.#others.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #plan(): void {
    this.#timer = this.#clock.setTimer(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    const passedMs = Math.min(Math.round(nowMs - this.#tickedMs), MOST_MS);
    this.#tickedMs = nowMs;
    this.#credit += (this.#pace.perSecond() * passedMs) / 1000;
    const turns: K[] = [];
    for (; this.#credit >= 1 && this.size > 0; this.#credit -= 1) turns.push(this.#next());
    // What nobody wanted is not kept: turns that were saved up would come all at once.
    this.#credit %= 1;
    if (this.size > 0) this.#plan();
    if (turns.length > 0) this.#onTurn(turns);
  }

  /** There is one. */
  #next(): K {
    const wallMs = this.#clock.wallMs();
    for (const [key, untilMs] of this.#urgent) {
      if (untilMs > wallMs) break;
      this.#urgent.delete(key);
      this.#others.add(key);
    }
    const others = this.#others.size > 0 && (this.#othersTurn || this.#urgent.size === 0);
    this.#othersTurn = !others;
    const key = others ? this.#nextOther() : (this.#urgent.keys().next().value as K);
    this.cancel(key);
    return key;
  }

  /** There is one. Whoever is passed leaves, so none stands before it; an iterator that came to the end stays there. */
  #nextOther(): K {
    let next = this.#othersInTurn.next();
    if (next.done) {
      this.#othersInTurn = this.#others.keys();
      next = this.#othersInTurn.next();
    }
    return next.value as K;
  }
}
