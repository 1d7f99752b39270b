import { describe, expect, test } from 'vitest';
import type { BucketReport } from '../../src/cluster/nats/bucket.ts';
import type { MonitoredServer, Monitoring } from '../../src/cluster/nats/monitoring.ts';
import type { Finding } from '../../src/gateway/cli/finding.ts';
import { findings, type Seeing } from '../../src/gateway/cli/findings.ts';
import type { NatsFacts } from '../../src/gateway/cli/findings-nats.ts';
import { type Config, loadConfig } from '../../src/gateway/config/config.ts';
import { SecretText } from '../../src/gateway/config/secret.ts';
import type { TopicFacts } from '../../src/gateway/kafka/topics.ts';
import { topicSpecs } from '../../src/gateway/provision.ts';
import type { Topology } from '../../src/gateway/zeebe/client.ts';

const MIB = 1024 * 1024;
const LATE = { always: false, intervalMs: 120_000 };
const DAY_MS = 86_400_000;

const CONFIG = configOf('');
const BUCKET: BucketReport = {
  bucket: 'holdfast_orders_jobs',
  faults: [],
  replicas: 3,
  messages: 0,
  bytes: 0,
  serverVersion: '2.15.1',
  maxPayloadBytes: 8 * MIB,
};
const NATS: NatsFacts = {
  version: '2.15.1',
  jetStream: true,
  servers: 3,
  maxPayloadBytes: 8 * MIB,
  monitoring: monitored({}, {}, {}),
  bucket: BUCKET,
  shards: 128,
};
const SETTINGS = { 'max.message.bytes': String(MIB), 'retention.ms': String(7 * DAY_MS), 'cleanup.policy': 'delete' };
const TOPIC: TopicFacts = { name: 'holdfast.orders.replies', partitions: 12, replicas: 3, config: SETTINGS };
const LETTERS: TopicFacts = { ...TOPIC, config: { ...SETTINGS, 'max.message.bytes': String(8 * MIB) } };
const TOPICS = { 'payments.requests': TOPIC, 'holdfast.orders.replies': TOPIC, 'holdfast.orders.dlq': LETTERS };
const ZEEBE: Topology = {
  gatewayVersion: '8.6.0',
  brokerVersions: ['8.6.0'],
  clusterSize: 1,
  partitions: 2,
  replicationFactor: 1,
  partitionsWithLeader: 2,
};

function configOf(yaml: string): Config {
  const route = '{jobType: charge, requestTopic: payments.requests, replyTimeout: P2D}';
  const env = { NATS_URL: 'a', KAFKA_BOOTSTRAP_SERVERS: 'a:1' };
  return loadConfig(env, () => `cluster: orders\nroutes: [${route}]\ntemplate: {topics: [payments.*]}\n${yaml}`, 'n');
}

/** Servers that flush what they acknowledge, but for what is said of each: n1:8222, n2:8222 and so on. */
function monitored(...servers: Partial<MonitoredServer>[]): Monitoring {
  const flush = { always: true, intervalMs: 120_000 };
  const seen = servers.map((server, i): MonitoredServer => {
    return { at: `n${i + 1}:8222`, id: `N${i + 1}`, peers: 3, flush, store: undefined, ...server };
  });
  return { servers: seen, silent: [] };
}

interface Changes {
  nats?: Partial<NatsFacts>;
  bucket?: Partial<BucketReport>;
  topics?: Record<string, TopicFacts>;
  brokers?: number;
  zeebe?: Partial<Topology>;
}

function see(changes: Changes): Seeing {
  const nats = { ...NATS, bucket: { ...BUCKET, ...changes.bucket }, ...changes.nats };
  const topics = new Map(Object.entries({ ...TOPICS, ...changes.topics }));
  return {
    nats: { kind: 'seen', facts: nats },
    kafka: { kind: 'seen', facts: { brokers: changes.brokers ?? 3, topics } },
    zeebe: { kind: 'seen', facts: { ...ZEEBE, ...changes.zeebe } },
  };
}

