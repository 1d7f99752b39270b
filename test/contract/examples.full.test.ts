// The services that users are given to begin with (deploy/examples/services), built as their READMEs say and asked as a node
// asks: each answers every kind of request where and how docs/services.md says, and one that is asked twice gives one receipt.
// Only Kafka is there: what a node makes of such answers is tested beside this (contract.full.test.ts).
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { client, makeTopics } from '../support/service.ts';
import { type ReadRecord, TopicReader } from '../support/topic-reader.ts';
import { EXAMPLES, type RunningService, type Service, startService } from './services.ts';

/** The first time, three programs are downloaded and built. */
const BUILD_MS = 600_000;

const run = `examples-${randomUUID().slice(0, 8)}`;
const replyTopic = `${run}.replies`;
const producer = client(inject('kafkaBrokers')).producer();
let replies: TopicReader;
let running: PromiseSettledResult<RunningService>[] = [];

beforeAll(async () => {
  const brokers = inject('kafkaBrokers');
  await makeTopics(brokers, [replyTopic, ...EXAMPLES.map(topicOf)]);
  [replies] = await Promise.all([TopicReader.open(brokers, replyTopic), producer.connect()]);
  running = await Promise.allSettled(EXAMPLES.map((service) => startService(service, brokers, topicOf(service))));
  for (const service of running) if (service.status === 'rejected') throw service.reason;
}, BUILD_MS);

afterAll(async () => {
  await Promise.all(running.map((service) => (service.status === 'fulfilled' ? service.value.stop() : undefined)));
  await Promise.all([replies?.close(), producer.disconnect()]);
});

describe.concurrent.each(EXAMPLES)('$name', (service) => {
  test('charges a card, and charges it once however often it is asked', async () => {
    const first = await ask(service, 'ok', { call: 'call-1' });
    const again = await ask(service, 'ok', { call: 'call-1' });
    const [one] = await answers(first, 1);
    const [same] = await answers(again, 1);
    expect(statusOf(one)).toMatch(/^result$|^$/);
    expect(bodyOf(one)).toEqual({ paid: 25, receipt: 'receipt-call-1' });
    expect(bodyOf(same)).toEqual(bodyOf(one));
  });

  test('declines a card: a business error with its code, message and variables', async () => {
    const [reply] = await answers(await ask(service, 'declined'), 1);
    expect(reply?.headers).toMatchObject({
      'reply-status': 'error',
      'error-code': 'CARD_DECLINED',
      'error-message': 'over the limit',
    });
    expect(bodyOf(reply)).toEqual({ limit: 12.5 });
  });

  test('tells a technical error with its message, and goes on', async () => {
    const [reply] = await answers(await ask(service, 'down'), 1);
    // NestJS tells it in a header of its own, as JSON.
    const told = service.name === 'nest' ? 'kafka_nest-err' : 'error-message';
    expect(reply?.headers[told]).toContain('the bank is down');
    expect(reply?.headers['reply-status']).toBe(service.name === 'nest' ? undefined : 'failure');
    await answers(await ask(service, 'ok'), 1);
  });

  test('takes no notice of a record without a value, and sends heartbeats before a slow result', async () => {
    const cancelled = randomUUID();
    await send(service, null, { kafka_correlationId: cancelled, 'job-id': 'x', 'holdfast-cancel': 'cancelled' });
    const slow = await answers(await ask(service, 'slow', { call: 'call-2' }), 5);
    expect(slow.slice(0, 4).map(statusOf)).toEqual(Array(4).fill('heartbeat'));
    expect(slow.slice(0, 4).map(bodyOf)).toEqual([0, 25, 50, 75].map((percent) => ({ percent })));
    expect(statusOf(slow[4])).toMatch(/^result$|^$/);
    expect(bodyOf(slow[4])).toEqual({ paid: 25, receipt: 'receipt-call-2' });
    expect(repliesTo(cancelled)).toEqual([]);
  });
});

function topicOf({ name }: Service): string {
  return `${run}.${name}.requests`;
}

/** Answers the correlation id. */
async function ask(service: Service, card: string, { call = randomUUID() as string } = {}): Promise<string> {
  const kafka_correlationId = randomUUID();
  const headers = { kafka_correlationId, kafka_replyTopic: replyTopic, 'job-id': call, attempt: '1' };
  await send(service, JSON.stringify({ orderId: 'o-1', card, amount: 25 }), headers);
  return kafka_correlationId;
}

/** All to one partition: what comes later is done later. */
async function send(service: Service, value: string | null, headers: Readonly<Record<string, string>>): Promise<void> {
  await producer.send({ topic: topicOf(service), messages: [{ value, partition: 0, headers: { ...headers } }] });
}

function repliesTo(correlationId: string): readonly ReadRecord[] {
  return replies.all.filter(({ headers }) => headers.kafka_correlationId === correlationId);
}

function answers(correlationId: string, count: number): Promise<readonly ReadRecord[]> {
  const enough = () => (repliesTo(correlationId).length >= count ? repliesTo(correlationId) : undefined);
  return eventually(`${count} answers`, enough, { deadlineMs: 90_000, diagnose: () => repliesTo(correlationId) });
}

function statusOf(reply: ReadRecord | undefined): string {
  return reply?.headers['reply-status'] ?? '';
}

function bodyOf(reply: ReadRecord | undefined): unknown {
  return JSON.parse(reply?.value ?? 'null');
}
