// What passes per second, counted where it happens.
import { expect, test } from 'vitest';
import { CLUSTER_LIMITS } from '../../../src/cluster/limits.ts';
import { FLOW_SECONDS, Flow } from '../../../src/gateway/operations/flow.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const second = (clock: ManualClock) => Math.floor(clock.wallMs() / 1000);

test('each step is counted in its own second, oldest first, and the present second not at all', async () => {
  const clock = new ManualClock();
  const flow = new Flow(clock);
  flow.hold('a', 'held');
  flow.hold('a', 'attached');
  await clock.advance(1_000);
  flow.hold('a', 'full');
  flow.request('acked');
  flow.request('refused');
  flow.reply('applied');
  flow.reply('duplicate');
  await clock.advance(2_000);
  flow.outcome('a', 'completed');
  flow.outcome('a', 'timedOut');
  flow.outcome('a', 'bpmnError');
  flow.outcome('a', 'cancelled');
  await clock.advance(1_000);
  flow.outcome('a', 'completed'); // in the second that is not over
  expect(flow.counts(second(clock), 4)).toEqual({
    activated: [2, 1, 0, 0],
    held: [1, 0, 0, 0],
    sent: [0, 1, 0, 0],
    replied: [0, 1, 0, 0],
    completed: [0, 0, 0, 1],
    thrown: [0, 0, 0, 1],
    failed: [0, 0, 0, 1],
  });
});

test('after the longest time what was counted is forgotten, and not counted again', async () => {
  const clock = new ManualClock();
  const flow = new Flow(clock);
  for (let i = 0; i < 1_000; i++) {
    flow.hold('a', 'held');
    await clock.advance(1_000);
  }
  const { held } = flow.counts(second(clock), FLOW_SECONDS);
  expect(held).toEqual(new Array(FLOW_SECONDS).fill(1));
  await clock.advance(700_000);
  expect(flow.counts(second(clock), FLOW_SECONDS).held).toEqual(new Array(FLOW_SECONDS).fill(0));
});

test('of a lane it is said how many are held and end per second, over ten of them', async () => {
  const clock = new ManualClock();
  const flow = new Flow(clock);
  for (let i = 0; i < 20; i++) {
    flow.hold('a', 'held');
    flow.hold('b', 'full');
    if (i % 2 === 0) flow.outcome('a', 'gone');
    await clock.advance(1_000);
  }
  expect(flow.rates()).toEqual(new Map([['a', { heldPerSecond: 1, endedPerSecond: 0.5 }]]));
  await clock.advance(11_000);
  expect(flow.rates().get('a')).toEqual({ heldPerSecond: 0, endedPerSecond: 0 });
});

test('nobody makes it grow by inventing lanes', () => {
  const flow = new Flow(new ManualClock());
  for (let i = 0; i < 2 * CLUSTER_LIMITS.lanes; i++) flow.hold(`lane-${i}`, 'held');
  expect(flow.rates().size).toBe(CLUSTER_LIMITS.lanes);
});
