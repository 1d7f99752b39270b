// The pending job, sentence by sentence: each test is one promise of its life, on one job with one engine and one bucket.
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/actors/limits.ts';
import { forgetAtMs } from '../../src/actors/pending-job/due.ts';
import { CONSEQUENCES, whoEnded } from '../../src/actors/pending-job/engine-answers.ts';
import { adopt } from '../../src/actors/pending-job/state.ts';
import { type Outcome, type Snapshot, whereOf } from '../../src/actors/snapshot.ts';
import { LOCK_MS, SETTINGS, World } from './pending-job-world.ts';

/** A world whose job is held, and whose request Kafka has unless `unsent`. */
function held(options: { unsent?: boolean } = {}): World {
  const world = new World();
  const activation = world.activate()!;
  expect(world.ask({ type: 'activated', activation })).toBe('held');
  if (options.unsent !== true) {
    world.kafkaTakes(world.owner, 1);
    world.owner.drain();
  }
  return world;
}

/** What the job did from here on, by name: engine calls, puts by kind, and the rest. */
function deeds(world: World, act: () => void): string[] {
  const from = world.owner.effects.length;
  act();
  return world.owner.effects
    .slice(from)
    .map((effect) => (effect.do === 'put' ? `put ${effect.snapshot.outcome ?? effect.snapshot.kind}` : effect.do));
}

const result = (world: World, offset: number, attempt = 1) =>
  world.ask({ type: 'replied', reply: world.reply(offset, {}, attempt) });
const malformed = (world: World, offset: number, attempt = 1) =>
  world.ask({ type: 'replied', reply: world.reply(offset, { kind: 'malformed' }, attempt) });
const due = (world: World) => world.ask({ type: 'due' });
const snapshot = (world: World): Snapshot => world.standing!.snapshot;

/** Time passes until its reply deadline has, with every reply read. */
function deadline(world: World): void {
  world.nowMs = snapshot(world).replyDeadlineMs;
  world.replyProgressMs = world.nowMs;
}

