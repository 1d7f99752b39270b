// The service of all measurements: plain kafkajs, a process of its own, the same for every contestant. It answers each
// request after a delay that it draws, as the contract says (contract.ts); what comes due in one turn travels in one batch,
// so that it is not the service that is measured.
import type { Message } from 'kafkajs';
import { serve } from './child.ts';
import { type Contract, callOf } from './contract.ts';
import { type Delay, drawDelayMs } from './delays.ts';
import { kafkaClient } from './kafka-client.ts';

export type ServiceOrder =
  | {
      readonly kind: 'start';
      readonly brokers: string;
      readonly topic: string;
      readonly delay: Delay;
      /** Bytes added to each answer. */
      readonly answerBytes: number;
      readonly contract: Contract;
    }
  | { readonly kind: 'count' }
  /** From now on requests wait, or are never answered; until release, with which those that waited are. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'ignore' }
  | { readonly kind: 'release' };

export type ServiceSaid =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'counted';
      readonly requests: number;
      readonly answers: number;
      /** Requests that were left without an answer for good. */
      readonly unanswered: number;
      /** Requests whose token was seen before: executed again. */
      readonly again: number;
      /** Their correlation ids. */
      readonly againIds: readonly string[];
    };

serve<ServiceOrder, ServiceSaid>((order, say) => {
  if (order.kind === 'start') void start(order).then(() => say({ kind: 'ready' }));
  if (order.kind === 'count')
    say({ kind: 'counted', requests, answers, unanswered, again: requests - tokens.size, againIds });
  if (order.kind === 'hold' || order.kind === 'ignore') mode = order.kind;
  if (order.kind === 'release') {
    mode = 'answer';
    for (const give of held.splice(0)) give();
  }
});

let requests = 0;
let answers = 0;
let unanswered = 0;
let mode: 'answer' | 'hold' | 'ignore' = 'answer';
const held: (() => void)[] = [];
const tokens = new Set<string>();
const againIds: string[] = [];
const due = new Map<string, Message[]>();
let sending = false;

async function start(order: Extract<ServiceOrder, { kind: 'start' }>): Promise<void> {
  const { brokers, topic, delay, answerBytes, contract } = order;
  const kafka = kafkaClient('service', brokers);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: `service-of-${topic}`, maxWaitTimeInMs: 100 });
  await Promise.all([producer.connect(), consumer.connect()]);
  const filler = 'x'.repeat(answerBytes);

  const flush = async () => {
    sending = true;
    while (due.size > 0) {
      const topicMessages = [...due].map(([name, messages]) => ({ topic: name, messages }));
      due.clear();
      await producer.sendBatch({ topicMessages });
      answers += topicMessages.reduce((sum, { messages }) => sum + messages.length, 0);
    }
    sending = false;
  };
  const give = (replyTopic: string, message: Message) => {
    const messages = due.get(replyTopic);
    if (messages === undefined) due.set(replyTopic, [message]);
    else messages.push(message);
    if (!sending) {
      sending = true;
      setImmediate(() => void flush());
    }
  };

  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const request of batch.messages) {
        const { token, replyTopic, answer } = callOf(contract, request, filler);
        requests += 1;
        if (tokens.has(token)) againIds.push(String(request.headers?.kafka_correlationId));
        tokens.add(token);
        const delayMs = drawDelayMs(delay, Math.random);
        if (delayMs === undefined) {
          unanswered += 1;
          continue;
        }
        const reply = () => give(replyTopic, answer);
        if (mode === 'ignore') continue;
        if (mode === 'hold') held.push(reply);
        else if (delayMs === 0) reply();
        else setTimeout(reply, delayMs);
      }
    },
  });
  await joined;
}
