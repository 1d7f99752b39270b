// Replies compressed by a foreign producer in every codec of Kafka are read as they were written; transactions are
// respected, and what is left out of them does not hold up the reading position.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, it } from 'vitest';
import { findJdk, mavenJars } from '../../../deploy/local/java.ts';
import { eventually } from '../../support/eventually.ts';
import { client, newTopic, Reading, topicName } from './harness.ts';

it('reads gzip, snappy, lz4 and zstd of the Java client, and only what was committed', async () => {
  const brokers = inject('kafkaBrokers');
  const kafka = client(brokers);
  const topic = await newTopic(kafka, topicName('codecs'), 1);
  const { home } = await findJdk(17, "Kafka's Java client");
  const jars = await mavenJars('org.apache.kafka', 'kafka_2.13', '4.3.1', '44 MB');
  const source = join(import.meta.dirname, 'ForeignProducer.java');
  await promisify(execFile)(join(home, 'bin', 'java'), ['-cp', join(jars, '*'), source, brokers, topic]);

  const reading = await new Reading(kafka, topic, topic).start();
  const end = await eventually('the log end', async () => (await reading.reader.endOffsets()).get(0));
  await eventually('everything to be read', () => reading.next.get(0) === end, { diagnose: () => [end, reading.next] });
  await reading.reader.stop();

  const expected = ['gzip', 'snappy', 'lz4', 'zstd'].flatMap((codec) => [0, 1, 2].map((i) => textOf(codec, i)));
  expect(reading.values.slice(0, -1).map((value, i) => value === expected[i])).toEqual(expected.map(() => true));
  expect(reading.records.map(({ record }) => Buffer.from(record.key ?? []).toString()).at(-1)).toBe('committed');
  // 12 records, then three transactions of a record and its marker.
  expect(end).toBe('18');
  expect(reading.records).toHaveLength(13);
});

/** As in ForeignProducer.java. */
function textOf(codec: string, record: number): string {
  let text = codec;
  for (let i = 0; text.length < 100_000; i++) text += ` ${(i * i * (record + 7)) % 99_991}`;
  return text.slice(0, 100_000);
}
