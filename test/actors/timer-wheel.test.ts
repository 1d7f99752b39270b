// The wheel against the simplest thing that could be right: a map of due times, looked through at every tick.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock, Timer } from '../../src/actors/ports.ts';
import { IN_NO_WHEEL, type Timed, TimerWheel } from '../../src/actors/timer-wheel.ts';

const HOUR_MS = 3_600_000;

/** A clock without promises that can also be set, and that can skip its timers as a stopped process does. */
class TestClock implements Clock {
  #nowMs = 0;
  #offsetMs = 1_760_000_000_000;
  readonly #timers = new Map<Timer, { atMs: number; run: () => void }>();

  wallMs(): number {
    return this.#nowMs + this.#offsetMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }
  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { cancel: () => void this.#timers.delete(timer) };
    this.#timers.set(timer, { atMs: this.#nowMs + delayMs, run });
    return timer;
  }
  get timers(): number {
    return this.#timers.size;
  }
  set(byMs: number): void {
    this.#offsetMs += byMs;
  }
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#timers].sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (!next || next[1].atMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next[1].atMs);
      this.#timers.delete(next[0]);
      next[1].run();
    }
    this.#nowMs = endMs;
  }
  leap(ms: number): void {
    this.#nowMs += ms;
    this.advance(0);
  }
}

/** A wheel of names: each name's key is made at its first use, and kept. */
class NamedWheel {
  readonly #keys = new Map<string, Key>();
  readonly #wheel: TimerWheel<Key>;

  constructor(clock: Clock, onDue: (names: readonly string[]) => void) {
    this.#wheel = new TimerWheel<Key>(clock, (keys) => onDue(keys.map(({ name }) => name)));
  }
  schedule(atMs: number, name: string): void {
    this.#wheel.schedule(atMs, this.#key(name));
  }
  cancel(name: string): void {
    this.#wheel.cancel(this.#key(name));
  }
  clear(): void {
    this.#wheel.clear();
    for (const key of this.#keys.values()) expect(key).toEqual({ name: key.name, ...NOWHERE });
  }
  get size(): number {
    const inIt = [...this.#keys.values()].filter(({ tick }) => tick !== IN_NO_WHEEL);
    expect(this.#wheel.size).toBe(inIt.length);
    return inIt.length;
  }
  #key(name: string): Key {
    const key = this.#keys.get(name) ?? { name, ...NOWHERE };
    this.#keys.set(name, key);
    return key;
  }
}

interface Key extends Timed<Key> {
  readonly name: string;
}

const NOWHERE = { tick: IN_NO_WHEEL, earlier: undefined, later: undefined };

function newWheel() {
  const clock = new TestClock();
  const fired: { key: string; atMs: number }[] = [];
  const wheel = new NamedWheel(clock, (keys) => {
    for (const key of keys) fired.push({ key, atMs: clock.wallMs() });
  });
  const startMs = clock.wallMs();
  return { clock, wheel, fired, startMs, keys: () => fired.map(({ key }) => key) };
}

const anyKey = fc.constantFrom(...'abcdefghijkl');
const anyDelayMs = fc.oneof(
  fc.integer({ min: -500, max: 1000 }),
  fc.integer({ min: 0, max: 60_000 }),
  fc.integer({ min: 0, max: 10 * HOUR_MS }),
  fc.integer({ min: 0, max: 60 * 24 * HOUR_MS }),
);
const command = fc.oneof(
  fc.record({ do: fc.constant('schedule' as const), key: anyKey, ms: anyDelayMs }),
  fc.record({ do: fc.constant('cancel' as const), key: anyKey, ms: fc.constant(0) }),
  fc.record({ do: fc.constant('advance' as const), key: fc.constant(''), ms: fc.nat(60_000) }),
  fc.record({ do: fc.constant('leap' as const), key: fc.constant(''), ms: fc.nat(10 * HOUR_MS) }),
);

test('whatever is scheduled, moved and cancelled: each key falls due once, never early, a tick late at most', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const clock = new TestClock();
      const model = new Map<string, number>();
      let leapFromMs = Number.POSITIVE_INFINITY;
      const wheel = new NamedWheel(clock, (keys) => {
        for (const key of keys) {
          const dueMs = model.get(key);
          expect(dueMs, `${key} fell due and is not scheduled`).toBeDefined();
          expect(clock.wallMs()).toBeGreaterThanOrEqual(dueMs!);
          // What fell due while the process stood still comes when it goes on; all else within a tick.
          if (dueMs! < leapFromMs) expect(clock.wallMs() - dueMs!).toBeLessThanOrEqual(200);
          model.delete(key);
        }
      });
      for (const { do: action, key, ms } of commands) {
        if (action === 'schedule') {
          wheel.schedule(clock.wallMs() + ms, key);
          model.set(key, clock.wallMs() + Math.max(ms, 0));
        } else if (action === 'cancel') {
          wheel.cancel(key);
          model.delete(key);
        } else if (action === 'advance') {
          clock.advance(ms);
        } else {
          leapFromMs = clock.wallMs() - 200;
          clock.leap(ms);
          leapFromMs = Number.POSITIVE_INFINITY;
        }
        const overdue = [...model].filter(([, dueMs]) => clock.wallMs() - dueMs > 200);
        expect(overdue).toEqual([]);
        expect(wheel.size).toBe(model.size);
      }
    }),
    { numRuns: 150 },
  );
});

