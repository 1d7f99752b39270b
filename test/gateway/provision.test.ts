// Making topics and asking what they take, with whatever rights Kafka grants: what is missing is named, what is there is enough.
import { expect, test } from 'vitest';
import type { TopicFacts, TopicSpec } from '../../src/gateway/kafka/topics.ts';
import { makeTopic, recordBytes } from '../../src/gateway/provision.ts';

const SPEC: TopicSpec = { name: 'holdfast.a.replies', partitions: 12, config: { 'cleanup.policy': 'delete' } };
const refusal = (type: string) => Object.assign(new Error(`Kafka says ${type}`), { code: type, cause: { type } });
const NOT_ALLOWED = () => {
  const answer = Object.assign(new Error('not authorized'), { type: 'TOPIC_AUTHORIZATION_FAILED' });
  return Object.assign(new Error('this user may not', { cause: answer }), { code: answer.type });
};

/** `there`: what each look at the topic finds, the last one for good. */
function topics(there: boolean[], create: () => Promise<boolean>) {
  const asked: string[] = [];
  return {
    asked,
    exists: async () => {
      asked.push('exists');
      return there.length > 1 ? (there.shift() ?? false) : (there[0] ?? false);
    },
    create: async () => {
      asked.push('create');
      return create();
    },
  };
}

test('a topic that is there needs no right to create it, and its settings are not asked for', async () => {
  const { asked, ...kafka } = topics([true], async () => true);
  expect(await makeTopic(kafka, SPEC)).toBe(false);
  expect(asked).toEqual(['exists']);
});

test('a missing one is made; one that not every broker knows yet counts as made', async () => {
  expect(
    await makeTopic(
      topics([false], async () => true),
      SPEC,
    ),
  ).toBe(true);
  const late = topics([false], () => Promise.reject(refusal('LEADER_NOT_AVAILABLE')));
  expect(await makeTopic(late, SPEC)).toBe(true);
});

test('a missing one that this user may not make is named, with who may and how', async () => {
  const kafka = topics([false], () => Promise.reject(NOT_ALLOWED()));
  await expect(makeTopic(kafka, SPEC)).rejects.toThrow(
    /holdfast\.a\.replies does not exist.*holdfast init.*12 partitions, cleanup\.policy=delete.*grant CREATE/,
  );
  // It is tried again until somebody has made it.
  const meanwhile = topics([false, true], () => Promise.reject(NOT_ALLOWED()));
  expect(await makeTopic(meanwhile, SPEC)).toBe(false);
});

test('any other refusal is passed on', async () => {
  const kafka = topics([false], () => Promise.reject(refusal('INVALID_REPLICATION_FACTOR')));
  await expect(makeTopic(kafka, SPEC)).rejects.toThrow('INVALID_REPLICATION_FACTOR');
});

test('topics whose settings may not be read are left out and named with the reason; each is asked once', async () => {
  const facts = (name: string, config: Record<string, string>): TopicFacts => ({
    name,
    partitions: 1,
    replicas: 1,
    config,
  });
  const asked: string[] = [];
  const describe = async (name: string): Promise<TopicFacts | undefined> => {
    asked.push(name);
    if (name === 'missing') return undefined;
    if (name === 'hidden') throw NOT_ALLOWED();
    if (name === 'closed') return { ...facts(name, {}), configUnread: 'grant DESCRIBE_CONFIGS' };
    return facts(name, { 'max.message.bytes': '1000' });
  };
  const { known, unread } = await recordBytes({ describe }, ['open', 'missing', 'open', 'closed', 'hidden']);
  expect(asked).toEqual(['open', 'missing', 'closed', 'hidden']);
  expect([...known]).toEqual([['open', 1000]]);
  expect([...unread]).toEqual([
    ['closed', 'grant DESCRIBE_CONFIGS'],
    ['hidden', 'this user may not'],
  ]);
  const away = recordBytes({ describe: () => Promise.reject(refusal('KAFKA_UNAVAILABLE')) }, ['open']);
  await expect(away).rejects.toThrow('KAFKA_UNAVAILABLE');
});
