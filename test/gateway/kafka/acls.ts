// deploy/kafka/acls.sh against a broker that checks rights: the script is run, what it would tell Kafka is told to Kafka, and
// a real node and `holdfast init` do all their work with it. Then each right is taken away, and what it is needed for must fail.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  ResourcePatternTypes,
} from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { examineKafka } from '../../../src/gateway/cli/examine-kafka.ts';
import { kafkaFindings } from '../../../src/gateway/cli/findings-kafka.ts';
import { kafkaExaminationFindings } from '../../../src/gateway/cli/findings-kafka-rights.ts';
import { look } from '../../../src/gateway/cli/look.ts';
import { type Config, loadConfig } from '../../../src/gateway/config/config.ts';
import { connectKafka } from '../../../src/gateway/kafka/connect.ts';
import { KafkaLetterLog } from '../../../src/gateway/kafka/letter-log.ts';
import { KafkaTopics } from '../../../src/gateway/kafka/topics.ts';
import { KafkaRecordWriter } from '../../../src/gateway/kafka/writer.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import type { DeadLetterPage, RedriveView } from '../../../src/gateway/operations/model/dead-letters.ts';
import { makeTopic, recordBytes, topicSpecs } from '../../../src/gateway/provision.ts';
import { eventually } from '../../support/eventually.ts';
import { nodeEnv, type Servers } from '../../support/nodes.ts';
import { makeTopics } from '../../support/service.ts';
import { newCluster, Trial } from '../../support/trial.ts';
import { foreignClient, Reading } from './harness.ts';

const SCRIPT = fileURLToPath(new URL('../../../deploy/kafka/acls.sh', import.meta.url));

type User = 'nodes' | 'init';

export interface CheckedKafka {
  /** `host:port`: who comes this way may everything. */
  readonly open: string;
  /** And who comes this way what ACLs say. */
  readonly bound: string;
  /** What the environment says to come that way as this user. */
  settingsOf(user: User): Readonly<Record<string, string>>;
}

