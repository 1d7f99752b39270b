// A service that answers at once and costs little: plain kafkajs, a process of its own, a batch in and a batch of answers out.
// It says nothing of what it saw. Settings come in the environment: KAFKA_BOOTSTRAP_SERVERS, REQUEST_TOPICS and ANSWER (the
// body of every reply). It writes the line `ready` when it has its partitions.
import { Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import { gatherHeadersQuickly } from '../../src/gateway/kafka/header-decoding.ts';

const { KAFKA_BOOTSTRAP_SERVERS = '', REQUEST_TOPICS = '', ANSWER = '{}' } = process.env;
const topics = REQUEST_TOPICS.split(',');
gatherHeadersQuickly();
const brokers = KAFKA_BOOTSTRAP_SERVERS.split(',');
const kafka = new Kafka({ brokers, clientId: 'bench-service', logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: `bench-service-${topics[0]}`, maxWaitTimeInMs: 50 });
const producer = kafka.producer({ allowAutoTopicCreation: false });

function answerTo({ headers }: KafkaMessage) {
  const correlationId = headers?.kafka_correlationId as Buffer;
  return { key: correlationId, value: ANSWER, headers: { kafka_correlationId: correlationId } };
}

consumer.on(consumer.events.GROUP_JOIN, () => process.stdout.write('ready\n'));
consumer.on(consumer.events.CRASH, ({ payload }) => {
  process.stderr.write(`${payload.error.stack}\n`);
  process.exit(1);
});
await producer.connect();
await consumer.connect();
await consumer.subscribe({ topics, fromBeginning: true });
await consumer.run({
  autoCommitInterval: 1_000,
  eachBatch: async ({ batch: { messages } }) => {
    const byTopic = Map.groupBy(messages, ({ headers }) => String(headers?.kafka_replyTopic));
    const topicMessages = [...byTopic].map(([topic, asked]) => ({ topic, messages: asked.map(answerTo) }));
    await producer.sendBatch({ topicMessages });
  },
});
