// What a service and a modeller can say about a call, one promise each: errors, heartbeats, what then when time runs out,
// replies that come too late, cancel records, business keys.
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/actors/limits.ts';
import type { ActAnswer, CallSettings, JobAct, ReplyAsSent } from '../../src/actors/messages.ts';
import { pack, unpack } from '../../src/actors/pending-job/cold.ts';
import { ColdStore } from '../../src/actors/pending-job/cold-store.ts';
import { nextDueMs } from '../../src/actors/pending-job/due.ts';
import { adopt } from '../../src/actors/pending-job/state.ts';
import { windowMs } from '../../src/actors/pending-job/writing.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { JOB, LOCK_MS, RESULT, SETTINGS, World } from './pending-job-world.ts';

/** A job that is held under these settings, and whose request Kafka has. */
function held(settings: Partial<CallSettings> = {}, businessKey = ''): World {
  const world = new World();
  world.settings = { ...SETTINGS, ...settings };
  world.businessKey = businessKey;
  expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('held');
  world.kafkaTakes(world.owner, 1);
  world.owner.drain();
  return world;
}

const reply = (world: World, offset: number, content: Partial<ReplyAsSent> = {}, attempt = 1) =>
  world.ask({ type: 'replied', reply: world.reply(offset, content, attempt) });
const operate = (world: World, act: JobAct) =>
  world.ask({ type: 'operated', act: { ...act, by: 'anna', id: 'a1' } }) as ActAnswer;
const due = (world: World) => world.ask({ type: 'due' });
const snapshot = (world: World): Snapshot => world.standing!.snapshot;
const effects = (world: World) => world.owner.effects.map((effect) => effect.do);

const STORED = { ...RESULT, partition: 0, offset: '9', attempt: 1 };

/** Time passes, and every reply of it has been read. */
function pass(world: World, ms: number): void {
  world.pass(ms);
  world.replyProgressMs = world.nowMs;
}

describe('a result that the engine refuses for good', () => {
  test('is a dead letter though the job is gone by then: it was not applied', () => {
    const world = held();
    world.owner.die();
    world.takeOver().drain();
    world.engine.state = 'cancelled';
    world.fates.push('never');
    expect(reply(world, 9, { body: '{"paid":true}' })).toBe('refused');
    expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'gone' });
  });
});

describe('a result that cannot be stored', () => {
  test('after a completion whose answer was lost may be applied, as long as nobody knows', () => {
    const world = held();
    world.mostChars = 3;
    world.fates.push('lostAfter', 'later');
    expect(reply(world, 9, { body: '{"paid":true}' })).toBe('applied');
    expect(snapshot(world).kind).toBe('failing');
    world.nowMs = world.owner.state.engineAtMs;
    due(world);
    expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'completed' });
  });

  test.each([
    ['lostAfter', 'applied', 'completed'],
    ['lostBefore', 'refused', 'failed'],
  ] as const)('after a completion whose answer was lost (%s) is %s: the job is %s', (fate, answer, outcome) => {
    const world = held();
    world.mostChars = 3;
    world.fates.push(fate);
    expect(reply(world, 9, { body: '{"paid":true}' })).toBe(answer);
    expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome });
    expect(world.breaches).toEqual([]);
  });
});