describe('hold and attach', () => {
  test('the hold is stored before its request is published, and carries all that publishing again needs', () => {
    const world = new World();
    const activation = world.activate()!;
    expect(deeds(world, () => world.ask({ type: 'activated', activation }))).toEqual(['put held', 'publish']);
    const { request, settings, attempt, sentAttempt, replyDeadlineMs } = snapshot(world);
    expect(request?.body).toBe(activation.request.body);
    expect(request?.headers).toEqual([['kafka_correlationId', 'id-1']]);
    expect({ settings, attempt, sentAttempt }).toEqual({ settings: SETTINGS, attempt: 1, sentAttempt: 0 });
    expect(replyDeadlineMs).toBe(world.nowMs + SETTINGS.replyTimeoutMs);
  });

  test('an activation whose lock is over writes nothing', () => {
    const world = new World();
    const activation = world.activate()!;
    world.pass(LOCK_MS);
    expect(world.ask({ type: 'activated', activation })).toBe('stale');
    expect(world.owner.effects).toEqual([]);
  });

  test('at the limit of a lane only new holds are refused: attach and replies are not', () => {
    const full = new World();
    full.owner.room = false;
    expect(full.ask({ type: 'activated', activation: full.activate()! })).toBe('full');
    const world = held();
    world.owner.room = false;
    expect(world.ask({ type: 'activated', activation: world.activation() })).toBe('attached');
    expect(result(world, 0)).toBe('applied');
  });

  test('an activation of a held job refreshes its lock in memory: no write, no request', () => {
    const world = held();
    world.pass(LOCK_MS);
    const activation = world.activate()!;
    const did = deeds(world, () => expect(world.ask({ type: 'activated', activation })).toBe('attached'));
    expect(did).toEqual([]);
    expect(world.owner.state.lockDeadlineMs).toBe(activation.lockDeadlineMs);
  });

  test.each([
    ['completed', 'ended'],
    ['cancelled', 'ended'],
    ['gone', 'ended'],
    ['failed', 'held'],
    ['timedOut', 'held'],
    ['bpmnError', 'held'],
  ] as const)('a job that ended as %s is %s when it is activated', (outcome: Outcome, expected) => {
    const world = held();
    world.store({ ...snapshot(world), kind: 'ended', outcome, request: undefined, endedAtMs: world.nowMs }, 1);
    world.takeOver();
    const did = deeds(world, () =>
      expect(world.ask({ type: 'activated', activation: world.activation() })).toBe(expected),
    );
    if (expected === 'ended') return expect(did).toEqual(['put held']);
    expect(did).toEqual(['put held', 'updateTimeout', 'put held', 'publish']);
    expect(snapshot(world)).toMatchObject({ attempt: 2, sentAttempt: 0, outcome: undefined });
    expect(snapshot(world).replyDeadlineMs).toBe(world.nowMs + SETTINGS.replyTimeoutMs);
  });

  test.each([
    ['backoff', undefined, 'stale'],
    ['active', 'lostBefore', 'retry'],
    ['active', 'later', 'retry'],
    ['cancelled', undefined, 'ended'],
  ] as const)('only OK to UpdateJobTimeout raises the attempt: job in %s, call %s', (state, fate, expected) => {
    const world = held();
    const activation = world.activation();
    malformed(world, 0);
    expect(snapshot(world).outcome).toBe('failed');
    world.engine.state = state;
    world.engine.backoffUntilMs = Number.POSITIVE_INFINITY;
    if (fate !== undefined) world.fates.push(fate);
    expect(world.ask({ type: 'activated', activation })).toBe(expected);
    expect(snapshot(world)).toMatchObject({ kind: 'ended', attempt: 1 });
    if (expected !== 'retry') return;
    expect(world.ask({ type: 'activated', activation })).toBe('held');
    expect(snapshot(world)).toMatchObject({ kind: 'held', attempt: 2 });
  });

  test('what can never be sent is an incident with the reason, whoever finds out', () => {
    const told = new World();
    const activation = { ...told.activate()!, fault: 'too large' };
    expect(told.ask({ type: 'activated', activation })).toBe('failed');
    const unstorable = new World();
    unstorable.mostChars = 3;
    expect(unstorable.ask({ type: 'activated', activation: unstorable.activate()! })).toBe('failed');
    const refused = held({ unsent: true });
    refused.kafkaTakes(refused.owner, 1, { kind: 'refused', reason: 'too large' });
    refused.owner.drain();
    for (const world of [told, unstorable, refused]) {
      expect(world.engine).toMatchObject({ state: 'incident', retries: 0 });
      const causes = world.history.map((write) => write.snapshot.failing?.cause).filter((cause) => cause !== undefined);
      expect(causes).toEqual(['The request was not sent: too large']);
      expect(world.owner.publisher.size).toBe(0);
    }
  });
});

