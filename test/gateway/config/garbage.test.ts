// The configuration from garbage: whatever stands in file and environment, there is a configuration or a list of faults, in no
// time and of a size that somebody can read, and no secret is in it.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/gateway/config/config.ts';

const RUNS = Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 250);
const MOST_CHARS = 64 * 1024;
/** Of this process's own time: the machine may be busy with others. */
const MOST_CPU_MS = 3_000;
const SERVERS = { NATS_URL: 'nats://127.0.0.1:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092' };
const KEY = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0IQ==';
const WHOLE = `cluster: orders
leaseTtl: PT20S
secrets:
  - id: k1
    key: ${KEY}
headerNames: {correlationId: x-corr}
template: {topics: [payments.*], maxReplyTimeout: P1D}
routes:
  - jobType: charge-card
    requestTopic: payments.requests
    replyTimeout: PT10M
    onReplyTimeout: error:NO_REPLY
    headers: {tenant: "= tenant", region: eu}
    fetchVariables: [amount]
    resultExpression: "= {paid: response.amount}"
    requestSchema: {subject: orders-value}
`;

/** What is said of them, all of it; undefined: they are in order. */
function saidOf(yaml: string, env: Record<string, string> = {}): string | undefined {
  const before = process.cpuUsage();
  let said: string | undefined;
  try {
    const config = loadConfig({ ...SERVERS, SCHEMA_REGISTRY_URL: 'http://r:8081', ...env }, () => yaml, 'host');
    expect(JSON.stringify(config) + inspect(config, { depth: 9, showHidden: true })).not.toContain(KEY);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message.length).toBeLessThan(MOST_CHARS);
    said = inspect(error, { depth: 9, maxArrayLength: null, maxStringLength: null });
  }
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(MOST_CPU_MS);
  return said;
}

const yamlish = fc.constantFrom(
  ...[':', ': ', '\n', '  ', '    ', '- ', '? ', '"', "'", '|', '>', '>-', '&a ', '*a', '!', '!!set ', '%TAG', '---\n'],
  ...['{', '}', '[', ']', ',', '#', '@', '`', '\t', '~', '<<: ', '\u0000', '\uFEFF', '\ud800', '1e400', '0x1f', '.inf'],
  ...['cluster', 'routes', 'secrets', 'id', 'key', 'jobType', 'requestTopic', 'headers', 'template', 'enabled', 'PT1S'],
);
const garbage = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.array(yamlish, { maxLength: 80 }).map((parts) => parts.join('')),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('utf8')),
);

test('any text at all, and the example with anything put anywhere into it', () => {
  expect(saidOf(WHOLE)).toBeUndefined();
  const put = fc.tuple(fc.nat(WHOLE.length), fc.nat(20), garbage);
  fc.assert(
    fc.property(fc.oneof(garbage, put), (given) => {
      if (typeof given === 'string') return void saidOf(given);
      const [at, gone, added] = given;
      saidOf(WHOLE.slice(0, at) + added + WHOLE.slice(at + gone));
    }),
    { numRuns: RUNS },
  );
});

test('any value in place of a good one', () => {
  const lines = WHOLE.split('\n').flatMap((line, index) => (line.includes(': ') ? [index] : []));
  const value = fc.oneof(
    garbage.map((text) => JSON.stringify(text)),
    fc.constantFrom(
      'PT1',
      'P',
      'PT-1S',
      'P1Y',
      '1e400',
      '-1',
      '0x10',
      '~',
      '[]',
      '{}',
      '[[1]]',
      'true',
      '"="',
      '"= ("',
      '.nan',
    ),
  );
  let faulty = 0;
  fc.assert(
    fc.property(fc.constantFrom(...lines), value, (index, put) => {
      const changed = WHOLE.split('\n').map((line, at) =>
        at === index ? line.replace(/: .*/s, () => `: ${put}`) : line,
      );
      if (saidOf(changed.join('\n')) !== undefined) faulty += 1;
    }),
    { numRuns: 2 * RUNS },
  );
  expect(faulty).toBeGreaterThan(RUNS);
});