describe('an error reply', () => {
  test('of business is thrown with code, message and variables, its intention stored first', () => {
    const world = held();
    const from = world.owner.effects.length;
    const declined = { status: 'error', code: 'DECLINED', message: 'no credit', body: '{"limit":100}' } as const;
    expect(reply(world, 0, declined)).toBe('applied');
    expect(effects(world).slice(from)).toEqual(['put', 'throwError', 'put']);
    expect(world.history.at(-2)?.snapshot.failing).toMatchObject({ why: 'businessError', errorCode: 'DECLINED' });
    expect(world.engine.thrown).toEqual([{ code: 'DECLINED', message: 'no credit', variables: '{"limit":100}' }]);
    expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'bpmnError' });
    expect(world.breaches).toEqual([]);
  });

  test('of technology costs one retry after the backoff of the route, or what it says itself', () => {
    const world = held();
    expect(reply(world, 0, { status: 'failure', message: 'down', body: '' })).toBe('applied');
    expect(world.engine).toMatchObject({ retries: 2, backoffUntilMs: world.nowMs + SETTINGS.retryBackoffMs });
    const own = held();
    reply(own, 0, { status: 'failure', message: 'down', retries: 7, backoffMs: 99, body: '' });
    expect(own.engine).toMatchObject({ retries: 7, backoffUntilMs: own.nowMs + 99 });
    // Asked for before it was bounded: its tombstone can be written all the same.
    const endless = held();
    reply(endless, 0, { status: 'failure', message: 'down', retries: 7, backoffMs: 1e18, body: '' });
    expect(snapshot(endless).outcome).toBe('failed');
    expect(windowMs('failed', snapshot(endless))).toBeLessThanOrEqual(2 * LIMITS.errorBackoffMs);
    const last = held();
    reply(last, 0, { status: 'failure', message: 'no use', retries: 0, body: '' });
    expect(last.engine.state).toBe('incident');
  });

  test('counts for its own attempt only, and under a business key for the one that stands', () => {
    const world = held();
    reply(world, 0, { status: 'failure', body: '' });
    pass(world, SETTINGS.retryBackoffMs);
    expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('held');
    expect(reply(world, 1, { status: 'failure', body: '' }, 1)).toBe('late');
    expect(reply(world, 2, { status: 'error', code: 'X', body: '' }, 1)).toBe('late');
    expect(snapshot(world)).toMatchObject({ kind: 'held', attempt: 2 });
    expect(reply(world, 3, { status: 'failure', body: '' }, 0)).toBe('applied');
    expect(snapshot(world).outcome).toBe('failed');
    expect(world.breaches).toEqual([]);
  });

  describe('to an attempt that its reader does not know', () => {
    /** The job is in attempt 2 at a new owner; the old one still believes in attempt 1. */
    const overtaken = (settings: Partial<CallSettings> = {}) => {
      const world = held(settings);
      const [old] = world.owners;
      world.takeOver().drain();
      reply(world, 0, { status: 'failure', body: '' });
      pass(world, SETTINGS.retryBackoffMs);
      expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('held');
      world.kafkaTakes(world.owner, 2);
      world.owner.drain();
      const toOld = (content: Partial<ReplyAsSent>, offset = 1) => {
        let said: unknown;
        old!.tell({ type: 'replied', reply: world.reply(offset, content, 2) }, (answer) => {
          said = answer;
        });
        old!.drain();
        return said;
      };
      return { world, old: old!, toOld };
    };

    test.each(['failure', 'error'] as const)('is not called late from an old memory: %s', (status) => {
      const { world, old, toOld } = overtaken();
      expect(old.state.snapshot).toMatchObject({ kind: 'held', attempt: 1 });
      expect(toOld({ status, code: 'X', body: '' })).toBe('applied');
      expect(snapshot(world)).toMatchObject({ kind: 'ended', attempt: 2, applied: [[0, '1']] });
      expect(world.breaches).toEqual([]);
    });

    test('is not called late from a read that is answered from the past', () => {
      const { world, old, toOld } = overtaken();
      const { snapshot: ended, revision } = world.history.find((write) => write.snapshot.kind === 'ended')!;
      old.abandon();
      adopt(old.state, ended, revision);
      expect(toOld({ status: 'failure', body: '' })).toBe('applied');
      expect(snapshot(world)).toMatchObject({ outcome: 'failed', attempt: 2 });
      expect(world.breaches).toEqual([]);
    });

    test('is a sign of life to the attempt that stands', () => {
      const { old, toOld } = overtaken({ heartbeatTimeoutMs: 30_000 });
      expect(toOld({ status: 'heartbeat', body: '' })).toBe('applied');
      expect(old.state.snapshot).toMatchObject({ attempt: 2 });
    });

    test('is late once a write has shown that nothing newer stands: the bucket was restored', () => {
      const world = held();
      const before = world.standing!.revision;
      expect(reply(world, 0, { status: 'failure', body: '' }, 2)).toBe('late');
      const shown = world.standing!.revision;
      expect(shown).toBeGreaterThan(before);
      expect(snapshot(world)).toMatchObject({ kind: 'held', attempt: 1, sentAttempt: 1 });
      expect(reply(world, 0, { status: 'failure', body: '' }, 2)).toBe('late');
      expect(world.standing!.revision).toBe(shown);
      expect(world.breaches).toEqual([]);
    });
  });

  describe('under a business key, told to one who does not know of the attempt that it is about', () => {
    /** The old owner has the answer to attempt 1, or knows how that ended; at the new one attempt 2 waits. */
    const overtaken = (known: 'failing' | 'replied' | 'ended' | 'parked') => {
      const world = known === 'parked' ? new World() : held({}, 'order-7');
      const [old] = world.owners;
      if (known === 'parked') {
        world.activate();
        reply(world, 0, { status: 'failure', body: '' }, 0);
        world.pass(LIMITS.releaseLockMs);
      } else {
        world.fates.push('later');
        if (known === 'replied') old!.engineHealthy = false;
        reply(world, 0, known === 'replied' ? { body: '{}' } : { status: 'failure', body: '' }, 0);
      }
      const before = world.standing!;
      expect(old!.state.snapshot?.kind).toBe(known === 'ended' ? 'failing' : known);
      if (known === 'replied') world.fates[0] = 'never';
      world.takeOver().drain();
      if (known === 'parked') expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('failed');
      while (snapshot(world).kind !== 'ended') {
        world.nowMs = world.owner.state.engineAtMs;
        due(world);
      }
      if (known === 'ended') {
        old!.abandon();
        adopt(old!.state, world.standing!.snapshot, world.standing!.revision);
      }
      pass(world, SETTINGS.retryBackoffMs);
      expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('held');
      expect(snapshot(world).attempt).toBe(2);
      world.kafkaTakes(world.owner, 2);
      world.owner.drain();
      old!.engineHealthy = true;
      const toOld = (content: Partial<ReplyAsSent>, offset = 1) => {
        let said: unknown;
        old!.tell({ type: 'replied', reply: world.reply(offset, content, 0) }, (answer) => {
          said = answer;
        });
        old!.drain();
        return said;
      };
      return { world, before, toOld };
    };

    test.each(['failing', 'replied', 'ended', 'parked'] as const)('it is no second answer: %s', (known) => {
      const { world, toOld } = overtaken(known);
      expect(toOld({ status: 'failure', body: '' })).toBe('applied');
      expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'failed', attempt: 2 });
      expect(world.breaches).toEqual([]);
    });

    test.each(['failing', 'replied', 'ended', 'parked'] as const)('a result completes: %s', (known) => {
      const { world, toOld } = overtaken(known);
      expect(toOld({ body: '{"paid":true}' })).toBe('applied');
      expect(world.engine.completedWith).toBe('{"paid":true}');
      expect(world.breaches).toEqual([]);
    });

    test('the first record again is a duplicate, and a heartbeat is dropped, without a write', () => {
      const { world, toOld } = overtaken('failing');
      const writes = world.history.length;
      expect(toOld({ status: 'failure', body: '' }, 0)).toBe('duplicate');
      expect(toOld({ status: 'heartbeat', body: '' })).toBe('lateDropped');
      expect(world.history.length).toBe(writes);
    });

    test('it is one once a write has shown that nothing newer stands, which is made once', () => {
      const world = held({}, 'order-7');
      reply(world, 0, { status: 'failure', body: '' }, 0);
      const from = world.history.length;
      for (let again = 0; again < 2; again++)
        expect(reply(world, 1, { status: 'failure', body: '' }, 0)).toBe('duplicate');
      expect(world.history.length).toBe(from + 1);
      expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'failed', attempt: 1 });
      expect(world.history.at(-1)?.ttlMs).toBe(SETTINGS.incidentWindowMs);
      expect(world.breaches).toEqual([]);
    });
  });

  test('that comes too late becomes no message: whoever catches that waits for a result', () => {
    const tooLate = (settings: Partial<CallSettings>) => {
      const world = held(settings);
      pass(world, SETTINGS.replyTimeoutMs);
      due(world);
      return world;
    };
    const world = tooLate({ onLate: 'publishMessage', lateMessageName: 'late-charge' });
    expect(reply(world, 1, { status: 'failure', body: '{"a":1}' })).toBe('late');
    expect(reply(world, 2, { status: 'error', code: 'X', body: '{"a":1}' })).toBe('late');
    expect(effects(world)).not.toContain('publishMessage');
    expect(reply(tooLate({ onLate: 'drop' }), 1, { status: 'failure', body: '' })).toBe('lateDropped');
  });

  test('beside another answer to its attempt is a duplicate, and no dead letter', () => {
    const failure = { status: 'failure', body: '' } as const;
    const failed = held();
    reply(failed, 0, failure);
    expect(reply(failed, 1, failure)).toBe('duplicate');
    const thrown = held();
    reply(thrown, 0, { status: 'error', code: 'X', body: '' });
    expect(reply(thrown, 1, failure)).toBe('duplicate');
    const replied = held();
    replied.owner.engineHealthy = false;
    reply(replied, 0);
    expect(reply(replied, 1, failure)).toBe('duplicate');
    const timedOut = held({ onReplyTimeout: 'error', timeoutErrorCode: 'X' });
    pass(timedOut, SETTINGS.replyTimeoutMs);
    due(timedOut);
    expect(reply(timedOut, 1, failure)).toBe('late');
  });

  test('may ask for a backoff beyond the incident window: its tombstone outlasts that', () => {
    const world = held();
    reply(world, 0, { status: 'failure', backoffMs: 2 * SETTINGS.incidentWindowMs, body: '' });
    expect(world.history.at(-1)?.ttlMs).toBe(2 * SETTINGS.incidentWindowMs + SETTINGS.lateWindowMs);
  });

  test('whose intention is stored only after a pause is not acted on: somebody else may have seen to it', () => {
    const world = held();
    const before = world.owner;
    before.tell({ type: 'replied', reply: world.reply(0, { status: 'failure', body: '' }, 1) });
    before.step();
    expect(before.pending?.do).toBe('put');
    const perform = world.perform.bind(world);
    world.perform = (owner, effect) => {
      const answer = perform(owner, effect);
      if (owner === before && effect.do === 'put') {
        // It stands still before it hears the answer. Meanwhile another owner fails the job, and its next attempt is held.
        world.perform = perform;
        world.takeOver().drain();
        pass(world, LIMITS.engineRetryMinMs);
        due(world);
        pass(world, SETTINGS.retryBackoffMs);
        world.ask({ type: 'activated', activation: world.activate()! });
      }
      return answer;
    };
    before.drain();
    expect(snapshot(world)).toMatchObject({ kind: 'held', attempt: 2 });
    expect(world.engine).toMatchObject({ state: 'active', retries: 2 });
    expect(world.engine.calls.filter((call) => call === 'fail')).toHaveLength(1);
    expect(world.breaches).toEqual([]);
  });

  test('that comes again is a duplicate, and costs nothing', () => {
    const world = held();
    reply(world, 0, { status: 'failure', body: '' });
    expect(reply(world, 0, { status: 'failure', body: '' })).toBe('duplicate');
    expect(world.engine.retriesBurnt).toBe(1);
  });

  test('whose variables are more than the engine takes is told without them, and says so', () => {
    const world = held();
    const body = JSON.stringify({ x: 'x'.repeat(LIMITS.errorVariablesChars) });
    reply(world, 0, { status: 'error', code: 'BIG', message: 'm', body });
    const message = 'm (Its variables were left out: they have 1000008 characters; the most is 1000000.)';
    expect(world.engine.thrown).toEqual([{ code: 'BIG', message, variables: '{}' }]);
  });

  test('whose variables cannot be stored is told without them too, and not asked for again', () => {
    const world = held();
    world.mostChars = 3;
    expect(reply(world, 0, { status: 'error', code: 'BIG', message: 'm', body: '{"a":1}' })).toBe('applied');
    const message = 'm (Its variables were left out: too large.)';
    expect(world.engine.thrown).toEqual([{ code: 'BIG', message, variables: '{}' }]);
    expect(snapshot(world)).toMatchObject({ kind: 'ended', outcome: 'bpmnError' });
  });
});

