// The simulated engine against the table that was run on real ones, and what happens to activations.
import { expect, test } from 'vitest';
import type { JobKey } from '../../src/actors/ids.ts';
import type { ActivatedJob, JobQuery } from '../../src/gateway/ports.ts';
import { CALM } from './faults.ts';
import { SimEngine } from './sim-engine.ts';
import { JOB_TYPE, World } from './world.ts';

const idle = () => ({ start: async () => {}, stop: async () => {} });
const LOCK_MS = 10_000;

function setUp(faults = CALM) {
  const world = new World({ seed: 5, factory: idle, faults });
  world.startAll();
  const [a, b] = [new SimEngine(world.engine, world.host('n1')), new SimEngine(world.engine, world.host('n2'))];
  const query = (worker: string): JobQuery => ({
    jobType: JOB_TYPE,
    worker,
    lockMs: LOCK_MS,
    fetchVariables: [],
    tenantIds: ['<default>'],
  });
  const ask = <T>(answer: Promise<T>) => world.ask(answer);
  const poll = (engine: SimEngine, longPollMs = 0) => ask(engine.activate(query('w'), 10, longPollMs));
  const start = () => world.engine.jobs.start(JOB_TYPE, '{}', 3, ['KNOWN']).key as JobKey;
  const fail = (key: JobKey, retries: number, backoffMs: number) =>
    ask(a.fail(key, { retries, backoffMs, message: 'm' }, 1_000));
  return { world, a, b, query, ask, poll, start, fail };
}

type Set = ReturnType<typeof setUp>;
const STATES: Record<string, { reach: (set: Set, key: JobKey) => Promise<unknown>; command: string; timeout: string }> =
  {
    activated: { reach: ({ poll, a }) => poll(a), command: 'ok', timeout: 'ok' },
    'never activated': { reach: async () => {}, command: 'ok', timeout: 'failedPrecondition' },
    'lock expired': {
      reach: async ({ poll, a, world }) => {
        await poll(a);
        await world.run(LOCK_MS + 1_500);
      },
      command: 'ok',
      timeout: 'failedPrecondition',
    },
    're-activated by another': {
      reach: async ({ poll, a, b, world }) => {
        await poll(a);
        await world.run(LOCK_MS + 1_500);
        expect(await poll(b)).toHaveLength(1);
      },
      command: 'ok',
      timeout: 'ok',
    },
    'failed without backoff': {
      reach: ({ fail }, key) => fail(key, 1, 0),
      command: 'ok',
      timeout: 'failedPrecondition',
    },
    'in backoff': {
      reach: ({ fail }, key) => fail(key, 1, 60_000),
      command: 'failedPrecondition',
      timeout: 'failedPrecondition',
    },
    incident: {
      reach: ({ fail }, key) => fail(key, 0, 0),
      command: 'failedPrecondition',
      timeout: 'failedPrecondition',
    },
    'uncaught error thrown': {
      reach: ({ ask, a }, key) => ask(a.throwError(key, { code: 'OTHER', message: '', variables: '{}' }, 1_000)),
      command: 'failedPrecondition',
      timeout: 'failedPrecondition',
    },
    'caught error thrown': {
      reach: ({ ask, a }, key) => ask(a.throwError(key, { code: 'KNOWN', message: '', variables: '{}' }, 1_000)),
      command: 'notFound',
      timeout: 'notFound',
    },
    completed: {
      reach: ({ ask, a }, key) => ask(a.complete(key, '{}', 1_000)),
      command: 'notFound',
      timeout: 'notFound',
    },
    cancelled: {
      reach: async ({ world }, key) => world.engine.jobs.cancel(key),
      command: 'notFound',
      timeout: 'notFound',
    },
  };

test.each(Object.entries(STATES))('commands on a job that is %s', async (_state, { reach, command, timeout }) => {
  const commands = {
    complete: ({ ask, a }: Set, key: JobKey) => ask(a.complete(key, '{"x":1}', 1_000)),
    fail: ({ fail }: Set, key: JobKey) => fail(key, 0, 0),
    throwError: ({ ask, a }: Set, key: JobKey) =>
      ask(a.throwError(key, { code: 'E', message: '', variables: '' }, 1_000)),
    updateTimeout: ({ ask, a }: Set, key: JobKey) => ask(a.updateTimeout(key, 5_000, 1_000)),
  };
  for (const [name, send] of Object.entries(commands)) {
    const set = setUp();
    const key = set.start();
    await reach(set, key);
    const answer = await send(set, key);
    expect([name, answer.code, answer.unseen]).toEqual([name, name === 'updateTimeout' ? timeout : command, false]);
  }
});

