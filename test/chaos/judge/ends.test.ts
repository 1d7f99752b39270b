// What ended is over: blamed is who had been told, or acts so late that it must have been.
import { describe, expect, test } from 'vitest';
import type { Event } from '../history.ts';
import { doubts, offences, story, withOpenJob } from './told.ts';

describe('after its end', () => {
  test('more than a second after its end was stored, whoever heard what', () => {
    const late = (lateMs: number, command = 'CompleteJob') =>
      story((told) => {
        const { job, owner } = withOpenJob(told);
        told.fault('zeebeRestart', 'zeebe');
        told.reply(job, 7);
        told.complete(job);
        told.nowMs += lateMs;
        told.call(job, owner, { command, code: 5 });
      });
    expect(offences(late(3_000, 'FailJob'))).toEqual(['actedAfterEnd']);
    expect(offences(late(900, 'FailJob'))).toEqual([]);
    expect(offences(late(3_000))).toEqual(['actedAfterEnd', 'completedTwice']);
  });

  test('an attempt that failed may be followed by another', () => {
    const events = story((told) => {
      const { job, owner } = withOpenJob(told);
      told.call(job, owner, { command: 'FailJob' });
      told.end(job, 'failed');
      told.nowMs += 3_000;
      told.reply(job, 7);
      told.complete(job);
    });
    expect(offences(events)).toEqual([]);
  });

  test('a request', () => {
    const sentAfter = (afterMs: number, attempt: number, outcome = 'completed') =>
      story((told) => {
        const { job, owner } = withOpenJob(told);
        told.reply(job, 7);
        told.complete(job);
        const ended = told.events.findLastIndex(({ kind }) => kind === 'ended');
        const end = { ...(told.events[ended] as Event<'ended'>), outcome };
        told.events[ended] = end;
        told.fault('halfOpen', owner, 'begin', 'nats');
        told.nowMs += 3_000;
        told.fault('halfOpen', owner, 'end', 'nats');
        const writtenMs = end.storedMs + afterMs;
        told.say({ kind: 'requested', ...REQUEST, correlationId: `again-${attempt}`, attempt, writtenMs }, writtenMs);
        told.nowMs += 10_000;
      });
    expect(offences(sentAfter(9_500, 1))).toEqual(['sentAfterEnd']);
    expect(offences(sentAfter(9_500, 2))).toEqual(['sentAfterEnd']);
    expect(offences(sentAfter(9_500, 2, 'gone'))).toEqual(['sentAfterEnd']);
    expect(offences(sentAfter(9_500, 2, 'failed'))).toEqual([]);
    // For a second its sender need not have been told; and one that hears nothing may go on until its lease ends.
    expect(offences(sentAfter(900, 1))).toEqual([]);
    expect(doubts(sentAfter(900, 1))).toEqual([]);
    expect(doubts(sentAfter(2_500, 1))).toEqual(['sentAfterEnd']);
    expect(offences(sentAfter(2_500, 2))).toEqual(['sentAfterEnd']);
  });
});

const KEY = '2251799813685049';
const REQUEST = {
  record: 'requests/0/999',
  jobKey: KEY,
  token: 'token-7',
  amount: '9007199254741000',
} as const;