describe('a result', () => {
  test('costs two writes per call: the hold, and the tombstone after the engine took it', () => {
    const world = held();
    expect(deeds(world, () => expect(result(world, 7)).toBe('applied'))).toEqual(['complete', 'put completed']);
    expect(world.history).toHaveLength(2);
    expect(snapshot(world)).toMatchObject({
      applied: [[0, '7']],
      request: undefined,
      reply: undefined,
      sentAttempt: 1,
    });
  });

  test('is stored at once while the engine is away, and completes by itself for as long as the job lives', () => {
    const world = held();
    world.owner.engineHealthy = false;
    expect(deeds(world, () => expect(result(world, 7)).toBe('applied'))).toEqual(['put replied']);
    expect(snapshot(world).request).toBeUndefined();
    for (let tries = 0; tries < 30; tries++) {
      world.fates.push('later');
      world.pass(LIMITS.engineRetryMaxMs);
      expect(deeds(world, () => due(world))).toEqual(['complete']);
    }
    world.pass(LIMITS.engineRetryMaxMs);
    due(world);
    expect(snapshot(world).outcome).toBe('completed');
    expect(world.engine.completedWith).toBe('{"reply":7}');
  });

  test.each(['lostBefore', 'lostAfter', 'later'] as const)('is stored when the answer is %s', (fate) => {
    const world = held();
    world.fates.push(fate);
    expect(result(world, 7)).toBe('applied');
    expect(snapshot(world).kind).toBe('replied');
    world.pass(LIMITS.engineRetryMaxMs);
    due(world);
    expect(snapshot(world).outcome).toBe('completed');
  });

  test('waits in backoff or incident, without an end to its storage, and completes at the next activation', () => {
    const world = held();
    world.engine.state = 'incident';
    expect(result(world, 7)).toBe('applied');
    expect(world.history.at(-1)).toMatchObject({ snapshot: { kind: 'replied' }, ttlMs: undefined });
    world.engine.state = 'activatable';
    const activation = world.activate()!;
    expect(world.ask({ type: 'activated', activation })).toBe('attached');
    expect(world.engine.completedWith).toBe('{"reply":7}');
  });

  test.each(['held', 'failing', 'failed'])('of any attempt completes a job that is %s', (kind) => {
    const world = held();
    if (kind === 'failing') world.fates.push('lostBefore');
    if (kind !== 'held') malformed(world, 0);
    world.engine.state = 'active';
    expect(result(world, 1, 1)).toBe('applied');
    expect(world.engine.completedWith).toBe('{"reply":1}');
    expect(snapshot(world).outcome).toBe('completed');
  });

  test('that the engine will never take fails the job, a retry less, and is refused', () => {
    const world = held();
    world.fates.push('never');
    expect(deeds(world, () => expect(result(world, 7)).toBe('refused'))).toEqual([
      'complete',
      'put failing',
      'fail',
      'put failed',
    ]);
    expect(world.engine.retries).toBe(2);
  });

  test('that cannot be stored fails the job too, and is refused, not asked for again', () => {
    const world = held();
    world.mostChars = 3;
    world.owner.engineHealthy = false;
    expect(result(world, 7)).toBe('refused');
    expect(snapshot(world).outcome).toBe('failed');
    const fresh = new World();
    fresh.activate();
    fresh.mostChars = 3;
    expect(result(fresh, 7)).toBe('refused');
  });
});

describe('an error', () => {
  test('is stored as an intention first, then the job fails, then the tombstone; retries are set, not counted down', () => {
    const world = held();
    world.fates.push('lostAfter');
    expect(deeds(world, () => malformed(world, 0))).toEqual(['put failing', 'fail']);
    expect(snapshot(world).failing).toMatchObject({ retries: 2, backoffMs: SETTINGS.retryBackoffMs, why: 'malformed' });
    world.pass(LIMITS.engineRetryMaxMs);
    const activation = world.activate()!;
    expect(world.ask({ type: 'activated', activation })).toBe('failed');
    expect(world.engine.retries).toBe(2);
    expect(snapshot(world).outcome).toBe('failed');
  });

  test('counts only for its own attempt; a result counts for any', () => {
    const world = held();
    malformed(world, 0);
    world.pass(SETTINGS.retryBackoffMs);
    expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('held');
    expect(malformed(world, 1, 1)).toBe('late');
    expect(snapshot(world)).toMatchObject({ kind: 'held', attempt: 2 });
    expect(result(world, 2, 1)).toBe('applied');
    expect(snapshot(world).outcome).toBe('completed');
  });

  test('a text that the engine refuses is said shorter, for the same retries', () => {
    const world = held();
    world.fates.push('never');
    malformed(world, 0);
    expect(world.engine.retries).toBe(2);
  });

  test('an intention whose job has a result meanwhile is dropped', () => {
    const world = held();
    const zombie = world.owner;
    zombie.tell({ type: 'replied', reply: world.reply(0, { kind: 'malformed' }) });
    while (zombie.pending?.do !== 'fail') zombie.step();
    world.takeOver().engineHealthy = false;
    expect(result(world, 1)).toBe('applied');
    zombie.drain();
    expect(snapshot(world).kind).toBe('replied');
    expect(world.breaches).toEqual([]);
  });
});