export function aclTests(checked: () => CheckedKafka): void {
  describe('with the rights of deploy/kafka/acls.sh and no others,', () => {
    const cluster = newCluster();
    const requests = `${cluster}.requests`;
    const topic = (name: string) => `holdfast.${cluster}.${name}`;
    const acls = aclsOf(cluster, requests);
    let admin: Admin;
    let servers: Servers;
    let config: Config;

    const connect = (user: User) => {
      const { kafkaBrokers: brokers, kafkaSecurity: security } = configOf(user);
      return connectKafka({ brokers, security }, SILENT);
    };
    const configOf = (user: User) => {
      const env = nodeEnv(
        { ...servers, env: { ...servers.env, ...checked().settingsOf(user) } },
        'n1',
        'holdfast.yaml',
        0,
      );
      const settings = { cluster, routes: [{ jobType: 'j', requestTopic: requests }], acknowledgements: true };
      return loadConfig(env, () => JSON.stringify(settings), 'n1');
    };

    beforeAll(async () => {
      const { open, bound, settingsOf } = checked();
      servers = {
        ...{ natsUrl: inject('natsUrl'), zeebeAddress: inject('zeebeAddress') },
        kafkaBrokers: open, // the service's and the test's own way
        env: { ...settingsOf('nodes'), KAFKA_BOOTSTRAP_SERVERS: bound },
      };
      config = configOf('nodes');
      admin = foreignClient(open).admin();
      await admin.connect();
      await makeTopics(open, [requests]);
    });
    afterAll(() => admin?.disconnect());

    test('nobody may anything without them', async () => {
      const topics = new KafkaTopics(connect('init'));
      const [replies] = topicSpecs(config);
      await expect(makeTopic(topics, replies as typeof replies & object)).rejects.toThrow(
        /this user may not use the topic: grant WRITE/,
      );
      await topics.close();
      expect(await new KafkaRecordWriterOnce(connect('nodes')).send(requests)).toBe('refused');
    });

    test('init makes the topics, and nodes could not', async () => {
      await admin.createAcls({ acl: acls.map(({ entry }) => entry) });
      const topics = new KafkaTopics(connect('init'));
      for (const spec of topicSpecs(config)) {
        await eventually(
          `${spec.name} to be made`,
          async () => (await makeTopic(topics, spec)) || topics.exists(spec.name),
        );
      }
      await topics.close();
      const [own, others] = [new KafkaTopics(connect('nodes')), topicSpecs({ ...config, cluster: 'other' })];
      for (const spec of others) expect(await own.whyNotCreate(spec)).toMatch(/authoriz/i);
      await own.close();
    });

    test('a node publishes, reads, completes, keeps dead letters, shows them, drives them again, tells services', async () => {
      const trial = await Trial.start({ servers, cluster, nodes: 1, settings: { acknowledgements: true } });
      try {
        const diagnose = () => trial.diagnose();
        await trial.driver.allAnswered(await trial.driver.start(3), { diagnose });
        trial.service.send({ topic: topic('replies'), correlationId: 'nobody-knows-it', value: '{}' });
        const api = async <T>(path: string, body?: object): Promise<T> => {
          const init = body && {
            method: 'POST',
            body: JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
          };
          const response = await fetch(`${trial.node('n1').pageUrl}api/v1/${path}`, init);
          const answer = await response.json();
          if (!response.ok) throw new Error(JSON.stringify(answer));
          return answer as T;
        };
        const letters = async () => (await api<DeadLetterPage>('dead-letters')).letters;
        await eventually('the dead letter', async () => (await letters()).length === 1, { diagnose });
        const body = { reason: 'a test', filter: {}, dryRun: false };
        const { id } = await api<RedriveView>('dead-letters/redrive', body);
        const done = async () => (await api<RedriveView>(`dead-letters/redrives/${id}`)).state === 'done';
        await eventually('it to be driven again', done, { diagnose });
        // Nobody knows it now either.
        await eventually('it to come back', async () => (await letters()).length === 2, { diagnose });
        const ends = await admin.fetchTopicOffsets(topic('acks'));
        expect(ends.reduce((sum, { offset }) => sum + Number(offset), 0)).toBeGreaterThanOrEqual(3);
        const log = readFileSync(trial.node('n1').logFile, 'utf8');
        expect(log).not.toMatch(/not authorized|AUTHORIZATION_FAILED|largest record of some topics is not known/i);
      } finally {
        await trial.stop();
      }
      const { kafka: seen } = await look(config);
      expect(seen).toMatchObject({ kind: 'seen', facts: { denied: new Set() } });
      const facts = seen.kind === 'seen' ? [...seen.facts.topics.values()] : [];
      expect(facts.map(({ name, configUnread }) => [name, configUnread])).toEqual(
        [requests, topic('replies'), topic('dlq'), topic('acks')].map((name) => [name, undefined]),
      );
      const may = new Set(['READ', 'DESCRIBE']);
      const levels = { supported: 30, finalized: 30 };
      expect(await examineKafka(config)).toEqual({ cannotMake: [], missing: [], group: { kind: 'said', may }, levels });
      expect(await doctorSays(config)).toEqual([]);
    });

    /** What a right is needed for; answers whether it can be done. */
    const uses: Readonly<Record<string, () => Promise<boolean>>> = {
      'Read --topic replies': () => reads(topic('replies')),
      'Write --topic replies': () => writes(topic('replies')),
      'Read --group': async () => (await doctorSays(config)).length === 0,
      'Write --topic requests': () => writes(requests),
      'DescribeConfigs --topic requests': () => knowsSize(requests),
      'Write --topic dlq': () => writes(topic('dlq')),
      'Read --topic dlq': () => reads(topic('dlq')),
      'Write --topic acks': () => writes(topic('acks')),
      'DescribeConfigs --topic replies': () => knowsSize(topic('replies')),
      'DescribeConfigs --topic dlq': () => knowsSize(topic('dlq')),
      'DescribeConfigs --topic acks': () => knowsSize(topic('acks')),
    };
    const writes = async (name: string) => (await new KafkaRecordWriterOnce(connect('nodes')).send(name)) === 'acked';
    const knowsSize = async (name: string) => {
      const topics = new KafkaTopics(connect('nodes'));
      const { known } = await recordBytes(topics, [name]).finally(() => topics.close());
      return known.has(name);
    };
    const reads = async (name: string) => {
      const log = new KafkaLetterLog(connect('nodes'), name);
      try {
        for (const range of await log.bounds()) if ((await log.read(range)).records.length > 0) return true;
        return false;
      } catch {
        return false;
      } finally {
        await log.close();
      }
    };

    test('whoever may not join the group is told so', async () => {
      const [entry] = acls.filter(({ type }) => type === 'group').map((acl) => acl.entry);
      if (entry === undefined) throw new Error('no right to the group');
      await admin.deleteAcls({ filters: [entry] });
      const said: unknown[] = [];
      const log = { ...SILENT, warn: (_: string, fields?: object) => void said.push(fields) };
      const reading = await new Reading(connect('nodes'), topic('replies'), `holdfast.${cluster}`, { log }).start();
      try {
        await eventually('the log to say so', () => said.length > 0);
        expect(JSON.stringify(said)).toContain('grant READ on the group to this user');
      } finally {
        await reading.reader.stop();
        await admin.createAcls({ acl: [entry] });
      }
    });

    test('the doctor tells a right to see from a right to use', async () => {
      const mayRead = acls.filter(({ use }) => use === 'Read --group' || use === 'Write --topic requests');
      const seeing = mayRead.map(({ entry }) => ({ ...entry, operation: AclOperationTypes.DESCRIBE }));
      await admin.deleteAcls({ filters: mayRead.map(({ entry }) => entry) });
      await admin.createAcls({ acl: seeing });
      const found = async () => {
        const { missing, group } = await examineKafka(config);
        const lacking = missing?.map(({ topic, operation }) => `${operation} ${topic}`);
        return isDeepStrictEqual(
          [lacking, group],
          [[`WRITE ${requests}`], { kind: 'said', may: new Set(['DESCRIBE']) }],
        );
      };
      try {
        await eventually('the doctor to name both', found, { diagnose: () => examineKafka(config) });
      } finally {
        await admin.deleteAcls({ filters: seeing });
        await admin.createAcls({ acl: mayRead.map(({ entry }) => entry) });
      }
    });

    test('the doctor looks at the topics that models name by a pattern, as they are there', async () => {
      const byPattern = { ...config, template: { ...config.template!, topics: [`${cluster}.*`] } };
      await makeTopics(servers.kafkaBrokers, [`${cluster}.more`]);
      const entry = {
        ...acls.find(({ use }) => use === 'Write --topic requests')!.entry,
        resourceName: `${cluster}.more`,
      };
      const seeing = { ...entry, operation: AclOperationTypes.DESCRIBE };
      await admin.createAcls({ acl: [seeing] });
      const found = async (expected: object) => isDeepStrictEqual((await examineKafka(byPattern)).byPattern, expected);
      const diagnose = () => examineKafka(byPattern);
      try {
        const lacking = { looked: 2, more: 0, unwritable: [`${cluster}.more`] };
        await eventually('it to be missed', () => found(lacking), { diagnose });
        await admin.createAcls({ acl: [entry] });
        await eventually('it to be there', () => found({ ...lacking, unwritable: [] }), { diagnose });
      } finally {
        await admin.deleteAcls({ filters: [seeing, entry] });
      }
    });

    test('a topic whose right is taken away keeps no other from being written, old or new', async () => {
      const [kept, taken, added] = ['kept', 'taken', 'added'].map((name) => `${cluster}.${name}`) as [
        string,
        string,
        string,
      ];
      await makeTopics(servers.kafkaBrokers, [kept, taken, added]);
      const { entry } = acls.find(({ use }) => use === 'Write --topic requests')!;
      const granted = [kept, taken, added].map((resourceName) => ({ ...entry, resourceName }));
      await admin.createAcls({ acl: granted });
      const writer = new KafkaRecordWriter(connect('nodes'));
      const answers: string[] = [];
      const send = async (name: string) => {
        const { kind } = await writer.send(name, [{ key: 'k', value: '{}', headers: [] }], 5_000, () => true);
        if (name !== taken) answers.push(kind);
        return kind;
      };
      try {
        for (const name of [kept, taken, kept, taken]) {
          await eventually(`${name} to be written`, async () => (await send(name)) === 'acked');
        }
        await eventually('the new one to be allowed', () => writes(added));
        await admin.deleteAcls({ filters: granted.filter(({ resourceName }) => resourceName === taken) });
        await eventually('the right to be gone', async () => !(await writes(taken)));
        answers.length = 0;
        // kafkajs looks at all topics of a producer when one is new to it.
        await eventually('the new one to be written', async () => (await send(added)) === 'acked');
        await eventually('the old one to be written', async () => (await send(kept)) === 'acked');
        await eventually('the one without a right to be refused', async () => (await send(taken)) === 'refused');
        for (const name of [added, kept]) await eventually(`${name} again`, async () => (await send(name)) === 'acked');
        expect(answers).not.toContain('refused');
        expect(answers.length).toBeLessThanOrEqual(8);
      } finally {
        await writer.close();
        await admin.deleteAcls({ filters: granted });
      }
    });

    test('each of them is needed', async () => {
      const ofNodes = acls.filter(({ entry }) => entry.principal === 'User:nodes');
      expect(ofNodes.map(({ use }) => use).toSorted()).toEqual(Object.keys(uses).toSorted());
      for (const { entry, use } of ofNodes) {
        const can = uses[use] as () => Promise<boolean>;
        await eventually(`${use} to be enough`, can);
        await admin.deleteAcls({ filters: [entry] });
        await eventually(`${use} to be missed`, async () => !(await can()));
        // That settings cannot be read is a note.
        const expected =
          entry.operation === AclOperationTypes.DESCRIBE_CONFIGS ? [] : [grantOf(use, entry.resourceName)];
        const asExpected = async () => isDeepStrictEqual(await doctorSays(config), expected);
        await eventually(`the doctor to say ${expected}`, asExpected, {
          diagnose: async () => JSON.stringify(await doctorSays(config)),
        });
        await admin.createAcls({ acl: [entry] });
      }
    });
  });
}

