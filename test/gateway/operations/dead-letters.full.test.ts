// Dead letters on real servers: read from a real topic of three partitions with all that can lie in a log, found again in pages,
// and driven again to a real node that then applies the reply. And the audit of that, which outlives whoever wrote it.
import { randomBytes } from 'node:crypto';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  auditStreamName,
  inspectAuditStream,
  makeAuditStream,
  NatsAuditStream,
} from '../../../src/cluster/nats/audit-stream.ts';
import { connectNats, type NatsLink } from '../../../src/cluster/nats/connection.ts';
import { Inbox } from '../../../src/cluster/nats/inbox.ts';
import { DEFAULT_HEADER_NAMES as names } from '../../../src/gateway/header-names.ts';
import { KafkaLetterLog } from '../../../src/gateway/kafka/letter-log.ts';
import { KafkaRecordWriter } from '../../../src/gateway/kafka/writer.ts';
import { createLog } from '../../../src/gateway/log.ts';
import { AuditTrail } from '../../../src/gateway/operations/audit.ts';
import { deadLetterOperations } from '../../../src/gateway/operations/dead-letter-operations.ts';
import type { DeadLetterQuery, DeadLetterSummary } from '../../../src/gateway/operations/model/dead-letters.ts';
import { LETTER } from '../../../src/gateway/replies/dead-letters.ts';
import { SystemClock, SystemRandom } from '../../../src/gateway/system-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { Trial } from '../../support/trial.ts';
import { client, foreignClient, newTopic, topicName } from '../kafka/harness.ts';
import { int32, int64 } from './memory-letters.ts';

const ANNA = { name: 'anna', role: 'operator' } as const;
const brokers = inject('kafkaBrokers');
const kafka = client(brokers);
const service = foreignClient(brokers);

let link: NatsLink;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  link = await connectNats({ url: inject('natsUrl'), name: 'dead letters test' });
  closing.push(() => link.close());
});

afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

/** As a node composes it. */
function operationsOn(cluster: string, topic: string, replyTopic: string) {
  const log = new KafkaLetterLog(kafka, topic);
  const writer = new KafkaRecordWriter(kafka);
  const audit = auditOf(link, cluster);
  closing.push(
    () => log.close(),
    () => writer.close(),
  );
  const [clock, random] = [new SystemClock(), new SystemRandom()];
  const seen = { redriveState: async () => undefined, stopRedrive: async () => undefined };
  const options = { log, writer, audit, clock, random, names, replyTopic, node: 'n1', seen };
  return { log, audit, ...deadLetterOperations(options) };
}

function auditOf(link: NatsLink, cluster: string): AuditTrail {
  const store = new NatsAuditStream(new Inbox(link), cluster, () => 1);
  const log = createLog('silent');
  return new AuditTrail({ store, clock: new SystemClock(), random: new SystemRandom(), log, node: 'n1' });
}

function message(partition: number, key: string, reason: string, more: object = {}) {
  const headers = {
    kafka_correlationId: `order-${key}`,
    [LETTER.reason]: reason,
    [LETTER.topic]: 'somewhere.replies',
    [LETTER.partition]: Buffer.from(int32(partition)),
    [LETTER.offset]: Buffer.from(int64(7n)),
    [LETTER.timestamp]: Buffer.from(int64(1_767_225_600_000n)),
    [LETTER.message]: `message of ${key}`,
  };
  return { partition, key, value: `{"secret":"${key}"}`, headers, ...more };
}

async function groups(): Promise<string[]> {
  const admin = service.admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  return groups.map(({ groupId }) => groupId).sort();
}

const place = ({ partition, offset }: DeadLetterSummary) => `${partition}/${offset}`;

