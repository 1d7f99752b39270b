// Completed again: blamed when the node had been told, and only then.
import { describe, expect, test } from 'vitest';
import type { Event, Said } from '../history.ts';
import type { Story } from '../story.ts';
import { doubts, offences, story, withOpenJob } from './told.ts';

describe('completed again', () => {
  /** Completed, and again by the same or another node. */
  const again = (tell: (told: Story, node: string) => void, first: Partial<Said<'call'>> = {}) =>
    story((told) => {
      const { job, owner } = withOpenJob(told);
      told.nowMs += 50;
      told.reply(job, 7);
      told.call(job, owner, first);
      told.nowMs += 100;
      tell(told, owner);
      told.complete(job);
    });

  test('by a node that had been told', () => {
    expect(offences(again(() => undefined))).toEqual(['completedTwice']);
    expect(offences(again(() => undefined, { code: 5 }))).toEqual(['completedTwice']);
  });

  test.each<[string, Partial<Said<'call'>>]>([
    ['no answer', { answeredMs: undefined, code: undefined }],
    ['an answer that ends nothing', { code: 14 }],
    ['an answer right before the call was given up', { timeoutMs: 900 }],
  ])('but not after %s', (_, first) => {
    expect(offences(again(() => undefined, first))).toEqual([]);
  });

  test('but not when its connection closed within a second, or its node was stopped, or could write nothing down', () => {
    const base = again(() => undefined);
    const call = base.find((event): event is Event<'call'> => event.kind === 'call' && event.jobKey.endsWith('5049'));
    const closed = (closedMs: number) => base.map((event) => (event === call ? { ...event, closedMs } : event));
    expect(offences(closed((call?.answeredMs ?? 0) + 900))).toEqual([]);
    expect(offences(closed((call?.answeredMs ?? 0) + 1_100))).toEqual(['completedTwice']);
    expect(offences(again((told, node) => told.fault('stopHalf', node)))).toEqual([]);
    expect(offences(again((told) => told.fault('leaderKill', 'nats-1')))).toEqual([]);
    const loses = (afterMs: number) => (told: Story, node: string) =>
      told.say({ kind: 'lost', node, incarnation: told.incarnation(node), alarm: false }, told.nowMs + afterMs);
    expect(offences(again(loses(1_000)))).not.toContain('completedTwice');
    expect(offences(again(loses(60_000)))).toContain('completedTwice');
    // Seven seconds until JetStream has a leader again, also if the server is back at once.
    const back = (afterMs: number) => (told: Story) => {
      told.fault('leaderKill', 'nats-1');
      told.fault('leaderKill', 'nats-1', 'end');
      told.nowMs += afterMs;
    };
    const completes = (afterMs: number) => (told: Story) => {
      const { job, owner } = withOpenJob(told);
      told.nowMs += 50;
      told.reply(job, 7);
      back(afterMs)(told);
      told.call(job, owner);
      told.nowMs += 100;
      told.complete(job);
    };
    expect(offences(story(completes(7_000)))).toEqual([]);
    expect(offences(story(completes(11_000)))).toEqual(['completedTwice']);
    expect(offences(again((told, node) => told.fault('cut', node, 'begin', 'nats')))).toEqual([]);
  });

  test('and what was done to others, or to Kafka, excuses nothing', () => {
    const other = (node: string) => (node === 'n1' ? 'n2' : 'n1');
    expect(offences(again((told, node) => told.fault('stopHalf', other(node))))).toEqual(['completedTwice']);
    expect(offences(again((told) => told.fault('kafkaRestart', 'kafka')))).toEqual(['completedTwice']);
    // The proxy stands next to the node: what it saw answered had come through.
    expect(offences(again((told, node) => told.fault('halfOpen', node, 'begin', 'zeebe')))).toEqual(['completedTwice']);
  });

  /** Completed by another while its owner stood still, and by that one so long after it went on. */
  const woken = (afterMs: number, emitted = false) =>
    story((told) => {
      const { job, owner, other } = withOpenJob(told);
      told.reply(job, 7);
      if (emitted) told.emitted(job, owner);
      told.freeze(owner, other);
      told.complete(job);
      const end = told.events.findLast((event) => event.kind === 'fault' && event.phase === 'end');
      const call = told.events.findLast((event): event is Event<'call'> => event.kind === 'call');
      const index = told.events.indexOf(call!);
      const [beforeMs, wokenMs] = [(end?.atMs ?? 0) - 2_500, end?.atMs ?? 0];
      told.events[index] = { ...call!, sentMs: beforeMs, answeredMs: beforeMs + 5 };
      told.call(job, owner, { sentMs: wokenMs + afterMs, code: 5, answeredMs: wokenMs + afterMs + 5 });
    });

  test('a command that left when its node woke up may be older than the answer: a doubt; one that left later is none', () => {
    expect(doubts(woken(5))).toContain('completedTwice');
    expect(offences(woken(5))).not.toContain('completedTwice');
    expect(offences(woken(500))).toContain('completedTwice');
  });

  test('where the log tells when it left, that is when it was sent: a doubt, unless its node had been told by then', () => {
    const emitted = (afterAnswerMs: number) =>
      story((told) => {
        const { job, owner } = withOpenJob(told);
        told.reply(job, 7);
        told.complete(job);
        told.nowMs += afterAnswerMs;
        told.emitted(job, owner);
        told.nowMs += 10;
        told.fault('stopHalf', owner);
        told.nowMs += 2_500;
        told.fault('stopHalf', owner, 'end');
        told.nowMs += 50;
        told.call(job, owner, { code: 5 });
      });
    expect(offences(emitted(3_000))).toContain('completedTwice');
    expect(offences(woken(500, true))).not.toContain('completedTwice');
    expect(doubts(woken(500, true))).toContain('completedTwice');
  });

  test('passing without a completion that anybody saw', () => {
    expect(offences(story().filter((event) => event.kind !== 'call' || !event.jobKey.endsWith('042')))).toEqual([
      'noWitness',
    ]);
  });
});
