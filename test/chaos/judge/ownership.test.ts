// One owner a shard: blamed is what the claims and the nodes' logs cannot both allow.
import { describe, expect, test } from 'vitest';
import type { Event } from '../history.ts';
import { LEASE_TTL_MS, type Story } from '../story.ts';
import { changed, offences, story, withOpenJob } from './told.ts';

describe('ownership', () => {
  test('two that own a shard for longer than a second', () => {
    const releasedAfter = (afterMs: number, what: (told: Story, owner: string) => void = () => undefined) =>
      story((told) => {
        const { job, owner, other } = withOpenJob(told);
        what(told, owner);
        told.claim(other, job.shard);
        told.nowMs += afterMs;
        told.say({ kind: 'released', node: owner, incarnation: told.incarnation(owner), shard: job.shard });
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(releasedAfter(1_200))).toEqual(['ownedTogether']);
    expect(offences(releasedAfter(900))).toEqual([]);
    const cut = (told: Story, owner: string) => told.fault('cut', owner, 'begin', 'nats');
    expect(offences(releasedAfter(LEASE_TTL_MS - 500, cut))).toEqual([]);
    expect(offences(releasedAfter(LEASE_TTL_MS + 500, cut))).toEqual(['ownedTogether']);
  });

  test('of two at once the one with the older claim is wrong, also if it began later', () => {
    const woken = (stopped: boolean) =>
      story((told) => {
        const { job, owner, other } = withOpenJob(told);
        told.handOver(job.shard, other);
        const claim = told.events.findLast((event) => event.kind === 'claimed');
        if (stopped) told.fault('stopFour', other);
        told.nowMs += LEASE_TTL_MS;
        told.claim(owner, job.shard);
        told.nowMs += 20_000;
        if (stopped) told.fault('stopFour', other, 'end');
        const { shard, revision: epoch } = claim as Event<'claimed'>;
        const owned = { shard, epoch, node: other, incarnation: told.incarnation(other) };
        told.say({ kind: 'owned', ...owned }, told.nowMs + 10);
        told.nowMs += 400;
        told.say({ kind: 'lost', node: other, incarnation: told.incarnation(other), alarm: false });
        for (const shard of told.shardsOf(other)) told.claim(owner, shard);
        told.nowMs += 100;
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(woken(true))).toEqual([]);
    expect(offences(woken(false))).toEqual(['ownedTogether']);
  });

  test('a node that left owns nothing more', () => {
    const events = story((told) => {
      told.say({ kind: 'left', node: 'n1', incarnation: told.incarnation('n1') });
      told.nowMs += 2_000;
      for (const shard of told.shardsOf('n1')) told.claim('n2', shard);
      told.nowMs += 100;
    });
    expect(offences(events)).toEqual([]);
    const stays = events.filter(({ kind }) => kind !== 'left');
    stays.push({ atMs: (stays.at(-1)?.atMs ?? 0) + 5_000, kind: 'stopped' });
    expect(offences(stays)).toEqual(['ownedTogether']);
  });

  test('a node that hands over for too long may keep what others take, not one that has just begun', () => {
    const takes = (afterMs: number) =>
      story((told) => {
        told.nowMs += 100;
        told.say({ kind: 'leaving', node: 'n1' });
        told.nowMs += afterMs;
        for (const shard of told.shardsOf('n1')) told.claim('n2', shard);
        told.nowMs += 5_000;
        told.say({ kind: 'left', node: 'n1', incarnation: told.incarnation('n1') });
      });
    expect(offences(takes(20_000))).toEqual([]);
    expect(offences(takes(19_000))).toEqual(['ownedTogether']);
  });

  test('one that owns by a claim that is not its own', () => {
    const events = story((told) => told.handOver(0, told.ownerOf(0) === 'n1' ? 'n2' : 'n1'));
    expect(offences(events)).toEqual([]);
    expect(offences(changed(events, 'claimed', { incarnation: 'n9-1' }))).toContain('ownedWithoutClaim');
  });

  test('one that owns by a claim that the watch missed', () => {
    const events = story((told) => {
      for (const node of ['n1', 'n2', 'n1', 'n2']) if (told.ownerOf(0) !== node) told.handOver(0, node);
    });
    const taken = events.filter((event) => event.kind === 'claimed' && event.shard === 0 && !event.released);
    expect(offences(events.filter((event) => event !== taken.at(-2)))).toEqual([]);
    expect(offences(events.filter((event) => event !== taken.at(-1)))).toContain('ownedWithoutClaim');
  });

  test('a claim that was not compared with what stood; one that the watch missed is none', () => {
    const events = story((told) => told.handOver(0, told.ownerOf(0) === 'n1' ? 'n2' : 'n1'));
    expect(offences(changed(events, 'claimed', { replaces: 1 }))).toEqual(['claimWithoutCas']);
    expect(offences(events.filter((event) => event.kind !== 'claimed' || !event.released))).toEqual([]);
  });

  test('a shard that nobody owns at the end', () => {
    const events = story((told) => {
      told.say({ kind: 'released', node: 'n1', incarnation: told.incarnation('n1'), shard: 0 });
    });
    expect(offences(events)).toEqual(['shardWithoutOwner']);
    expect(offences(story((told) => told.kill('n1', 'n2')))).toEqual([]);
    expect(offences(story((told) => told.fault('kill', 'n1')))).toEqual(['shardWithoutOwner']);
  });
});