describe('a topic of three partitions', () => {
  const topic = topicName('letters');
  const subject = () => operationsOn(`letters-${randomBytes(3).toString('hex')}`, topic, 'somewhere.replies');
  const HOUR_MS = 3_600_000;
  // Kafka stamps control records with the present time.
  const BEGAN_MS = Date.now() - 10 * HOUR_MS;
  let operations: ReturnType<typeof subject>;
  /** `partition/offset` of each letter that a list must show, by its key. */
  const places = new Map<string, string>();

  const pages = async (query: DeadLetterQuery): Promise<DeadLetterSummary[]> => {
    const letters: DeadLetterSummary[] = [];
    for (let after: string | undefined; ; ) {
      const page = await operations.deadLetters({ ...query, ...(after !== undefined && { after }) });
      letters.push(...page.letters);
      if (page.next === null) return letters;
      after = page.next;
    }
  };

  beforeAll(async () => {
    await newTopic(kafka, topic, 3, {
      'cleanup.policy': 'delete',
      'max.message.bytes': '8388608',
      'retention.ms': '-1',
    });
    const producer = service.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    const send = async (messages: ReturnType<typeof message>[], by: { send: typeof producer.send } = producer) => {
      const sent = await by.send({ topic, messages, acks: -1 });
      return new Map(sent.map(({ partition, baseOffset }) => [partition, BigInt(baseOffset ?? 0)]));
    };
    const at = (hour: number) => ({ timestamp: String(BEGAN_MS + hour * HOUR_MS) });
    const keep = async (partition: number, key: string, reason: string, hour: number, more: object = {}) => {
      const offsets = await send([message(partition, key, reason, { ...at(hour), ...more })]);
      places.set(key, `${partition}/${offsets.get(partition)}`);
    };
    // Partition 0: what is deleted, then letters around an aborted transaction and control records. Partition 2 stays empty.
    await send([message(0, 'gone', 'late', at(0)), message(0, 'gone', 'late', at(0))]);
    for (let i = 0; i < 30; i++) await keep(i % 2, `early-${i}`, i % 3 === 0 ? 'late' : 'unknown', 1 + i / 100);
    const transactional = service.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
    await transactional.connect();
    const aborted = await transactional.transaction();
    await send([message(0, 'aborted', 'late', at(2)), message(1, 'aborted', 'late', at(2))], aborted);
    await aborted.abort();
    const committed = await transactional.transaction();
    const offsets = await send([message(0, 'committed', 'schema', at(3))], committed);
    await committed.commit();
    places.set('committed', `0/${offsets.get(0)}`);
    await keep(1, 'large', 'too-large', 4, { value: Buffer.alloc(3 * 1024 * 1024, 'x') });
    await keep(0, 'bytes', 'not-json', 5, { value: Buffer.from([0xff, 0x00, 0x01]) });
    await keep(1, 'empty', 'not-json', 6, { value: null });
    const last = await transactional.transaction();
    await send([message(0, 'aborted', 'late', at(7)), message(1, 'aborted', 'late', at(7))], last);
    await last.abort();
    await Promise.all([producer.disconnect(), transactional.disconnect()]);
    const admin = service.admin();
    await admin.connect();
    await admin.fetchTopicOffsets(topic); // without which kafkajs does not know the topic's leaders
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
    await admin.disconnect();
    operations = subject();
  });

  test('is listed newest first in pages of any size, and leaves no group behind', async () => {
    const before = await groups();
    for (const limit of [1, 4, 200]) {
      const letters = await pages({ limit });
      expect(letters.map(place).sort()).toEqual([...places.values()].sort());
      const stamps = letters.map(({ atMs }) => atMs);
      expect(stamps).toEqual(stamps.toSorted((a, b) => b - a));
    }
    expect((await operations.deadLetters({ limit: 3 })).letters.map(place)).toEqual(
      ['empty', 'bytes', 'large'].map((key) => places.get(key)),
    );
    expect(await groups()).toEqual(before);
  });

  test('is filtered by reason, time and text, never by the value', async () => {
    const found = async (query: DeadLetterQuery) => (await pages(query)).map(place).sort();
    const of = (wanted: (key: string) => boolean) =>
      [...places].flatMap(([key, where]) => (wanted(key) ? [where] : [])).sort();
    expect(await found({ reason: 'late' })).toEqual(
      of((key) => /^early-(\d+)$/.test(key) && Number(key.slice(6)) % 3 === 0),
    );
    expect(await found({ reason: 'forged' })).toEqual([]);
    expect(await found({ sinceMs: BEGAN_MS + 3 * HOUR_MS })).toEqual(of((key) => !key.startsWith('early')));
    expect(await found({ untilMs: BEGAN_MS + 2 * HOUR_MS })).toEqual(of((key) => key.startsWith('early')));
    const hour = { sinceMs: BEGAN_MS + 4 * HOUR_MS, untilMs: BEGAN_MS + 5 * HOUR_MS };
    expect(await found(hour)).toEqual(of((key) => key === 'large' || key === 'bytes'));
    expect(await found({ sinceMs: BEGAN_MS + 90 * HOUR_MS })).toEqual([]);
    expect(await found({ text: 'ORDER-committed' })).toEqual([places.get('committed')]);
    expect(await found({ text: 'message of early-7' })).toEqual([places.get('early-7')]);
    expect(await found({ text: 'secret' })).toEqual([]);
  });

  test('shows each letter by its position', async () => {
    const view = async (key: string, withPayload = true) => {
      const [partition, offset = ''] = places.get(key)?.split('/') ?? [];
      return operations.deadLetter(Number(partition), offset, withPayload);
    };
    expect(await view('committed')).toMatchObject({
      reason: 'schema',
      key: 'committed',
      value: '{"secret":"committed"}',
      original: { topic: 'somewhere.replies', partition: 0, offset: '7', atMs: 1_767_225_600_000 },
      headers: expect.arrayContaining([{ name: LETTER.timestamp, value: '1767225600000' }]),
    });
    expect(await view('committed', false)).toMatchObject({ value: null, bytes: 22 });
    expect((await view('large'))?.value).toHaveLength(3 * 1024 * 1024);
    expect(await view('bytes')).toMatchObject({ value: null, bytes: 3 });
    expect(await view('empty')).toMatchObject({ value: null, bytes: 0 });
    const { log } = operations;
    const [first, second] = await log.bounds();
    const aborted = String(second!.to - 2n);
    for (const [partition, offset] of [
      [0, '0'],
      [0, '1'],
      [0, String(first!.to)],
      [1, aborted],
      [2, '0'],
      [3, '0'],
    ] as const) {
      expect(await operations.deadLetter(partition, offset, true), `${partition}/${offset}`).toBeUndefined();
    }
  });

  test('is read over what retention has taken since, and what never was', async () => {
    const { log } = operations;
    expect(await log.read({ partition: 0, from: 0n, to: 9n })).toEqual({ records: [], next: 2n });
    expect(await log.read({ partition: 0, from: 0n, to: 1n })).toEqual({ records: [], next: 1n });
    expect(await log.read({ partition: 2, from: 5n, to: 9n })).toEqual({ records: [], next: 9n });
    expect(await log.offsetsAt(1e99)).toEqual(new Map());
    expect((await log.offsetsAt(-1)).get(0)).toBe(2n);
    await expect(log.read({ partition: 3, from: 0n, to: 1n })).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
  });

  test('that does not exist is said to be so', async () => {
    const none = operationsOn('none', topicName('none'), 'somewhere.replies');
    await expect(none.deadLetters({})).rejects.toMatchObject({
      code: 'OPERATION_UNAVAILABLE',
      message: expect.stringContaining('does not exist'),
    });
  });
});