/** The commands that grant what is missing. */
async function doctorSays(config: Config): Promise<readonly string[]> {
  const { kafka } = await look(config);
  if (kafka.kind === 'unseen') throw new Error(kafka.reason);
  const examination = await examineKafka(config);
  const { denied = new Set() } = kafka.facts;
  const found = [...kafkaFindings(config, kafka.facts), ...kafkaExaminationFindings(config, examination, denied)];
  return found.flatMap(({ level, remedy }) =>
    level === 'problem' ? [remedy.replace(/ \(all that nodes.*$/, '')] : [],
  );
}

function grantOf(use: string, name: string): string {
  const [operation = '', kind = ''] = use.split(' ');
  return `Grant ${operation.toUpperCase()}: kafka-acls.sh --add --allow-principal 'User:nodes' --operation ${operation} ${kind} ${name}`;
}

/** One record by a producer of its own. */
class KafkaRecordWriterOnce {
  readonly #writer: KafkaRecordWriter;

  constructor(kafka: ConstructorParameters<typeof KafkaRecordWriter>[0]) {
    this.#writer = new KafkaRecordWriter(kafka);
  }

  async send(topic: string): Promise<string> {
    try {
      return (await this.#writer.send(topic, [{ key: 'k', value: '{}', headers: [] }], 5_000, () => true)).kind;
    } finally {
      await this.#writer.close();
    }
  }
}

interface Acl {
  readonly operation: string;
  readonly type: string;
  /** `Read --topic replies` */
  readonly use: string;
  readonly entry: AclEntry;
}

/** Runs the script with a tool that only notes what it was told. */
function aclsOf(cluster: string, requestTopic: string): readonly Acl[] {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-acls-'));
  try {
    const script = readFileSync(SCRIPT, 'utf8')
      .replaceAll('holdfast.orders', `holdfast.${cluster}`)
      .replaceAll('payments.requests', requestTopic);
    writeFileSync(join(dir, 'acls.sh'), script);
    writeFileSync(join(dir, 'kafka-acls.sh'), '#!/bin/sh\necho "$*"\n', { mode: 0o755 });
    const env = {
      ...{ PATH: `${dir}${delimiter}${process.env.PATH}`, BOOTSTRAP: 'kafka:9092', COMMAND_CONFIG: 'admin.properties' },
      ...{ NODES: 'User:nodes', INIT: 'User:init' },
    };
    const told = execFileSync('sh', [join(dir, 'acls.sh')], { env, encoding: 'utf8' })
      .trim()
      .split('\n');
    return told.map(aclOf);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function aclOf(told: string): Acl {
  const form =
    /^--bootstrap-server kafka:9092 --command-config admin\.properties --add --allow-principal (?<principal>User:\w+) --operation (?<operation>\w+) --(?<type>topic|group) (?<name>\S+)$/;
  const { principal = '', operation = '', type = '', name = '' } = form.exec(told)?.groups ?? {};
  if (name === '') throw new Error(`not of the form that is known: ${told}`);
  const operations: Readonly<Record<string, number>> = {
    ...{ Read: AclOperationTypes.READ, Write: AclOperationTypes.WRITE, Create: AclOperationTypes.CREATE },
    ...{ Describe: AclOperationTypes.DESCRIBE, DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS },
  };
  const known = operations[operation];
  if (known === undefined) throw new Error(`no operation of Kafka that is known: ${told}`);
  const entry = {
    ...{ principal, host: '*', operation: known, permissionType: AclPermissionTypes.ALLOW },
    resourceType: type === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
    ...{ resourceName: name, resourcePatternType: ResourcePatternTypes.LITERAL },
  };
  const of = type === 'topic' ? ` ${name.replace(/^.*\.(?=\w+$)/, '')}` : '';
  return { operation, type, use: `${operation} --${type}${of}`, entry };
}
