// What the doctor says of what it was shown, and in which order. That it sees it, on real servers: cli-processes.full.test.ts.
import { describe, expect, test } from 'vitest';
import { diagnosis, type Examination } from '../../../src/gateway/cli/doctor.ts';
import type { KafkaExamination } from '../../../src/gateway/cli/examine-kafka.ts';
import type { NatsExamination } from '../../../src/gateway/cli/examine-nats.ts';
import type { Finding } from '../../../src/gateway/cli/finding.ts';
import type { Seeing } from '../../../src/gateway/cli/findings.ts';
import { kafkaExaminationFindings } from '../../../src/gateway/cli/findings-kafka-rights.ts';
import { neededRights, topicsByPattern } from '../../../src/gateway/cli/needed-rights.ts';
import { loadConfig } from '../../../src/gateway/config/config.ts';
import type { TopicFacts } from '../../../src/gateway/kafka/topics.ts';
import type { ClusterView, NodeView } from '../../../src/gateway/operations/model/cluster.ts';

const MIB = 1024 * 1024;
const CONFIG = loadConfig(
  { NATS_URL: 'a', KAFKA_BOOTSTRAP_SERVERS: 'a:1' },
  () =>
    'cluster: orders\nshards: 2\nroutes: [{jobType: charge, requestTopic: payments}]\ntemplate: {topics: [payments]}',
  'n1',
);
const TOPIC: TopicFacts = {
  name: 'x',
  partitions: 12,
  replicas: 3,
  config: { 'max.message.bytes': String(MIB), 'retention.ms': '604800000', 'cleanup.policy': 'delete' },
};
const NAMES = ['payments', 'holdfast.orders.replies', 'holdfast.orders.dlq'];

function seeing(topics: readonly string[] = NAMES, denied: readonly string[] = []): Seeing {
  const bucket = {
    bucket: 'b',
    faults: [],
    replicas: 3,
    messages: 0,
    bytes: 0,
    serverVersion: '2.15.1',
    maxPayloadBytes: MIB,
  };
  const monitored = (at: string) => {
    return { at, id: at, peers: 3, flush: { always: true, intervalMs: 120_000 }, store: undefined };
  };
  const monitoring = { servers: ['s1:8222', 's2:8222', 's3:8222'].map(monitored), silent: [] };
  const sizes = { servers: 3, maxPayloadBytes: 8 * MIB, shards: 2 };
  const nats = { version: '2.15.1', jetStream: true, ...sizes, monitoring, bucket };
  const zeebe = {
    ...{ gatewayVersion: '8.6.0', brokerVersions: ['8.6.0'], clusterSize: 1, partitions: 2 },
    ...{ replicationFactor: 1, partitionsWithLeader: 2 },
  };
  const kafka = {
    brokers: 3,
    topics: new Map(topics.map((name) => [name, { ...TOPIC, name }])),
    denied: new Set(denied),
  };
  return {
    nats: { kind: 'seen', facts: nats },
    kafka: { kind: 'seen', facts: kafka },
    zeebe: { kind: 'seen', facts: zeebe },
  };
}

const NODE: NodeView = {
  ...{ node: 'n1', incarnation: 'i', state: 'ready', version: '0.1.0', startedAtMs: 0, leaseRemainingMs: 9_000 },
  ...{ shardsOwned: 1, pending: 0, clockSkewMs: 3, waitingFor: [] },
};
const SHARD: ClusterView['shards'][number] = {
  shard: 0,
  node: 'n1',
  incarnation: 'i',
  epoch: 1,
  state: 'owned',
  target: 'n1',
};
const VIEW: ClusterView = {
  ...{ cluster: 'orders', atMs: 0, answeredBy: 'n1', missing: [], movements: [] },
  nodes: [NODE, { ...NODE, node: 'n2' }],
  shards: [SHARD, { ...SHARD, shard: 1, node: 'n2' }],
};
const NATS: NatsExamination = {
  denied: [],
  cannotMakeBucket: false,
  skewMs: 0,
  copies: {
    leader: 's1',
    followers: [
      { name: 's2', current: true },
      { name: 's3', current: true },
    ],
  },
  stores: [{ of: 'account', name: '', usedBytes: 80 * MIB, reservedBytes: 90 * MIB, mostBytes: 100 * MIB }],
  audit: { kind: 'seen', report: { stream: 'holdfast_orders_audit', faults: [], oldestMs: 0, fullness: 0.5 } },
};
const KAFKA: KafkaExamination = {
  ...{ cannotMake: [], missing: [], byPattern: undefined, group: { kind: 'said', may: new Set(['READ', 'DESCRIBE']) } },
  levels: { supported: 30, finalized: 30 },
};
const store = (of: 'account' | 'tier' | 'server', name: string, usedBytes: number) => ({
  stores: [{ of, name, usedBytes: usedBytes * MIB, reservedBytes: 0, mostBytes: 100 * MIB }],
});
const missing = (...rights: readonly [topic: string, operation: 'READ' | 'WRITE'][]) =>
  rights.map(([topic, operation]) => {
    const found = neededRights(CONFIG).find((right) => right.topic === topic && right.operation === operation);
    if (found === undefined) throw new Error(`a node does not need ${operation} on ${topic}`);
    return found;
  });
