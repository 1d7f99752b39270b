// A thousand and more jobs that wait, in virtual time: when one is cancelled in the engine, how soon that is noticed, and how
// many probes that costs the engine.
import { expect, test } from 'vitest';
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { bridgeNodes } from './bridge-node.ts';
import { CALM } from './faults.ts';
import { World } from './world.ts';

const SECOND = 1_000;
const PACE = 50;
/** Ticks of the timer wheel and of the queue, the answer, the write of the tombstone. */
const SLACK_MS = SECOND;
const UNANSWERED = { ...CALM, service: { ...CALM.service, never: 1 } };

/** A cluster that holds so many jobs, taken within this time, of which none is answered. */
async function waiting(pending: number, overMs: number, nodes = 1): Promise<World> {
  const factory = bridgeNodes({ leaseTtlMs: 15 * SECOND, route: { replyTimeoutMs: 3_600 * SECOND } });
  const world = new World({ seed: 1, nodes, factory, faults: UNANSWERED });
  world.startAll();
  await world.run(8 * SECOND);
  world.startInstances(pending, overMs);
  await world.run(overMs + SECOND);
  return world;
}

/** Cancels so many jobs, each at some moment of the coming minute; answers when, by job. */
async function cancelled(world: World, count: number): Promise<Map<string, number>> {
  const open = [...world.engine.jobs.jobs.values()].filter((job) => job.state !== 'ended').map((job) => job.key);
  const atMs = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const [key = ''] = open.splice(Math.floor(world.random.float() * open.length), 1);
    world.clock.setTimer(world.random.float() * 60 * SECOND, () => {
      atMs.set(key, world.nowMs);
      world.engine.jobs.cancel(key);
    });
  }
  await world.run(60 * SECOND);
  return atMs;
}

/** How long it took until their tombstones stood, the longest last. */
function noticedAfterMs(world: World, cancelledMs: ReadonlyMap<string, number>): number[] {
  const waits: number[] = [];
  for (const { key, value, atMs } of world.history.of('stored')) {
    const sinceMs = cancelledMs.get(key.split('.')[1] ?? '');
    if (sinceMs !== undefined && decodeSnapshot(value).outcome === 'cancelled') waits.push(atMs - sinceMs);
  }
  return waits.sort((a, b) => a - b);
}

function probesMs(world: World, fromMs = 0): number[] {
  const probes = world.history.of('command').filter(({ command }) => command === 'updateTimeout');
  return probes.map(({ atMs }) => atMs).filter((atMs) => atMs >= fromMs);
}

/** The most of these moments within any second. */
function mostPerSecond(moments: readonly number[]): number {
  let most = 0;
  let first = 0;
  moments.forEach((atMs, last) => {
    while (moments[first]! < atMs - SECOND + 1) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}

test.each([
  { pending: 1_000, overMs: 20 * SECOND, nodes: 1, withinMs: 60 * SECOND },
  { pending: 1_000, overMs: 0, nodes: 3, withinMs: 60 * SECOND },
  { pending: 4_000, overMs: 20 * SECOND, nodes: 1, withinMs: 80 * SECOND },
])(
  '$pending jobs pending, taken over $overMs ms, nodes $nodes: the cancelled are noticed within $withinMs ms, at an even pace',
  async ({ pending, overMs, nodes, withinMs }) => {
    const world = await waiting(pending, overMs, nodes);
    await world.run(120 * SECOND);
    const { activated, updateTimeouts } = counts(world);
    const cancelledMs = await cancelled(world, 100);
    await world.run(withinMs + SLACK_MS);
    const waits = noticedAfterMs(world, cancelledMs);
    expect(waits).toHaveLength(100);
    expect(waits.at(-1)).toBeLessThanOrEqual(withinMs + SLACK_MS);
    // Each member may carry a part of a turn over into the next second.
    expect(mostPerSecond(probesMs(world))).toBeLessThanOrEqual(PACE + nodes - 1);
    // Once all have had their turn no lock lapses any more, and a job is asked about no more often than it must.
    expect(counts(world).activated).toBe(activated);
    const turnsOfAll = (60 * SECOND + withinMs + SLACK_MS) / (0.75 * withinMs);
    expect(counts(world).updateTimeouts - updateTimeouts).toBeLessThanOrEqual(pending * turnsOfAll);
    world.assertHolds();
  },
  60_000,
);

test('an engine that refuses is asked ever less, one that takes up again a little more each second, and the promise holds again', async () => {
  const world = await waiting(1_000, 20 * SECOND);
  await world.run(60 * SECOND);
  world.faults = { ...UNANSWERED, engine: { ...UNANSWERED.engine, backpressure: 1 } };
  await world.run(60 * SECOND);
  const refusedMs = world.nowMs;
  await world.run(60 * SECOND);
  // Between the least and what a second adds to it.
  expect(probesMs(world, refusedMs).length).toBeLessThanOrEqual(60 * 2);
  world.faults = UNANSWERED;
  const healedMs = world.nowMs;
  await world.run(10 * SECOND);
  expect(mostPerSecond(probesMs(world, healedMs))).toBeLessThanOrEqual(1 + 10);
  await world.run(60 * SECOND);
  const cancelledMs = await cancelled(world, 50);
  await world.run(60 * SECOND + SLACK_MS);
  const waits = noticedAfterMs(world, cancelledMs);
  expect(waits).toHaveLength(50);
  expect(waits.at(-1)).toBeLessThanOrEqual(60 * SECOND + SLACK_MS);
  world.assertHolds();
}, 60_000);

test('with twice as many slow jobs coming as can be renewed in time, locks get longer instead of lapsing over and over', async () => {
  const pending = 6_000;
  const world = await waiting(pending, 60 * SECOND);
  await world.run(60 * SECOND);
  // With a first lock of 20 s each of some thousands would have come back every 20 s.
  expect(counts(world).activated).toBeLessThan(1.3 * pending);
  expect(mostPerSecond(probesMs(world))).toBeLessThanOrEqual(PACE);
  const lapsedBefore = counts(world).activated;
  await world.run(120 * SECOND);
  expect(counts(world).activated, 'once all have been renewed').toBe(lapsedBefore);
  world.assertHolds();
}, 60_000);

function counts(world: World) {
  return { activated: world.history.of('activated').length, updateTimeouts: probesMs(world).length };
}