describe('duplicates', () => {
  test('a record at or below the highest applied offset of its partition is one, across attempts', () => {
    const world = held();
    malformed(world, 5);
    world.pass(SETTINGS.retryBackoffMs);
    world.ask({ type: 'activated', activation: world.activate()! });
    expect(snapshot(world)).toMatchObject({ attempt: 2, applied: [[0, '5']] });
    expect(malformed(world, 5, 2)).toBe('duplicate');
    expect(result(world, 4, 2)).toBe('duplicate');
    expect(snapshot(world).kind).toBe('held');
  });

  test('any reply to a job that completed is one, and any further result to a stored one', () => {
    const world = held();
    world.owner.engineHealthy = false;
    result(world, 0);
    expect(result(world, 1)).toBe('duplicate');
    expect(snapshot(world).reply?.offset).toBe('0');
    world.pass(LIMITS.engineRetryMaxMs);
    due(world);
    expect(result(world, 2)).toBe('duplicate');
    expect(malformed(world, 3)).toBe('duplicate');
  });

  test.each([
    ['cancelled', 'late'],
    ['gone', 'applied'],
  ] as const)('a result to a job that ended as %s is %s', (outcome, expected) => {
    const world = held();
    world.engine.state = 'cancelled';
    world.store({ ...snapshot(world), kind: 'ended', outcome, request: undefined, endedAtMs: world.nowMs }, 1);
    world.takeOver();
    const did = deeds(world, () => expect(result(world, 1)).toBe(expected));
    expect(did).toEqual(['read']);
  });
});

describe('a reply without a snapshot', () => {
  test('is late only after a leader read and NOT_FOUND', () => {
    const world = new World();
    world.engine.state = 'completed';
    const did = deeds(world, () => expect(result(world, 0)).toBe('late'));
    expect(did).toEqual(['read', 'updateTimeout', 'read']);
  });

  test('is parked while the engine does not answer, and settled: it holds up nothing behind it', () => {
    const world = new World();
    world.activate();
    world.fates.push('later');
    expect(result(world, 0)).toBe('applied');
    expect(world.history).toMatchObject([{ snapshot: { kind: 'parked' }, ttlMs: undefined }]);
    expect(result(world, 0)).toBe('duplicate');
    world.pass(LOCK_MS);
    world.ask({ type: 'activated', activation: world.activate()! });
    expect(world.engine.completedWith).toBe('{"reply":0}');
    expect(world.breaches).toEqual([]);
  });

  /** Parked while the engine did not answer. */
  function unsaid(): World {
    const world = new World();
    world.activate();
    world.fates.push('later');
    result(world, 0);
    return world;
  }

  test('and turned out to be late once the engine answers ends with an outcome, also after a takeover', () => {
    for (const takeover of [false, true]) {
      const world = unsaid();
      world.engine.state = 'completed';
      if (takeover) world.takeOver();
      world.owner.drain();
      world.nowMs = world.owner.state.engineAtMs;
      expect(due(world)).toBe('done');
      expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'gone', applied: [[0, '0']], reply: undefined });
      expect(result(world, 0)).toBe('duplicate');
      expect(world.breaches).toEqual([]);
    }
  });

  test('stays for as long as its job lives, once the engine has said that it does', () => {
    const world = unsaid();
    world.engine.state = 'incident';
    world.nowMs = world.owner.state.engineAtMs;
    due(world);
    world.pass(2 * LIMITS.parkedWindowMs);
    world.fates.push('later');
    due(world);
    world.takeOver();
    expect(snapshot(world)).toMatchObject({ kind: 'parked', reply: { body: '{"reply":0}' } });
  });

  test('is given up when the engine has said nothing of its job for a week, asked ever more rarely', () => {
    const world = unsaid();
    const startMs = world.nowMs;
    let asked = 0;
    for (; snapshot(world).kind === 'parked' && asked < 10_000; asked++) {
      world.nowMs = world.owner.state.engineAtMs;
      world.fates.push('later');
      due(world);
    }
    expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'gone' });
    expect(world.nowMs - startMs).toBeGreaterThanOrEqual(LIMITS.parkedWindowMs);
    expect(world.nowMs - startMs).toBeLessThan(LIMITS.parkedWindowMs + LIMITS.waitingProbeMs);
    expect(asked).toBeLessThan(LIMITS.parkedWindowMs / 120_000);
  });

  test('needs no engine when it is malformed or a heartbeat: it is of no use to the next activation', () => {
    const world = new World();
    world.fates.push('later');
    const heartbeat = { type: 'replied', reply: world.reply(1, { status: 'heartbeat' }) } as const;
    const did = deeds(world, () => {
      expect(malformed(world, 0)).toBe('lateDropped');
      expect(world.ask(heartbeat)).toBe('lateDropped');
    });
    expect(did).toEqual(['read', 'read']);
    expect(world.history).toEqual([]);
  });

  test('is parked while the job lives, and the next activation completes with it, in whatever attempt it was', () => {
    const world = new World();
    world.activate();
    expect(result(world, 4, 3)).toBe('applied');
    expect(world.history.at(-1)).toMatchObject({ snapshot: { kind: 'parked', attempt: 3 }, ttlMs: undefined });
    expect(result(world, 4, 3)).toBe('duplicate');
    world.pass(LOCK_MS);
    expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('attached');
    expect(world.engine.completedWith).toBe('{"reply":4}');
    expect(world.history.map((write) => write.snapshot.kind)).toEqual(['parked', 'replied', 'ended']);
    expect(world.breaches).toEqual([]);
  });
});