test('variables that are no object are refused for good and leave the job alone', async () => {
  const { start, ask, a } = setUp();
  const key = start();
  for (const bad of ['[]', '"x"', '1', '{', `{"x":"${'y'.repeat(2_100_000)}"}`]) {
    expect((await ask(a.complete(key, bad, 1_000))).code).toBe('never');
  }
  expect((await ask(a.complete(key, '', 1_000))).code).toBe('ok');
});

test('streams get what is new, polls what was there or whose lock ran out; the resolved incident comes again', async () => {
  const { world, a, b, query, poll, start, fail } = setUp();
  const old = start();
  const pushed: ActivatedJob[] = [];
  a.openStream(
    query('s'),
    (job) => pushed.push(job),
    () => {},
  );
  await world.run(100);
  expect(pushed).toEqual([]);
  expect((await poll(b)).map(({ key }) => key)).toEqual([old]);
  const fresh = start();
  await world.run(100);
  expect(pushed.map(({ key }) => key)).toEqual([fresh]);
  await world.run(LOCK_MS + 2_000);
  expect(pushed).toHaveLength(1);
  expect(await poll(b)).toHaveLength(2);
  await fail(fresh, 0, 0);
  world.engine.jobs.resolve(fresh, 2);
  await world.run(100);
  expect(pushed.map(({ retries }) => retries)).toEqual([3, 2]);
});

test('where the engine is like 8.6, a job whose lock ran out is pushed again', async () => {
  const { world, a, query, start } = setUp({ ...CALM, engine: { ...CALM.engine, pushesTimedOut: true } });
  const pushed: ActivatedJob[] = [];
  a.openStream(
    query('s'),
    (job) => pushed.push(job),
    () => {},
  );
  await world.run(10);
  start();
  await world.run(LOCK_MS + 1_500);
  expect(pushed).toHaveLength(2);
});

test('a paused stream swallows a few jobs and hands them out stale; the others can be polled', async () => {
  const { world, a, b, query, poll, start } = setUp();
  const pushed: ActivatedJob[] = [];
  const stream = a.openStream(
    query('s'),
    (job) => pushed.push(job),
    () => {},
  );
  await world.run(10);
  stream.pause();
  for (let i = 0; i < 8; i++) start();
  expect(await poll(b)).toHaveLength(5);
  await world.run(LOCK_MS + 1_500);
  stream.resume();
  await world.run(10);
  expect(pushed).toHaveLength(3);
  expect(pushed.every((job) => job.deadlineMs < world.clock.wallMs())).toBe(true);
});

test('a long poll waits for a job, ends empty-handed in time, and dies with the broker', async () => {
  const { world, a, b, query, ask, start, poll } = setUp();
  const waiting = a.activate(query('w'), 10, 5_000);
  await world.run(1_000);
  const key = start();
  expect((await ask(waiting)).map((job) => job.key)).toEqual([key]);
  expect(world.nowMs).toBeLessThan(1_100);
  expect(await poll(b, 3_000)).toEqual([]);
  expect(world.nowMs).toBeGreaterThan(3_900);
  const ends: string[] = [];
  a.openStream(
    query('s'),
    () => {},
    (reason) => ends.push(reason),
  );
  await world.run(10);
  const cut = b.activate(query('w'), 10, 60_000);
  cut.catch(() => {});
  await world.run(10);
  world.engine.goAway(1_000);
  await expect(ask(cut)).rejects.toThrow('UNAVAILABLE');
  expect(ends).toEqual(['UNAVAILABLE']);
});

test('an answer lost after the effect is unseen and NOT_FOUND next time; backpressure is seen and spares completions', async () => {
  const { world, ask, a, start, poll } = setUp();
  const key = start();
  world.faults = { ...CALM, engine: { ...CALM.engine, answerLost: 1 } };
  expect(await ask(a.complete(key, '{}', 500))).toMatchObject({ code: 'transient', unseen: true });
  world.faults = { ...CALM, engine: { ...CALM.engine, backpressure: 1 } };
  expect(await ask(a.complete(key, '{}', 500))).toMatchObject({ code: 'notFound' });
  expect(await ask(a.updateTimeout(start(), 500, 500))).toMatchObject({ code: 'transient', unseen: false });
  await expect(poll(a)).rejects.toThrow('RESOURCE_EXHAUSTED');
  expect((await ask(a.complete(start(), '{}', 500))).code).toBe('ok');
  world.faults = { ...CALM, engine: { ...CALM.engine, requestLost: 1 } };
  const untouched = start();
  expect(await ask(a.complete(untouched, '{}', 500))).toMatchObject({ code: 'transient', unseen: true });
  expect(world.engine.jobs.jobs.get(untouched)?.state).toBe('activatable');
});
