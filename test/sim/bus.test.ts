// The simulated core NATS: who is told "no responders", and who just hears nothing.
import { expect, test } from 'vitest';
import type { BusAnswer } from '../../src/cluster/ports.ts';
import { SimBus } from './sim-bus.ts';
import { World } from './world.ts';

const idle = () => ({ start: async () => {}, stop: async () => {} });
const data = new Uint8Array([1, 2, 3]);

function setUp() {
  const world = new World({ seed: 9, factory: idle });
  world.startAll();
  const [a, b] = [new SimBus(world.bus, world.host('n1')), new SimBus(world.bus, world.host('n2'))];
  let heard = 0;
  b.subscribe('holdfast.sim.n2', (message) => {
    heard++;
    return message.data.map((byte) => byte + 1);
  });
  const ask = async (): Promise<{ answer: BusAnswer; tookMs: number }> => {
    const startMs = world.nowMs;
    const answer = await world.ask(a.request('holdfast.sim.n2', data, 500));
    return { answer, tookMs: world.nowMs - startMs };
  };
  return { world, a, b, ask, heard: () => heard };
}

test('a living node answers, a killed one has no responders, soon', async () => {
  const { world, ask } = setUp();
  expect((await ask()).answer).toEqual({ kind: 'answer', data: new Uint8Array([2, 3, 4]) });
  world.kill('n2');
  await world.run(5);
  const { answer, tookMs } = await ask();
  expect(answer).toEqual({ kind: 'noResponders' });
  expect(tookMs).toBeLessThan(10);
});

test('a frozen node and a silent link say nothing, and hear late what was sent to them', async () => {
  const { world, ask, heard } = setUp();
  world.pause('n2');
  expect(await ask()).toEqual({ answer: { kind: 'silence' }, tookMs: 500 });
  expect(heard()).toBe(0);
  world.resume('n2');
  await world.run(10);
  expect(heard()).toBe(1);
  world.cut('n2', 'nats', 'silent');
  expect((await ask()).answer).toEqual({ kind: 'silence' });
  world.heal('n2', 'nats');
  await world.run(10);
  expect(heard()).toBe(2);
});

test('a node that lost its connection knows it, has no responders, and is back by itself', async () => {
  const { world, a, b, ask, heard } = setUp();
  const changes: boolean[] = [];
  b.onConnection((connected) => changes.push(connected));
  world.cut('n2', 'nats', 'down');
  await world.run(10);
  expect([b.connected(), changes]).toEqual([false, [false]]);
  expect((await ask()).answer).toEqual({ kind: 'noResponders' });
  world.heal('n2', 'nats');
  await world.run(300);
  expect([b.connected(), changes]).toEqual([true, [false, true]]);
  expect((await ask()).answer.kind).toBe('answer');
  world.cut('n1', 'nats', 'down');
  a.publish('holdfast.sim.n2', data);
  expect((await ask()).answer).toEqual({ kind: 'silence' });
  await world.run(1_000);
  expect(heard()).toBe(1);
});

test('a parted pair does not hear each other, until it is joined', async () => {
  const { world, ask } = setUp();
  world.bus.part('n2', 'n1');
  expect((await ask()).answer).toEqual({ kind: 'silence' });
  world.bus.join('n1', 'n2');
  expect((await ask()).answer.kind).toBe('answer');
});