describe('a snapshot that cannot be read', () => {
  /** Held by an incarnation that is no more, and damaged since. */
  function damaged(): World {
    const world = held();
    world.unreadable = true;
    world.owner.abandon();
    return world;
  }

  test('holds no reply up: it is answered for good, and no one writes over it', () => {
    const world = damaged();
    const did = deeds(world, () => expect(result(world, 0)).toBe('unreadable'));
    expect(did).toEqual(['read', 'updateTimeout']);
    world.fates.push('later');
    expect(result(world, 1)).toBe('unreadable');
    expect(malformed(world, 2)).not.toBe('retry');
    expect(world.history).toHaveLength(1);
  });

  test('of a job that has ended counts its replies as applied, for one of them may have been', () => {
    const world = damaged();
    world.engine.state = 'completed';
    expect(result(world, 0)).toBe('applied');
  });

  test('found by a completion leaves the job ended and memory empty, and the reply is applied', () => {
    const world = held();
    world.store({ ...snapshot(world) });
    world.unreadable = true;
    const did = deeds(world, () => expect(result(world, 0)).toBe('applied'));
    expect(did).toEqual(['complete', 'put completed', 'updateTimeout']);
    expect(world.engine.completedWith).toBe('{"reply":0}');
    expect(world.owner.state.snapshot).toBeUndefined();
  });

  test('lets each activation go, and is not looked at again', () => {
    const world = damaged();
    world.pass(LOCK_MS);
    expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('stale');
    const resident = held();
    resident.store({ ...snapshot(resident) });
    resident.unreadable = true;
    deadline(resident);
    expect(due(resident)).toBe('done');
    expect([world, resident].map(({ owner }) => owner.state.snapshot)).toEqual([undefined, undefined]);
  });
});

