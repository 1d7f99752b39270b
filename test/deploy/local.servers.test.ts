// The local stack keeps its promises: three NATS servers are one cluster, servers come back on the same ports with what
// was acknowledged to somebody before they were killed, a paused server is silent, and nothing outlives its parent.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Kafka, logLevel } from 'kafkajs';
import { expect, inject, test } from 'vitest';
import { isAlive } from '../../deploy/local/alive.ts';
import { startKafka, startNats } from '../../deploy/local/index.ts';
import { hasLeaders } from '../../deploy/local/topology.ts';
import { eventually } from '../support/eventually.ts';

test('three NATS servers replicate a stream, keep it through kill -9 of one, and heal', async () => {
  const nats = await startNats({ servers: 3 });
  try {
    const connection = await connect({ servers: nats.url.split(','), maxReconnectAttempts: -1 });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 's', subjects: ['s'], num_replicas: 3 });
    await jetstream(connection).publish('s', 'before');
    const [victim] = nats.servers;
    await victim?.kill();
    await eventually('a write with one server dead', () => jetstream(connection).publish('s', 'during'), {
      deadlineMs: 30_000,
    });
    await victim?.restart();
    const state = await eventually(
      'all three replicas to be current',
      async () => {
        const { cluster, state } = await manager.streams.info('s');
        return cluster?.replicas?.filter(({ current }) => current).length === 2 ? state : undefined;
      },
      { deadlineMs: 30_000, diagnose: () => manager.streams.info('s') },
    );
    expect(state.messages).toBeGreaterThanOrEqual(2);
    await connection.close();
  } finally {
    await nats.stop();
  }
});

test('a killed Kafka comes back under the same address with its records', async () => {
  const kafka = await startKafka();
  const client = new Kafka({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING });
  const [admin, producer] = [client.admin(), client.producer()];
  try {
    await Promise.all([admin.connect(), producer.connect()]);
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 't', numPartitions: 1 }] });
    await producer.send({ topic: 't', acks: -1, messages: [{ value: 'kept' }] });
    const pidBefore = kafka.server.pid;
    await kafka.server.kill();
    await kafka.server.restart();
    expect(kafka.server.pid).not.toBe(pidBefore);
    expect(await admin.fetchTopicOffsets('t')).toMatchObject([{ low: '0', high: '1' }]);
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
    await kafka.stop();
  }
});

test('a paused server answers nobody until it is resumed, and its data goes when it is stopped', async () => {
  const nats = await startNats();
  const server = nats.servers[0];
  if (!server) throw new Error('no server');
  const answers = () =>
    fetch(`${nats.monitorUrls[0]}/varz`, { signal: AbortSignal.timeout(1_000) }).then(({ ok }) => ok);
  server.pause();
  await eventually('silence', () =>
    answers().then(
      () => false,
      ({ name }: Error) => name === 'TimeoutError',
    ),
  );
  server.resume();
  expect(await answers()).toBe(true);
  await nats.stop();
  expect(existsSync(dirname(server.logFile))).toBe(false);
});

test.each(['SIGTERM', 'SIGKILL'] as const)('servers do not outlive a parent that ends by %s', async (signal) => {
  const index = join(import.meta.dirname, '../../deploy/local/index.ts');
  const script = `const { startNats } = await import(${JSON.stringify(index)});
    console.log((await startNats()).servers[0].pid);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const pid = Number(line);
  expect(isAlive(pid)).toBe(true);
  parent.kill(signal);
  await eventually('the server to die with its parent', () => !isAlive(pid));
});

test('the shared engine has a leader for each of its two partitions', async () => {
  expect(await hasLeaders(inject('zeebeAddress'), 2)).toBe(true);
  expect(await hasLeaders(inject('zeebeAddress'), 3)).toBe(false);
});
