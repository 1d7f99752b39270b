// How many probes a node may send, and whose turn it is.
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/actors/limits.ts';
import type { EngineAnswer } from '../../src/actors/ports.ts';
import { ProbePace } from '../../src/actors/probe-pace.ts';
import { ProbeQueue } from '../../src/actors/probe-queue.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SECOND = 1_000;
const FLOOR = LIMITS.probesPerSecond;
const answer = (code: EngineAnswer['code'], backpressure = false): EngineAnswer => ({
  code,
  unseen: false,
  message: '',
  ...(backpressure && { backpressure }),
});
const REFUSED = answer('transient', true);

function paceOf(members = 1) {
  const clock = new ManualClock();
  const pace = new ProbePace(clock, () => members);
  /** The engine answers so many commands a second. */
  const busy = async (perSecond: number, seconds: number, said = answer('ok')) => {
    for (let second = 0; second < seconds; second++) {
      for (let i = 0; i < perSecond; i++) pace.heard(said);
      await clock.advance(SECOND);
    }
  };
  return { clock, pace, busy };
}

describe('the pace', () => {
  test('of an engine that was asked for little is the floor, of which each member has its part', () => {
    expect(paceOf().pace.perSecond()).toBe(FLOOR);
    expect(paceOf(4).pace.perSecond()).toBe(FLOOR / 4);
  });

  test('is 5 % of the most that the engine was seen to do, until that was long ago', async () => {
    const { clock, pace, busy } = paceOf();
    await busy(3_000, 10);
    expect(pace.perSecond()).toBe(150);
    await busy(10, 200);
    expect(pace.perSecond()).toBe(150);
    await clock.advance(LIMITS.seenSlots * LIMITS.seenSlotMs);
    expect(pace.perSecond()).toBe(FLOOR);
  });

  test('counts what the engine said or handed out, and no call without an answer of its own', async () => {
    for (const code of ['ok', 'notFound', 'failedPrecondition'] as const) {
      const { pace, busy } = paceOf();
      await busy(2_000, 5, answer(code));
      expect(pace.perSecond()).toBe(100);
    }
    const { pace, busy } = paceOf();
    await busy(2_000, 5, answer('transient'));
    await busy(2_000, 5, answer('never'));
    expect(pace.perSecond()).toBe(FLOOR);
    for (let i = 0; i < 10_000; i++) pace.did();
    expect(pace.perSecond()).toBe(100);
  });

  test('halves when the engine refuses, once for all refusals of a second, down to the least', async () => {
    const { clock, pace } = paceOf();
    for (let i = 0; i < 20; i++) pace.heard(REFUSED);
    expect(pace.perSecond()).toBe(FLOOR / 2);
    await clock.advance(SECOND);
    pace.heard(REFUSED);
    expect(pace.perSecond()).toBe((FLOOR / 2 + LIMITS.probesRegained) / 2);
    for (let second = 0; second < 20; second++) {
      await clock.advance(SECOND);
      pace.heard(REFUSED);
    }
    expect(pace.perSecond()).toBeCloseTo(LIMITS.probesLeast, 3);
  });

  test('grows again by so much a second and no further than before; an engine that is only away does not halve it', async () => {
    const { clock, pace } = paceOf();
    pace.heard(answer('transient'));
    expect(pace.perSecond()).toBe(FLOOR);
    pace.heard(REFUSED);
    await clock.advance(10 * SECOND);
    expect(pace.perSecond()).toBe(FLOOR / 2 + 10 * LIMITS.probesRegained);
    await clock.advance(100 * SECOND);
    expect(pace.perSecond()).toBe(FLOOR);
  });

  test('how long so many take follows the pace as it grows back', async () => {
    const { clock, pace } = paceOf();
    expect(pace.secondsFor(500)).toBe(500 / FLOOR);
    for (let second = 0; second < 20; second++) {
      pace.heard(REFUSED);
      await clock.advance(SECOND);
    }
    // As turns would be taken, a hundredth of a second at a time.
    for (const probes of [0, 10, 200, 2_000]) {
      let [left, seconds] = [probes, 0];
      const now = pace.perSecond();
      while (left > 0) {
        left -= Math.min(FLOOR, now + seconds * LIMITS.probesRegained) / 100;
        seconds += 1 / 100;
      }
      expect(pace.secondsFor(probes)).toBeCloseTo(seconds, 0);
    }
  });

  test('the probes of one job are a minute apart, or as far as the floor allows for so many jobs, whatever the engine says', () => {
    const { pace } = paceOf();
    expect([1, 1_000, 3_000, 10_000].map((pending) => pace.everyMs(pending) / SECOND)).toEqual([60, 60, 60, 200]);
    pace.heard(REFUSED);
    expect(pace.everyMs(10_000)).toBe(200 * SECOND);
    expect(paceOf(4).pace.everyMs(10_000)).toBe(800 * SECOND);
  });
});