function said(list: readonly Finding[]): string[] {
  return list.map(({ level, about, what, remedy }) => `${level} ${about}: ${what} | ${remedy}`);
}

test('a production cluster as it should be has nothing to be said about', () => {
  expect(findings(CONFIG, see({}))).toEqual([]);
});

test('a server that cannot be reached is a problem with its reason, and hides nothing of the others', () => {
  const away: Seeing = {
    ...see({ zeebe: { gatewayVersion: '8.5.3' } }),
    kafka: { kind: 'unseen', reason: 'connection refused' },
  };
  expect(said(findings(CONFIG, away))).toEqual([
    expect.stringMatching(/^problem Kafka: .*connection refused \| .*KAFKA_BOOTSTRAP_SERVERS/),
    expect.stringMatching(/^problem Zeebe: 8\.5\.3 is older than 8\.6\.0/),
  ]);
});

test('a server that lets nobody in is a problem in its own words, which name the setting', () => {
  const reason = 'Kafka refused the user: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD (SASL PLAIN …)';
  const refused: Seeing = { ...see({}), kafka: { kind: 'unseen', reason } };
  expect(said(findings(CONFIG, refused))).toEqual([expect.stringContaining(`problem Kafka: ${reason} | Nodes wait`)]);
});

test('a password or a token that others can read on its way is worth a note', () => {
  const withLogin = (mechanism: 'PLAIN' | 'SCRAM-SHA-512', byTls: boolean): Config => {
    const sasl = { mechanism, username: 'bridge', password: new SecretText(() => 'secret') };
    const nothing = { ca: undefined, cert: undefined, key: undefined, keyPassword: undefined, serverName: undefined };
    return { ...CONFIG, kafkaSecurity: { sasl, tls: byTls ? nothing : undefined } };
  };
  expect(said(findings(withLogin('PLAIN', false), see({})))).toEqual([
    expect.stringMatching(/^note Kafka: the password goes to Kafka as plain text.* \| .*SASL_SSL/),
  ]);
  expect(findings(withLogin('PLAIN', true), see({}))).toEqual([]);
  expect(findings(withLogin('SCRAM-SHA-512', false), see({}))).toEqual([]);
});