test.each([
  ['lists in lists', '['.repeat(50_000)],
  ['mappings in mappings', 'a: {'.repeat(20_000)],
  ['ever deeper lines', Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ['thousands of settings', Array.from({ length: 2_000 }, (_, number) => `a${number}: 1`).join('\n')],
  ['a setting with a long name', `? ${'x'.repeat(500_000)}\n: 1\n`],
  [
    'a laugh',
    [
      'a: &a [x]',
      ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`),
    ].join('\n'),
  ],
  ['an alias of what it stands in', 'cluster: a\nroutes: &r\n  - *r\ntemplate: &t {topics: *t, jobType: *r}\n'],
  ['a merge of itself', 'a: &a\n  <<: *a\ncluster: x\n'],
  ['a number without an end', `cluster: a\nshards: ${'9'.repeat(100_000)}\n`],
  ['an expression in brackets', `${WHOLE}    errorExpression: "${'('.repeat(8_000)}"\n`],
  ['an expression of ifs', `${WHOLE}    errorExpression: "${'if '.repeat(2_700)}"\n`],
])('%s are faults, told in no time', (_, yaml) => {
  expect(saidOf(yaml)).toContain('CONFIG_INVALID');
});

test('no setting of the environment, whatever it holds', () => {
  const names = [
    ...[
      'HOLDFAST_NODE',
      'NATS_URL',
      'NATS_MONITOR_URL',
      'KAFKA_BOOTSTRAP_SERVERS',
      'HOLDFAST_HTTP',
      'LOG_LEVEL',
      'HOLDFAST_ENGINE_TRANSPORT',
    ],
    ...['HOLDFAST_API', 'HOLDFAST_API_TLS_CERT_FILE', 'HOLDFAST_API_TLS_KEY_FILE', 'HOLDFAST_API_TOKENS_FILE'],
    ...['HOLDFAST_API_OIDC_ISSUER', 'HOLDFAST_API_OIDC_AUDIENCE', 'HOLDFAST_API_OIDC_JWKS_URL'],
    ...['HOLDFAST_API_OIDC_ROLES_CLAIM', 'HOLDFAST_API_OIDC_ROLE_PREFIX', 'HOLDFAST_API_PAYLOADS'],
    ...['SCHEMA_REGISTRY_URL', 'SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO'],
  ];
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.constantFrom(
      'a:1',
      'nats://a:1,nats://b:2',
      ':',
      ',',
      '[::]:0',
      '::1',
      `${'a.'.repeat(5_000)}:1`,
      ',a:1'.repeat(9_999),
    ),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value), (env) => void saidOf(WHOLE, env)),
    { numRuns: RUNS },
  );
});

test('a key is never shown, wherever in its list somebody has put it, and however the file is broken around it', () => {
  const places = [
    ...[
      `  - id: k1\n    key: ${KEY}`,
      `  - id: ${KEY}\n    key: k1`,
      `  - ${KEY}`,
      `  - ${KEY}: k1`,
      `  - {id: k1, ${KEY}}`,
    ],
    ...[
      `  - id: k1\n    key: "${KEY}`,
      `  - id: k1\n    key: '${KEY}`,
      `  - id: k1\n    key: |${KEY}`,
      `  - id: k1\n    key: >${KEY}\n`,
    ],
    ...[
      `  - id: k1\n    key: !${KEY} x`,
      `  - id: k1\n    key: &${KEY} x`,
      `  - id: k1\n    key: *${KEY}`,
      `  - id: k1\n    key: @${KEY}`,
    ],
    ...[
      `  - id: k1\n    key: [${KEY}]`,
      `  - id: k1\n    key: {${KEY}: 1}`,
      `  - id: k1\n    key: k: ${KEY}`,
      `  - id: k1\n    key:${KEY}`,
    ],
    ...[
      `  - id: k1\n    key: "" ${KEY}`,
      `  - id: k1\n    key: "\\x${KEY}"`,
      `  - id: k1\n  key: ${KEY}`,
      `  - id: k1\n\tkey: ${KEY}`,
    ],
    ...[
      `  - id: k1\n    ? ${KEY}\n    : 1`,
      `  - id: k1\n    key: ]${KEY}`,
      `  ${KEY}`,
      `%${KEY}`,
      `...\n${KEY}`,
      `---\n${KEY}`,
    ],
  ];
  const broken = fc.tuple(fc.constantFrom(...places), fc.nat(80), fc.oneof(fc.constant(''), yamlish), fc.boolean());
  const fragment = KEY.slice(4, 12);
  fc.assert(
    fc.property(broken, ([place, at, added, before]) => {
      const list = `secrets:\n${place}\n`;
      const cut = list.indexOf(KEY);
      // Around the key, not inside of it: it may be cut, but then it is another text.
      const from = before ? Math.min(at, cut) : Math.min(list.length, cut + KEY.length + at);
      const yaml = `cluster: orders\n${list.slice(0, from)}${added}${list.slice(from)}`;
      expect(saidOf(yaml) ?? '', yaml).not.toContain(fragment);
    }),
    { numRuns: 2 * RUNS },
  );
});

test('no password of a server is shown', () => {
  const password = 'hunter2-hunter2';
  const around = fc.string({ unit: fc.constantFrom('a', ':', '/', ',', '.', '@', ' ', '9', '-'), maxLength: 12 });
  const names = fc.constantFrom('NATS_URL', 'NATS_MONITOR_URL', 'SCHEMA_REGISTRY_URL', 'KAFKA_BOOTSTRAP_SERVERS');
  fc.assert(
    fc.property(names, around, around, (name, user, rest) => {
      expect(saidOf(WHOLE, { [name]: `nats://${user}:${password}@${rest}` }) ?? '').not.toContain(password);
    }),
    { numRuns: RUNS },
  );
  for (const userInfo of [password, `me ${password}`, `\n${password}:`]) {
    expect(saidOf(WHOLE, { SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: userInfo }) ?? '').not.toContain(password);
  }
});
