// The judge is believed, so it must blame each kind of breach, and none of what looks like one and is none. What it asks has
// tests beside it (judge/); here are whole histories: silence, accidents, figures, and what holds for any history.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Event, Kind } from './history.ts';
import { offences, story, without } from './judge/told.ts';
import { judge } from './judge.ts';
import { SHARDS, Story } from './story.ts';

test('a run in which nothing went wrong is not blamed, and counted', () => {
  const { breaches, doubts: unsure, figures } = judge(story());
  expect({ breaches, unsure }).toEqual({ breaches: [], unsure: [] });
  expect(figures).toMatchObject({ started: 6, passed: 6, lost: 0, repeated: 0, completedTwice: 0, overlaps: 0 });
});

test('a history that does not name its run cannot be judged', () => {
  expect(() => judge(without(story(), 'run'))).toThrow(/without its run/);
});

describe('accidents and silence', () => {
  test('the alarm of a lost bucket; what was lost without it is none', () => {
    const lost = (alarm: boolean) =>
      story((told) => {
        told.say({ kind: 'lost', node: 'n1', incarnation: told.incarnation('n1'), alarm });
        for (const shard of told.shardsOf('n1')) told.claim('n2', shard);
        told.nowMs += 100;
      });
    expect(offences(lost(true))).toEqual(['alarm']);
    expect(offences(lost(false))).toEqual([]);
  });

  test('a process that ended by itself', () => {
    const events = story((told) => {
      told.say({ kind: 'died', node: 'n1', code: 1 });
      for (const shard of told.shardsOf('n1')) told.claim('n2', shard);
      told.nowMs += 100;
    });
    expect(offences(events)).toEqual(['died']);
  });

  test('a run that was broken off', () => {
    expect(offences(without(story(), 'settled'))).toEqual(['neverSettled']);
  });

  test.each<Kind>(['call', 'requested', 'claimed', 'sent', 'held', 'ended', 'joined', 'owned', 'replied'])(
    'a participant that never said "%s"',
    (kind) => {
      expect(offences(without(story(), kind))).toContain('noWitness');
    },
  );
});

describe('figures', () => {
  test('how long takeovers took, and which faults there were', () => {
    const events = story((told) => {
      told.kill('n1', 'n2');
      for (let job = 0; job < 4; job++) told.job();
      told.join('n1');
      told.kill('n2', 'n1');
      told.fault('cut', 'n1', 'begin', 'nats');
      told.fault('cut', 'n1', 'end', 'nats');
      told.say({ kind: 'scaled', nodes: 5 });
    });
    const { figures } = judge(events);
    expect(figures.faults).toEqual({ kill: 2, 'cut-nats': 1 });
    expect(figures.nodes).toEqual([2, 5]);
    expect(figures.takeovers).toMatchObject([
      { victim: 'n1', shards: 2, claimedMs: 1_500, ownedMs: 1_550 },
      { victim: 'n2', shards: 4, claimedMs: 1_500, ownedMs: 1_550, flowingMs: undefined },
    ]);
    expect(figures.takeovers[0]?.flowingMs).toBeGreaterThan(1_600);
    expect([figures.takeoverP50Ms, figures.takeoverP99Ms]).toEqual([1_550, 1_550]);
  });

  test('a takeover that never came to its end has no time', () => {
    const { figures } = judge(story((told) => told.fault('kill', 'n1')));
    expect(figures.takeovers).toMatchObject([{ victim: 'n1', claimedMs: undefined, ownedMs: undefined }]);
    expect(figures.takeoverP50Ms).toBeUndefined();
  });
});

describe('any history', () => {
  const scene = fc.oneof(
    fc.record({ what: fc.constant('job'), ms: fc.nat(3_000) }),
    fc.record({ what: fc.constantFrom('kill', 'freeze', 'roll', 'leader', 'crash'), ms: fc.nat(900) }),
  );
  const scenes = fc.array(scene, { minLength: 1, maxLength: 25 });

  /** Nodes are killed, stopped, rolled and cut off from JetStream, as the scenes say; and nothing goes wrong. */
  function tell(scenes: readonly { readonly what: string; readonly ms: number }[]): Event[] {
    const told = new Story(3);
    for (let job = 0; job < 3; job++) told.job();
    for (const { what, ms } of scenes) {
      const victim = told.ownerOf(ms % SHARDS);
      const heir = victim === 'n1' ? 'n2' : 'n1';
      if (what === 'job') told.job({ serviceMs: ms });
      else if (what === 'freeze') told.freeze(victim, heir);
      else if (what === 'roll') for (const shard of told.shardsOf(victim)) told.handOver(shard, heir);
      else if (what === 'kill') {
        told.kill(victim, heir);
        told.join(victim);
      } else if (what === 'crash') {
        // Killed with a request that was just sent, or a completion that was just answered.
        const job = told.job({ open: true, noted: false });
        const owner = told.ownerOf(job.shard);
        told.nowMs = job.askedMs + ms;
        if (ms % 2 === 0) told.call(job, owner);
        told.kill(owner, owner === 'n1' ? 'n2' : 'n1');
        told.join(owner);
        told.hold(job);
        told.ask(job, told.nowMs + 5);
        told.nowMs += 50;
        told.reply(job, Number(job.token.slice('token-'.length)));
        told.complete(job);
      } else {
        told.fault('leaderKill', 'nats-1');
        told.nowMs += 5_000 + ms;
        told.fault('leaderKill', 'nats-1', 'end');
      }
    }
    return told.finish();
  }

  test('in which nothing went wrong is not blamed', () => {
    fc.assert(
      fc.property(scenes, (scenes) => {
        const { breaches, doubts: unsure } = judge(tell(scenes));
        expect({ breaches, unsure }).toEqual({ breaches: [], unsure: [] });
      }),
    );
  });

  test('is judged alike in whatever order it was read', () => {
    const shuffled = scenes.chain((scenes) => {
      const events = tell(scenes).filter((_, index) => index % 17 !== 16); // and something is wrong with it
      return fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length }));
    });
    fc.assert(
      fc.property(shuffled, ([events, inOtherOrder]) => {
        expect(judge(inOtherOrder)).toEqual(judge(events));
      }),
    );
  });

  test('from which an end is missing is blamed', () => {
    fc.assert(
      fc.property(scenes, fc.nat(), (scenes, nth) => {
        const events = tell(scenes);
        const passed = events.filter(({ kind }) => kind === 'passed');
        expect(offences(events.filter((event) => event !== passed[nth % passed.length]))).toEqual(['lost']);
      }),
    );
  });
});
