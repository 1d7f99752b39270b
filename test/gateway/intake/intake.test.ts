import { describe, expect, test } from 'vitest';
import type { Random } from '../../../src/actors/ports.ts';
import { GIVE_BACK_MESSAGE, Intake, type IntakeAnswer, type IntakeEvent } from '../../../src/gateway/intake/intake.ts';
import type { ActivatedJob, JobQuery } from '../../../src/gateway/ports.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { IntakeEngine } from '../intake-engine.ts';

const QUERY: JobQuery = {
  jobType: 'charge-card',
  worker: 'node-a',
  lockMs: 20_000,
  fetchVariables: [],
  tenantIds: ['<default>'],
};
const TRANSIENT = { code: 'transient', unseen: false, message: 'later' } as const;
const DONE = (): IntakeAnswer => 'done';

/** An intake on a virtual engine. Owners answer by `owner`, or when the test says so if that returns undefined. */
function setUp(options: { maxInHand?: number; owner?: (job: ActivatedJob) => IntakeAnswer | undefined } = {}) {
  const clock = new ManualClock();
  const engine = new IntakeEngine(clock, QUERY);
  const events: IntakeEvent[] = [];
  const taken: ActivatedJob[] = [];
  const open: { job: ActivatedJob; answer: (answer: IntakeAnswer) => void; fail: (error: Error) => void }[] = [];
  const room = { admits: Number.POSITIVE_INFINITY };
  const lock = { ms: QUERY.lockMs };
  let seed = 7;
  const random: Random = {
    float: () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    },
    bytes: (count) => new Uint8Array(count),
  };
  const intake = new Intake({
    engine,
    clock,
    random,
    query: () => ({ ...QUERY, lockMs: lock.ms }),
    maxInHand: options.maxInHand ?? 1000,
    admits: () => room.admits,
    onEvent: (event) => events.push(event),
    take: (job) => {
      taken.push(job);
      const answer = options.owner?.(job);
      if (answer !== undefined) return Promise.resolve(answer);
      return new Promise((resolve, reject) => open.push({ job, answer: resolve, fail: reject }));
    },
  });
  const kinds = () => events.map((event) => event.kind);
  const dropped = () => events.filter((event) => event.kind === 'dropped');
  return { clock, engine, events, kinds, dropped, taken, open, room, lock, intake };
}