const audit = (report: object) => ({
  audit: {
    kind: 'seen' as const,
    report: { stream: 'holdfast_orders_audit', faults: [], oldestMs: 86_400_000, fullness: 0, ...report },
  },
});

function said(changes: {
  nats?: Partial<NatsExamination>;
  view?: Partial<ClusterView>;
  kafka?: Partial<KafkaExamination>;
  seeing?: Seeing;
  unheard?: string;
  unable?: string;
  named?: boolean;
}): string[] {
  const examination: Examination = {
    nats: { kind: 'seen', facts: { ...NATS, ...changes.nats } },
    kafka: { kind: 'seen', facts: { ...KAFKA, ...changes.kafka } },
    nodes:
      changes.unable !== undefined
        ? { kind: 'unable', reason: changes.unable }
        : changes.unheard === undefined
          ? { kind: 'seen', facts: { view: { ...VIEW, ...changes.view }, ownVersion: '0.1.0' } }
          : { kind: 'unseen', reason: changes.unheard },
    apiIsNamed: changes.named ?? false,
  };
  return diagnosis(CONFIG, changes.seeing ?? seeing(), examination).map(line);
}

/** The template names topics by these. */
function saidWith(topics: string, byPattern: KafkaExamination['byPattern'], missing: KafkaExamination['missing'] = []) {
  const yaml = `cluster: orders\nshards: 2\nroutes: [{jobType: charge, requestTopic: payments}]\ntemplate: {topics: ${topics}}`;
  const config = loadConfig({ NATS_URL: 'a', KAFKA_BOOTSTRAP_SERVERS: 'a:1' }, () => yaml, 'n1');
  return kafkaExaminationFindings(config, { ...KAFKA, missing, byPattern }, new Set()).map(line);
}

describe('rights on topics that models name by a pattern', () => {
  const fine = { looked: 3, more: 0, unwritable: [] };

  test('are all there', () => {
    expect(saidWith('[payments.*]', fine)).toEqual([]);
    expect(saidWith('[payments]', undefined)).toEqual([]);
  });

  test('are missing on some: which, and how to grant them', () => {
    const unwritable = ['payments.a', 'payments.b', 'payments.c', 'payments.d', 'payments.e', 'payments.f'];
    const [found, ...others] = saidWith('["payments.*", billing, "orders.*"]', { looked: 9, more: 0, unwritable });
    expect(found).toMatch(
      /^problem Kafka: this user may not WRITE 6 of the 9 topics that models may name as payments\.\*, orders\.\*: payments\.a, .*payments\.e, … \| Each\. Grant WRITE: .* --operation Write --topic payments\.a /,
    );
    expect(others).toEqual([]);
  });

  test('were not looked at, and that is said', () => {
    expect(saidWith('["*"]', undefined)).toEqual([
      expect.stringMatching(/^note Kafka: the rights on topics that models name were not looked at: they may name any/),
    ]);
    expect(saidWith('["payments.*"]', { ...fine, looked: 0 })).toEqual([
      expect.stringMatching(/^note Kafka: no topic that this user may see matches payments\.\*, so its rights/),
    ]);
    expect(saidWith('["payments.*"]', { ...fine, more: 7 })).toEqual([
      expect.stringMatching(
        /^note Kafka: Kafka has 7 topics more that match payments\.\*, and the rights on them were not/,
      ),
    ]);
  });

  test('concern topics that a model may name, and none of the cluster, of Kafka or of holdfast', () => {
    const yaml = 'cluster: orders\ntemplate: {topics: ["pay*", "*.replies", fixed]}';
    const config = loadConfig({ NATS_URL: 'a', KAFKA_BOOTSTRAP_SERVERS: 'a:1' }, () => yaml, 'n1');
    const there = ['payments', 'fixed', 'holdfast.orders.replies', 'holdfast.x.replies', '__pay', 'b.replies', 'other'];
    expect(topicsByPattern(config, there)).toEqual(['b.replies', 'payments']);
  });
});