test.each([LOCK_MS, LIMITS.activationLockMostMs])(
  'the activation of an attempt that has ended, of a lock of %i ms, is stale when it is told again: its retries are not the job’s any more',
  (firstLockMs) => {
    const world = new World();
    world.firstLockMs = firstLockMs;
    const first = world.activate()!;
    world.pass(LIMITS.toldOnceMs + 1);
    world.ask({ type: 'activated', activation: first });
    world.kafkaTakes(world.owner, 1);
    world.owner.drain();
    reply(world, 0, { status: 'failure', retries: 5, backoffMs: 1, body: '' });
    world.pass(1);
    const second = world.activate()!;
    world.owner.room = false;
    expect(world.ask({ type: 'activated', activation: first })).toBe('stale');
    expect(world.ask({ type: 'activated', activation: second })).toBe('full');
    world.owner.room = true;
    expect(world.ask({ type: 'activated', activation: first })).toBe('stale');
    expect(world.ask({ type: 'activated', activation: second })).toBe('held');
    expect(snapshot(world).retries).toBe(5);
  },
);

describe('an activation of a long lock that comes later than a first lock lasts as a rule', () => {
  const late = (ms: number = LIMITS.activationLockMs + 1) => {
    const world = new World();
    world.firstLockMs = LIMITS.activationLockMostMs;
    const activation = world.activate()!;
    world.pass(ms);
    return { world, tell: () => world.ask({ type: 'activated', activation }) };
  };

  test('is held once the engine says that it is alive, under a lock that is no shorter than it was', () => {
    const { world, tell } = late();
    expect(tell()).toBe('held');
    expect(effects(world)).toEqual(['updateTimeout', 'put', 'publish']);
    expect(world.engine.lockMs).toBe(world.nowMs + world.firstLockMs - LIMITS.activationLockMs - 1);
    expect(world.owner.state.lockDeadlineMs).toBe(world.engine.lockMs);
  });

  test('is not held of a job that has ended since, though nothing tells of that any more: no request is sent', () => {
    const { world, tell } = late();
    world.engine.state = 'completed';
    expect(tell()).toBe('ended');
    expect([effects(world), world.standing]).toEqual([['updateTimeout'], undefined]);
  });

  test('is stale if it is not active, and told again while the engine does not say', () => {
    const { world, tell } = late();
    world.fates.push('later');
    expect(tell()).toBe('retry');
    world.engine.state = 'backoff';
    world.engine.backoffUntilMs = world.nowMs + 1;
    expect(tell()).toBe('stale');
    expect([effects(world), world.standing]).toEqual([['updateTimeout', 'updateTimeout'], undefined]);
  });

  test('costs the engine nothing where there is no room, unless the bucket knows of its job', () => {
    const { world, tell } = late();
    world.owner.room = false;
    expect(tell()).toBe('full');
    expect(effects(world)).toEqual(['read']);
    const known = late();
    known.world.takeOver().room = false;
    known.world.owners[0]!.tell({ type: 'activated', activation: known.world.activation() });
    known.world.owners[0]!.drain();
    expect(known.world.standing).toBeDefined();
    known.world.owner.abandon();
    expect(known.tell()).toBe('attached');
    expect(known.world.breaches).toEqual([]);
  });

  test('until then it is held unasked, and once its lock is over it is stale unasked', () => {
    const soon = late(LIMITS.activationLockMs);
    expect(soon.tell()).toBe('held');
    expect(effects(soon.world)).toEqual(['put', 'publish']);
    const over = late(LIMITS.activationLockMostMs);
    expect(over.tell()).toBe('stale');
    expect(effects(over.world)).toEqual([]);
  });
});