describe('NOT_FOUND', () => {
  test('after an unseen try of our own means completed, and the reply is applied', () => {
    const world = held();
    world.fates.push('lostAfter');
    result(world, 0);
    world.pass(LIMITS.engineRetryMaxMs);
    due(world);
    expect(snapshot(world).outcome).toBe('completed');
  });

  test('in a job held here without a break means cancelled: the reply is late', () => {
    const world = held();
    world.engine.state = 'cancelled';
    const did = deeds(world, () => expect(result(world, 0)).toBe('late'));
    expect(did).toEqual(['complete', 'confirmOwner', 'put cancelled']);
    expect(result(world, 0)).toBe('late'); // its reader may have died before Kafka had the dead letter
  });

  test('is noticed by a renewal of the lock', () => {
    const world = held();
    world.engine.state = 'cancelled';
    world.pass(LOCK_MS);
    expect(deeds(world, () => due(world))).toEqual(['updateTimeout', 'confirmOwner', 'put cancelled']);
  });

  test('after a takeover means gone: nobody can say who ended it, and the reply counts as applied', () => {
    const world = held();
    world.takeOver().drain();
    world.engine.state = 'cancelled';
    expect(result(world, 0)).toBe('applied');
    expect(snapshot(world).outcome).toBe('gone');
  });

  test('means gone when the claim is another\u2019s after the answer', () => {
    const world = held();
    const zombie = world.owner;
    const successor = world.takeOver();
    successor.tell({ type: 'replied', reply: world.reply(0, {}) });
    while (successor.pending?.do !== 'put') successor.step(); // completed in the engine, no tombstone yet
    world.pass(LOCK_MS);
    zombie.tell({ type: 'due' });
    zombie.drain();
    expect(snapshot(world).outcome).toBe('gone');
  });

  test('means gone for a tombstone of our own from before the shard was elsewhere', () => {
    const world = held();
    const first = world.owner;
    malformed(world, 0);
    const second = world.takeOver();
    world.engine.state = 'active';
    second.tell({ type: 'replied', reply: world.reply(1, {}) });
    while (second.pending?.do !== 'put') second.step();
    expect(world.engine.state).toBe('completed');
    second.die();
    world.giveBackTo(first);
    expect(result(world, 1)).toBe('applied');
    expect(snapshot(world).outcome).toBe('gone');
  });

  test('is decided by three facts alone', () => {
    const table = [];
    for (const completeUnseen of [true, false])
      for (const unbroken of [true, false])
        for (const otherUnseen of [true, false]) table.push(whoEnded({ completeUnseen, unbroken, otherUnseen }));
    expect(table).toEqual([...new Array<string>(4).fill('completed'), 'gone', 'cancelled', 'gone', 'gone']);
  });
});

test('the answers of the engine, row by row', () => {
  const { complete, fail, throwError, updateTimeout } = CONSEQUENCES;
  const row = (of: Readonly<Record<string, string>>) =>
    ['ok', 'notFound', 'failedPrecondition', 'never', 'transient'].map((code) => of[code]);
  expect(row(complete)).toEqual(['ended', 'gone', 'keepReply', 'malformed', 'retry']);
  expect(row(fail)).toEqual(['ended', 'gone', 'ended', 'shorten', 'retry']);
  expect(row(throwError)).toEqual(['ended', 'gone', 'ended', 'shorten', 'retry']);
  expect(row(updateTimeout)).toEqual(['extended', 'gone', 'awaitActivation', 'retry', 'retry']);
});

