// The settings of the API: what may be open and what may not, what goes together, and what is wrong with files.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiSettings, isLoopback, isSafeUrl } from '../../../src/gateway/config/api.ts';
import { ConfigError, loadConfig } from '../../../src/gateway/config/config.ts';

const SERVERS = { NATS_URL: 'nats://127.0.0.1:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092' };
const YAML = 'cluster: orders\nroutes: [{jobType: charge-card, requestTopic: payments}]\n';
const DIGEST = 'ab'.repeat(32);

let dir: string;
let files: Record<'cert' | 'key' | 'other' | 'tokens' | 'broken' | 'empty', string>;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-config-'));
  const at = (name: string) => join(dir, name);
  files = {
    cert: at('cert.pem'),
    key: at('key.pem'),
    other: at('other.pem'),
    tokens: at('t.yaml'),
    broken: at('b.yaml'),
    empty: at('empty'),
  };
  for (const [cert, key] of [
    [files.cert, files.key],
    [at('unused.pem'), files.other],
  ] as const) {
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-subj', '/CN=a'];
    execFileSync('openssl', [...args, '-keyout', key, '-out', cert], { stdio: 'pipe', timeout: 10_000 });
  }
  writeFileSync(files.tokens, `- {name: ann, role: admin, sha256: ${DIGEST}}\n`);
  writeFileSync(files.broken, '- {name: ann, role: root, sha256: hunter2hunter2}\n');
});
afterAll(() => rmSync(dir, { recursive: true }));

const load = (env: Record<string, string>): ApiSettings | undefined =>
  loadConfig({ ...SERVERS, ...env }, (path) => (path === 'holdfast.yaml' ? YAML : readFileSync(path, 'utf8')), 'n1')
    .api;

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message).not.toMatch(/hunter2|PRIVATE/);
    return error.faults.map(({ setting, found, allowed }) => `${setting}: found ${found}; allowed: ${allowed}`);
  }
  return [];
}

const TLS = () => ({ HOLDFAST_API_TLS_CERT_FILE: files.cert, HOLDFAST_API_TLS_KEY_FILE: files.key });
const TOKENS = () => ({ HOLDFAST_API_TOKENS_FILE: files.tokens });
const OIDC = {
  HOLDFAST_API_OIDC_ISSUER: 'https://login.example.org/realms/ops',
  HOLDFAST_API_OIDC_AUDIENCE: 'holdfast',
};

test('by default on loopback, for everybody on the machine, payloads for admins', () => {
  const address = { host: '127.0.0.1', port: 8091 };
  expect(load({})).toEqual({ address, tls: undefined, tokensFile: undefined, oidc: undefined, payloads: 'admin' });
  expect(load({ HOLDFAST_API: 'off' })).toBeUndefined();
});

test('all of them', () => {
  const env = {
    ...{ HOLDFAST_API: '0.0.0.0:9443', ...TLS(), ...TOKENS(), ...OIDC, HOLDFAST_API_PAYLOADS: 'nobody' },
    HOLDFAST_API_OIDC_JWKS_URL: 'https://login.example.org/keys',
    HOLDFAST_API_OIDC_ROLES_CLAIM: 'realm_access.roles',
    HOLDFAST_API_OIDC_ROLE_PREFIX: 'bridge-',
  };
  expect(load(env)).toEqual({
    address: { host: '0.0.0.0', port: 9443 },
    tls: { certFile: files.cert, keyFile: files.key },
    tokensFile: files.tokens,
    oidc: {
      ...{
        issuer: 'https://login.example.org/realms/ops',
        audience: 'holdfast',
        jwksUrl: 'https://login.example.org/keys',
      },
      ...{ rolesClaim: 'realm_access.roles', rolePrefix: 'bridge-' },
    },
    payloads: 'nobody',
  });
});

describe('an address beyond this machine', () => {
  test.each([
    '0.0.0.0:8091',
    '[::]:8091',
    '10.0.0.7:8091',
    'bridge.example.org:8091',
    '[::ffff:10.0.0.7]:8091',
    '127.1:8091',
  ])('%s needs TLS and authentication', (HOLDFAST_API) => {
    const tls = 'TLS (HOLDFAST_API_TLS_CERT_FILE and HOLDFAST_API_TLS_KEY_FILE)';
    const who = 'authentication (HOLDFAST_API_TOKENS_FILE, or HOLDFAST_API_OIDC_ISSUER and HOLDFAST_API_OIDC_AUDIENCE)';
    const found = (lacking: string) =>
      expect.stringMatching(
        `^HOLDFAST_API: found "${HOLDFAST_API}" without ${lacking}; allowed: with`.replaceAll(/[[\]().]/g, '\\$&'),
      );
    const shown = HOLDFAST_API.replace(/[[\]]/g, '');
    expect(faultsOf({ HOLDFAST_API }).join().replaceAll(shown, HOLDFAST_API)).toEqual(found(`${tls} and ${who}`));
    expect(
      faultsOf({ HOLDFAST_API, ...TLS() })
        .join()
        .replaceAll(shown, HOLDFAST_API),
    ).toEqual(found(who));
    for (const somebody of [TOKENS(), OIDC]) {
      expect(
        faultsOf({ HOLDFAST_API, ...somebody })
          .join()
          .replaceAll(shown, HOLDFAST_API),
      ).toEqual(found(tls));
      expect(faultsOf({ HOLDFAST_API, ...TLS(), ...somebody })).toEqual([]);
    }
  });

  test.each(['127.0.0.1:0', '127.8.8.8:8091', '[::1]:8091', 'localhost:8091', '[::ffff:127.0.0.1]:8091'])(
    '%s is not one',
    (HOLDFAST_API) => expect(faultsOf({ HOLDFAST_API })).toEqual([]),
  );
});