test('a reply that means nothing fails its job, a retry less, and is refused with the reason', () => {
  const world = held();
  expect(reply(world, 0, { body: '[1]' })).toBe('not-object');
  expect(world.engine.retries).toBe(2);
  expect(snapshot(world).outcome).toBe('failed');
  // Its reader may have died before Kafka had the dead letter.
  expect(reply(world, 0, { body: '[1]' })).toBe('not-object');
  // Of an attempt that is over it is still no letter for anybody else.
  expect(reply(world, 1, { body: '[1]' })).toBe('not-object');
  expect(world.engine.retries).toBe(2);
});

describe('a heartbeat', () => {
  const HEARD = { heartbeatTimeoutMs: 20_000, replyTimeoutMs: 600_000 };

  test('is written at most once in five seconds, and the newest is what is written then', () => {
    const world = held(HEARD);
    const writes = () => world.history.length;
    const before = writes();
    expect(reply(world, 0, { status: 'heartbeat', body: '{"done":1}' })).toBe('applied');
    expect(writes()).toBe(before + 1);
    for (let offset = 1; offset <= 3; offset++) {
      pass(world, 1_000);
      expect(reply(world, offset, { status: 'heartbeat', body: `{"done":${offset + 1}}` })).toBe('applied');
    }
    expect(writes()).toBe(before + 1);
    expect(nextDueMs(world.owner.state)).toBe(world.nowMs + 2_000);
    pass(world, 2_000);
    due(world);
    expect(writes()).toBe(before + 2);
    expect(snapshot(world)).toMatchObject({ progress: '{"done":4}', heartbeatDeadlineMs: world.nowMs + 18_000 });
    expect(snapshot(world).timeline.filter(({ what }) => what === 'heartbeat')).toHaveLength(1);
  });

  test('puts off the silence that fails the job, and not the reply deadline', () => {
    const world = held(HEARD);
    for (let beat = 0; beat < 5; beat++) {
      pass(world, 15_000);
      reply(world, beat, { status: 'heartbeat', body: '' });
      due(world);
    }
    expect(snapshot(world).kind).toBe('held');
    pass(world, 20_000);
    due(world);
    expect(snapshot(world)).toMatchObject({ outcome: 'timedOut' });
    expect(world.history.at(-2)?.snapshot.failing).toMatchObject({ why: 'heartbeatTimeout', retries: 2 });
  });

  test('heard while the wall clock was set back for a moment, it does not end the time in the past', () => {
    const world = held(HEARD);
    pass(world, 1_000);
    pass(world, -60_000);
    expect(reply(world, 0, { status: 'heartbeat', body: '' })).toBe('applied');
    pass(world, 60_000);
    due(world);
    expect(snapshot(world).kind).toBe('held');
    pass(world, 20_000);
    due(world);
    expect(snapshot(world)).toMatchObject({ outcome: 'timedOut' });
  });

  test('silence counts only once every reply of its time is read, and once the service was asked', () => {
    const world = held(HEARD);
    world.pass(20_000);
    due(world);
    expect(snapshot(world).kind).toBe('held');
    const unsent = new World();
    unsent.settings = { ...SETTINGS, ...HEARD };
    unsent.ask({ type: 'activated', activation: unsent.activate()! });
    pass(unsent, 20_000);
    due(unsent);
    expect(snapshot(unsent).kind).toBe('held');
    expect(unsent.owner.state.heartbeatDeadlineMs).toBe(unsent.nowMs + 20_000);
    // Not only what is left of that: the service hears of it now.
    pass(unsent, 19_000);
    unsent.kafkaTakes(unsent.owner, 1);
    unsent.owner.drain();
    expect(unsent.owner.state.heartbeatDeadlineMs).toBe(unsent.nowMs + 20_000);
  });

  test('after a takeover the service has the whole time again', () => {
    const world = held(HEARD);
    pass(world, 19_000);
    world.owner.die();
    world.takeOver().drain();
    pass(world, 19_000);
    due(world);
    expect(snapshot(world).kind).toBe('held');
    pass(world, 1_000);
    due(world);
    expect(snapshot(world).outcome).toBe('timedOut');
  });

  test('keeps its pace over a pause in memory, and over a takeover', () => {
    const world = held(HEARD);
    reply(world, 0, { status: 'heartbeat', body: '1' });
    const written = world.history.length;
    pass(world, 1_000);
    const store = new ColdStore();
    world.owner.state = unpack(JOB, world.standing!.revision, store.at(pack(world.owner.state, store)!));
    reply(world, 1, { status: 'heartbeat', body: '2' });
    world.owner.die();
    world.takeOver().drain();
    reply(world, 2, { status: 'heartbeat', body: '3' });
    expect(world.history).toHaveLength(written);
    pass(world, 4_000);
    due(world);
    expect(world.history).toHaveLength(written + 1);
    expect(snapshot(world).progress).toBe('3');
  });

  test('tells that the request was sent, though nobody here has heard so; under a business key that is seen to first', () => {
    const world = held(HEARD);
    world.acked.clear();
    world.owner.die();
    const owner = world.takeOver();
    owner.abandon(); // it has not been told of the job yet
    expect(reply(world, 0, { status: 'heartbeat', body: '' })).toBe('applied');
    expect(snapshot(world)).toMatchObject({ sentAttempt: 1 });
    expect(owner.publisher.size).toBe(0);
    const keyed = held(HEARD, 'order-7');
    keyed.acked.clear();
    keyed.owner.die();
    keyed.takeOver().abandon();
    expect(reply(keyed, 0, { status: 'heartbeat', body: '' }, 0)).toBe('applied');
    expect([...keyed.owner.publisher]).toEqual([1]);
  });

  test('of another attempt, or after the end, is dropped', () => {
    const world = held(HEARD);
    reply(world, 0, { status: 'heartbeat', body: '' }, 2);
    expect(reply(world, 1, { status: 'heartbeat', body: '' }, 2)).toBe('lateDropped');
    reply(world, 2, { status: 'failure', body: '' });
    expect(reply(world, 3, { status: 'heartbeat', body: '' })).toBe('lateDropped');
  });
});