test('a reply that came before its call is driven again, and completes it; the audit outlives who wrote it', async () => {
  const trial = await Trial.start({
    servers: { natsUrl: inject('natsUrl'), kafkaBrokers: brokers, zeebeAddress: inject('zeebeAddress') },
    nodes: 1,
    route: { correlationKey: '=order' },
  });
  closing.push(() => trial.stop());
  const { cluster } = trial;
  const [replies, dlq] = [`holdfast.${cluster}.replies`, `holdfast.${cluster}.dlq`];
  const operations = operationsOn(cluster, dlq, replies);
  const order = `order-${randomBytes(4).toString('hex')}`;
  trial.service.hold();

  // Two that nobody knows, of which one never has a call; and one that nothing can cure.
  trial.service.send({ topic: replies, correlationId: order, value: JSON.stringify({ answer: { number: 7 } }) });
  trial.service.send({
    topic: replies,
    correlationId: `${order}-never`,
    value: '{"answer":{}}',
    headers: { 'x-a': 'b' },
  });
  trial.service.send({ topic: replies, value: '{"answer":{}}' });
  const listed = await eventually(
    'three dead letters',
    async () => {
      const { letters } = await operations.deadLetters({});
      return letters.length === 3 ? letters : undefined;
    },
    { diagnose: () => trial.diagnose() },
  );
  expect(listed.map(({ reason }) => reason).sort()).toEqual(['no-id', 'unknown', 'unknown']);

  const token = await trial.driver.start(1, { variables: { order } }).then(([first]) => first!);
  await eventually('its request', () => trial.service.about(order).length > 0, { diagnose: () => trial.diagnose() });
  const filter = { reason: 'unknown' };
  expect(await operations.redrive({ reason: 'look first', filter }, ANNA)).toMatchObject({ matched: 2, skipped: 0 });
  expect(trial.driver.results.has(token)).toBe(false);

  const run = await operations.redrive({ reason: 'the calls have begun', filter, dryRun: false, perSecond: 100 }, ANNA);
  const { variables } = await eventually('the call to be completed', () => trial.driver.results.get(token), {
    deadlineMs: 30_000,
    diagnose: () => trial.diagnose(),
  });
  expect(variables.answer).toEqual({ number: 7 });
  const end = await eventually('the run to end', async () => {
    const view = await operations.redriveState(run.id);
    return view?.state === 'running' ? undefined : view;
  });
  expect(end).toMatchObject({ state: 'done', matched: 2, driven: 2, skipped: 0 });

  // The one that still has no call is back, and can be told; nothing of the first journey is left on it but what the service sent.
  const [back] = await eventually('the other one to come back', async () => {
    const { letters } = await operations.deadLetters({ text: `${order}-never` });
    return letters.length === 2 ? letters : undefined;
  });
  expect(back).toMatchObject({ reason: 'unknown', redriven: true });
  const { headers } = (await operations.deadLetter(back!.partition, back!.offset, true))!;
  const count = (name: string) => headers.filter((header) => header.name === name).length;
  expect(['x-a', LETTER.reason, LETTER.offset, 'holdfast-redriven'].map(count)).toEqual([1, 1, 1, 1]);
  expect(headers).toContainEqual({ name: 'holdfast-redriven', value: run.auditId });

  // Another process reads the audit, after the node has been started anew.
  await trial.node('n1').kill();
  const again = await connectNats({ url: inject('natsUrl'), name: 'a later node' });
  closing.push(() => again.close());
  await trial.startNode('n1');
  await trial.nodes.untilReady();
  const entry = await eventually('the result in the audit', async () => {
    const [newest] = (await auditOf(again, cluster).page({})).entries;
    return newest?.result === null ? undefined : newest;
  });
  expect(entry).toMatchObject({
    id: run.auditId,
    who: 'anna',
    role: 'operator',
    node: 'n1',
    act: 'deadLetters.redrive',
    target: `${run.id}: dead letters: reason unknown`,
    reason: 'the calls have begun',
    before: expect.stringMatching(/^partition\/offsets .*per second$/),
    after: '2 matched, 2 driven, 0 skipped',
    result: 'done',
  });
});