describe('faults', () => {
  test.each([
    [{ HOLDFAST_API: '8091' }, /^HOLDFAST_API: found "8091"; allowed: host:port, .*; or off$/],
    [
      { HOLDFAST_API_OIDC_ISSUER: 'https://a.example' },
      /^HOLDFAST_API_OIDC_AUDIENCE: found nothing; allowed: .*HOLDFAST_API_OIDC_ISSUER is set/,
    ],
    [{ HOLDFAST_API_OIDC_AUDIENCE: 'a' }, /^HOLDFAST_API_OIDC_ISSUER: found nothing/],
    [
      { ...OIDC, HOLDFAST_API_OIDC_ISSUER: 'http://login.example.org' },
      /^HOLDFAST_API_OIDC_ISSUER: found "http:.*allowed: an https/,
    ],
    [
      { ...OIDC, HOLDFAST_API_OIDC_ISSUER: 'https://ann:hunter2@a.example' },
      /^HOLDFAST_API_OIDC_ISSUER: found "https:\/\/\*\*\*@a\.example"/,
    ],
    [
      { HOLDFAST_API_PAYLOADS: 'all' },
      /^HOLDFAST_API_PAYLOADS: found "all"; allowed: viewer, operator, admin, nobody$/,
    ],
    [
      { HOLDFAST_API_TOKENS_FILE: '/nowhere/tokens.yaml' },
      /^HOLDFAST_API_TOKENS_FILE: found "\/nowhere\/tokens.yaml" \(ENOENT\)/,
    ],
  ])('%j', (env, fault) => {
    expect(faultsOf(env)).toEqual([expect.stringMatching(fault)]);
  });

  test('in files, all together', () => {
    const env = { ...TLS(), HOLDFAST_API_TLS_KEY_FILE: files.other, HOLDFAST_API_TOKENS_FILE: files.broken };
    expect(faultsOf(env)).toEqual([
      expect.stringMatching(/^HOLDFAST_API_TLS_CERT_FILE and HOLDFAST_API_TLS_KEY_FILE: found .*mismatch/),
      expect.stringMatching(/^HOLDFAST_API_TOKENS_FILE .*b\.yaml:1 \[0\]\.role: found "root"; allowed: viewer/),
      expect.stringMatching(/^HOLDFAST_API_TOKENS_FILE .*b\.yaml:1 \[0\]\.sha256: found a text of 14 characters/),
    ]);
    expect(faultsOf({ ...TLS(), HOLDFAST_API_TLS_CERT_FILE: files.key })).toHaveLength(1);
    writeFileSync(files.empty, '');
    expect(faultsOf({ ...TLS(), HOLDFAST_API_TLS_KEY_FILE: files.empty })).toHaveLength(1);
    const half = { HOLDFAST_API_TLS_CERT_FILE: files.cert };
    expect(faultsOf(half)).toEqual([expect.stringMatching(/^HOLDFAST_API_TLS_KEY_FILE: found nothing/)]);
  });
});

test('which hosts are this machine, and which URLs are safe', () => {
  const local = ['localhost', 'LOCALHOST', '127.0.0.1', '127.255.0.3', '::1', '::ffff:127.0.0.1'];
  expect(local.filter((host) => !isLoopback(host))).toEqual([]);
  const others = [
    '',
    '0.0.0.0',
    '::',
    '128.0.0.1',
    'localhost.',
    '127.1',
    '::2',
    '::ffff:1.2.3.4',
    'a.localhost.example',
  ];
  expect(others.filter(isLoopback)).toEqual([]);
  const safe = ['https://a.example/x', 'http://127.0.0.1:8080/realms/ops', 'http://[::1]:1/', 'http://localhost/'];
  expect(safe.filter((url) => !isSafeUrl(url))).toEqual([]);
  const unsafe = [
    'http://a.example',
    'ftp://127.0.0.1',
    'https://u:p@a.example',
    'https://a.example/#x',
    'a',
    'file:///etc',
  ];
  expect(unsafe.filter(isSafeUrl)).toEqual([]);
});
