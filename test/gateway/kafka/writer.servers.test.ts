// One try of a send against a real Kafka, and what it says of topics that are missing, deleted or too small.
import { afterAll, expect, inject, it } from 'vitest';
import { KafkaRecordWriter } from '../../../src/gateway/kafka/writer.ts';
import type { OutgoingRecord } from '../../../src/gateway/ports.ts';
import { eventually } from '../../support/eventually.ts';
import { client, newTopic, Reading, topicName } from './harness.ts';

const kafka = client(inject('kafkaBrokers'));
const writer = new KafkaRecordWriter(kafka);
const may = () => true;
const record = (value: string): OutgoingRecord => ({ key: 'key', value, headers: [] });

afterAll(() => writer.close());

it('writes key, value and headers, several of one name too', async () => {
  const topic = await newTopic(kafka, topicName('written'), 1);
  const headers = [
    { name: 'a', value: 'text' },
    { name: 'a', value: Buffer.from([0, 255]) },
    { name: 'constructor', value: 'b' },
  ];
  expect(await writer.send(topic, [{ key: 'k', value: null, headers }], 5_000, may)).toEqual({ kind: 'acked' });
  const reading = await new Reading(kafka, topic, topic).start();
  const read = await eventually('the record', () => reading.records[0]);
  await reading.reader.stop();
  expect(read.record.value).toBeNull();
  expect(read.record.headers).toEqual(headers.map(({ name, value }) => ({ name, value: Buffer.from(value) })));
});

it('refuses an unknown topic, takes it once it is there, and never makes it', async () => {
  const topic = topicName('later');
  const healthy = await newTopic(kafka, topicName('healthy'), 1);
  const missing = await writer.send(topic, [record('1')], 5_000, may);
  expect(missing).toMatchObject({ kind: 'refused', reason: expect.stringContaining('does not exist') });
  expect(await writer.send(healthy, [record('1')], 5_000, may)).toEqual({ kind: 'acked' });
  expect(await writer.send('no such name!', [record('1')], 5_000, may)).toMatchObject({ kind: 'refused' });
  await newTopic(kafka, topic, 1);
  await eventually(
    'the new topic to be found',
    async () => (await writer.send(topic, [record('1')], 5_000, may)).kind === 'acked',
  );
});

it('keeps writing to the other topics after one was deleted', async () => {
  const healthy = await newTopic(kafka, topicName('healthy'), 1);
  const doomed = await newTopic(kafka, topicName('doomed'), 1);
  for (const topic of [healthy, doomed])
    expect(await writer.send(topic, [record('1')], 5_000, may)).toEqual({ kind: 'acked' });
  const admin = kafka.admin({ retry: { retries: 5 } });
  await admin.connect();
  await admin.deleteTopics({ topics: [doomed] });
  await admin.disconnect();

  const answers: string[] = [];
  await eventually('the deleted topic to be refused', async () => {
    const { kind } = await writer.send(doomed, [record('2')], 5_000, may);
    answers.push(kind);
    return kind === 'refused';
  });
  expect(answers.slice(0, -1).every((kind) => kind === 'transient')).toBe(true);
  // A healthy topic never hears "refused", and is written to at the latest at the second try.
  const first = await writer.send(healthy, [record('3')], 5_000, may);
  expect(first.kind).not.toBe('refused');
  expect(await writer.send(healthy, [record('4')], 5_000, may)).toEqual({ kind: 'acked' });
  expect(await writer.send(doomed, [record('5')], 5_000, may)).toMatchObject({ kind: 'refused' });
  expect(await writer.send(healthy, [record('6')], 5_000, may)).toEqual({ kind: 'acked' });
});

it('refuses what the topic does not take by size, and says so', async () => {
  const topic = await newTopic(kafka, topicName('small'), 1, { 'max.message.bytes': '10000' });
  expect(await writer.send(topic, [record('x'.repeat(20_000))], 5_000, may)).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('max.message.bytes'),
  });
  expect(await writer.send(topic, [record('x')], 5_000, may)).toEqual({ kind: 'acked' });
});

it('sends nothing that may not leave any more by the time kafkajs knows the topic', async () => {
  const topic = await newTopic(kafka, topicName('too-late'), 1);
  const said = [true, false];
  expect(await writer.send(topic, [record('1')], 5_000, () => said.shift() ?? true)).toMatchObject({
    kind: 'transient',
    reason: expect.stringContaining('not sent: this node may not act now'),
  });
  expect(await writer.send(topic, [record('2')], 5_000, may)).toEqual({ kind: 'acked' });
  const reading = await new Reading(kafka, topic, topic).start();
  const read = await eventually('the record', () => reading.records[0]);
  await reading.reader.stop();
  expect(String(read.record.value)).toBe('2');
});
