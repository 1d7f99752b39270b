// A broker that is gone for a while: the same writer and the same reader go on by themselves when it is back.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalKafka, startKafka } from '../../../deploy/local/index.ts';
import { KafkaRecordWriter } from '../../../src/gateway/kafka/writer.ts';
import { eventually } from '../../support/eventually.ts';
import { client, committed, foreignClient, newTopic, Reading, topicName } from './harness.ts';

let broker: LocalKafka;
beforeAll(async () => {
  broker = await startKafka();
});
afterAll(() => broker.stop());

it('survives a killed and restarted broker, and one that hangs', async () => {
  const kafka = client(broker.brokers);
  const topic = await newTopic(kafka, topicName('outage'), 2);
  const writer = new KafkaRecordWriter(kafka);
  const reading = await new Reading(kafka, topic, topic).start();
  const write = (value: string) =>
    eventually(
      `"${value}" to be written`,
      async () => (await writer.send(topic, [{ key: value, value, headers: [] }], 2_000, () => true)).kind === 'acked',
      { deadlineMs: 30_000, everyMs: 200 },
    );
  const arrives = (value: string) =>
    eventually(`"${value}" to be read`, () => reading.values.includes(value), {
      deadlineMs: 40_000,
      diagnose: () => [reading.assigned, reading.assignments, reading.values],
    });
  await write('before');
  await arrives('before');

  await broker.server.kill();
  const answer = await writer.send(topic, [{ key: 'k', value: 'v', headers: [] }], 2_000, () => true);
  expect(answer.kind).toBe('transient');
  await expect(reading.reader.endOffsets()).rejects.toThrow();
  await eventually('the reader to notice', () => reading.assigned === undefined, { deadlineMs: 20_000 });
  await broker.server.restart();
  await write('after the kill');
  await arrives('after the kill');

  broker.server.pause();
  const sentMs = performance.now();
  expect((await writer.send(topic, [{ key: 'k', value: 'v', headers: [] }], 1_000, () => true)).kind).toBe('transient');
  expect(performance.now() - sentMs).toBeLessThan(3_000);
  broker.server.resume();
  await write('after the hang');
  await arrives('after the hang');

  const { next } = reading;
  await eventually('a commit to succeed', async () => {
    await reading.commit(Object.fromEntries(next));
    const stored = await committed(foreignClient(broker.brokers), topic, topic);
    return [...next].every(([partition, offset]) => stored[partition] === offset);
  });
  await Promise.all([reading.reader.stop(), writer.close()]);
});
