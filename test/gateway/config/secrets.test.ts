// What the environment says of security: which settings belong together, secrets from files, and that none is ever shown.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { nkeys } from '@nats-io/transport-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Config, ConfigError, loadConfig } from '../../../src/gateway/config/config.ts';
import { natsLink } from '../../../src/gateway/config/nats.ts';
import { SecretUnreadable } from '../../../src/gateway/config/secret.ts';
import { engineSettings } from '../../../src/gateway/config/zeebe.ts';

type Settings = Readonly<Record<string, string>>;

const YAML = 'cluster: orders\nroutes: [{jobType: a, requestTopic: b}]\n';
const SERVERS = { NATS_URL: 'nats://nats:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092' };
const SECRET = 'kept-t0-itself';
const SEED = Buffer.from(nkeys.createUser().getSeed()).toString();

const LOCK = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: SECRET } as const;

/** By path. */
let files: Record<string, string>;

beforeEach(() => {
  files = { 'holdfast.yaml': YAML, secret: `${SECRET}\n`, empty: ' \n', long: 'x'.repeat(20_000) };
  const another = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const keys = { own: KEY, other: another.export({ type: 'pkcs8', format: 'pem' }), locked: locked() };
  Object.assign(files, { seed: `${SEED}\n`, certificate: CERTIFICATE, ...keys });
});

function load(env: Settings): Config {
  const readFile = (path: string) => {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return content;
  };
  return loadConfig({ ...SERVERS, ...env }, readFile, 'node');
}

function faultsOf(env: Settings): string[] {
  try {
    load(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.message).not.toContain(SECRET);
    expect(error.message).not.toContain(SEED);
    return error.faults.map(({ setting, found }) => `${setting}: ${found}`);
  }
}

const SCRAM = {
  KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
  KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
  KAFKA_SASL_USERNAME: 'bridge',
};
const OAUTH = {
  KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
  KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
  KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: 'https://id.example.org/token',
  KAFKA_SASL_OAUTHBEARER_CLIENT_ID: 'bridge',
};
const mtls = () => ({ KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CERT_FILE: 'certificate' });

describe('a secret', () => {
  test('from a variable or a file is the same, without the line break of the file', () => {
    const texts = [{ KAFKA_SASL_PASSWORD: SECRET }, { KAFKA_SASL_PASSWORD_FILE: 'secret' }].map((env) => {
      const { sasl } = load({ ...SCRAM, ...env }).kafkaSecurity;
      return sasl?.mechanism === 'SCRAM-SHA-512' && sasl.password.read();
    });
    expect(texts).toEqual([SECRET, SECRET]);
  });

  test('in a file is read again when it is asked for, and said to be unreadable without its content', () => {
    const { sasl } = load({ ...OAUTH, KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET_FILE: 'secret' }).kafkaSecurity;
    if (sasl?.mechanism !== 'OAUTHBEARER') throw new Error('not OAUTHBEARER');
    files.secret = 'another';
    expect(sasl.clientSecret.read()).toBe('another');
    files.secret = `${SECRET}\nand a second line`;
    expect(() => sasl.clientSecret.read()).toThrow(SecretUnreadable);
    const setting = 'KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET_FILE';
    expect(() => sasl.clientSecret.read()).toThrow(
      `${setting}: found secret with a text of ${SECRET.length + 18} characters`,
    );
    delete files.secret;
    expect(() => sasl.clientSecret.read()).toThrow(`${setting}: found no file secret`);
  });

  test('is shown by nothing that prints', () => {
    const env = {
      ...SCRAM,
      KAFKA_SASL_PASSWORD: SECRET,
      NATS_USER: 'me',
      NATS_PASSWORD_FILE: 'secret',
      ZEEBE_CLIENT_SECRET: SECRET,
      CAMUNDA_BASIC_AUTH_PASSWORD_FILE: 'secret',
      SCHEMA_REGISTRY_URL: 'http://registry',
      SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: `me:${SECRET}`,
    };
    const config = load(env);
    const shown = [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true, getters: true }),
      String(config),
    ];
    for (const text of shown) expect(text).not.toContain(SECRET);
    // And is there all the same.
    expect(engineSettings(config.engineSecrets)).toEqual({
      ZEEBE_CLIENT_SECRET: SECRET,
      CAMUNDA_BASIC_AUTH_PASSWORD: SECRET,
    });
    expect(config.registry?.userInfo?.read()).toBe(`me:${SECRET}`);
  });

  test.each<[Settings, string]>([
    [{ KAFKA_SASL_PASSWORD_FILE: 'gone' }, 'KAFKA_SASL_PASSWORD_FILE: no file gone'],
    [{ KAFKA_SASL_PASSWORD_FILE: 'empty' }, 'KAFKA_SASL_PASSWORD_FILE: empty, which is empty'],
    [{ KAFKA_SASL_PASSWORD_FILE: 'long' }, 'KAFKA_SASL_PASSWORD_FILE: long with a text of 20000 characters'],
    [
      { KAFKA_SASL_PASSWORD_FILE: 'secret', KAFKA_SASL_PASSWORD: SECRET },
      'KAFKA_SASL_PASSWORD_FILE: KAFKA_SASL_PASSWORD too',
    ],
    [{ NATS_CREDS_FILE: 'secret' }, `NATS_CREDS_FILE: secret with a text of ${SECRET.length} characters`],
    [{ NATS_NKEY_SEED_FILE: 'secret' }, `NATS_NKEY_SEED_FILE: secret with a text of ${SECRET.length} characters`],
    [{ NATS_CA_FILE: 'secret' }, `NATS_CA_FILE: secret with a text of ${SECRET.length} characters`],
  ])('that cannot be had: %j', (env, fault) => {
    const sasl = Object.keys(env).some((name) => name.startsWith('KAFKA')) ? SCRAM : {};
    expect(faultsOf({ ...sasl, ...env })).toEqual([fault]);
  });
});

