// Virtual time: nothing passes until a test says so, and then as fast as the machine can.
//
// Timers run in the order of their due times, ties in the order they were set. Between two timers everything that
// promises have to say is said: the loop waits for a `process.nextTick` taken inside a microtask, and Node runs that
// only when the microtask queue is empty, however long the chains of awaits were. This is exact and far cheaper than a turn of
// the event loop; real I/O gets its turn only every few thousand timers, and must not matter to the code under test.
//
// `view()` gives one process's clock over the same time: skewed, drifting, and freezable (SIGSTOP: what falls due waits, and
// runs late, in order, on thaw) or killed (it never runs). Whatever enters a simulated process goes through its view's
// `deliver`, so that one switch stops timers, answers and messages alike.
import type { Clock, Timer } from '../../src/actors/ports.ts';

/** 2026-01-01T00:00:00Z; tests may count on it being far from 0. */
export const VIRTUAL_EPOCH_MS = 1_767_225_600_000;

const TIMERS_PER_TURN = 4096;

/** Resolves when no microtask is left: all that promises can do without time passing has been done. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    queueMicrotask(() => process.nextTick(resolve));
  });
}

class Entry implements Timer {
  atMs: number;
  order: number;
  readonly view: ClockView | undefined;
  run: (() => void) | undefined;

  constructor(atMs: number, order: number, view: ClockView | undefined, run: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.view = view;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

export class ManualClock implements Clock {
  /** Timers that ran so far. */
  steps = 0;
  readonly #heap: Entry[] = [];
  #nowMs = 0;
  #order = 0;
  #running = false;

  wallMs(): number {
    return Math.floor(VIRTUAL_EPOCH_MS + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    return this.schedule(delayMs, undefined, run);
  }

  /** For views; tests use `setTimer`. */
  schedule(delayMs: number, view: ClockView | undefined, run: () => void): Timer {
    const entry = new Entry(this.#nowMs + Math.max(0, delayMs), this.#order++, view, run);
    this.#push(entry);
    return entry;
  }

  /** For views: an entry that fell due while its view was frozen, due again now. */
  reschedule(entry: Entry): void {
    entry.atMs = this.#nowMs;
    entry.order = this.#order++;
    this.#push(entry);
  }

  /** Lets `ms` pass, with all timers that fall due in it (those set meanwhile too). */
  advance(ms: number): Promise<void> {
    return this.run(this.#nowMs + ms);
  }

  /** Goes on to `untilMs` on the monotonic clock. An error thrown by a timer ends it. */
  async run(untilMs: number): Promise<void> {
    await this.#steps(untilMs, () => false);
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Goes on until `condition` holds; asked after every timer. @throws when it does not within `limitMs` */
  async until(condition: () => boolean, limitMs: number, what: () => string): Promise<void> {
    const startMs = this.#nowMs;
    if (await this.#steps(startMs + limitMs, condition)) return;
    throw new Error(`not within ${limitMs} ms of virtual time: ${what()}`);
  }

  view(options: ClockViewOptions = {}): ClockView {
    return new ClockView(this, options);
  }

  async #steps(untilMs: number, done: () => boolean): Promise<boolean> {
    if (this.#running) throw new Error('the clock is running already: await one advance before the next');
    this.#running = true;
    try {
      await settled();
      while (!done()) {
        const next = this.#heap[0];
        if (next === undefined || next.atMs > untilMs) return false;
        this.#pop();
        if (next.run === undefined) continue;
        this.#nowMs = Math.max(this.#nowMs, next.atMs);
        if (next.view === undefined || next.view.admits(next)) next.run();
        await settled();
        if (++this.steps % TIMERS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      return true;
    } finally {
      this.#running = false;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

export interface ClockViewOptions {
  /** How far this wall clock is ahead of the true one. */
  readonly skewMs?: number;
  /** How much faster this clock goes, in parts per million. */
  readonly driftPpm?: number;
}

/** The clock of one process. Its monotonic time goes on while it is frozen, as that of a stopped process does. */
export class ClockView implements Clock {
  readonly #base: ManualClock;
  #skewMs: number;
  readonly #pace: number;
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #late: Entry[] = [];

  constructor(base: ManualClock, options: ClockViewOptions) {
    this.#base = base;
    this.#skewMs = options.skewMs ?? 0;
    this.#pace = 1 + (options.driftPpm ?? 0) / 1e6;
  }

  get state(): 'running' | 'frozen' | 'dead' {
    return this.#state;
  }

  /** Somebody sets the wall clock: so far ahead of the true one from now on. */
  setSkew(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  wallMs(): number {
    return Math.floor(VIRTUAL_EPOCH_MS + this.#skewMs + this.#base.monotonicMs() * this.#pace);
  }

  monotonicMs(): number {
    return this.#base.monotonicMs() * this.#pace;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    return this.#base.schedule(delayMs / this.#pace, this, run);
  }

  /** Something that comes in from outside after `delayMs` of true time. */
  deliver(delayMs: number, run: () => void): Timer {
    return this.#base.schedule(delayMs, this, run);
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  /** What fell due meanwhile runs now, in the order in which it fell due. */
  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    const late = this.#late;
    this.#late = [];
    for (const entry of late) this.#base.reschedule(entry);
  }

  kill(): void {
    this.#state = 'dead';
    this.#late = [];
  }

  /** The clock's own: whether an entry that is due may run; a frozen view keeps it for later. */
  admits(entry: Entry): boolean {
    if (this.#state === 'frozen') this.#late.push(entry);
    return this.#state === 'running';
  }
}