describe('where jobs come from', () => {
  test('the backlog is polled until nothing is left, then the stream brings new jobs at once', async () => {
    const { clock, engine, intake, taken, kinds } = setUp({ owner: DONE });
    engine.create(450);
    intake.start();
    await clock.advance(0);
    expect(taken).toHaveLength(450);
    expect(kinds()).toEqual(['resumed', 'polled', 'polled', 'polled', 'polled', 'streamOpened']);
    expect(engine.polls.slice(0, 4).every((poll) => poll.longPollMs <= 0)).toBe(true);
    expect(engine.parkedPolls).toBe(1);

    engine.create(5);
    await clock.advance(0);
    expect(new Set(taken.map((job) => job.key)).size).toBe(455);
  });

  test('a job whose lock ran out is not pushed, and comes by the parked poll', async () => {
    const { clock, engine, intake, taken, open } = setUp();
    intake.start();
    await clock.advance(0);
    engine.create(1);
    await clock.advance(QUERY.lockMs + 11_000);
    expect(open.map(({ job }) => job.key)).toEqual(['1', '1']);
    expect(taken[1]!.deadlineMs).toBeGreaterThan(taken[0]!.deadlineMs);
  });

  test('an idle intake asks rarely, also an engine that answers a long poll at once', async () => {
    const waits = setUp();
    waits.intake.start();
    await waits.clock.advance(60_000);
    expect(waits.engine.polls.length).toBeLessThanOrEqual(8);

    const hurries = setUp();
    hurries.engine.longPolls = false;
    hurries.intake.start();
    await hurries.clock.advance(60_000);
    const gaps = hurries.engine.polls.slice(2).map((poll, at) => poll.atMs - hurries.engine.polls[at + 1]!.atMs);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500);
    expect(new Set(gaps.map(Math.round)).size).toBeGreaterThan(5);
    expect(hurries.engine.polls.length).toBeGreaterThan(50);
  });

  test('a stream that breaks again and again is reopened ever later, up to 5 s; what it missed comes by poll', async () => {
    const { clock, engine, intake, taken } = setUp({ owner: DONE });
    intake.start();
    await clock.advance(0);
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      const before = engine.streamsOpenedMs.length;
      const brokenMs = clock.monotonicMs();
      engine.breakStreams();
      engine.create(1);
      await clock.until(
        () => engine.streamsOpenedMs.length > before,
        6_000,
        () => 'no new stream',
      );
      waits.push(engine.streamsOpenedMs.at(-1)! - brokenMs);
    }
    expect(waits[0]).toBeGreaterThanOrEqual(100);
    expect(waits[0]).toBeLessThanOrEqual(200);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(2_500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_000);
    expect(taken).toHaveLength(8);

    await clock.advance(6_000);
    engine.breakStreams();
    await clock.advance(200);
    expect(engine.openStreams).toBe(1);
  });

  test('when the lock changes, polls ask for the new one, and so does the stream, opened again once and at once', async () => {
    const { clock, engine, intake, taken, lock } = setUp({ owner: DONE });
    engine.closesInMs = 300;
    intake.start();
    await clock.advance(1_000);
    lock.ms = 2 * QUERY.lockMs;
    await clock.advance(12_000);
    expect(engine.streamLocksMs).toEqual([QUERY.lockMs, lock.ms]);
    expect(engine.polls.at(-1)?.lockMs).toBe(lock.ms);
    engine.create(3);
    await clock.advance(0);
    expect([taken.length, engine.openStreams]).toEqual([3, 1]);
    lock.ms = QUERY.lockMs;
    await clock.advance(10_100);
    expect(engine.openStreams, 'on its way').toBe(0);
    const stopped = intake.stop();
    await clock.advance(1_000);
    expect(await stopped).toBe(0);
    expect([engine.streamLocksMs.length, engine.openStreams]).toEqual([2, 0]);
  });

  test('an engine that is away is asked ever less often, and jobs flow again when it is back', async () => {
    const { clock, engine, intake, taken, kinds } = setUp({ owner: DONE });
    engine.away = true;
    intake.start();
    await clock.advance(60_000);
    expect(engine.polls.length).toBeLessThan(35);
    expect(engine.openStreams).toBe(0);
    expect(kinds()).toContain('pollFailed');
    engine.away = false;
    engine.create(3);
    await clock.advance(5_000);
    expect(taken).toHaveLength(3);
    expect(engine.openStreams).toBe(1);
  });
});

