// A Kafka that grants little: its user may use topics, but neither read their settings nor make new ones. The refusals come
// wrapped in errors of kafkajs, differently for each request, which is why a real one is asked.
import kafkajs, { type AclEntry, type Kafka } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalKafka, startKafka } from '../../../deploy/local/kafka.ts';
import { KafkaTopics } from '../../../src/gateway/kafka/topics.ts';
import { makeTopic, recordBytes } from '../../../src/gateway/provision.ts';
import { eventually } from '../../support/eventually.ts';
import { client, newTopic } from './harness.ts';

const { AclOperationTypes: MAY, AclPermissionTypes: RULE, AclResourceTypes: ON, ResourcePatternTypes } = kafkajs;

let server: LocalKafka;
let kafka: Kafka;
let topics: KafkaTopics;

beforeAll(async () => {
  server = await startKafka({
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': 'true',
    },
  });
  kafka = client(server.brokers);
  topics = new KafkaTopics(kafka);
  await newTopic(kafka, 'there', 3, { 'max.message.bytes': '2000000' });
  const rule = (resourceType: number, resourceName: string, operation: number, permissionType: number): AclEntry => ({
    resourceType,
    resourceName,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: 'User:ANONYMOUS',
    host: '*',
    operation,
    permissionType,
  });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createAcls({
    acl: [
      rule(ON.TOPIC, '*', MAY.ALL, RULE.ALLOW),
      rule(ON.CLUSTER, 'kafka-cluster', MAY.ALL, RULE.ALLOW),
      rule(ON.TOPIC, '*', MAY.DESCRIBE_CONFIGS, RULE.DENY),
      rule(ON.TOPIC, '*', MAY.CREATE, RULE.DENY),
      rule(ON.CLUSTER, 'kafka-cluster', MAY.CREATE, RULE.DENY),
      rule(ON.TOPIC, 'hidden', MAY.ALL, RULE.DENY),
    ],
  });
  await admin.disconnect();
  await eventually('the rules to hold', async () => (await topics.describe('there'))?.configUnread !== undefined);
}, 240_000);

afterAll(async () => {
  await topics?.close();
  await server?.stop();
});

test('what is there is found without its settings, and needs nothing to be made', async () => {
  expect(await topics.describe('there')).toMatchObject({ partitions: 3, replicas: 1, config: {} });
  expect(await makeTopic(topics, { name: 'there', partitions: 3 })).toBe(false);
  const { known, unread } = await recordBytes(topics, ['there', 'hidden', 'missing']);
  expect([...known]).toEqual([]);
  expect(unread.get('there')).toMatch(/grant DESCRIBE_CONFIGS/);
  expect(unread.get('hidden')).toMatch(/may not use the topic: grant WRITE/);
  expect(unread.has('missing')).toBe(false);
});

test('what is missing is named, with who may make it', async () => {
  await expect(makeTopic(topics, { name: 'missing', partitions: 3 })).rejects.toThrow(
    /missing does not exist.*grant CREATE and DESCRIBE/,
  );
  await expect(makeTopic(topics, { name: 'hidden', partitions: 3 })).rejects.toThrow(
    /may not use the topic: grant WRITE/,
  );
});
