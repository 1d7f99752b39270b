// What one incarnation is asked on by itself, and what is counted of it.
import { expect, test } from 'vitest';
import type { Incarnation } from '../../src/actors/ids.ts';
import { EndpointCount } from '../../src/cluster/endpoint-count.ts';
import { Endpoints } from '../../src/cluster/endpoints.ts';
import { MemoryBus, ping } from './memory.ts';

test('a ping is answered with nothing, a wish for shards is handed on without an answer; both are counted', () => {
  const bus = new MemoryBus();
  const wishes: string[] = [];
  const router = { commands: new EndpointCount(), answers: new EndpointCount() };
  const endpoints = new Endpoints({
    ...{ bus, cluster: 'c', incarnation: 'n1-1' as Incarnation, router },
    onRelease: (data) => wishes.push(Buffer.from(data).toString()),
  });
  endpoints.start();
  router.commands.requests = 5;
  const told = (subject: string, text = '') => {
    return bus.handlers.get(subject)?.({ subject, data: Buffer.from(text), reply: 'inbox' });
  };
  const release = ping('n1-1').replace(/ping$/, 'release');
  expect(told(ping('n1-1'))).toEqual(new Uint8Array());
  expect([told(release, 'shard 3'), told(release, 'shard 4')]).toEqual([undefined, undefined]);
  expect(wishes).toEqual(['shard 3', 'shard 4']);
  const listed = endpoints.list().map(({ name, subject, count }) => [name, subject, count.requests]);
  expect(listed).toEqual([
    ['commands', 'holdfast.c.node.n1-1.commands', 5],
    ['answers', 'holdfast.c.node.n1-1.answers', 0],
    ['ping', 'holdfast.c.node.n1-1.ping', 1],
    ['release', 'holdfast.c.node.n1-1.release', 2],
  ]);
  endpoints.stop();
  expect(bus.handlers.size).toBe(0);
});
