// What a node says of itself to NATS's service monitoring (ADR-32): who asks how, and what is in the answers.
import { expect, test } from 'vitest';
import type { Incarnation } from '../../src/actors/ids.ts';
import { EndpointCount } from '../../src/cluster/endpoint-count.ts';
import { NatsService } from '../../src/cluster/nats/service.ts';
import { MemoryBus } from './memory.ts';

const INCARNATION = 'n1-0123456789ab' as Incarnation;

function service(bus: MemoryBus, counts: Readonly<Record<string, EndpointCount>> = {}): NatsService {
  return new NatsService({
    ...{ bus, cluster: 'orders', node: 'n1', version: '1.2.3', incarnation: INCARNATION, startedMs: 1_767_225_600_000 },
    endpoints: () =>
      Object.entries(counts).map(([name, count]) => ({ name, subject: `holdfast.orders.node.x.${name}`, count })),
  });
}

function asked(bus: MemoryBus, subject: string): Record<string, unknown> {
  const answer = bus.handlers.get(subject)?.({ subject, data: new Uint8Array(), reply: 'inbox' });
  return JSON.parse(Buffer.from(answer ?? []).toString());
}

test('it hears questions to all, to its cluster, and to itself, and nothing more once it has stopped', () => {
  const bus = new MemoryBus();
  const listed = service(bus);
  for (const question of ['PING', 'INFO', 'STATS']) {
    for (const to of ['', '.holdfast-orders', `.holdfast-orders.${INCARNATION}`]) {
      expect(asked(bus, `$SRV.${question}${to}`)).toMatchObject({
        name: 'holdfast-orders',
        id: INCARNATION,
        version: '1.2.3',
        metadata: { cluster: 'orders', node: 'n1' },
        type: `io.nats.micro.v1.${question.toLowerCase()}_response`,
      });
    }
  }
  expect(bus.handlers.size).toBe(9);
  listed.stop();
  expect(bus.handlers.size).toBe(0);
});

test('its figures are those of the moment in which it is asked', () => {
  const bus = new MemoryBus();
  const commands = new EndpointCount();
  service(bus, { commands, answers: new EndpointCount() });
  commands.requests = 4;
  commands.done(3);
  commands.done(0.5);
  commands.failed('notOwner');
  expect(asked(bus, '$SRV.INFO').endpoints).toEqual([
    { name: 'commands', subject: 'holdfast.orders.node.x.commands', queue_group: '', metadata: {} },
    { name: 'answers', subject: 'holdfast.orders.node.x.answers', queue_group: '', metadata: {} },
  ]);
  expect(asked(bus, '$SRV.STATS')).toMatchObject({
    started: '2026-01-01T00:00:00.000Z',
    endpoints: [
      {
        name: 'commands',
        num_requests: 4,
        num_errors: 1,
        last_error: 'notOwner',
        processing_time: 3_500_000,
        average_processing_time: 875_000,
      },
      { name: 'answers', num_requests: 0, num_errors: 0, last_error: '', average_processing_time: 0 },
    ],
  });
});