test('when time is up, a BPMN error if the route says so', () => {
  const world = held({ onReplyTimeout: 'error', timeoutErrorCode: 'TOO_LATE' });
  pass(world, SETTINGS.replyTimeoutMs);
  due(world);
  expect(world.engine.thrown).toEqual([expect.objectContaining({ code: 'TOO_LATE' })]);
  expect(snapshot(world).outcome).toBe('bpmnError');
});

describe('a reply that comes too late', () => {
  /** The instance was cancelled, and a renewal has noticed. */
  function cancelled(settings: Partial<CallSettings>, businessKey = ''): World {
    const world = held(settings, businessKey);
    world.engine.state = 'cancelled';
    world.nowMs = world.owner.state.engineAtMs;
    due(world);
    expect(snapshot(world).outcome).toBe('cancelled');
    return world;
  }

  test('is for the dead letters, or nobody, or whoever catches a message', () => {
    expect(reply(cancelled({}), 0)).toBe('late');
    expect(reply(cancelled({ onLate: 'drop' }), 0)).toBe('lateDropped');
    const world = cancelled({ onLate: 'publishMessage', lateMessageName: 'late-charge' });
    expect(reply(world, 7, { body: '{"a":1}' })).toBe('latePublished');
    expect(world.owner.effects.at(-1)).toEqual({
      do: 'publishMessage',
      message: {
        name: 'late-charge',
        correlationKey: '1',
        messageId: '2251799813685249/0/7',
        timeToLiveMs: LIMITS.lateMessageMs,
        tenantId: '<default>',
        variables: '{"a":1}',
      },
    });
  });

  test('is published under its business key, by and by, and else kept: it holds up nothing behind it', () => {
    const world = cancelled({ onLate: 'publishMessage', lateMessageName: 'late' }, 'order-7');
    world.fates.push('later', 'lostAfter');
    expect(reply(world, 0)).toBe('latePublished');
    expect(world.owner.effects.at(-1)).toMatchObject({ message: { correlationKey: 'order-7' } });
    world.fates.push('never');
    expect(reply(world, 0)).toBe('late');
    world.fates.push(...new Array(LIMITS.lateMessageTries).fill('later'));
    expect(reply(world, 0)).toBe('late');
    expect(world.fates).toEqual([]);
  });
});