describe('the audit on JetStream', () => {
  const cluster = `audit-${randomBytes(3).toString('hex')}`;
  const act = { by: ANNA, reason: 'why not', act: 'job.drop', target: '42', before: null };

  test('makes its stream when there is none, and leaves one that stands', async () => {
    const audit = auditOf(link, cluster);
    expect(await audit.page({})).toEqual({ entries: [], next: null });
    const id = await audit.begin(act);
    await audit.end(id, { after: null, result: 'done' });
    expect((await audit.page({})).entries).toMatchObject([{ id, result: 'done' }]);
    const inbox = new Inbox(link);
    // Made without a version, and no worse for a node that would say one.
    expect(await makeAuditStream(inbox, cluster, 1, '9.9.9')).toBe('stands');
    expect(await inspectAuditStream(inbox, cluster, 1)).toMatchObject({ faults: [] });
    expect(await makeAuditStream(inbox, `${cluster}-2`, 1, '9.9.9')).toBe('made');
    expect(await inspectAuditStream(inbox, `${cluster}-2`, 1)).toMatchObject({ faults: [] });
  });

  test('keeps what was written, even from who may delete', async () => {
    const stream = auditStreamName(cluster);
    const refused = async (call: string, request: object) => {
      const answer = await new Inbox(link).ask(`$JS.API.${call}`, Buffer.from(JSON.stringify(request)), 2_000);
      return answer.kind === 'answer' && answer.message.json<{ error?: { description: string } }>().error?.description;
    };
    expect(await refused(`STREAM.MSG.DELETE.${stream}`, { seq: 1 })).toMatch(/delete/);
    expect(await refused(`STREAM.PURGE.${stream}`, {})).toMatch(/purge/);
    expect((await auditOf(link, cluster).page({})).entries).toHaveLength(1);
  });

  test('pages through hundreds of acts', async () => {
    const audit = auditOf(link, cluster);
    const ids = [];
    for (let i = 0; i < 150; i++) {
      const id = await audit.begin({ ...act, target: `n${i % 3}` });
      await audit.end(id, { after: `${i}`, result: 'done' });
      ids.unshift(id);
    }
    const first = await audit.page({ limit: 100 });
    const second = await audit.page({ limit: 100, after: first.next ?? '' });
    const all = [...first.entries, ...second.entries];
    expect(all.slice(0, 150).map(({ id }) => id)).toEqual(ids);
    expect(all.every(({ result }) => result === 'done')).toBe(true);
    expect((await audit.page({ target: 'n2', limit: 200 })).entries).toHaveLength(50);
  });
});