describe('Kafka: what does not go together', () => {
  const beside = (setting: string) => `a setting that ${setting} does not use`;
  test.each<[string, () => Settings, readonly string[]]>([
    [
      'a password in the clear',
      () => ({ KAFKA_SASL_PASSWORD: SECRET }),
      [`KAFKA_SASL_PASSWORD: ${beside('KAFKA_SECURITY_PROTOCOL PLAINTEXT')}`],
    ],
    [
      'an authority without TLS',
      () => ({
        ...SCRAM,
        KAFKA_SASL_PASSWORD: SECRET,
        KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT',
        KAFKA_SSL_CA_FILE: 'certificate',
      }),
      [`KAFKA_SSL_CA_FILE: ${beside('KAFKA_SECURITY_PROTOCOL SASL_PLAINTEXT')}`],
    ],
    ['SASL without a way', () => ({ KAFKA_SECURITY_PROTOCOL: 'SASL_SSL' }), ['KAFKA_SASL_MECHANISM: nothing']],
    [
      'a way without a user',
      () => ({ KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_MECHANISM: 'PLAIN' }),
      ['KAFKA_SASL_USERNAME: nothing', 'KAFKA_SASL_PASSWORD: nothing'],
    ],
    ['a token without a secret', () => OAUTH, ['KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: nothing']],
    [
      'a token and a user',
      () => ({ ...OAUTH, KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: SECRET, KAFKA_SASL_USERNAME: 'me' }),
      [`KAFKA_SASL_USERNAME: ${beside('KAFKA_SASL_MECHANISM OAUTHBEARER')}`],
    ],
    [
      'a user and a scope',
      () => ({ ...SCRAM, KAFKA_SASL_PASSWORD: SECRET, KAFKA_SASL_OAUTHBEARER_SCOPE: 'x' }),
      [`KAFKA_SASL_OAUTHBEARER_SCOPE: ${beside('KAFKA_SASL_MECHANISM SCRAM-SHA-512')}`],
    ],
    ['a certificate without a key', () => mtls(), ['KAFKA_SSL_KEY_FILE: nothing']],
    [
      'the key of another',
      () => ({ ...mtls(), KAFKA_SSL_KEY_FILE: 'other' }),
      [expect.stringMatching(/^KAFKA_SSL_KEY_FILE: other \(ERR_OSSL_X509_KEY_VALUES_MISMATCH\)$/)],
    ],
    [
      'a locked key without its password',
      () => ({ ...mtls(), KAFKA_SSL_KEY_FILE: 'locked' }),
      [expect.stringMatching(/^KAFKA_SSL_KEY_FILE: locked \(ERR_/)],
    ],
    [
      'a wrong mechanism',
      () => ({ KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_MECHANISM: 'GSSAPI' }),
      ['KAFKA_SASL_MECHANISM: "GSSAPI"'],
    ],
    [
      'a token endpoint with credentials in it',
      () => ({ ...OAUTH, KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: `https://me:${SECRET}@id/token` }),
      ['KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: "https://***@id/token"'],
    ],
  ])('%s', (_, env, faults) => {
    expect(faultsOf(env())).toEqual(faults);
  });

  test('a locked key with its password is good', () => {
    const env = { ...mtls(), KAFKA_SSL_KEY_FILE: 'locked', KAFKA_SSL_KEY_PASSWORD: SECRET };
    expect(load(env).kafkaSecurity.tls?.keyPassword?.read()).toBe(SECRET);
  });
});

describe('NATS', () => {
  test.each<[Settings, readonly string[]]>([
    [{ NATS_USER: 'me' }, ['NATS_PASSWORD: nothing']],
    [{ NATS_PASSWORD: SECRET }, ['NATS_USER: nothing']],
    [{ NATS_TOKEN: SECRET, NATS_NKEY_SEED_FILE: 'seed' }, ['NATS_NKEY_SEED_FILE: NATS_NKEY_SEED_FILE, NATS_TOKEN']],
    [{ NATS_URL: `nats://me:${SECRET}@nats:4222`, NATS_TOKEN: SECRET }, ['NATS_TOKEN: NATS_TOKEN, a user in NATS_URL']],
    [{ NATS_INBOX_PREFIX: '_INBOX.>' }, ['NATS_INBOX_PREFIX: "_INBOX.>"']],
  ])('one user, whole: %j', (env, faults) => {
    expect(faultsOf(env)).toEqual(faults);
  });

  test('TLS is spoken where a URL or a file says so', () => {
    const tlsOf = (env: Settings) => natsLink(load(env)).options.tls;
    expect(tlsOf({})).toBeUndefined();
    expect(tlsOf({ NATS_URL: 'nats://a,tls://b' })).toEqual({});
    expect(tlsOf({ NATS_CA_FILE: 'certificate' })).toEqual({ caFile: 'certificate' });
  });

  test('says who it is as its files are now; a file that is gone or half written never ends the client', () => {
    const { authenticator } = natsLink(load({ NATS_NKEY_SEED_FILE: 'seed' })).options;
    const publicKey = () => (authenticator?.('nonce') as { nkey: string } | undefined)?.nkey;
    const before = publicKey();
    expect(before).toBe(nkeys.fromSeed(Buffer.from(SEED)).getPublicKey());
    files.seed = SEED.slice(0, 10);
    expect(publicKey()).toBe(before);
    delete files.seed;
    expect(publicKey()).toBe(before);
    const next = nkeys.createUser();
    files.seed = Buffer.from(next.getSeed()).toString();
    expect(publicKey()).toBe(next.getPublicKey());
  });
});

describe('the keys that sign correlation ids', () => {
  const SIGNS = Buffer.alloc(32, 7).toString('base64');
  const withSecrets = (secrets: string) => {
    files['holdfast.yaml'] = `${YAML}secrets:\n  - ${secrets}\n`;
  };

  test('may stand in a file', () => {
    withSecrets('{id: a, keyFile: key}');
    files.key = `${SIGNS}\n`;
    expect(load({}).secrets.map(({ id, key }) => [id, Buffer.from(key).toString('base64')])).toEqual([['a', SIGNS]]);
  });

  test('may be several in a file, the newest last', () => {
    const next = Buffer.alloc(16, 8).toString('base64');
    withSecrets('{id: a, keyFile: key}');
    files.key = `${SIGNS}\r\n${next}\n\n`;
    const found = load({}).secrets;
    expect(found.map(({ id, file, key }) => [id, file, Buffer.from(key).toString('base64')])).toEqual([
      ['a', 'key', SIGNS],
      ['a', 'key', next],
    ]);
    expect(JSON.stringify(found)).not.toMatch(/BwcH/);
  });

  test.each([
    ['nothing between them', `${SIGNS}\n\n${SIGNS}`],
    ['a word among them', `${SIGNS}\nhunter2`],
    ['nine', Array(9).fill(SIGNS).join('\n')],
  ])('but not %s', (_, content) => {
    withSecrets('{id: a, keyFile: key}');
    files.key = content;
    expect(faultsOf({})).toEqual([`secrets[0].keyFile: key with a text of ${content.length} characters`]);
  });

  test.each([
    ['{id: a, keyFile: gone}', 'secrets[0].keyFile: no file gone'],
    ['{id: a, keyFile: secret}', `secrets[0].keyFile: secret with a text of ${SECRET.length} characters`],
    [`{id: a, keyFile: key, key: ${SIGNS}}`, 'secrets[0].keyFile: key too'],
    ['{id: a}', 'secrets[0].key: nothing'],
  ])('%s', (secrets, fault) => {
    withSecrets(secrets);
    files.key = SIGNS;
    expect(faultsOf({})).toEqual([fault]);
  });
});

function locked(): string {
  return createPrivateKey(KEY).export(LOCK).toString();
}

// Both of this test only.
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKqYKFryn/KNAzJLm
pTGZgp0LXjC0qfM0bXtUkLadLJKhRANCAATDwGG/rMg0b853nPMbvFqVuW+CeRzq
e37qkysIjGWK7eJbPb0hNCNbXYzuRcxJlZg4vpCgfILKRqgswMewp4et
-----END PRIVATE KEY-----
`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUQ2WzycZH//AtsT3XYfBT6OqU/zgwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjkwOTUzNTFaGA8yMTI2MTEwNTA5NTM1
MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMPA
Yb+syDRvznec8xu8WpW5b4J5HOp7fuqTKwiMZYrt4ls9vSE0I1tdjO5FzEmVmDi+
kKB8gspGqCzAx7Cnh62jUzBRMB0GA1UdDgQWBBRISjHcsKPDCgOCtG1izaivkdwU
XTAfBgNVHSMEGDAWgBRISjHcsKPDCgOCtG1izaivkdwUXTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIC/Pi3AlyPzW3FbkmYWLebnTe6GUMLq1LNnv
lA9IH0uHAiEAk+fdFDIHF8gP6v53FNgsxZUMGjrZls2ZORhJPqhidfs=
-----END CERTIFICATE-----
`;