describe('a cancel record', () => {
  const TOLD = { cancelTopic: 'charges' };

  test('follows the tombstone of a job that was cancelled or ran out of time', () => {
    const world = held(TOLD);
    world.engine.state = 'cancelled';
    world.nowMs = world.owner.state.engineAtMs;
    due(world);
    expect(effects(world).slice(-2)).toEqual(['put', 'cancelRecord']);
    const record = { attempt: 1, correlationId: 'id-1', topic: 'charges', profile: 'spring' };
    expect(world.cancelRecords).toEqual([expect.objectContaining({ ...record, reason: 'cancelled' })]);
    const slow = held(TOLD, 'order-7');
    pass(slow, SETTINGS.replyTimeoutMs);
    due(slow);
    expect(slow.cancelRecords).toEqual([expect.objectContaining({ correlationId: 'order-7', reason: 'timedOut' })]);
  });

  test('follows a result by hand that the engine does not take: the service has not answered', () => {
    const world = held(TOLD);
    world.fates.push('never');
    expect(operate(world, { act: 'complete', variables: '{"paid":true}' })).toMatchObject({ result: 'refused' });
    expect(effects(world).slice(-3)).toEqual(['fail', 'put', 'cancelRecord']);
    expect(world.cancelRecords).toEqual([expect.objectContaining({ correlationId: 'id-1', reason: 'byHand' })]);
  });

  test.each([
    ['fail', { act: 'fail', message: 'the shop burnt down', retries: undefined, backoffMs: undefined }],
    ['throw', { act: 'throw', errorCode: 'GONE', message: '', variables: '' }],
    ['drop', { act: 'drop' }],
  ] as const)('follows what an operator did instead of the service: %s', (_, act) => {
    const world = held(TOLD);
    operate(world, act);
    expect(effects(world).slice(-3)).toEqual([act.act === 'throw' ? 'throwError' : 'fail', 'put', 'cancelRecord']);
    const record = { attempt: 1, correlationId: 'id-1', topic: 'charges', profile: 'spring', reason: 'byHand' };
    expect(world.cancelRecords).toEqual([expect.objectContaining(record)]);
    // The engine does not answer at first: told once it has, not before.
    const later = held(TOLD);
    later.fates.push('later');
    operate(later, act);
    expect([later.standing?.snapshot.kind, later.cancelRecords]).toEqual(['failing', []]);
    later.nowMs = later.owner.state.engineAtMs;
    due(later);
    expect(later.cancelRecords).toEqual([expect.objectContaining(record)]);
  });

  test('follows the cancellation that an operator finds when he fails the job', () => {
    const world = held(TOLD);
    world.engine.state = 'cancelled';
    operate(world, { act: 'fail', message: 'given up', retries: undefined, backoffMs: undefined });
    expect(snapshot(world).outcome).toBe('cancelled');
    expect(world.cancelRecords).toEqual([expect.objectContaining({ reason: 'cancelled' })]);
  });

  test('is not sent of a job that an operator completed, nor of one whose request was never sent', () => {
    const world = held(TOLD);
    expect(operate(world, { act: 'complete', variables: '{}' }).result).toBe('done');
    const unsent = new World();
    unsent.settings = { ...SETTINGS, ...TOLD };
    unsent.ask({ type: 'activated', activation: unsent.activate()! });
    expect(operate(unsent, { act: 'drop' }).result).toBe('done');
    for (const { cancelRecords } of [world, unsent]) expect(cancelRecords).toEqual([]);
  });

  test('is not sent when another owner completed the job just before its time ran out', () => {
    const world = held(TOLD);
    pass(world, SETTINGS.replyTimeoutMs);
    world.owner.tell({ type: 'due' });
    while (!world.engine.calls.includes('fail')) world.owner.step();
    const { snapshot: failing } = world.standing!;
    world.store({ ...failing, kind: 'replied', failing: undefined, reply: STORED });
    world.store(
      { ...failing, kind: 'ended', failing: undefined, outcome: 'completed', endedAtMs: world.nowMs },
      600_000,
    );
    world.owner.drain();
    expect(snapshot(world).outcome).toBe('completed');
    expect(world.cancelRecords).toEqual([]);
  });

  test('is not sent when the route wants none, nothing was asked, the service answered, or nobody knows who ended it', () => {
    const none = held();
    none.engine.state = 'cancelled';
    none.nowMs = none.owner.state.engineAtMs;
    due(none);
    const unsent = new World();
    unsent.settings = { ...SETTINGS, ...TOLD };
    unsent.ask({ type: 'activated', activation: unsent.activate()! });
    unsent.engine.state = 'cancelled';
    unsent.nowMs = unsent.owner.state.engineAtMs;
    due(unsent);
    const answered = held(TOLD);
    reply(answered, 0, { status: 'error', code: 'X', body: '' });
    const completed = held(TOLD);
    reply(completed, 0);
    const unknown = held(TOLD);
    unknown.engine.state = 'cancelled';
    unknown.owner.die();
    unknown.takeOver().drain();
    unknown.nowMs = unknown.owner.state.engineAtMs;
    due(unknown);
    expect(snapshot(unknown).outcome).toBe('gone');
    for (const world of [none, unsent, answered, completed, unknown]) expect(world.cancelRecords).toEqual([]);
  });
});