describe('one thing wrong, one finding with its remedy', () => {
  const cases: [name: string, changes: Changes, expected: RegExp][] = [
    ['no JetStream', { nats: { jetStream: false } }, /^problem NATS: JetStream is not enabled/],
    [
      'small max_payload',
      { nats: { maxPayloadBytes: MIB / 2 }, topics: smallTopics() },
      /^problem NATS: max_payload is 512 KiB \| Raise it to at least 1\.00 MiB/,
    ],
    [
      'a single server',
      { nats: { servers: 1, monitoring: monitored({ peers: 0 }) }, bucket: { replicas: 1 } },
      /^note NATS: the bucket keeps 1 copy \|/,
    ],
    [
      'one server of three that flushes late',
      { nats: { monitoring: monitored({}, { flush: LATE }, {}) } },
      /^problem NATS: acknowledged writes .*every 120 s on n2:8222 \| Set "sync_interval: always"/,
    ],
    [
      'all of them, with one setting',
      { nats: { monitoring: monitored({ flush: LATE }, { flush: LATE }, { flush: LATE }) } },
      /^problem NATS: .*every 120 s on n1:8222, n2:8222, n3:8222 \|/,
    ],
    [
      'one server of three that does not answer',
      { nats: { monitoring: { ...monitored({}, {}), silent: ['n3:8222'] } } },
      /^note NATS: the flush setting and the storage of 1 of 3 servers cannot be seen: no answer from n3:8222 \| Name .*NATS_MONITOR_URL/,
    ],
    [
      'one server of three that was asked',
      { nats: { monitoring: monitored({}) } },
      /^note NATS: .* of 2 of 3 servers cannot be seen: no other was asked than n1:8222 \|/,
    ],
    [
      'a server without JetStream in the place of one that has it',
      { nats: { monitoring: monitored({}, {}, { flush: undefined }) } },
      /^note NATS: .* of 1 of 3 servers cannot be seen: no other was asked than n1:8222, n2:8222, n3:8222 \|/,
    ],
    [
      'no monitoring at all',
      { nats: { monitoring: { servers: [], silent: ['n1:8222', 'n2:8222'] } } },
      /^note NATS: .* of 3 of 3 servers cannot be seen: no answer from n1:8222, n2:8222 \|/,
    ],
    ['no bucket', { nats: { bucket: undefined } }, /^note NATS: the bucket is not made yet \| Run "holdfast init"/],
    [
      'a bucket that is not as it must be',
      { bucket: { faults: ['allow_direct is true, should be false'] } },
      /^problem NATS: bucket holdfast_orders_jobs: allow_direct is true.*\| Edit its stream/,
    ],
    [
      'other shards',
      { nats: { shards: 64 } },
      /^problem NATS: shards is 128, and the bucket was made with 64 \| Set shards to 64/,
    ],
    [
      'short retention',
      { topics: replies({ config: { ...SETTINGS, 'retention.ms': String(DAY_MS) } }) },
      /^problem Kafka: .* for P1D, and charge waits up to P2D.*retention\.ms=172800000/,
    ],
    [
      'compaction',
      { topics: replies({ config: { ...SETTINGS, 'cleanup.policy': 'compact,delete' } }) },
      /^problem Kafka: .*compacted.*cleanup\.policy=delete/,
    ],
    [
      'short retention of dead letters',
      { topics: letters({ config: { ...LETTERS.config, 'retention.ms': String(DAY_MS) } }) },
      /^problem Kafka: the dead-letter topic keeps records for P1D, and charge waits up to P2D.* --topic holdfast\.orders\.dlq .*retention\.ms=172800000/,
    ],
    [
      'compaction of dead letters',
      { topics: letters({ config: { ...LETTERS.config, 'cleanup.policy': 'compact' } }) },
      /^problem Kafka: the dead-letter topic is compacted: .* --topic holdfast\.orders\.dlq .*cleanup\.policy=delete/,
    ],
    [
      'dead letters that are cut',
      { topics: letters({ config: { ...LETTERS.config, 'max.message.bytes': String(MIB - 1) } }) },
      /^problem Kafka: max\.message\.bytes is 1048575 on the dead-letter topic and 1048576 on the reply topic: .*cut, and cannot be driven again \| .* --topic holdfast\.orders\.dlq .*max\.message\.bytes=8388608/,
    ],
    [
      'one copy of the dead letters',
      { topics: letters({ replicas: 1 }) },
      /^problem Kafka: the topic holdfast\.orders\.dlq has one copy on 3/,
    ],
    [
      'one copy of the replies',
      { topics: replies({ replicas: 1 }) },
      /^problem Kafka: the topic holdfast\.orders\.replies has one copy on 3/,
    ],
    [
      'settings that may not be read',
      { topics: replies({ config: {}, configUnread: 'no right to' }) },
      /^note Kafka: the settings of holdfast\.orders\.replies cannot be read.*\| Grant DESCRIBE_CONFIGS/,
    ],
    [
      'larger replies than taken',
      { topics: replies({ config: { ...SETTINGS, 'max.message.bytes': String(5 * MIB) } }) },
      /^note Kafka: .*up to 5\.00 MiB, and holdfast up to 2\.00 MiB/,
    ],
    ['a new engine', { zeebe: { gatewayVersion: '8.10.0', brokerVersions: [] } }, /^note Zeebe: 8\.10\.0 is newer/],
    [
      'an old broker behind a new gateway',
      { zeebe: { brokerVersions: ['8.5.9'] } },
      /^problem Zeebe: 8\.5\.9 is older/,
    ],
    ['a leader missing', { zeebe: { partitionsWithLeader: 1 } }, /^problem Zeebe: 1 of 2 partitions have no leader/],
  ];
  test.each(cases)('%s', (_name, changes, expected) => {
    expect(said(findings(CONFIG, see(changes)))).toEqual([expect.stringMatching(expected)]);
  });

  test('a request topic that does not exist, named once for two routes', () => {
    const seeing = see({});
    const without = new Map(Object.entries(TOPICS).filter(([name]) => name !== 'payments.requests'));
    const found = findings(CONFIG, { ...seeing, kafka: { kind: 'seen', facts: { brokers: 3, topics: without } } });
    expect(said(found)).toEqual([
      expect.stringMatching(/^problem Kafka: the request topic payments\.requests does not exist \| Create it/),
    ]);
  });

  test('a topic of acknowledgements, which is only there where they are on', () => {
    const acks = 'holdfast.orders.acks';
    const config = configOf('acknowledgements: true');
    expect(said(findings(config, see({})))).toEqual([
      `note Kafka: the topic ${acks} is not made yet | Run "holdfast init", or let the first node make it.`,
    ]);
    expect(findings(config, see({ topics: { [acks]: TOPIC } }))).toEqual([]);
    // Nobody waits for what is on it, so it may be kept as long as one likes.
    const compact = { ...SETTINGS, 'cleanup.policy': 'compact', 'retention.ms': '1000' };
    expect(said(findings(config, see({ topics: { [acks]: { ...TOPIC, config: compact } } })))).toEqual([
      expect.stringMatching(
        /^problem Kafka: the topic of acknowledgements is compacted: .* --topic holdfast\.orders\.acks /,
      ),
    ]);
    const facts = { brokers: 3, topics: new Map(Object.entries(TOPICS)), denied: new Set([acks]) };
    const [denied, ...others] = findings(config, { ...see({}), kafka: { kind: 'seen', facts } });
    expect(denied).toMatchObject({
      level: 'problem',
      critical: false,
      what: `this user may not see the topic ${acks}`,
    });
    expect(others).toEqual([]);
  });

  test('the topics that init makes are as they should be, however long a call waits', () => {
    const config = configOf('acknowledgements: true');
    const slow = { ...config, routes: config.routes.map((route) => ({ ...route, replyTimeoutMs: 30 * DAY_MS })) };
    const made = topicSpecs(slow).map((spec): [string, TopicFacts] => {
      return [spec.name, { ...TOPIC, name: spec.name, config: { ...SETTINGS, ...spec.config } }];
    });
    expect(findings(slow, see({ topics: Object.fromEntries(made) }))).toEqual([]);
  });

  test('replicas beyond the servers there are, and fewer than there could be', () => {
    expect(said(findings(configOf('replicas: 5'), see({ bucket: { replicas: 5 } })))).toEqual([
      expect.stringMatching(/^problem NATS: replicas is 5, and there are 3 servers/),
    ]);
    expect(said(findings(configOf('replicas: 1'), see({ bucket: { replicas: 1 } })))).toEqual([
      expect.stringMatching(/^problem NATS: the bucket keeps 1 copy on 3 servers \| Set replicas to 3/),
    ]);
  });
});

function replies(change: Partial<TopicFacts>): Record<string, TopicFacts> {
  return { 'holdfast.orders.replies': { ...TOPIC, ...change } };
}

function letters(change: Partial<TopicFacts>): Record<string, TopicFacts> {
  return { 'holdfast.orders.dlq': { ...LETTERS, ...change } };
}

/** Topics whose records any NATS server in these tests can hold. */
function smallTopics(): Record<string, TopicFacts> {
  const config = { ...SETTINGS, 'max.message.bytes': String(MIB / 4) };
  return Object.fromEntries(Object.keys(TOPICS).map((name) => [name, { ...TOPIC, config }]));
}

test('without a list of topics it says which ones models may name', () => {
  const env = { NATS_URL: 'a', KAFKA_BOOTSTRAP_SERVERS: 'a:1' };
  const config = loadConfig(env, () => 'cluster: orders\n', 'n');
  expect(said(findings(config, see({}))).join()).toMatch(
    /note configuration: .*any topic but __\* and holdfast\.\*.*template\.topics/,
  );
});
