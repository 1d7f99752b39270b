// When the writer asks whether records may leave, against a kafkajs that the test plays: every step waits for the test.
import type { Kafka } from 'kafkajs';
import { expect, it } from 'vitest';
import { KafkaRecordWriter } from '../../../src/gateway/kafka/writer.ts';
import type { KafkaHeader, SendAnswer } from '../../../src/gateway/ports.ts';
import { settled } from '../../support/manual-clock.ts';

interface Given {
  readonly topic: string;
  readonly messages: readonly object[];
}
type Partitioner = (args: { topic: string; partitionMetadata: object[]; message: object }) => number;

function setUp() {
  const steps: { what: string; done: () => void }[] = [];
  const step = (what: string) => () => new Promise<void>((done) => steps.push({ what, done }));
  const leaves: Given[] = [];
  const kafka = {
    admin: () => ({
      connect: step('admin connects'),
      disconnect: async () => {},
      fetchTopicMetadata: step('topic found'),
    }),
    producer: ({ createPartitioner }: { createPartitioner: () => Partitioner }) => {
      const partitionOf = createPartitioner();
      return {
        connect: step('producer connects'),
        disconnect: async () => {},
        // As kafkajs does: its own look-up, then every message to its partition, then the request.
        send: async ({ topic, messages }: Given) => {
          await step('producer finds topic')();
          const partitionMetadata = [{ partitionId: 0, leader: 1, isr: [1], partitionErrorCode: 0 }];
          for (const message of messages) partitionOf({ topic, partitionMetadata, message });
          leaves.push({ topic, messages });
        },
      };
    },
  } as unknown as Kafka;
  let may = true;
  const answers: SendAnswer[] = [];
  const writer = new KafkaRecordWriter(kafka);
  const send = async (headers: readonly KafkaHeader[] = []) => {
    void writer
      .send('a', [{ key: 'k', value: 'v', headers }], 10_000, () => may)
      .then((answer) => answers.push(answer));
    await settled();
  };
  /** Lets the step that waits go on; answers which it was. */
  const next = async () => {
    const taken = steps.shift();
    taken?.done();
    await settled();
    return taken?.what;
  };
  const mayNot = () => {
    may = false;
  };
  return { send, next, answers, leaves, steps, mayNot };
}

const STEPS = ['admin connects', 'topic found', 'producer connects', 'producer finds topic'];

it('sends once every look-up is done', async () => {
  const { send, next, answers, leaves } = setUp();
  await send();
  for (const step of STEPS) expect(await next()).toBe(step);
  expect(answers).toEqual([{ kind: 'acked' }]);
  expect(leaves).toHaveLength(1);
});

it.each(STEPS)('sends nothing when it may no more while "%s" is under way', async (during) => {
  const { send, next, answers, leaves, steps, mayNot } = setUp();
  await send();
  const taken: (string | undefined)[] = [];
  while (steps[0] !== undefined) {
    if (steps[0].what === during) mayNot();
    taken.push(await next());
  }
  expect(leaves).toEqual([]);
  // What is known before kafkajs is given the records spares it (and us: it would be replaced) the rest.
  expect(taken.includes('producer finds topic')).toBe(during === 'producer finds topic');
  expect(answers).toMatchObject([
    { kind: 'transient', reason: expect.stringContaining('not sent: this node may not act now') },
  ]);
});

it('takes a hundred thousand headers of one name in no time, in their order', async () => {
  const { send, next, leaves } = setUp();
  const values = Array.from({ length: 100_000 }, (_, number) => String(number));
  await send(values.map((value) => ({ name: 'a', value })));
  for (const _ of STEPS.slice(0, -1)) await next();
  const sinceMs = performance.now();
  await next();
  expect(leaves).toMatchObject([{ messages: [{ headers: { a: values } }] }]);
  expect(performance.now() - sinceMs).toBeLessThan(2_000);
});

/** A kafkajs whose producers ask for all topics that they ever wrote to, in one request that fails as a whole. */
function played() {
  /** What Kafka says of a topic; absent: nothing is wrong with it. */
  const faults = new Map<string, string>();
  /** May be looked at, and not written to. */
  const unwritable = new Set<string>();
  let producers = 0;
  const seen = (topics: Iterable<string>) => {
    for (const topic of topics) {
      const type = faults.get(topic);
      if (type !== undefined) throw Object.assign(new Error(type), { type });
    }
  };
  const client = { connect: async () => {}, disconnect: async () => {} };
  const kafka = {
    admin: () => ({ ...client, fetchTopicMetadata: async ({ topics }: { topics: string[] }) => seen(topics) }),
    producer: ({ createPartitioner }: { createPartitioner: () => Partitioner }) => {
      producers += 1;
      const topics = new Set<string>();
      const partitionOf = createPartitioner();
      return {
        ...client,
        send: async ({ topic, messages }: Given) => {
          seen(topics.add(topic));
          for (const message of messages) partitionOf({ topic, partitionMetadata: [{}], message });
          await settled();
          if (unwritable.has(topic)) throw Object.assign(new Error(), { type: 'TOPIC_AUTHORIZATION_FAILED' });
        },
      };
    },
  } as unknown as Kafka;
  const writer = new KafkaRecordWriter(kafka);
  const send = async (...topics: string[]) => {
    const record = { key: 'k', value: 'v', headers: [] };
    const answers = await Promise.all(topics.map((topic) => writer.send(topic, [record], 10_000, () => true)));
    return answers.map(({ kind }) => kind);
  };
  return { faults, unwritable, send, made: () => producers };
}

it.each([
  ['LEADER_NOT_AVAILABLE', 'transient'],
  ['TOPIC_AUTHORIZATION_FAILED', 'refused'],
])('a topic of which Kafka says %s keeps no other from being written', async (fault, answer) => {
  const { faults, send, made } = played();
  expect(await send('healthy', 'other', 'faulty')).toEqual(['acked', 'acked', 'acked']);
  faults.set('faulty', fault);
  expect(await send('healthy', 'healthy', 'other')).toEqual(['transient', 'transient', 'transient']);
  expect(await send('faulty')).toEqual([answer]);
  expect(await send('healthy', 'faulty', 'other', 'faulty')).toEqual(['acked', answer, 'acked', answer]);
  expect(made()).toBe(2);
});

it('nor do several of them, one after another, have a healthy one refused', async () => {
  const { faults, send } = played();
  expect(await send('healthy', 'a', 'b')).toEqual(['acked', 'acked', 'acked']);
  for (const topic of ['a', 'b']) {
    faults.set(topic, 'TOPIC_AUTHORIZATION_FAILED');
    expect(await send('healthy')).toEqual(['transient']);
    if (topic === 'a') expect(await send('b')).toEqual(['acked']);
  }
  expect(await send('healthy', 'a', 'b')).toEqual(['acked', 'refused', 'refused']);
});

it('a topic that may be looked at and not written to is refused, and costs the others one producer', async () => {
  const { unwritable, send, made } = played();
  unwritable.add('closed');
  expect(await send('healthy', 'closed', 'closed')).toEqual(['acked', 'transient', 'transient']);
  for (let tries = 0; tries < 3; tries++) expect(await send('closed', 'healthy')).toEqual(['refused', 'acked']);
  expect(made()).toBe(2);
});
