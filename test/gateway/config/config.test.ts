import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Config, ConfigError, loadConfig } from '../../../src/gateway/config/config.ts';
import { TEMPLATE_JOB_TYPE } from '../../../src/gateway/config/template.ts';
import { DEFAULT_HEADER_NAMES } from '../../../src/gateway/header-names.ts';

const SERVERS = { NATS_URL: 'nats://127.0.0.1:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092, kafka-2:9092' };
const MINIMAL = 'cluster: orders\nroutes:\n  - jobType: charge-card\n    requestTopic: payments.requests\n';

function load(yaml: string, env: Record<string, string> = {}): Config {
  return loadConfig({ ...SERVERS, ...env }, () => yaml, 'Bridge-1.example.org');
}

function faultsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim());
    throw error;
  }
  return [];
}

/** The faults of a route that is otherwise good. */
function routeFaults(settings: string): string[] {
  return faultsOf(() => load(`${MINIMAL}    ${settings}\n`));
}

describe('defaults', () => {
  test('two settings of a route and a cluster are enough', () => {
    expect(load(MINIMAL)).toEqual({
      api: {
        ...{ address: { host: '127.0.0.1', port: 8091 }, tls: undefined, tokensFile: undefined, oidc: undefined },
        payloads: 'admin',
      },
      cluster: 'orders',
      node: 'Bridge-1-example-org',
      natsUrls: ['nats://127.0.0.1:4222'],
      natsMonitorUrls: [],
      natsAccess: { tls: undefined, login: undefined, inboxPrefix: '_INBOX' },
      kafkaBrokers: ['kafka-1:9092', 'kafka-2:9092'],
      kafkaSecurity: { tls: undefined, sasl: undefined },
      engineSecrets: {},
      http: { host: '127.0.0.1', port: 8090 },
      logLevel: 'info',
      engineTransport: 'http2',
      routes: [
        {
          jobType: 'charge-card',
          requestTopic: 'payments.requests',
          replyTimeoutMs: 3_600_000,
          onReplyTimeout: 'incident',
          ...{ timeoutErrorCode: '', heartbeatTimeoutMs: 0, onLate: 'dlq', lateMessageName: '', cancelRecord: false },
          ...{ profile: 'spring', resultVariable: '', resultExpression: '', errorExpression: '' },
          ...{ key: '', correlationKey: '', headers: [], requestSchema: undefined },
          retryBackoffMs: 30_000,
          lateWindowMs: 600_000,
          incidentWindowMs: 604_800_000,
          maxPending: 10_000,
          fetchVariables: [],
          tenantIds: ['<default>'],
        },
      ],
      leaseTtlMs: 15_000,
      shards: 128,
      replicas: undefined,
      secrets: [],
      replyTopic: 'holdfast.orders.replies',
      acknowledgements: false,
      ackTopic: 'holdfast.orders.acks',
      headerNames: DEFAULT_HEADER_NAMES,
      template: expect.objectContaining({ jobType: TEMPLATE_JOB_TYPE, topics: ['*'], maxPending: 10_000 }),
      deadLetterTopic: 'holdfast.orders.dlq',
    });
  });

  test('the incident window follows a longer retry backoff', () => {
    expect(load(`${MINIMAL}    retryBackoff: P10D\n`).routes[0]?.incidentWindowMs).toBe(864_000_000);
  });

  test('the result cannot be changed, at any depth', () => {
    const config = load(MINIMAL);
    expect(() => Object.assign(config, { cluster: 'other' })).toThrow(TypeError);
    expect(() => (config.routes as unknown[]).push('red')).toThrow(TypeError);
  });
});