describe('credits', () => {
  test('what a poll has activated is taken, although the limit was reached before its answer', async () => {
    const { clock, engine, intake, taken, room } = setUp({ owner: DONE });
    engine.answersInMs = 400;
    engine.create(3);
    intake.start();
    await clock.advance(10);
    room.admits = 0;
    await clock.advance(350); // a tick has paused the intake meanwhile
    expect(taken).toEqual([]);
    await clock.advance(100);
    expect(taken).toHaveLength(3);
  });

  test('an engine that does not answer a poll is not waited for at the end', async () => {
    const { clock, engine, intake } = setUp({ owner: DONE });
    engine.answersInMs = 60_000;
    intake.start();
    await clock.advance(10);
    let stoppedMs = 0;
    const beganMs = clock.monotonicMs();
    void intake.stop().then(() => {
      stoppedMs = clock.monotonicMs();
    });
    await clock.advance(10_000);
    expect(stoppedMs - beganMs).toBeGreaterThan(0);
    expect(stoppedMs - beganMs).toBeLessThan(3_000);
  });

  test('at the limit the stream is cancelled and no poll waits; it resumes by itself as answers come', async () => {
    const { clock, engine, intake, taken, open } = setUp({ maxInHand: 10 });
    engine.create(8);
    intake.start();
    await clock.advance(0);
    engine.create(2);
    await clock.advance(0);
    expect(taken).toHaveLength(10);
    expect([engine.openStreams, engine.parkedPolls]).toEqual([0, 0]);

    engine.create(5);
    await clock.advance(5_000);
    expect(taken).toHaveLength(10);
    expect(engine.waiting).toBe(5);

    for (const { answer } of open.splice(0, 3)) answer('done');
    await clock.advance(300);
    expect(taken).toHaveLength(13);
    for (const { answer } of open.splice(0)) answer('done');
    await clock.advance(600);
    expect(taken).toHaveLength(15);
    expect([engine.openStreams, engine.parkedPolls]).toEqual([1, 1]);
  });

  test('room that goes away while nothing happens stops the intake within a tick, and starts it again', async () => {
    const { clock, engine, intake, kinds, room } = setUp();
    intake.start();
    await clock.advance(1_000);
    room.admits = 0;
    await clock.advance(250);
    expect([engine.openStreams, engine.parkedPolls]).toEqual([0, 0]);
    const polls = engine.polls.length;
    await clock.advance(30_000);
    expect(engine.polls).toHaveLength(polls);
    room.admits = 1;
    await clock.advance(250);
    expect(engine.openStreams).toBe(1);
    expect(kinds().filter((kind) => kind === 'paused' || kind === 'resumed')).toEqual(['resumed', 'paused', 'resumed']);
  });

  test('a full lane on top of a backlog never opens a stream, and asks a few times a second at most', async () => {
    const { clock, engine, intake, open } = setUp({ maxInHand: 4 });
    engine.create(1_000);
    intake.start();
    for (let second = 0; second < 50; second++) {
      await clock.advance(200);
      open.shift()?.answer('done');
    }
    expect(engine.streamsOpenedMs).toEqual([]);
    expect(engine.polls.length).toBeLessThanOrEqual(10 * 7);
    expect(engine.polls.every((poll) => poll.maxJobs <= 4)).toBe(true);
  });
});

describe('jobs in hand', () => {
  test('the same job is not handed over twice at a time, and is again after its answer', async () => {
    const { clock, engine, intake, taken, open, dropped } = setUp();
    intake.start();
    await clock.advance(0);
    engine.push(engine.job('77'));
    engine.push(engine.job('77'));
    await clock.advance(0);
    expect(taken).toHaveLength(1);
    expect(dropped()).toMatchObject([{ jobKey: '77', reason: 'inHand' }]);
    open[0]!.answer('done');
    await clock.advance(0);
    engine.push(engine.job('77'));
    expect(taken).toHaveLength(2);
  });

  test('a job whose lock is over when it arrives is not handed over', async () => {
    const { clock, engine, intake, taken, dropped } = setUp();
    intake.start();
    await clock.advance(0);
    const stale = engine.job('77');
    await clock.advance(QUERY.lockMs);
    engine.push(stale);
    expect(taken).toHaveLength(0);
    expect(dropped()).toMatchObject([{ jobKey: '77', reason: 'expired' }]);
  });

  test('an owner that throws or never answers costs no credit for ever, and what it says too late does nothing', async () => {
    const { clock, engine, intake, open, dropped } = setUp({ maxInHand: 4 });
    intake.start();
    await clock.advance(0);
    for (const key of ['1', '2', '3']) engine.push(engine.job(key));
    open[0]!.fail(new Error('no owner'));
    await clock.advance(0);
    expect(intake.inHand).toBe(2);
    await clock.advance(QUERY.lockMs + 300);
    expect(intake.inHand).toBe(0);
    open[1]!.answer('giveBack');
    open[2]!.answer('dropped');
    await clock.advance(1_000);
    expect(engine.fails).toEqual([]);
    expect(dropped()).toMatchObject([
      { jobKey: '1', reason: 'noOwner' },
      { jobKey: '2', reason: 'expired' },
      { jobKey: '3', reason: 'expired' },
    ]);
  });

  test('stopping takes nothing more, waits for the answers, and says how many lack one', async () => {
    const { clock, engine, intake, open } = setUp();
    intake.start();
    await clock.advance(0);
    engine.create(2);
    await clock.advance(0);
    let left: number | undefined;
    const stopped = intake.stop(3_000).then((count) => {
      left = count;
    });
    await clock.advance(1_000);
    expect([engine.openStreams, engine.parkedPolls, left]).toEqual([0, 0, undefined]);
    open[0]!.answer('done');
    await clock.advance(1_999);
    expect(left).toBeUndefined();
    await clock.advance(1);
    await stopped;
    expect(left).toBe(1);
    open[1]!.answer('done');
    expect(await intake.stop()).toBe(0);

    const polls = engine.polls.length;
    await clock.advance(60_000);
    expect(engine.polls).toHaveLength(polls);
    intake.start();
    await clock.advance(0);
    expect(engine.openStreams).toBe(1);
  });

  test('stopping waits for every source that is still closing, not only for the last', async () => {
    const { clock, engine, intake, room } = setUp();
    intake.start();
    await clock.advance(0);
    engine.closesInMs = 2_000;
    room.admits = 0;
    await clock.advance(300);
    expect(engine.openStreams).toBe(0);
    engine.closesInMs = 0;
    room.admits = 10;
    await clock.advance(300);
    expect(engine.openStreams).toBe(1);
    let left: number | undefined;
    void intake.stop().then((count) => {
      left = count;
    });
    await clock.advance(1_000);
    expect(left).toBeUndefined();
    await clock.advance(1_000);
    expect(left).toBe(0);
  });
});

