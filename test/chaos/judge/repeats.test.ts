// Requests sent again: blamed without a reason, or with one that is no reason for this request.
import { describe, expect, test } from 'vitest';
import { judge } from '../judge.ts';
import type { Story } from '../story.ts';
import { offences, story, withOpenJob } from './told.ts';

describe('requests again', () => {
  /** Asked, its owner killed so long after, asked again by the heir. */
  const killedAfter = (
    afterMs: number,
    noted: boolean,
    before: (told: Story, owner: string) => void = () => undefined,
  ) =>
    story((told) => {
      const job = told.job({ open: true, noted });
      const owner = told.ownerOf(job.shard);
      told.nowMs = job.askedMs;
      before(told, owner);
      told.nowMs = job.askedMs + afterMs;
      told.kill(owner, owner === 'n1' ? 'n2' : 'n1');
      told.hold(job);
      told.ask(job, told.nowMs + 10);
      told.nowMs += 50;
      told.reply(job, 7);
      told.complete(job);
    });

  test('right after a kill, of what was not noted', () => {
    const events = killedAfter(300, false);
    expect(offences(events)).toEqual([]);
    expect(judge(events).figures).toMatchObject({ repeated: 1, byKill: [1], inTrouble: 0 });
  });

  test('of what had been noted', () => {
    expect(offences(killedAfter(300, true))).toEqual(['repeatedThoughNoted']);
  });

  test('unless it was an exception', () => {
    const events = killedAfter(300, false, (told, owner) => told.note(owner, 1_000, told.nowMs + 150, [[KEY, 1]]));
    expect(offences(events)).toEqual([]);
    const other = killedAfter(300, false, (told, owner) => told.note(owner, 1_000, told.nowMs + 150, [[KEY, 2]]));
    expect(offences(other)).toEqual(['repeatedThoughNoted']);
  });

  test('unless the note may have been too new for a leader that was about to go', () => {
    const leader = (told: Story, owner: string, notedMs: number) => {
      const node = owner === 'n1' ? 'n2' : 'n1';
      told.fault('slow', node, 'begin', 'nats');
      told.note(owner, 1_000, told.nowMs + notedMs);
    };
    // Claimed 1.5 s after the kill.
    expect(offences(killedAfter(300, false, (told, owner) => leader(told, owner, 1_000)))).toEqual([]);
    expect(offences(killedAfter(300, false, (told, owner) => leader(told, owner, 200)))).toEqual([
      'repeatedThoughNoted',
    ]);
  });

  test('unless an earlier try may have lain on its way to Kafka', () => {
    const slow = (told: Story, owner: string) => told.fault('slow', owner, 'begin', 'kafka');
    expect(offences(killedAfter(300, true, slow))).toEqual([]);
  });

  test('of what should have been noted long ago', () => {
    expect(offences(killedAfter(1_500, false))).toEqual(['repeatedUnexplained']);
  });

  test('of what could not be noted: counted apart', () => {
    const cut = killedAfter(3_000, false, (told, owner) => told.fault('cut', owner, 'begin', 'nats'));
    expect(offences(cut)).toEqual([]);
    expect(judge(cut).figures).toMatchObject({ repeated: 1, byKill: [0], inTrouble: 1 });
    const others = killedAfter(3_000, false, (told, owner) =>
      told.fault('cut', owner === 'n1' ? 'n2' : 'n1', 'begin', 'nats'),
    );
    expect(offences(others)).toContain('repeatedUnexplained');
  });

  test('by the same owner, only when Kafka owed it an answer', () => {
    const twice = (what: (told: Story, owner: string) => void) =>
      story((told) => {
        const { job, owner } = withOpenJob(told);
        what(told, owner);
        told.nowMs += 500;
        told.ask(job);
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(twice(() => undefined))).toEqual(['repeatedUnexplained']);
    expect(offences(twice((told) => told.fault('kafkaRestart', 'kafka')))).toEqual([]);
    expect(offences(twice((told, owner) => told.fault('slow', owner, 'begin', 'kafka')))).toEqual([]);
    expect(offences(twice((told) => told.fault('leaderKill', 'nats-2')))).toEqual(['repeatedUnexplained']);
  });

  test('after a hand-over in order, nothing', () => {
    const events = story((told) => {
      const job = told.job({ open: true, noted: false });
      told.nowMs = job.askedMs + 300;
      told.handOver(job.shard, told.ownerOf(job.shard) === 'n1' ? 'n2' : 'n1');
      told.ask(job);
      told.reply(job, 7);
      told.complete(job);
    });
    expect(offences(events)).toEqual(['repeatedUnexplained']);
  });

  test('of a node that forgot everything, what it had sent right before', () => {
    const forgot = (afterMs: number) =>
      story((told) => {
        const job = told.job({ open: true, noted: false });
        const owner = told.ownerOf(job.shard);
        told.nowMs = job.askedMs + afterMs;
        told.say({ kind: 'lost', node: owner, incarnation: told.incarnation(owner), alarm: false });
        told.nowMs += 3_000;
        for (const shard of told.shardsOf(owner)) told.claim(owner === 'n1' ? 'n2' : 'n1', shard);
        told.nowMs += 100;
        told.ask(job);
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(forgot(500))).toEqual([]);
    expect(judge(forgot(500)).figures.inTrouble).toBe(1);
    expect(offences(forgot(1_500))).toEqual(['repeatedUnexplained']);
  });

  test('of what the service read so late that Kafka may have owed its answer', () => {
    const readLate = killedAfter(1_500, false).map((event) => {
      const late = event.kind === 'requested' && event.jobKey === KEY && event.record.endsWith('/7');
      return late ? { ...event, atMs: event.writtenMs + 800 } : event;
    });
    expect(offences(readLate)).toEqual([]);
  });

  test('a shard taken from a node that lives is a reason of its own', () => {
    const taken = (afterMs: number) =>
      story((told) => {
        const job = told.job({ open: true, noted: false });
        const owner = told.ownerOf(job.shard);
        told.nowMs = job.askedMs + afterMs;
        told.claim(owner === 'n1' ? 'n2' : 'n1', job.shard);
        told.say({ kind: 'released', node: owner, incarnation: told.incarnation(owner), shard: job.shard });
        told.nowMs += 100;
        told.ask(job);
        told.reply(job, 7);
        told.complete(job);
      });
    expect(offences(taken(500))).toEqual([]);
    expect(offences(taken(1_500))).toEqual(['repeatedUnexplained']);
  });

  test('a record that was read twice is one', () => {
    const events = story((told) => {
      const requested = told.events.findLast((event) => event.kind === 'requested');
      if (requested) told.say({ ...requested });
    });
    expect(judge(events).figures.repeated).toBe(0);
    expect(offences(events)).toEqual([]);
  });
});

const KEY = '2251799813685049';
