// What a person does to a pending job by hand: each act in the states in which it can be done, and what it says in the others.
import { describe, expect, test } from 'vitest';
import type { ActAnswer, OperatorAct } from '../../src/actors/messages.ts';
import { LOCK_MS, World } from './pending-job-world.ts';

type Act = OperatorAct extends infer A ? (A extends OperatorAct ? Omit<A, 'by' | 'id'> : never) : never;

function operate(world: World, act: Act, id = 'a1'): ActAnswer {
  return world.ask({ type: 'operated', act: { ...act, by: 'anna', id } as OperatorAct }) as ActAnswer;
}

/** Held, and Kafka has its request. */
function held(): World {
  const world = new World();
  world.ask({ type: 'activated', activation: world.activate()! });
  world.kafkaTakes(world.owner, 1);
  world.owner.drain();
  return world;
}

const FAIL: Act = { act: 'fail', message: 'the shop burnt down', retries: undefined, backoffMs: undefined };
const COMPLETE: Act = { act: 'complete', variables: '{"paid":12345678901234567890}' };

describe('resend', () => {
  test('the job comes back from the engine, to the next owner if need be, and its request is published under the same attempt, with its variables as they are now', () => {
    const world = held();
    expect(operate(world, { act: 'resend' }).result).toBe('later');
    expect(world.owner.publisher.size).toBe(0);
    world.takeOver();
    world.owner.drain();
    world.pass(600);
    const activation = world.activate();
    expect(activation, 'its lock was shortened').toBeDefined();
    const request = { ...activation!.request, body: '{"a":2}' };
    expect(world.ask({ type: 'activated', activation: { ...activation!, request } })).toBe('attached');
    const effects = world.owners.flatMap((owner) => owner.effects);
    const published = effects.filter((effect) => effect.do === 'publish');
    expect(
      published.map(({ request: { attempt, correlationId, content } }) => [attempt, correlationId, content.body]),
    ).toEqual([
      [1, 'id-1', '{"a":1}'],
      [1, 'id-1', '{"a":2}'],
    ]);
    world.kafkaTakes(world.owner, 1);
    world.owner.drain();
    world.pass(LOCK_MS);
    world.ask({ type: 'activated', activation: world.activate()! });
    expect(world.owner.publisher.size, 'once').toBe(0);
    expect(world.breaches).toEqual([]);
  });

  test('refused by Kafka, it costs the job nothing: its first request was sent', () => {
    const world = held();
    operate(world, { act: 'resend' });
    world.pass(600);
    world.ask({ type: 'activated', activation: world.activate()! });
    world.kafkaTakes(world.owner, 1, { kind: 'refused', reason: 'no topic' });
    world.owner.drain();
    expect(world.standing?.snapshot).toMatchObject({ kind: 'held', attempt: 1, sentAttempt: 1, request: undefined });
    expect(world.standing?.snapshot.timeline.at(-1)?.what).toBe('not sent again: no topic');
    expect(world.engine.calls).toEqual(['updateTimeout']);
    expect(world.breaches).toEqual([]);
  });

  test('a heartbeat that comes meanwhile does not take the wish back, also when it is written', () => {
    const world = new World();
    world.settings = { ...world.settings, heartbeatTimeoutMs: 60_000 };
    world.ask({ type: 'activated', activation: world.activate()! });
    world.kafkaTakes(world.owner, 1);
    world.owner.drain();
    operate(world, { act: 'resend' });
    const stored = world.history.length;
    world.ask({ type: 'replied', reply: world.reply(0, { status: 'heartbeat', body: '1' }) });
    expect(world.history.length, 'the heartbeat was written').toBe(stored + 1);
    expect(world.standing?.snapshot).toMatchObject({ kind: 'held', resend: true });
    world.takeOver();
    world.owner.drain();
    world.pass(600);
    expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('attached');
    expect(world.owner.publisher.size).toBe(1);
    expect(world.standing?.snapshot.resend).toBe(false);
    expect(world.breaches).toEqual([]);
  });

  test('of a request that is still on its way nothing is sent twice', () => {
    const world = new World();
    world.ask({ type: 'activated', activation: world.activate()! });
    expect(operate(world, { act: 'resend' })).toMatchObject({ result: 'wrongState' });
    expect(world.engine.calls).toEqual([]);
  });

  test('of a job that the engine has no more: it has ended', () => {
    const world = held();
    world.engine.state = 'cancelled';
    expect(operate(world, { act: 'resend' }).result).toBe('gone');
    expect(world.outcome).toBe('cancelled');
  });

  test('an engine that does not answer is asked again, and not for a longer lock', () => {
    const world = held();
    world.fates.push('later');
    expect(operate(world, { act: 'resend' }).result).toBe('later');
    world.pass(1_000);
    world.ask({ type: 'due' });
    world.pass(600);
    world.ask({ type: 'activated', activation: world.activate()! });
    expect(world.owner.publisher.size).toBe(1);
  });
});

test('extend: the reply may come later, told in the snapshot, so that any owner knows', () => {
  const world = held();
  const untilMs = world.nowMs + 7_200_000;
  expect(operate(world, { act: 'extend', replyTimeoutMs: 7_200_000 }).result).toBe('done');
  expect(world.standing?.snapshot).toMatchObject({ kind: 'held', replyDeadlineMs: untilMs });
  world.pass(world.settings.replyTimeoutMs + 1);
  world.replyProgressMs = world.nowMs;
  world.takeOver();
  world.owner.drain();
  world.ask({ type: 'due' });
  expect(world.standing?.snapshot.kind).toBe('held');
});