function queueOf(perSecond: number) {
  const clock = new ManualClock();
  const pace = { now: perSecond, perSecond: () => pace.now };
  const turns: { key: string; atMs: number }[] = [];
  const queue = new ProbeQueue<string>(clock, pace, (keys) => {
    for (const key of keys) turns.push({ key, atMs: clock.monotonicMs() });
  });
  const want = (prefix: string, count: number, urgentForMs = 0) => {
    for (let i = 1; i <= count; i++)
      queue.want(`${prefix}${i}`, urgentForMs > 0 ? clock.wallMs() + urgentForMs : urgentForMs);
  };
  const keys = () => turns.splice(0).map(({ key }) => key);
  return { clock, pace, queue, turns, want, keys };
}

describe('turns', () => {
  test('come evenly, never more in a second than the pace, and are not saved up while nobody wants one', async () => {
    const { clock, queue, turns, want } = queueOf(50);
    await clock.advance(60 * SECOND);
    want('a', 120);
    await clock.advance(SECOND);
    expect(turns).toHaveLength(50);
    expect(turns.filter(({ atMs }) => atMs === turns[0]!.atMs)).toHaveLength(5);
    await clock.advance(10 * SECOND);
    expect(turns).toHaveLength(120);
    expect(queue.size).toBe(0);
    want('b', 1);
    await clock.advance(SECOND);
    want('c', 60);
    await clock.advance(SECOND);
    expect(turns).toHaveLength(171);
  });

  test('follow the pace as it changes, also below one a second', async () => {
    const { clock, pace, turns, want } = queueOf(50);
    want('a', 200);
    await clock.advance(SECOND);
    pace.now = 0.5;
    await clock.advance(10 * SECOND);
    expect(turns).toHaveLength(55);
  });

  test('are not made up for after a long sleep of the process', async () => {
    const { turns, want, queue } = queueOf(50);
    const base = new ManualClock();
    const clock = base.view();
    const sleepy = new ProbeQueue<string>(clock, { perSecond: () => 50 }, (keys) =>
      turns.push(...keys.map((key) => ({ key, atMs: clock.monotonicMs() }))),
    );
    want('unused', 0);
    for (let i = 0; i < 500; i++) sleepy.want(`a${i}`, 0);
    clock.freeze();
    await base.advance(60 * SECOND);
    clock.thaw();
    await base.advance(0);
    expect(turns).toHaveLength(50);
    expect(queue.size).toBe(0);
  });

  test('go first come first served; who waits keeps its place, who wants none any more leaves it', async () => {
    const { clock, queue, want, keys } = queueOf(10);
    want('a', 4);
    want('a', 1);
    queue.cancel('a2');
    await clock.advance(SECOND);
    expect(keys()).toEqual(['a1', 'a3', 'a4']);
  });

  test('are shared between locks that can still be kept and the rest: neither starves the other', async () => {
    const { clock, want, keys } = queueOf(10);
    want('later', 5);
    want('lock', 3, 10 * SECOND);
    await clock.advance(SECOND);
    expect(keys()).toEqual(['lock1', 'later1', 'lock2', 'later2', 'lock3', 'later3', 'later4', 'later5']);
  });

  test('a lock that is over by its turn can wait, behind those that wait already', async () => {
    const { clock, want, keys } = queueOf(2);
    want('lock', 4, SECOND);
    want('later', 1);
    await clock.advance(5 * SECOND);
    expect(keys()).toEqual(['lock1', 'later1', 'lock2', 'lock3', 'lock4']);
    want('lapsed', 1, -1);
    want('lock', 1, SECOND);
    await clock.advance(SECOND);
    expect(keys()).toEqual(['lock1', 'lapsed1']);
  });
});
