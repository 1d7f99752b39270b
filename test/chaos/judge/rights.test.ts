// Calls of nodes that had no right to act: blamed unless they could not know.
import { describe, expect, test } from 'vitest';
import type { Event, Said } from '../history.ts';
import { LEASE_TTL_MS, type Story } from '../story.ts';
import { doubts, offences, story, withOpenJob } from './told.ts';

describe('acting without the right to', () => {
  test('a node that never claimed the shard', () => {
    const by = (node: 'owner' | 'other', more: Partial<Said<'call'>> = {}) =>
      story((told) => {
        const { job, owner, other } = withOpenJob(told);
        told.call(job, node === 'owner' ? owner : other, { command: 'FailJob', ...more });
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(by('other'))).toEqual(['actedWithoutClaim']);
    expect(offences(by('owner'))).toEqual([]);
    expect(offences(by('other', { giveBack: true }))).toEqual([]);
  });

  /** A call of the former owner, so long after its shard was another's. */
  const afterwards = (lateMs: number, before: (told: Story, owner: string) => void = () => undefined) =>
    story((told) => {
      const { job, owner, other } = withOpenJob(told);
      before(told, owner);
      told.handOver(job.shard, other);
      told.nowMs += lateMs - 80;
      told.call(job, owner, { command: 'ThrowError', code: 14 });
      told.reply(job, 7);
      told.complete(job);
    });

  test('a node whose claim was another’s for longer than a second', () => {
    expect(offences(afterwards(1_500))).toEqual(['actedWithoutClaim']);
    expect(offences(afterwards(900))).toEqual([]);
  });

  test('a node that hears late from NATS may not know whose claim stands until its lease has ended, and no longer', () => {
    const deaf = (told: Story, owner: string) => told.fault('slow', owner, 'begin', 'nats');
    expect(offences(afterwards(LEASE_TTL_MS - 500, deaf))).toEqual([]);
    expect(offences(afterwards(LEASE_TTL_MS + 500, deaf))).toEqual(['actedWithoutClaim']);
  });

  test('that it heard nothing for a while before is no excuse', () => {
    const deaf = (told: Story, owner: string) => {
      told.fault('halfOpen', owner, 'begin', 'nats');
      told.fault('halfOpen', owner, 'end', 'nats');
      told.nowMs += 1_500;
    };
    expect(offences(afterwards(1_500, deaf))).toEqual(['actedWithoutClaim']);
  });

  test('a slow link to the engine is no excuse: the proxy stands before it', () => {
    const slow = (told: Story, owner: string) => told.fault('slow', owner, 'begin', 'zeebe');
    expect(offences(afterwards(1_500, slow))).toEqual(['actedWithoutClaim']);
  });

  test('a node that was stopped must look before it acts; what it was about to send is a doubt', () => {
    const awake = (afterMs: number, repliedBefore = true, emitted?: 'before' | 'after', lateMs = 0) =>
      story((told) => {
        const { job, owner, other } = withOpenJob(told);
        if (repliedBefore) told.reply(job, 7);
        told.nowMs += 10;
        if (lateMs > 0) told.claim(other, job.shard);
        told.nowMs += lateMs;
        if (emitted === 'before') told.emitted(job, owner);
        told.fault('stopFour', owner);
        told.nowMs += LEASE_TTL_MS + 500;
        if (lateMs === 0) told.claim(other, job.shard);
        told.nowMs += 3 * LEASE_TTL_MS;
        told.fault('stopFour', owner, 'end');
        told.nowMs += afterMs;
        if (emitted === 'after') told.emitted(job, owner);
        told.call(job, owner, { code: 5 });
        told.say({ kind: 'lost', node: owner, incarnation: told.incarnation(owner), alarm: false });
        told.join(owner);
        for (const shard of told.shardsOf(owner)) told.claim(other, shard);
        told.reply(job, 7);
        told.nowMs += 200;
        told.complete(job);
      });
    expect(offences(awake(400))).toEqual(['actedWithoutClaim']);
    expect(offences(awake(50))).toEqual([]);
    expect(doubts(awake(50))).toEqual(['actedWithoutClaim']);
    // What was answered while it stood still was not on its way out then.
    expect(offences(awake(50, false))).toEqual(['actedWithoutClaim']);
    // Where the node's log tells when it left, that counts.
    expect(offences(awake(400, true, 'before'))).toEqual([]);
    expect(doubts(awake(400, true, 'before'))).toEqual(['actedWithoutClaim']);
    expect(offences(awake(50, true, 'after'))).toEqual(['actedWithoutClaim']);
    // It must have been in time then: not three seconds after the claim had gone.
    expect(offences(awake(400, true, 'before', 900))).toEqual([]);
    expect(offences(awake(400, true, 'before', 3_000))).toEqual(['actedWithoutClaim']);
  });

  test('a new life on the claim of the one before', () => {
    const restarted = (claims: boolean) =>
      story((told) => {
        const { job, owner } = withOpenJob(told);
        told.fault('kill', owner);
        told.nowMs += 2_000;
        told.join(owner);
        for (const shard of told.shardsOf(owner)) if (claims || shard !== job.shard) told.claim(owner, shard);
        told.nowMs += 100;
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(restarted(false))).toEqual(['actedWithoutClaim', 'shardWithoutOwner']);
    expect(offences(restarted(true))).toEqual([]);
  });

  test('a claim of which nothing was loaded yet', () => {
    const events = (ownedAfterMs: number) =>
      story((told) => {
        const { job, other } = withOpenJob(told);
        told.handOver(job.shard, other);
        const owned = told.events.findLastIndex(({ kind }) => kind === 'owned');
        told.events[owned] = { ...(told.events[owned] as Event), atMs: told.nowMs + ownedAfterMs };
        told.nowMs += 2_000;
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(events(2_500))).toEqual(['actedBeforeOwned']);
    expect(offences(events(1_900))).toEqual([]);
  });
});
