// A real node that everybody is unkind to: thousands of hostile records on its reply topic, from a seed that is printed, and
// garbage on its HTTP port. It stays up and keeps its lease, every job under load has the right answer, every hostile record is
// accounted for, and memory has a bound.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { Message } from 'kafkajs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { gatherHeadersQuickly } from '../../../src/gateway/kafka/header-decoding.ts';
import { topicsOf } from '../../../src/gateway/kafka/topics.ts';
import { Driver } from '../../support/driver.ts';
import { eventually } from '../../support/eventually.ts';
import { ANSWER, client } from '../../support/service.ts';
import { TopicReader } from '../../support/topic-reader.ts';
import { newCluster, Trial } from '../../support/trial.ts';
import { anyHostileRecord, documentedReasons, type HostileRecord, idOf } from './hostile-records.ts';
import { GARBAGE, HttpGarbage } from './http-garbage.ts';

/** Of those that are large one in ten is enough. */
const SAMPLED = 3_000;
const LARGE_BYTES = 20_000;
const GARBAGE_EVERY = 5;
const VICTIMS = 20;
const PER_SECOND = 20;
const DAWDLERS = 600;
const PATIENCE = { deadlineMs: 60_000, everyMs: 250 };
/** What a node needs at rest is about 130 MB; a partition may hold 16 MB, and kafkajs what it has just fetched. */
const MOST_RESIDENT_MB = 500;
const MB = 1024 * 1024;
/** Outcomes that put no record on the dead-letter topic. */
const KEPT_NOWHERE = ['applied', 'duplicate', 'latePublished', 'lateDropped'];
const REASONS = documentedReasons(readFileSync(new URL('../../../docs/services.md', import.meta.url), 'utf8'));
const SEED = Number(process.env.HOLDFAST_HOSTILE_SEED ?? Date.now() % 2 ** 31);

const cluster = newCluster();
const victimTopic = `${cluster}.victims`;
let trial: Trial;
let victims: Driver;
let deadLetters: TopicReader;

beforeAll(async () => {
  gatherHeadersQuickly(); // for the reader of this test, which is plain kafkajs
  const [natsUrl, kafkaBrokers, zeebeAddress] = [inject('natsUrl'), inject('kafkaBrokers'), inject('zeebeAddress')];
  trial = await Trial.start({
    servers: { natsUrl, kafkaBrokers, zeebeAddress },
    cluster,
    nodes: 1,
    behaviour: (request, number) => (request.topic === victimTopic ? undefined : ANSWER(request, number)),
    moreRoutes: [{ jobType: `${cluster}-victims`, requestTopic: victimTopic, retryBackoff: 'PT0S' }],
    moreTopics: [victimTopic],
  });
  victims = await Driver.open(zeebeAddress, `${cluster}-victims`, { retries: 1_000 });
  deadLetters = await TopicReader.open(kafkaBrokers, topicsOf(cluster).deadLetters.name);
});

afterAll(async () => {
  await deadLetters?.close();
  await victims?.close();
  await trial?.stop();
});