describe('faults', () => {
  test('all are told in one message, with setting, line, what was found and what is allowed', () => {
    const yaml = [
      'cluster: Orders',
      'leaseTTL: PT15S',
      'shards: 5000',
      'routes:',
      '  - jobType: a',
      '    requestTopic: "a b"',
      '    replyTimeout: 10m',
      '    onReplyTimeout: explode',
      '  - requestTopic: b',
      '    maxPending: "10"',
    ].join('\n');
    const faults = faultsOf(() =>
      loadConfig({ HOLDFAST_HTTP: '8090', HOLDFAST_NODE: 'a.b', HOLDFAST_CONFIG: 'h.yaml' }, () => yaml),
    );
    expect(faults).toEqual([
      expect.stringMatching(/^HOLDFAST_NODE: found "a\.b"; allowed: 1 to 64 letters/),
      expect.stringMatching(/^NATS_URL: found nothing; allowed: NATS servers/),
      expect.stringMatching(/^KAFKA_BOOTSTRAP_SERVERS: found nothing; allowed: Kafka brokers/),
      expect.stringMatching(/^HOLDFAST_HTTP: found "8090"; allowed: host:port/),
      expect.stringMatching(/^h\.yaml:1 cluster: found "Orders"; allowed: 1 to 32 lower-case/),
      expect.stringMatching(/^h\.yaml:6 routes\[0\]\.requestTopic: found "a b"; allowed: a Kafka topic name/),
      expect.stringMatching(
        /^h\.yaml:7 routes\[0\]\.replyTimeout: found "10m"; allowed: an ISO 8601 duration from PT1S to P365D/,
      ),
      expect.stringMatching(
        /^h\.yaml:8 routes\[0\]\.onReplyTimeout: found "explode"; allowed: incident, fail, or error:<a BPMN error code>/,
      ),
      expect.stringMatching(/^h\.yaml:9 routes\[1\]\.jobType: found nothing; allowed: the job type/),
      expect.stringMatching(
        /^h\.yaml:10 routes\[1\]\.maxPending: found "10"; allowed: a whole number from 1 to 1000000/,
      ),
      expect.stringMatching(/^h\.yaml:3 shards: found 5000; allowed: a whole number from 1 to 4096/),
      expect.stringMatching(
        /^h\.yaml:2 leaseTTL: found a setting that is not known; allowed: leaseTtl \(did you mean that\?\)/,
      ),
    ]);
  });

  test.each([
    ['replyTimeout: PT0.5S', 'routes[0].replyTimeout'],
    ['replyTimeout: P2Y', 'routes[0].replyTimeout'],
    ['replyTimeout: 600', 'routes[0].replyTimeout'],
    ['lateWindow: ""', 'routes[0].lateWindow'],
    ['lateWindow: PT59S', 'routes[0].lateWindow'],
    ['incidentWindow: PT1H\n    retryBackoff: PT2H', 'routes[0].incidentWindow'],
    ['maxPending: 0', 'routes[0].maxPending'],
    ['maxPending: 1.5', 'routes[0].maxPending'],
    ['fetchVariables: amount', 'routes[0].fetchVariables'],
    ['fetchVariables: [amount, 3]', 'routes[0].fetchVariables[1]'],
    ['tenantIds: [a/b]', 'routes[0].tenantIds[0]'],
    ['replytimeout: PT1M', 'routes[0].replytimeout'],
    ['jobType: again', 'syntax'],
    ['broken: "x', 'syntax'],
  ])('%s', (settings, path) => {
    const faults = routeFaults(settings);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^holdfast\.yaml:\d+ /);
    expect(faults[0]).toContain(` ${path}: found `);
  });

  test('a window that a takeover may outlast: a reply delivered again would pass for late', () => {
    const lease = `leaseTtl: PT2M\n${MINIMAL}`;
    const windows = (value: string) => `${lease}    lateWindow: ${value}\n    incidentWindow: ${value}\n`;
    expect(load(windows('PT4M')).routes[0]).toMatchObject({ lateWindowMs: 240_000, incidentWindowMs: 240_000 });
    expect(faultsOf(() => load(windows('PT3M59S')))).toEqual([
      expect.stringMatching(/ routes\[0\]\.lateWindow: found 239 s; allowed: at least twice leaseTtl \(240 s\)/),
      expect.stringMatching(/ routes\[0\]\.incidentWindow: found 239 s; allowed: at least twice leaseTtl \(240 s\)/),
    ]);
  });

  test.each([
    [
      'another route of the same type and tenant',
      ['jobType: charge-card', 'requestTopic: b', 'tenantIds: [red, "<default>"]'],
      1,
    ],
    ['the same type for another tenant', ['jobType: charge-card', 'requestTopic: b', 'tenantIds: [red]'], 0],
    ['a lane with two limits', ['jobType: charge-card', 'requestTopic: b', 'tenantIds: [red]', 'maxPending: 5'], 1],
    ['requests onto the own reply topic', ['jobType: b', 'requestTopic: holdfast.orders.replies'], 1],
  ])('%s', (_name, settings, count) => {
    expect(faultsOf(() => load(`${MINIMAL}  - ${settings.join('\n    ')}\n`))).toHaveLength(count);
  });

  test('no file, an empty file, no routes', () => {
    const absent = () => {
      throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    };
    expect(faultsOf(() => loadConfig(SERVERS, absent))).toEqual([
      expect.stringContaining('HOLDFAST_CONFIG: found no file holdfast.yaml'),
    ]);
    expect(faultsOf(() => load(''))).toEqual([expect.stringContaining('found an empty file')]);
    expect(faultsOf(() => load('cluster: a\nroutes: []\n'))).toEqual([
      expect.stringContaining('routes: found an empty list'),
    ]);
    expect(load('cluster: a\n')).toMatchObject({ routes: [], template: { jobType: TEMPLATE_JOB_TYPE } });
    expect(faultsOf(() => load('cluster: a\ntemplate: {enabled: false}\n'))).toEqual([
      expect.stringContaining('routes: found nothing'),
    ]);
  });

  test('monitoring URLs: with a password, in part none at all, or several', () => {
    for (const url of [
      'http://a:b@nats-1:8222',
      'http://nats-1:8222,',
      'http://nats-1:8222,nats-2',
      'http://n:70000',
    ]) {
      expect(faultsOf(() => load(MINIMAL, { NATS_MONITOR_URL: url }))).toHaveLength(1);
    }
    const several = load(MINIMAL, { NATS_MONITOR_URL: 'http://nats-1:8222, https://nats-2:8222/' });
    expect(several.natsMonitorUrls).toEqual(['http://nats-1:8222', 'https://nats-2:8222/']);
    expect(load(MINIMAL).natsMonitorUrls).toEqual([]);
  });

  test.each(['NATS_URL', 'KAFKA_BOOTSTRAP_SERVERS'])('%s names servers with ports in range', (name) => {
    expect(faultsOf(() => load(MINIMAL, { [name]: 'good:1,bad:70000' }))).toHaveLength(1);
    expect(faultsOf(() => load(MINIMAL, { [name]: 'good:1,,b:2' }))).toHaveLength(1);
    expect(faultsOf(() => load(MINIMAL, { [name]: '[::1]:4222,b:2' }))).toEqual([]);
  });
});

