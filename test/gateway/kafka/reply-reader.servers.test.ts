// The reader as a member of a real consumer group: where it starts, what its commits mean, and how a dead one is shown out.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, inject, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { client, committed, foreignClient, newTopic, produce, Reading, topicName } from './harness.ts';

const brokers = inject('kafkaBrokers');
const kafka = client(brokers);
const service = foreignClient(brokers);
let readings: Reading[] = [];
let children: ChildProcess[] = [];

async function read(topic: string): Promise<Reading> {
  const reading = await new Reading(kafka, topic, topic, { sessionTimeoutMs: 30_000 }).start();
  readings.push(reading);
  return reading;
}

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(readings.map(({ reader }) => reader.stop()));
  readings = [];
  children = [];
});

it('starts at the earliest offset where nothing is committed, and commits that before any reply is settled', async () => {
  const topic = await newTopic(kafka, topicName('start'), 2);
  await produce(service, topic, 0, ['before']);
  const reading = await read(topic);
  await eventually('the reply written before', () => reading.values.includes('before'));
  expect(reading.assigned?.partitions.map(({ committed }) => committed)).toEqual([undefined, undefined]);
  const stored = await eventually('the start to be committed', async () => {
    const offsets = await committed(service, topic, topic);
    return offsets[1] !== '-1' && offsets;
  });
  expect(stored).toEqual({ 0: '0', 1: '0' });
});

it('counts replies behind a transaction that is still open as written, though nobody can read them yet', async () => {
  const topic = await newTopic(kafka, topicName('open'), 1);
  const reading = await read(topic);
  await eventually('the assignment', () => reading.partitions.length === 1);
  const transactional = service.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
  await transactional.connect();
  const transaction = await transactional.transaction();
  await transaction.send({ topic, messages: [{ key: 'k', value: 'open' }] });
  await produce(service, topic, 0, ['behind']);
  // Deadlines wait until these are read (design, Deadlines).
  expect([...(await reading.reader.endOffsets())]).toEqual([[0, '2']]);
  expect(reading.values).toEqual([]);
  await transaction.abort();
  await transactional.disconnect();
  await eventually('what was behind it', () => reading.values.length === 1);
  expect(reading.values).toEqual(['behind']);
});

it('goes on at its commit after a restart, and reads again what was not committed', async () => {
  const topic = await newTopic(kafka, topicName('restart'), 1);
  await produce(service, topic, 0, ['a', 'b', 'c']);
  const first = await read(topic);
  await eventually('all three', () => first.values.length === 3);
  await first.commit({ 0: '1' });
  await first.reader.stop();
  const second = await read(topic);
  await eventually('the uncommitted ones', () => second.values.length === 2);
  expect(second.values).toEqual(['b', 'c']);
  expect(second.assigned?.partitions).toMatchObject([{ partition: 0, committed: '1' }]);
});

it('starts every partition anew at a rebalance, lifts pauses, and lets no older commit through', async () => {
  const topic = await newTopic(kafka, topicName('rebalance'), 4);
  const first = await read(topic);
  await eventually('the first assignment', () => first.partitions.length === 4);
  for (const partition of [0, 1, 2, 3]) await produce(service, topic, partition, [`${partition}`]);
  await eventually('one of each', () => first.values.length === 4);
  await first.commit({ 0: '1', 1: '1' });
  first.reader.pause([0, 1, 2, 3]);
  const old = first.assigned?.generation ?? 0;
  first.records.length = 0;

  const second = await read(topic);
  await eventually('both to share', () => first.partitions.length === 2 && second.partitions.length === 2);
  expect([...first.partitions, ...second.partitions].sort()).toEqual([0, 1, 2, 3]);
  await eventually('what was not committed to be read again', () => first.values.length + second.values.length === 2);
  expect([...first.values, ...second.values].sort()).toEqual(['2', '3']);

  // Kafka itself would take both of these and move the offsets back.
  await first.reader.commit(old, new Map([[0, '0']]));
  await first.commit(Object.fromEntries(second.partitions.map((partition) => [partition, '0'])));
  expect(await committed(service, topic, topic)).toEqual({ 0: '1', 1: '1', 2: '0', 3: '0' });
  await produce(service, topic, first.partitions[0] ?? 0, ['after']);
  await eventually('a paused partition to be read again', () => first.values.includes('after'));
});

it('pauses and resumes a partition without losing a record', async () => {
  const topic = await newTopic(kafka, topicName('pause'), 2);
  const reading = await read(topic);
  await eventually('the assignment', () => reading.partitions.length === 2);
  reading.reader.pause([0]);
  await produce(service, topic, 0, ['held']);
  await produce(service, topic, 1, ['read']);
  await eventually('the other partition', () => reading.values.includes('read'));
  await produce(service, topic, 1, ['read on']);
  await eventually('the other partition again', () => reading.values.includes('read on'));
  expect(reading.values).toEqual(['read', 'read on']);
  reading.reader.resume([0]);
  await eventually('the paused one', () => reading.values.includes('held'));
});

it('takes over a killed member at once when it is shown out, long before its session ends', async () => {
  const topic = await newTopic(kafka, topicName('evict'), 4);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'member.ts'), brokers, topic, topic], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [first] = await once(child.stdout, 'data');
  const survivor = await read(topic);
  await eventually('both to share', () => survivor.partitions.length === 2);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const killedMs = performance.now();
  const memberId = String(first).trim().split('\n')[0] ?? '';
  expect(await survivor.reader.evict(memberId)).toBe(true);
  await eventually('the partitions of the dead member', () => survivor.partitions.length === 4);
  expect(performance.now() - killedMs).toBeLessThan(3_000);
  expect(await survivor.reader.evict(memberId)).toBe(true);
});