describe('giving a job back', () => {
  test('keeps its retries, waits 2 to 5 s and says why', async () => {
    const { clock, engine, intake, kinds } = setUp({ owner: () => 'giveBack' });
    engine.create(50);
    intake.start();
    await clock.advance(0);
    expect(engine.fails).toHaveLength(50);
    const backoffs = engine.fails.map(({ fail }) => fail.backoffMs);
    expect(Math.min(...backoffs)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...backoffs)).toBeLessThanOrEqual(5_000);
    expect(new Set(backoffs).size).toBeGreaterThan(40);
    expect(engine.fails.every(({ fail }) => fail.retries === 3 && fail.message === GIVE_BACK_MESSAGE)).toBe(true);
    expect(engine.fails.every(({ of }) => of?.origin.instanceKey === '1')).toBe(true);
    expect(kinds().filter((kind) => kind === 'gaveBack')).toHaveLength(50);
    expect(intake.inHand).toBe(0);
  });

  test('is tried again while it had no effect, but never beyond the lock', async () => {
    const { clock, engine, intake, kinds, dropped } = setUp({ owner: () => 'giveBack' });
    engine.failAnswers = [TRANSIENT, TRANSIENT];
    intake.start();
    await clock.advance(0);
    engine.push(engine.job('1'));
    await clock.advance(2_000);
    expect(engine.fails).toHaveLength(3);
    expect(kinds()).toContain('gaveBack');

    engine.failAnswers = Array.from({ length: 500 }, () => TRANSIENT);
    const job = engine.job('2');
    engine.push(job);
    await clock.advance(QUERY.lockMs - 100);
    const last = engine.fails.at(-1)!;
    expect(last.jobKey).toBe('2');
    expect(last.deadlineMs).toBeLessThanOrEqual(1_000);
    await clock.advance(60_000);
    expect(dropped()).toMatchObject([{ jobKey: '2', reason: 'expired' }]);
    expect(engine.fails.at(-1)!.deadlineMs).toBeGreaterThan(0);
    expect(intake.inHand).toBe(0);
  });

  test('is not tried again when it may have had its effect: another node may hold the job by then', async () => {
    const { clock, engine, intake, dropped } = setUp({ owner: () => 'giveBack' });
    engine.failAnswers = [{ ...TRANSIENT, unseen: true }];
    intake.start();
    await clock.advance(0);
    engine.push(engine.job('1'));
    await clock.advance(10_000);
    expect(engine.fails).toHaveLength(1);
    expect(dropped()).toMatchObject([{ jobKey: '1', reason: 'giveBackFailed' }]);
  });
});