describe('a business key', () => {
  test('is claimed before the hold, and is what the service sees, in every attempt', () => {
    const world = held({}, 'order-7');
    expect(effects(world)).toEqual(['claimAlias', 'put', 'publish']);
    expect(snapshot(world).alias).toBe('order-7');
    reply(world, 0, { status: 'failure', body: '' }, 0);
    pass(world, SETTINGS.retryBackoffMs);
    world.ask({ type: 'activated', activation: world.activate()! });
    const sent = world.owner.effects.flatMap((effect) => (effect.do === 'publish' ? [effect.request] : []));
    expect(sent.map(({ correlationId, attempt }) => [correlationId, attempt])).toEqual([
      ['order-7', 1],
      ['order-7', 2],
    ]);
  });

  test('that another call has fails the job, a retry less after its backoff, and asks the service nothing', () => {
    const world = new World();
    world.businessKey = 'order-7';
    world.taken = 'order-7';
    expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('failed');
    expect(world.engine).toMatchObject({ retries: 2, backoffUntilMs: world.nowMs + SETTINGS.retryBackoffMs });
    expect(world.history[0]?.snapshot.failing?.cause).toMatch(/business key "order-7"/);
    expect(effects(world)).not.toContain('publish');
  });
});

test('a fault that may pass costs a retry and waits for the backoff', () => {
  const world = new World();
  const activation = { ...world.activate()!, fault: 'the registry is away', faultPasses: true };
  expect(world.ask({ type: 'activated', activation })).toBe('failed');
  expect(world.engine).toMatchObject({ retries: 2, backoffUntilMs: world.nowMs + SETTINGS.retryBackoffMs });
  expect(world.history[0]?.snapshot.failing).toMatchObject({
    why: 'notSent',
    cause: expect.stringMatching(/registry is away/),
  });
});