function line({ level, critical, about, what, remedy }: Finding): string {
  return `${critical ? 'critical' : level} ${about}: ${what} | ${remedy}`;
}

test('a cluster as it should be has nothing to be said about', () => {
  expect(said({})).toEqual([]);
});

describe('one thing wrong, one finding with what to change', () => {
  const denied = [
    { right: 'publish', subject: '$KV.holdfast_orders_jobs._doctor', need: 'to store pending jobs' },
  ] as const;
  const follower = (more: object) => ({ leader: 's1', followers: [{ name: 's2', current: true, ...more }] });
  const cases: [name: string, changes: Parameters<typeof said>[0], expected: RegExp][] = [
    [
      'a right',
      { nats: { denied } },
      /^critical NATS: this user may not publish to \$KV\S+_doctor, which .* jobs \| Grant it: publish on \$KV\.holdfast_orders_jobs\.>\.$/,
    ],
    [
      'no bucket, and no right to make one',
      { nats: { cannotMakeBucket: true } },
      /^problem NATS: the bucket is not made yet, and this user may not make it \| Have "holdfast init" run/,
    ],
    [
      'a clock behind',
      { nats: { skewMs: -2_500 } },
      /^critical NATS: the server's clock is 2s behind the clock here \| .*NTP/,
    ],
    ['no time told', { nats: { skewMs: undefined } }, /^note NATS: the clocks were not compared/],
    [
      'no leader',
      { nats: { copies: { leader: undefined, followers: [] } } },
      /^critical NATS: the bucket has no leader/,
    ],
    [
      'a copy offline',
      { nats: { copies: follower({ offline: true, current: false }) } },
      /^problem NATS: the copy .* on s2 is offline/,
    ],
    [
      'a copy that lags',
      { nats: { copies: follower({ lag: 5_000 }) } },
      /^problem NATS: the copy .* on s2 is 5000 entries behind/,
    ],
    [
      'a store nearly full',
      { nats: store('account', '', 90) },
      /^problem NATS: 90\.00 MiB of the 100\.00 MiB of storage that the account may use are used \| Raise the account's max_file/,
    ],
    [
      'a store of a tier that is full',
      { nats: store('tier', 'R3', 99) },
      /^critical NATS: 99\.00 MiB .* of the tier R3 are used \| Raise that limit/,
    ],
    [
      'a disk nearly full',
      { nats: store('server', 'nats-1:8222', 81) },
      /^problem NATS: 81\.00 MiB .* JetStream may use on the server nats-1:8222 are used \| .*max_file_store/,
    ],
    [
      'an audit that refuses records',
      { nats: audit({ faults: [{ what: 'discard is new', editable: true, grave: true }] }) },
      /^problem NATS: stream holdfast_orders_audit: discard is new \| Run "nats stream edit holdfast_orders_audit"/,
    ],
    [
      'an audit that can be emptied',
      { nats: audit({ faults: [{ what: 'deny_purge is false', editable: false, grave: false }] }) },
      /^note NATS: stream holdfast_orders_audit: deny_purge is false \| It cannot be edited: .*backup/,
    ],
    [
      'a full audit',
      { nats: audit({ fullness: 0.99 }) },
      /^note NATS: the audit is full: each act drives out the oldest, which is of 1970-01-02 \| .*max_bytes/,
    ],
    [
      'no audit',
      { nats: { audit: { kind: 'absent', mayMake: true, copies: 3 }, stores: [] } },
      /^note NATS: the stream of the audit is not made yet, and without it nobody can act \| Run "holdfast init"/,
    ],
    [
      'no audit, and no room for it in the account',
      { nats: { audit: { kind: 'absent', mayMake: true, copies: 3 }, ...store('account', '', 0) } },
      /^problem NATS: the stream of the audit .*: it reserves 192\.00 MiB, and 100\.00 MiB of what the account may use/,
    ],
    [
      'no audit, and no right to make it',
      { nats: { audit: { kind: 'absent', mayMake: false, copies: 3 }, stores: [] } },
      /^problem NATS: the stream of the audit .* this user may not make it \| Have "holdfast init" run/,
    ],
    [
      'a topic not to be seen',
      { seeing: seeing(NAMES.slice(1), ['payments']) },
      /^critical Kafka: this user may not see the topic payments \| Grant WRITE: kafka-acls\.sh --add --allow-principal User:ANONYMOUS --operation Write --topic payments \(/,
    ],
    [
      'a topic not to be made',
      { kafka: { cannotMake: [{ topic: 't', reason: 'no' }] } },
      /^problem Kafka: the topic t is missing, and this user could not make it: no \|/,
    ],
    [
      'a group not to be seen',
      { kafka: { group: { kind: 'denied' } } },
      /^critical Kafka: this user may not see the consumer group holdfast\.orders, .* \| Grant READ: kafka-acls\.sh .* --operation Read --group holdfast\.orders \(/,
    ],
    [
      'a group not to be joined',
      { kafka: { group: { kind: 'said', may: new Set(['DESCRIBE']) } } },
      /^critical Kafka: this user may not READ the consumer group holdfast\.orders,/,
    ],
    [
      'a group nobody told of',
      { kafka: { group: { kind: 'unsaid' } } },
      /^note Kafka: the rights on the consumer group were not looked at/,
    ],
    [
      'a right on a topic',
      { kafka: { missing: missing(['holdfast.orders.replies', 'READ']) } },
      /^critical Kafka: this user may not READ the topic holdfast\.orders\.replies, which a node needs to read replies \| Grant READ: kafka-acls\.sh --add --allow-principal User:ANONYMOUS --operation Read --topic holdfast\.orders\.replies \(all that nodes need: deploy\/kafka\/acls\.sh\)\.$/,
    ],
    [
      'a right that only operators miss',
      { kafka: { missing: missing(['holdfast.orders.dlq', 'READ']) } },
      /^problem Kafka: this user may not READ the topic holdfast\.orders\.dlq, .* to show dead letters/,
    ],
    [
      'rights on a topic that may not be seen: once',
      {
        seeing: seeing(
          NAMES.filter((name) => !name.endsWith('dlq')),
          ['holdfast.orders.dlq'],
        ),
        kafka: { missing: missing(['holdfast.orders.dlq', 'READ'], ['holdfast.orders.dlq', 'WRITE']) },
      },
      /^critical Kafka: this user may not see the topic holdfast\.orders\.dlq \| Grant WRITE and READ: .* --operation Write --operation Read --topic holdfast\.orders\.dlq \(/,
    ],
    [
      'rights that nobody tells',
      { kafka: { missing: undefined } },
      /^note Kafka: the rights of this user were not looked at: Kafka is older than 2\.3/,
    ],
    ['a Kafka that tells no version', { kafka: { levels: undefined } }, /^note Kafka: its version was not seen/],
    [
      'a Kafka newer than tested',
      { kafka: { levels: { supported: 31, finalized: 30 } } },
      /^note Kafka: it is newer than 4\.3, the newest that was tested \(its metadata\.version goes up to 31\)/,
    ],
    [
      'an upgrade of Kafka that was not finished',
      { kafka: { levels: { supported: 30, finalized: 25 } } },
      /^note Kafka: the broker is of Kafka 4\.3, and the cluster still works as 4\.0 \(metadata\.version 25\) \| .*kafka-features\.sh upgrade --release-version 4\.3/,
    ],
    [
      'not ready',
      { view: { nodes: [NODE, { ...NODE, node: 'n2', state: 'notReady', waitingFor: ['Kafka'] }] } },
      /^critical nodes: n2 is not ready: it waits for Kafka \|/,
    ],
    [
      'silent',
      {
        view: {
          missing: ['n2'],
          nodes: [NODE, { ...NODE, node: 'n2', state: 'silent', version: null, clockSkewMs: null }],
        },
      },
      /^critical nodes: n2 is a member and does not answer/,
    ],
    [
      'draining',
      { view: { nodes: [NODE, { ...NODE, node: 'n2', state: 'draining' }] } },
      /^note nodes: n2 is draining \| .*holdfast resume n2/,
    ],
    [
      'an idle shard',
      { view: { shards: [SHARD, { ...SHARD, shard: 1, state: 'acquiring' }] } },
      /^problem nodes: 1 shard of 2 is not served/,
    ],
    [
      'other shards',
      { view: { shards: [SHARD] } },
      /^problem nodes: shards is 2 here, and the nodes have 1 \| Set shards to 1/,
    ],
    [
      'a clock off',
      { view: { nodes: [NODE, { ...NODE, node: 'n2', clockSkewMs: 1_500 }] } },
      /^critical nodes: the clock of n2 differs from the NATS server's by 1s/,
    ],
    [
      'clocks apart',
      {
        view: {
          nodes: [
            { ...NODE, clockSkewMs: -700 },
            { ...NODE, node: 'n2', clockSkewMs: 700 },
          ],
        },
      },
      /^problem nodes: the clocks of two nodes are 1s apart/,
    ],
    [
      'an upgrade',
      { view: { nodes: [NODE, { ...NODE, node: 'n2', version: '0.2.0' }] } },
      /^note nodes: the nodes are of different versions \(n1: 0\.1\.0; n2: 0\.2\.0\) \| Finish/,
    ],
    [
      'versions apart',
      { view: { nodes: [NODE, { ...NODE, node: 'n2', version: '0.3.0' }] } },
      /^problem nodes: the nodes are more than one minor version apart/,
    ],
    [
      'majors apart',
      { view: { nodes: [NODE, { ...NODE, node: 'n2', version: '1.1.0' }] } },
      /^problem nodes: the nodes are more than one minor version apart/,
    ],
    [
      'another command',
      { view: { nodes: VIEW.nodes.map((node) => ({ ...node, version: '0.2.0' })) } },
      /^note nodes: this command is 0\.1\.0, and the nodes are 0\.2\.0/,
    ],
    ['one node', { view: { nodes: [NODE, { ...NODE, node: 'n2', state: 'left' }] } }, /^note nodes: there is one node/],
    [
      'another cluster',
      { view: { cluster: 'billing', nodes: [], shards: [] } },
      /^problem nodes: the API answers for the cluster billing, and the configuration is of orders/,
    ],
    [
      'a node that has no answer now',
      { unable: 'no node has an answer\n  127.0.0.1:8091: it waits for NATS' },
      /^critical nodes: none has an answer: 127\.0\.0\.1:8091: it waits for NATS \| It goes on by itself/,
    ],
    [
      'a server that a ready node misses',
      { view: { nodes: [NODE, { ...NODE, node: 'n2', waitingFor: ['Kafka: it does not answer'] }] } },
      /^problem nodes: n2 waits for Kafka: it does not answer \| Look at that server/,
    ],
    [
      'no API tried',
      { unheard: 'nobody listens' },
      /^note nodes: no node was asked.*: nobody listens \| Set HOLDFAST_API_URL/,
    ],
    ['no API where it should be', { unheard: 'nobody listens', named: true }, /^problem nodes: no node was asked/],
  ];
  test.each(cases)('%s', (_name, changes, expected) => {
    expect(said(changes)).toEqual([expect.stringMatching(expected)]);
  });
});

test('an audit that is not made yet needs room on as many servers as it gets copies', () => {
  const servers = (...reservedMib: number[]) =>
    reservedMib.map((reserved, i) => {
      const sizes = { usedBytes: 0, reservedBytes: reserved * MIB, mostBytes: 100 * MIB };
      return { of: 'server' as const, name: `nats-${i}:8222`, ...sizes };
    });
  const absent = (copies: number) => ({ audit: { kind: 'absent' as const, mayMake: true, copies } });
  const noRoom = expect.stringMatching(
    /^problem NATS: .* 5\.00 MiB of what JetStream may use on the server nats-1:8222/,
  );
  expect(said({ nats: { ...absent(3), stores: servers(0, 95, 0) } })).toEqual([noRoom]);
  expect(said({ nats: { ...absent(3), stores: servers(0, 95) } })).toEqual([noRoom]);
  const room = expect.stringMatching(/^note NATS: the stream of the audit is not made yet/);
  expect(said({ nats: { ...absent(3), stores: servers(0, 95, 0, 0) } })).toEqual([room]);
  expect(said({ nats: { ...absent(1), stores: servers(0, 95, 0) } })).toEqual([room]);
});

test('the worst comes first, whichever server it is about', () => {
  const nodes = [NODE, { ...NODE, node: 'n2', state: 'notReady' as const, waitingFor: ['NATS'] }];
  const levels = said({
    view: { nodes, missing: ['n9'] },
    nats: { skewMs: undefined, copies: { leader: 's1', followers: [{ name: 's2', current: false }] } },
    seeing: seeing(NAMES.slice(1)),
  }).map((text) => text.split(':', 1)[0]);
  expect(levels).toEqual(['critical Kafka', 'critical nodes', 'problem NATS', 'problem nodes', 'note NATS']);
});
