// The example microservice: charges cards. Plain kafkajs, a process of its own, and not a word of an engine in it: it
// reads requests from its topic and answers each on the topic, and with the correlation id, that stand in the request's
// headers (names that Spring and NestJS know already).
//
// It is slow on purpose, so that requests wait: it lets some pile up first, then answers so many per second, in order. It
// keeps what waits in memory and forgets it when it dies; a real service would commit its offsets after answering. It
// does not look for requests that it has seen before, it counts them.
//
// What it saw it says on standard output, one JSON line each, for the demo to read.
import { Kafka, logLevel } from 'kafkajs';
import { parseExact, stringifyExact } from './exact-json.ts';

interface Charge {
  readonly token: string;
  readonly customer: { readonly account: bigint };
  readonly order: { readonly total: number };
}

interface Waiting {
  readonly correlationId: string;
  readonly replyTopic: string;
  readonly charge: Charge;
}

const { KAFKA_BOOTSTRAP_SERVERS = '', REQUEST_TOPIC = '', FIRST_ANSWER_AT_REQUEST, ANSWERS_PER_SECOND } = process.env;
const say = (line: object) => process.stdout.write(`${stringifyExact(line)}\n`);

const kafka = new Kafka({
  clientId: 'payments',
  brokers: KAFKA_BOOTSTRAP_SERVERS.split(','),
  logLevel: logLevel.NOTHING,
});
const consumer = kafka.consumer({ groupId: 'payments', maxWaitTimeInMs: 100 });
const producer = kafka.producer({ allowAutoTopicCreation: false });
const waiting: Waiting[] = [];
const timesSeen = new Map<string, number>();
let answers = 0;

consumer.on(consumer.events.GROUP_JOIN, () => say({ event: 'ready' }));
await producer.connect();
await consumer.connect();
await consumer.subscribe({ topics: [REQUEST_TOPIC], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ partition, message }) => {
    const correlationId = String(message.headers?.kafka_correlationId);
    const replyTopic = String(message.headers?.kafka_replyTopic);
    const charge = parseExact(String(message.value)) as Charge;
    const times = (timesSeen.get(correlationId) ?? 0) + 1;
    timesSeen.set(correlationId, times);
    // With LogAppendTime on the topic this timestamp is Kafka's own.
    const record = { partition, offset: message.offset, timestampMs: Number(message.timestamp) };
    say({ event: 'request', correlationId, token: charge.token, times, ...record });
    waiting.push({ correlationId, replyTopic, charge });
  },
});

const everyMs = 50;
let allowance = 0;
setInterval(() => {
  if (timesSeen.size < Number(FIRST_ANSWER_AT_REQUEST)) return;
  allowance = waiting.length === 0 ? 0 : allowance + (Number(ANSWERS_PER_SECOND) * everyMs) / 1_000;
  const due = waiting.splice(0, Math.floor(allowance));
  allowance -= due.length;
  if (due.length > 0) void answer(due);
}, everyMs);

async function answer(due: readonly Waiting[]): Promise<void> {
  const replies = due.map(({ correlationId, replyTopic, charge }) => {
    answers += 1;
    const { token, customer, order } = charge;
    const body = { answer: { token, number: answers, account: customer.account, charged: order.total } };
    return { correlationId, replyTopic, token, number: answers, body };
  });
  const topicMessages = replies.map(({ correlationId, replyTopic, body }) => ({
    topic: replyTopic,
    messages: [{ key: correlationId, value: stringifyExact(body), headers: { kafka_correlationId: correlationId } }],
  }));
  try {
    await producer.sendBatch({ topicMessages });
    for (const { correlationId, token, number } of replies)
      say({ event: 'answered', correlationId, token, number, atMs: Date.now() });
  } catch (error) {
    say({ event: 'failed', reason: String(error) });
    process.exit(1);
  }
}
