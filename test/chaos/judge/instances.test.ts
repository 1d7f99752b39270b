// Each instance by its token: blamed what was lost, confused or changed, and nothing else.
import { describe, expect, test } from 'vitest';
import type { Event } from '../history.ts';
import { judge } from '../judge.ts';
import { LEASE_TTL_MS, type Story } from '../story.ts';
import { changed, offences, story, withOpenJob } from './told.ts';

describe('instances', () => {
  test('one that was started and never passed is lost', () => {
    expect(offences(story((told) => told.job({ open: true })))).toEqual(['lost']);
  });

  test('unless it was cancelled, it and not another', () => {
    const cancelling = (token: string) =>
      story((told) => {
        told.job({ open: true });
        told.say({ kind: 'cancelled', token });
      });
    expect(offences(cancelling('token-7'))).toEqual([]);
    expect(offences(cancelling('token-6'))).toEqual(['lost']);
  });

  test('one whose creation was not answered is nobody’s loss, whether it passes or not', () => {
    const passes = story().filter((event) => event.kind !== 'started' || event.token !== 'token-3');
    expect(offences(passes)).toEqual([]);
    const open = story((told) => told.job({ open: true }));
    expect(offences(open.filter((event) => event.kind !== 'started' || event.token !== 'token-7'))).toEqual([]);
  });

  test('unless a service was asked for it, and it had long enough to pass', () => {
    const unnamed = (afterMs: number) =>
      story((told) => {
        told.job({ open: true });
        told.nowMs += afterMs;
      }).filter((event) => event.kind !== 'started' || event.token !== 'token-7');
    expect(offences(unnamed(LEASE_TTL_MS + 23_000))).toEqual(['lost']);
    expect(offences(unnamed(10_000))).toEqual([]);
  });

  test('how long they waited is counted', () => {
    const { waitedP99Ms, waitedMaxMs } = judge(story((told) => told.job({ serviceMs: 3_000 }))).figures;
    expect([waitedP99Ms, waitedMaxMs]).toEqual([3_055, 3_055]);
    expect(judge(story()).figures.waitedMaxMs).toBe(105);
  });

  test('one that nobody tried to start is unexpected', () => {
    const events = story().filter((event) => !('token' in event) || event.token !== 'token-3' || keeps(event));
    expect(offences(events)).toEqual(['unexpected']);
    function keeps({ kind }: Event) {
      return kind !== 'creating' && kind !== 'started';
    }
  });

  test('the answer to another, and one that nobody gave, are mismatched', () => {
    expect(offences(changed(story(), 'passed', { answerToken: 'token-1' }))).toEqual(['mismatched']);
    expect(offences(changed(story(), 'passed', { number: 99 }))).toEqual(['mismatched']);
  });

  test('a second reply of the service may be the one that counted', () => {
    const events = story((told) => told.say({ kind: 'replied', correlationId: 'again', token: 'token-6', number: 99 }));
    expect(offences(changed(events, 'passed', { number: 99 }))).toEqual([]);
  });

  test('an amount that changed on either way', () => {
    expect(offences(changed(story(), 'passed', { amount: '9007199254740992' }))).toEqual(['amountChanged']);
    expect(offences(changed(story(), 'requested', { amount: '9007199254740992' }))).toEqual(['amountChanged']);
    expect(offences(changed(story(), 'passed', { amount: undefined }))).toEqual(['amountChanged']);
  });

  test('passed twice, unless the same job was handed out twice', () => {
    const again = (doneKey: string) => (told: Story) => {
      const passed = told.events.findLast((event): event is Event<'passed'> => event.kind === 'passed');
      if (passed) told.say({ ...passed, doneKey });
    };
    expect(offences(story(again('77')))).toEqual(['passedTwice']);
    expect(offences(story(again(`${2_251_799_813_685_042}9`)))).toEqual([]);
  });

  test('completed, and said to be cancelled', () => {
    expect(offences(changed(story(), 'ended', { outcome: 'cancelled' }))).toEqual(['saidCancelled']);
    expect(offences(changed(story(), 'ended', { outcome: 'gone' }))).toEqual([]);
  });

  test('a job that was open when everything healed must pass within a lease, the first lock of a job, and 3 s', () => {
    const passesAfter = (afterMs: number) =>
      story((told) => {
        const { job } = withOpenJob(told);
        told.nowMs += 100;
        told.say({ kind: 'healing' });
        told.nowMs += afterMs;
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(passesAfter(LEASE_TTL_MS + 23_100))).toEqual(['slowRecovery']);
    expect(offences(passesAfter(LEASE_TTL_MS + 22_800))).toEqual([]);
    expect(judge(passesAfter(3_000)).figures.recoveryMs).toBe(3_040);
  });

  test('the first lock is the longest that any node had asked for until then', () => {
    const [shortMs, longMs, tooLateMs] = [20_000, 80_000, 60_000];
    const passesAfter = (afterMs: number, askedAfterMs = 0) =>
      story((told) => {
        const { job } = withOpenJob(told);
        told.say({ kind: 'locking', node: 'n1', lockMs: shortMs });
        told.say({ kind: 'locking', node: 'n2', lockMs: longMs }, told.nowMs + askedAfterMs);
        told.say({ kind: 'locking', node: 'n2', lockMs: shortMs }, told.nowMs + askedAfterMs + 50);
        told.nowMs += 100;
        told.say({ kind: 'healing' });
        told.nowMs += afterMs;
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(passesAfter(LEASE_TTL_MS + longMs + 2_800))).toEqual([]);
    expect(offences(passesAfter(LEASE_TTL_MS + longMs + 3_100))).toEqual(['slowRecovery']);
    expect(offences(passesAfter(LEASE_TTL_MS + shortMs + 3_100, tooLateMs))).toEqual(['slowRecovery']);
  });
});