describe('time', () => {
  test('a lock is renewed only as it nears its end, then rarely and by a lot', () => {
    const world = held();
    world.pass(LOCK_MS / 2);
    expect(deeds(world, () => due(world))).toEqual([]);
    world.pass(LOCK_MS * 0.4);
    expect(deeds(world, () => due(world))).toEqual(['updateTimeout']);
    expect(world.engine.lockMs - world.nowMs).toBe(LIMITS.probeEveryMs * LIMITS.lockIntervals);
    world.pass(LIMITS.probeEveryMs * 0.4);
    expect(deeds(world, () => due(world))).toEqual([]);
  });

  test('an activation that a renewal overtook does not put the next probe off by all of the longer lock', () => {
    const world = held();
    world.pass(LOCK_MS * 0.9);
    const activation = world.activation(world.nowMs + LOCK_MS);
    expect(deeds(world, () => due(world))).toEqual(['updateTimeout']);
    const renewedMs = world.owner.state.lockDeadlineMs;
    expect(renewedMs).toBeGreaterThan(activation.lockDeadlineMs);
    expect(world.ask({ type: 'activated', activation })).toBe('attached');
    expect(world.owner.state.lockDeadlineMs).toBe(renewedMs);
    expect(world.owner.state.engineAtMs).toBeLessThan(activation.lockDeadlineMs);
  });

  test('a lock that lapsed waits for the activation', () => {
    const world = held();
    world.pass(LOCK_MS);
    expect(deeds(world, () => due(world))).toEqual(['updateTimeout']);
    expect(snapshot(world).kind).toBe('held');
    expect(world.owner.state.engineAtMs).toBeGreaterThan(world.nowMs);
  });

  test('a reply deadline fires only when every partition has been read to its end at or after it', () => {
    const world = held();
    deadline(world);
    world.replyProgressMs -= 1;
    due(world);
    expect(snapshot(world).kind).toBe('held');
    world.replyProgressMs += 1;
    due(world);
    expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'timedOut' });
    expect(world.history.at(-2)?.snapshot.failing).toMatchObject({ cause: 'No reply within 60 s.', retries: 2 });
  });

  test('or raises an incident, as the settings stored with the job say', () => {
    const world = new World();
    world.settings = { ...SETTINGS, onReplyTimeout: 'incident' };
    world.ask({ type: 'activated', activation: world.activate()! });
    world.kafkaTakes(world.owner, 1);
    world.settings = SETTINGS;
    deadline(world);
    due(world);
    expect(world.engine).toMatchObject({ state: 'incident', retries: 0 });
  });

  test('a request that is still unsent is withdrawn first, and the job fails as not sent', () => {
    const world = held({ unsent: true });
    deadline(world);
    expect(deeds(world, () => due(world))).toEqual(['withdraw', 'put failing', 'fail', 'put timedOut']);
    expect(world.owner.publisher.size).toBe(0);
    expect(world.history.at(-2)?.snapshot.failing).toMatchObject({ why: 'notSent' });
  });

  test('a tombstone is kept for the late window when nothing can follow, else for the incident window', () => {
    const windows: Record<string, number | undefined> = {};
    for (const how of ['completed', 'cancelled', 'failed', 'timedOut']) {
      const world = held();
      if (how === 'cancelled') world.engine.state = 'cancelled';
      if (how === 'failed') malformed(world, 0);
      else if (how === 'timedOut') {
        deadline(world);
        due(world);
      } else result(world, 0);
      const { snapshot: tombstone, ttlMs } = world.history.at(-1)!;
      windows[tombstone.outcome!] = ttlMs;
      expect(forgetAtMs(tombstone) - world.nowMs).toBe(ttlMs);
    }
    const { lateWindowMs, incidentWindowMs } = SETTINGS;
    expect(windows).toEqual({
      completed: lateWindowMs,
      cancelled: lateWindowMs,
      failed: incidentWindowMs,
      timedOut: incidentWindowMs,
    });
  });
});

describe('what is written', () => {
  test('the first write after Kafka\u2019s ack drops the request, and tells of the sending', () => {
    const world = held();
    world.owner.engineHealthy = false;
    result(world, 0);
    expect(snapshot(world)).toMatchObject({ request: undefined, sentAttempt: 1 });
    expect(snapshot(world).timeline.map(({ what }) => what)).toEqual(['held, attempt 1', 'sent', 'replied']);
  });

  test('a timeline keeps its first four entries and its newest twelve', () => {
    const world = new World();
    world.engine.retries = 50;
    world.ask({ type: 'activated', activation: world.activate()! });
    for (let offset = 0; offset < 12; offset++) {
      malformed(world, offset, offset + 1);
      world.pass(SETTINGS.retryBackoffMs);
      world.ask({ type: 'activated', activation: world.activate()! });
    }
    const { timeline } = snapshot(world);
    expect(timeline).toHaveLength(16);
    expect(timeline[0]?.what).toBe('held, attempt 1');
    expect(timeline.at(-1)?.what).toBe('held, attempt 13');
    expect(world.breaches).toEqual([]);
  });

  test('a timeline names the revision of each write but its own, also where what followed it was dropped', () => {
    const world = held();
    world.pass(SETTINGS.replyTimeoutMs / 2);
    world.ask({ type: 'activated', activation: world.activate()! });
    malformed(world, 0);
    world.pass(SETTINGS.retryBackoffMs);
    world.ask({ type: 'activated', activation: world.activate()! });
    const noted = world.history.map(({ snapshot, revision }) => [
      revision,
      snapshot.timeline.map((entry) => [entry.what.replace(/:.*/, ''), whereOf(entry).revision]),
    ]);
    const steps = [
      ['held, attempt 1', 2],
      ['sent', 3],
      ['attached', 3],
      ['failing', 3],
      ['failed', 4],
      ['held, attempt 2', 5],
    ] as const;
    const until = (revision: number) =>
      steps.flatMap(([what, of]) => (of > revision ? [] : [[what, of === revision ? undefined : of]]));
    expect(noted).toEqual([2, 3, 4, 5].map((revision) => [revision, until(revision)]));
    expect(world.breaches).toEqual([]);
  });

  test('a step that is stored together with what became of it is not taken for one of the write before', () => {
    const world = held();
    malformed(world, 0);
    world.pass(SETTINGS.retryBackoffMs);
    world.ask({ type: 'activated', activation: { ...world.activate()!, fault: 'a body that is no JSON' } });
    const { timeline } = world.history.at(-1)!.snapshot;
    const revisions = timeline.map((entry) => [entry.what.replace(/:.*/, ''), whereOf(entry).revision]);
    expect(revisions.slice(-4)).toEqual([
      ['failed', 4],
      ['held, attempt 2', undefined],
      ['failing', 5],
      ['failed', undefined],
    ]);
    expect(world.breaches).toEqual([]);
  });
});