test(`hostile records and HTTP garbage hurt nobody, seed ${SEED}`, async () => {
  const node = trial.node('n1');
  const { pid } = node;
  const records = fc
    .sample(anyHostileRecord, { seed: SEED, numRuns: SAMPLED })
    .filter((record, number) => number % 10 === 0 || sizeOf(record) < LARGE_BYTES);
  await victims.start(VICTIMS);
  const waiting = () => trial.service.requests.filter(({ topic }) => topic === victimTopic);
  await eventually('the victims', () => waiting().length >= VICTIMS, PATIENCE);
  const ids = waiting().map(({ correlationId }) => correlationId);
  const [resident, garbage] = [new Set<number>(), new HttpGarbage(node.httpUrl)];
  const stopLoad = trial.driver.load(PER_SECOND);
  try {
    for (let number = 0; number < DAWDLERS; number++) garbage.dawdle();
    await send(records, ids, async (batch) => {
      if (batch % GARBAGE_EVERY === 0) for (const data of GARBAGE) garbage.send(data);
      resident.add(await node.metric('process_resident_memory_bytes').catch(() => 0));
    });

    // Each record that was read is counted once, by what became of it; what is not counted as lost there is a dead letter.
    const letters = () => deadLetters.all.filter(({ headers }) => headers['x-number'] !== undefined);
    const kept = async () => {
      const counts = await Promise.all(KEPT_NOWHERE.map((answer) => node.metric('holdfast_replies_total', { answer })));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const tokens = await stopLoad();
    const all = async () => [letters().length, await kept(), tokens.length];
    await eventually(
      'every hostile record to be accounted for',
      async () => letters().length + (await kept()) >= records.length + tokens.length,
      { ...PATIENCE, diagnose: all },
    );
    await trial.driver.allAnswered(tokens, { ...PATIENCE, diagnose: () => trial.diagnose() });
    expect(await all()).toEqual([letters().length, records.length + tokens.length - letters().length, tokens.length]);
    const numbers = letters().map(({ headers }) => Number(headers['x-number']));
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const { headers } of letters()) expect(REASONS).toContain(headers['holdfast-reason']);
    // Without an id of ours nothing is applied: each such record is a dead letter.
    const strangers = records.flatMap(({ id }, number) => (id === 'ours' ? [] : [number]));
    expect(strangers.filter((number) => !numbers.includes(number) && !saysOurs(records[number]!))).toEqual([]);

    await eventually('connections without a request to be closed', () => garbage.open === 0, PATIENCE);
    expect([node.pid, (await node.readiness()).ready]).toEqual([pid, true]);
    expect(await node.metric('holdfast_incarnations_total')).toBe(1);
    expect(Math.max(...resident) / MB).toBeLessThan(MOST_RESIDENT_MB);
    const reasons = Map.groupBy(letters(), ({ headers }) => headers['holdfast-reason']);
    console.log(
      `seed ${SEED}: ${records.length} hostile records, ${[...reasons].map(([reason, of]) => `${of.length} ${reason}`).join(', ')}, ` +
        `${await kept()} others; ${tokens.length} jobs under load; ${garbage.sent} HTTP connections; ` +
        `at most ${Math.round(Math.max(...resident) / MB)} MB resident`,
    );
  } finally {
    garbage.close();
    await stopLoad();
  }
}, 120_000);

/** Its body may name a call that waits, which no header does. */
function saysOurs({ id, value }: HostileRecord): boolean {
  return id === 'none' && value !== null && value.includes('correlationId');
}

/** In batches that Kafka takes. */
async function send(
  records: readonly HostileRecord[],
  ids: readonly string[],
  after: (batch: number) => Promise<void>,
): Promise<void> {
  const producer = client(inject('kafkaBrokers')).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  try {
    let batch = 0;
    for (let from = 0; from < records.length; ) {
      let [to, bytes] = [from, 0];
      while (to < records.length && to - from < 200 && (to === from || bytes + sizeOf(records[to]!) < 500_000)) {
        bytes += sizeOf(records[to++]!);
      }
      const messages = records.slice(from, to).map((record, at) => messageOf(record, from + at, ids));
      await producer.send({ topic: topicsOf(cluster).replies.name, messages });
      from = to;
      await after(batch++);
    }
  } finally {
    await producer.disconnect();
  }
}

function messageOf(record: HostileRecord, number: number, ids: readonly string[]): Message {
  const { key, value } = record;
  const id = idOf(record, ids[number % ids.length] as string);
  const own = id === undefined ? [] : [{ name: 'kafka_correlationId', value: Buffer.from(id) }];
  const headers: Record<string, Buffer[]> = Object.create(null);
  for (const header of [...record.headers, ...own, { name: 'x-number', value: Buffer.from(`${number}`) }]) {
    headers[header.name] ??= [];
    headers[header.name]?.push(header.value);
  }
  return { key, value, headers };
}

function sizeOf({ value, headers }: HostileRecord): number {
  return headers.reduce((sum, header) => sum + header.name.length + header.value.length + 8, value?.length ?? 0);
}