test('a key far away goes down all levels and comes out on time', () => {
  const { clock, wheel, fired, startMs } = newWheel();
  // One for each level, at and around the places where a level begins.
  const delaysMs = [
    25_500, 25_600, 25_700, 6_553_500, 6_553_600, 6_553_700, 1_677_721_500, 1_677_721_600, 1_677_721_700,
  ];
  for (const ms of delaysMs) wheel.schedule(startMs + ms, String(ms));
  for (let leaps = 0; leaps < 1_677_721_700 / HOUR_MS + 1; leaps++) clock.leap(HOUR_MS);
  expect(fired.map(({ key }) => Number(key))).toEqual(delaysMs);
  for (const { key, atMs } of fired) expect(atMs - startMs).toBeGreaterThanOrEqual(Number(key));
});

test('one timer drives all keys, none runs while there are none, and clear forgets', () => {
  const { clock, wheel, startMs, keys } = newWheel();
  expect(clock.timers).toBe(0);
  for (let i = 0; i < 1000; i++) wheel.schedule(startMs + 1000 + i, `${i}`);
  expect(clock.timers).toBe(1);
  clock.advance(2200);
  expect(new Set(keys()).size).toBe(1000);
  expect(clock.timers).toBe(0);
  wheel.schedule(clock.wallMs() + 10, 'a');
  wheel.clear();
  expect([wheel.size, clock.timers]).toEqual([0, 0]);
  // After a pause without keys the wheel starts from the present.
  clock.advance(30 * 24 * HOUR_MS);
  wheel.schedule(clock.wallMs() + 150, 'b');
  clock.advance(149);
  expect(keys()).not.toContain('b');
  clock.advance(101);
  expect(keys().at(-1)).toBe('b');
});

test('what falls due may schedule and cancel', () => {
  const clock = new TestClock();
  const fired: string[] = [];
  const wheel: NamedWheel = new NamedWheel(clock, (keys) => {
    fired.push(...keys);
    if (fired.length < 3) wheel.schedule(clock.wallMs() + 100, 'again');
    wheel.cancel('never');
  });
  wheel.schedule(clock.wallMs() + 100, 'again');
  wheel.schedule(clock.wallMs() + 5000, 'never');
  clock.advance(10_000);
  expect(fired).toEqual(['again', 'again', 'again']);
});

test('the wall clock is set back by an hour: nothing comes early, nothing comes an hour late', () => {
  const { clock, wheel, startMs, keys } = newWheel();
  wheel.schedule(startMs + 10_000, 'old');
  clock.advance(5000);
  clock.set(-HOUR_MS);
  clock.advance(200);
  wheel.schedule(clock.wallMs() + 1000, 'new');
  clock.advance(1200);
  expect(keys()).toEqual(['new']);
  clock.advance(HOUR_MS + 3400);
  expect(keys()).toEqual(['new']);
  clock.advance(500);
  expect(keys()).toEqual(['new', 'old']);
});

test('the wall clock is set back while the wheel is empty', () => {
  const { clock, wheel, keys } = newWheel();
  wheel.schedule(clock.wallMs() + 1000, 'first');
  clock.advance(2000);
  clock.set(-HOUR_MS);
  wheel.schedule(clock.wallMs() + 1000, 'second');
  clock.advance(1200);
  expect(keys()).toEqual(['first', 'second']);
});

test('the wall clock is set ahead, by little or by months: what is past is due at once, the rest stays', () => {
  for (const aheadMs of [HOUR_MS, 60 * 24 * HOUR_MS]) {
    const { clock, wheel, startMs, keys } = newWheel();
    wheel.schedule(startMs + aheadMs - 1, 'past');
    wheel.schedule(startMs + aheadMs + 10_000, 'rest');
    clock.set(aheadMs);
    clock.advance(200);
    expect(keys()).toEqual(['past']);
    clock.advance(9700);
    expect(keys()).toEqual(['past']);
    clock.advance(400);
    expect(keys()).toEqual(['past', 'rest']);
  }
});

test('a time beyond the wheel, even for ever, waits and can be cancelled', () => {
  const { clock, wheel, startMs, keys } = newWheel();
  // 2^32 ticks and a few: what is left of it in 32 bits must not be taken for its place.
  wheel.schedule(startMs + (2 ** 32 + 5) * 100, 'far');
  wheel.schedule(Number.POSITIVE_INFINITY, 'never');
  clock.advance(25_800);
  wheel.cancel('far');
  clock.leap(HOUR_MS);
  clock.leap(24 * HOUR_MS);
  expect(keys()).toEqual([]);
  expect(wheel.size).toBe(1);
});