test('a parked reply means what the settings of its activation say: an error too', () => {
  const world = new World();
  world.activate();
  expect(reply(world, 0, { status: 'error', code: 'DECLINED', message: 'm', body: '' })).toBe('applied');
  expect(snapshot(world)).toMatchObject({ kind: 'parked', reply: { status: 'error', code: 'DECLINED' } });
  world.pass(LIMITS.releaseLockMs);
  expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('failed');
  expect(world.engine.thrown).toEqual([expect.objectContaining({ code: 'DECLINED' })]);
  expect(world.breaches).toEqual([]);
});

test('a parked result that its activation makes too large to be stored fails the job, a retry less', () => {
  const world = new World();
  world.activate();
  expect(reply(world, 0, { body: '{"a":1}' })).toBe('applied');
  world.pass(LIMITS.releaseLockMs);
  world.mostChars = 3;
  expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('failed');
  expect(world.engine).toMatchObject({ state: 'backoff', retries: 2 });
  expect(snapshot(world).timeline.map(({ what }) => what)).toContain('failing: malformed');
  expect(world.breaches.filter((wrong) => !wrong.includes('fails for a reply to another'))).toEqual([]);
});

test('of replies that are parked the first counts, but for a result that takes the place of an error', () => {
  const world = new World();
  world.activate();
  expect(reply(world, 0, { status: 'failure', body: '' })).toBe('applied');
  expect(reply(world, 1, { status: 'failure', body: '' })).toBe('duplicate');
  expect(reply(world, 2, { body: '{"a":1}' })).toBe('applied');
  expect(reply(world, 3, { body: '{"a":2}' })).toBe('duplicate');
  expect(reply(world, 4, { status: 'error', code: 'X', body: '' })).toBe('duplicate');
  world.pass(LIMITS.releaseLockMs);
  world.ask({ type: 'activated', activation: world.activate()! });
  expect(world.engine.completedWith).toBe('{"a":1}');
  expect(world.breaches).toEqual([]);
});

test('a header of the route that has the name of our mark is the service’s', () => {
  const world = new World();
  const activation = world.activate()!;
  const headers = [['kafka_correlationId', 'their own']] as const;
  world.ask({ type: 'activated', activation: { ...activation, request: { ...activation.request, headers } } });
  const [sent] = world.owner.effects.flatMap((effect) => (effect.do === 'publish' ? [effect.request] : []));
  expect(sent).toMatchObject({ correlationId: 'id-1', content: { headers } });
});
