// A card service with plain kafkajs. The reviver keeps numbers as they are written when a double cannot hold them.
import { Kafka, logLevel } from 'kafkajs';

const { KAFKA_BOOTSTRAP_SERVERS, GROUP, REQUESTS } = process.env;
const kafka = new Kafka({ brokers: [KAFKA_BOOTSTRAP_SERVERS], logLevel: logLevel.WARN });
const consumer = kafka.consumer({ groupId: GROUP });
const producer = kafka.producer();

const exact = (_, value, { source }) =>
  typeof value === 'number' && String(value) !== source ? JSON.rawJSON(source) : value;

await producer.connect();
await consumer.connect();
await consumer.subscribe({ topics: [REQUESTS], fromBeginning: true });
await consumer.run({
  // listener
  eachMessage: async ({ message }) => {
    const { kafka_correlationId, kafka_replyTopic } = message.headers;
    const { card, amount, note } = JSON.parse(message.value.toString(), exact);
    const reply = (value, headers) =>
      producer.send({
        topic: kafka_replyTopic.toString(),
        messages: [{ value: JSON.stringify(value), headers: { kafka_correlationId, ...headers } }],
      });
    if (card === 'ok') await reply({ paid: amount, note });
    if (card === 'declined') {
      const error = { 'reply-status': 'error', 'error-code': 'CARD_DECLINED', 'error-message': 'over the limit' };
      await reply({ limit: amount }, error);
    }
    if (card === 'down') await reply({}, { 'reply-status': 'failure', 'error-message': 'the bank is down' });
  },
  // end of listener
});