describe('secrets', () => {
  const KEY = Buffer.from('0123456789abcdef').toString('base64');
  const withSecrets = (entries: string) => `${MINIMAL}secrets:\n${entries}`;

  test('the key is there for whoever signs, and for nobody else', () => {
    const config = load(withSecrets(`  - id: k1\n    key: ${KEY}\n`));
    expect(Buffer.from(config.secrets[0]?.key ?? []).toString()).toBe('0123456789abcdef');
    const shown = JSON.stringify(config) + inspect(config, { depth: 9, showHidden: true });
    expect(shown).toContain('k1');
    expect(shown).not.toContain(KEY);
    expect(shown).not.toMatch(/48, ?49, ?50|0x30|30 31 32/);
  });

  test.each([
    ['too short', '  - id: k1\n    key: c2VjcmV0\n'],
    ['no base64', '  - id: k1\n    key: "not/base64/at-all!sEcReT"\n'],
    ['no key at all', '  - c2VjcmV0c2VjcmV0c2VjcmV0\n'],
    ['a bad id', `  - id: K_1\n    key: ${KEY}\n`],
    ['an id twice', `  - id: k1\n    key: ${KEY}\n  - id: k1\n    key: ${KEY}\n`],
    ['broken YAML', `  - id: k1\n    key: "${KEY}\n`],
  ])('a fault does not show it: %s', (_name, entries) => {
    const faults = faultsOf(() => load(withSecrets(entries)));
    expect(faults).toHaveLength(1);
    expect(faults[0]).not.toMatch(/c2VjcmV0|sEcReT|MDEyMzQ1/);
  });

  test('a password in NATS_URL is cut from the message', () => {
    const faults = faultsOf(() => load(MINIMAL, { NATS_URL: 'nats://me:s3cr,t@host:99999' }));
    expect(faults).toEqual([expect.stringContaining('found "nats://***@host:99999"')]);
  });
});