describe('a takeover', () => {
  test('of a hold whose request is covered publishes nothing and writes nothing', () => {
    const world = held();
    const owner = world.takeOver();
    owner.drain();
    expect(owner.effects).toEqual([]);
  });

  test('of one that is not covered writes it under its own name, then publishes under the same correlation id', () => {
    const world = held({ unsent: true });
    const owner = world.takeOver();
    owner.drain();
    expect(owner.effects.map((effect) => effect.do)).toEqual(['put', 'publish']);
    expect(snapshot(world)).toMatchObject({ incarnation: owner.incarnation, attempt: 1, kind: 'held' });
    expect(owner.effects[1]).toMatchObject({
      request: { correlationId: 'id-1', content: { body: '{"a":1}', headers: [] } },
    });
  });

  test('finds a hold of the dead that landed late: its request is asked for, and published if nobody sent it', () => {
    const world = new World();
    const dead = world.owner;
    const activation = world.activate()!;
    dead.tell({ type: 'activated', activation });
    dead.step();
    expect(dead.pending?.do).toBe('put');
    const owner = world.takeOver();
    owner.tell({ type: 'activated', activation });
    owner.step();
    dead.die(true); // its hold lands only now
    owner.drain();
    expect(owner.effects.map((effect) => effect.do)).toEqual(['put', 'wasSent', 'put', 'publish']);
    expect([...owner.publisher]).toEqual([1]);
    expect(owner.state.engineAtMs).toBeGreaterThan(0);
  });

  test('goes on with stored intentions and stored replies by itself', () => {
    for (const intention of ['malformed', 'reply'] as const) {
      const world = held();
      world.fates.push('lostBefore');
      world.ask({ type: 'replied', reply: world.reply(0, { kind: intention }) });
      world.owner.die();
      world.takeOver().drain();
      world.pass(LIMITS.engineRetryMinMs);
      due(world);
      expect(snapshot(world).outcome).toBe(intention === 'reply' ? 'completed' : 'failed');
    }
  });

  test('acts on an intention that it found only if that still stands: what was read may be a moment old', () => {
    const world = held();
    world.fates.push('lostBefore');
    world.ask({ type: 'replied', reply: world.reply(0, { kind: 'malformed' }) });
    const stale = world.standing!;
    expect(stale.snapshot.kind).toBe('failing');
    world.pass(LIMITS.engineRetryMinMs);
    due(world);
    expect(world.outcome).toBe('failed');
    world.pass(SETTINGS.retryBackoffMs);
    world.ask({ type: 'activated', activation: world.activate()! });
    const { owner } = world;
    const { length } = owner.effects;
    adopt(owner.state, stale.snapshot, stale.revision);
    owner.state.engineAtMs = world.nowMs;
    owner.tell({ type: 'due' });
    owner.drain();
    expect(owner.effects.slice(length).map((effect) => effect.do)).not.toContain('fail');
    expect(snapshot(world)).toMatchObject({ kind: 'held', attempt: 2 });
    expect([world.engine.state, world.engine.retriesBurnt]).toEqual(['active', 1]);
  });

  test('of a job that grew too large to be written again ends in a readable incident', () => {
    const world = held({ unsent: true });
    world.mostChars = 3;
    world.takeOver().drain();
    expect(world.engine.state).toBe('incident');
    expect(snapshot(world).outcome).toBe('failed');
  });
});