test('complete: stored as the result before the engine is told, number for number; a reply after it is a duplicate', () => {
  const world = held();
  expect(operate(world, COMPLETE).result).toBe('done');
  expect(world.history.at(-2)?.snapshot).toMatchObject({ kind: 'replied', reply: { body: COMPLETE.variables } });
  expect(world.engine.completedWith).toBe(COMPLETE.variables);
  expect(world.outcome).toBe('completed');
  expect(world.standing?.snapshot.applied, 'it stands at no position').toEqual([]);
  expect(world.ask({ type: 'replied', reply: world.reply(0) })).toBe('duplicate');
});

test('complete with what the engine never takes: refused, and like a reply of that kind it costs a retry', () => {
  const world = held();
  world.fates.push('never');
  expect(operate(world, COMPLETE)).toMatchObject({ result: 'refused' });
  expect(world.outcome).toBe('failed');
});

test('complete, while the engine is away: it is stored, and happens by itself, under another owner too', () => {
  const world = held();
  world.fates.push('later');
  expect(operate(world, COMPLETE).result).toBe('later');
  world.takeOver();
  world.owner.drain();
  world.pass(20_000);
  world.ask({ type: 'due' });
  expect(world.engine.completedWith).toBe(COMPLETE.variables);
});

test('fail: a retry less, or as many as are said, with the message', () => {
  const one = held();
  expect(operate(one, FAIL).result).toBe('done');
  expect(one.engine).toMatchObject({ retries: 2, state: 'backoff', backoffUntilMs: one.nowMs + 5_000 });
  expect(one.history.at(-2)?.snapshot.failing?.cause).toBe('the shop burnt down');
  const none = held();
  operate(none, { ...FAIL, retries: 0, backoffMs: 0 } as Act);
  expect(none.engine.state).toBe('incident');
});

test('throw: the error with its code and variables', () => {
  const world = held();
  operate(world, { act: 'throw', errorCode: 'FIRE', message: 'the shop burnt down', variables: '{"floor":1}' });
  expect(world.engine.thrown).toEqual([{ code: 'FIRE', message: 'the shop burnt down', variables: '{"floor":1}' }]);
  expect(world.outcome).toBe('bpmnError');
});

test('drop: the engine keeps its retries, and the job begins anew as the next attempt; a reply to the first still completes it', () => {
  const world = held();
  expect(operate(world, { act: 'drop' }).result).toBe('done');
  expect(world.engine.retries).toBe(3);
  world.pass(1);
  expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('held');
  expect(world.standing?.snapshot.attempt).toBe(2);
  expect(world.ask({ type: 'replied', reply: world.reply(0, {}, 1) })).toBe('applied');
  expect(world.engine.completedWith).toBe('{"reply":0}');
  expect(world.breaches).toEqual([]);
});

test('drop of a parked reply: it is gone, and its job begins anew', () => {
  const world = new World();
  world.activate();
  expect(world.ask({ type: 'replied', reply: world.reply(0) })).toBe('applied');
  expect(world.standing?.snapshot.kind).toBe('parked');
  expect(operate(world, { act: 'drop' }).result).toBe('done');
  world.pass(600);
  expect(world.ask({ type: 'activated', activation: world.activate()! })).toBe('held');
  expect(world.owner.publisher.size).toBe(1);
});

test('told twice, because its answer was lost, it is done once; also by the next owner', () => {
  for (const act of [
    COMPLETE,
    FAIL,
    { act: 'extend', replyTimeoutMs: 60_000 },
    { act: 'drop' },
    { act: 'resend' },
  ] as Act[]) {
    const world = held();
    const first = operate(world, act);
    const stored = world.history.length;
    const calls = world.engine.calls.length;
    world.takeOver();
    world.owner.drain();
    expect(operate(world, act).result, act.act).toBe(first.result);
    expect(world.history.length, act.act).toBe(stored);
    expect(world.engine.calls.length, act.act).toBe(calls);
  }
});

test('in other states it is said why not, and nothing happens', () => {
  const nothing = new World();
  expect(operate(nothing, FAIL).result).toBe('absent');
  const ended = held();
  ended.ask({ type: 'replied', reply: ended.reply(0) });
  expect(operate(ended, COMPLETE)).toMatchObject({ result: 'absent', detail: expect.stringContaining('completed') });
  const replied = held();
  replied.fates.push('later');
  replied.ask({ type: 'replied', reply: replied.reply(0) });
  for (const act of [FAIL, COMPLETE, { act: 'drop' }, { act: 'resend' }] as Act[])
    expect(operate(replied, act), act.act).toMatchObject({
      result: 'wrongState',
      detail: expect.stringContaining('its result is stored'),
    });
  replied.owner.drain();
  const parked = new World();
  parked.activate();
  parked.ask({ type: 'replied', reply: parked.reply(0) });
  expect(operate(parked, COMPLETE).result).toBe('wrongState');
});

test('who did it, and under which id it is audited, stands in the timeline', () => {
  const world = held();
  operate(world, FAIL, 'b7');
  expect(world.standing?.snapshot.timeline.map(({ what }) => what)).toContain('fail by anna (b7)');
});

test('what can never be stored is refused, and the job stays as it is', () => {
  const world = held();
  world.mostChars = 1_000;
  expect(operate(world, { act: 'complete', variables: `{"x":"${'x'.repeat(2_000)}"}` }).result).toBe('refused');
  expect(world.standing?.snapshot.kind).toBe('held');
});
