// A Kafka that lets nobody in without asking: every way to log in that the configuration knows, refusals in words for people,
// and secrets that change while clients live. One real broker with a listener for each way.
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type LocalKafka, startKafka } from '../../../deploy/local/index.ts';
import { freePorts } from '../../../deploy/local/ports.ts';
import { loadConfig } from '../../../src/gateway/config/config.ts';
import { NO_KAFKA_SECURITY } from '../../../src/gateway/config/kafka.ts';
import { connectKafka } from '../../../src/gateway/kafka/connect.ts';
import { KafkaTopics } from '../../../src/gateway/kafka/topics.ts';
import { KafkaRecordWriter } from '../../../src/gateway/kafka/writer.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import { Authority, bundled, encrypted } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { NODE_MAIN, Nodes, nodeEnv, type Servers } from '../../support/nodes.ts';
import { AUDIENCE, type TokenAnswer, TokenEndpoint } from '../../support/token-endpoint.ts';
import { newCluster } from '../../support/trial.ts';
import { aclTests } from './acls.ts';
import { newTopic, Reading, topicName } from './harness.ts';

const SECRET = 'p4ssw0rd-of-the-bridge';
const WRONG = 'n0t-the-p4ssword';
const CLIENT_SECRET = 's3cr3t:&+';
/** Of users who may only what ACLs say; everybody else may everything. */
const BOUND_USERS = { nodes: 'p4ssw0rd-of-the-nodes', init: 'p4ssw0rd-of-init' };
const WAYS = ['SCRAM', 'PLAIN', 'MTLS', 'BEARER'] as const;
type Way = (typeof WAYS)[number];
type Settings = Readonly<Record<string, string>>;

let dir: string;
let kafka: LocalKafka;
let endpoint: TokenEndpoint;
/** `host:port` of each listener, and what the environment says to use it. */
let address: Readonly<Record<Way, string>>;
let settings: Readonly<Record<Way, Settings>>;
/** A port. */
let nobody: number;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-kafka-security-'));
  const authority = await Authority.make(dir, 'authority');
  const stranger = await Authority.make(dir, 'stranger');
  const [server, client] = [await authority.issue('broker'), await authority.issue('client')];
  const foreign = await stranger.issue('foreign');
  writeFileSync(join(dir, 'password'), `${SECRET}\n`);
  endpoint = await TokenEndpoint.start(({ login }) =>
    login === `bridge:${encodeURIComponent(CLIENT_SECRET)}`
      ? { subject: 'bridge', scope: 'kafka' }
      : { error: 'invalid_client' },
  );
  const ports = await freePorts(WAYS.length + 1);
  nobody = ports.at(-1) ?? 0;
  const protocols = { SCRAM: 'SASL_PLAINTEXT', PLAIN: 'SASL_SSL', MTLS: 'SSL', BEARER: 'SASL_PLAINTEXT' } as const;
  const listeners = WAYS.map((name, at) => {
    const port = ports[at] ?? 0;
    return { name, port, advertised: `127.0.0.1:${port}`, protocol: protocols[name] };
  });
  kafka = await startKafka({
    listeners,
    scramUsers: { bridge: SECRET, ...BOUND_USERS },
    // Kafka asks nobody for keys whom it is not told to ask.
    systemProperties: { 'org.apache.kafka.sasl.oauthbearer.allowed.urls': endpoint.jwksUrl },
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS;User:bridge;User:CN=client',
      ...sasl('SCRAM', ['SCRAM-SHA-256', 'SCRAM-SHA-512'], 'scram.ScramLoginModule required'),
      ...sasl('PLAIN', ['PLAIN'], `plain.PlainLoginModule required user_bridge="${SECRET}"`),
      ...sasl('BEARER', ['OAUTHBEARER'], 'oauthbearer.OAuthBearerLoginModule required'),
      // Kafka's own, as in production: signature by the provider's keys, issuer, audience and times.
      'listener.name.bearer.oauthbearer.sasl.server.callback.handler.class':
        'org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler',
      'listener.name.bearer.sasl.oauthbearer.jwks.endpoint.url': endpoint.jwksUrl,
      'listener.name.bearer.sasl.oauthbearer.expected.issuer': endpoint.issuer,
      'listener.name.bearer.sasl.oauthbearer.expected.audience': AUDIENCE,
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': await bundled(server),
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': authority.cert,
      'listener.name.mtls.ssl.client.auth': 'required',
    },
  });
  address = Object.fromEntries(listeners.map(({ name, advertised }) => [name, advertised])) as typeof address;
  copyFileSync(client.cert, join(dir, 'present.pem'));
  copyFileSync(await encrypted(client, SECRET), join(dir, 'present.key'));
  copyFileSync(await encrypted(foreign, SECRET), join(dir, 'foreign.encrypted'));
  writeFileSync(join(dir, 'scram-password'), SECRET);
  settings = {
    SCRAM: {
      KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT',
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: 'bridge',
      KAFKA_SASL_PASSWORD_FILE: join(dir, 'scram-password'),
    },
    PLAIN: {
      KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_SSL_CA_FILE: authority.cert,
      KAFKA_SASL_MECHANISM: 'PLAIN',
      KAFKA_SASL_USERNAME: 'bridge',
      KAFKA_SASL_PASSWORD: SECRET,
    },
    MTLS: {
      KAFKA_SECURITY_PROTOCOL: 'SSL',
      KAFKA_SSL_CA_FILE: authority.cert,
      KAFKA_SSL_CERT_FILE: join(dir, 'present.pem'),
      KAFKA_SSL_KEY_FILE: join(dir, 'present.key'),
      KAFKA_SSL_KEY_PASSWORD_FILE: join(dir, 'password'),
      KAFKA_SSL_SERVER_NAME: 'localhost',
    },
    BEARER: {
      KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT',
      KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
      KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: endpoint.url,
      KAFKA_SASL_OAUTHBEARER_CLIENT_ID: 'bridge',
      KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: CLIENT_SECRET,
      KAFKA_SASL_OAUTHBEARER_SCOPE: 'kafka',
    },
  };
  // The first handshakes of a broker that has just begun take longer than clients wait.
  const letIn = () => Promise.all(WAYS.map((way) => reached(clientOf(way)).then(() => true)));
  await eventually('every listener to let in', letIn, { deadlineMs: 60_000 });
});

afterAll(async () => {
  await kafka?.stop();
  await endpoint?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

describe('whoever may, can do all that a node does:', () => {
  test.each([
    ['SCRAM', 'SCRAM-SHA-256'],
    ['SCRAM', 'SCRAM-SHA-512'],
    ['PLAIN', 'PLAIN'],
    ['MTLS', undefined],
    ['BEARER', 'OAUTHBEARER'],
  ] as const)('%s %s', async (way, mechanism) => {
    const client = clientOf(way, mechanism === undefined ? {} : { KAFKA_SASL_MECHANISM: mechanism });
    const topic = await newTopic(client, topicName('secure'), 2);
    const reading = await new Reading(client, topic, topic).start();
    const writer = new KafkaRecordWriter(client);
    const record = { key: 'k', value: way, headers: [] };
    // A topic that is new may have no leader yet.
    const sent = async () => (await writer.send(topic, [record], 10_000, () => true)).kind === 'acked';
    await eventually('the record to be taken', sent);
    await eventually('the record to be read', () => reading.values.length > 0);
    expect(new Set(reading.values)).toEqual(new Set([way]));
    await reading.commit({ 0: reading.next.get(0) ?? '0', 1: reading.next.get(1) ?? '0' });
    expect([...(await reading.reader.endOffsets()).values()].map(Number).reduce((a, b) => a + b)).toBeGreaterThan(0);
    await Promise.all([reading.reader.stop(), writer.close()]);
  });

  test('a token is asked for once for all connections, by the credentials of RFC 6749', async () => {
    endpoint.requests.length = 0;
    const shared = clientOf('BEARER');
    await Promise.all(Array.from({ length: 5 }, () => reached(shared)));
    expect(endpoint.requests).toHaveLength(1);
    expect(Object.fromEntries(endpoint.requests[0]?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      scope: 'kafka',
    });
  });

  test('a token that is about to expire is not used any more', async () => {
    const before = endpoint.answer;
    endpoint.answer = () => ({ subject: 'bridge', scope: 'kafka', expiresInS: 1 });
    endpoint.requests.length = 0;
    const client = clientOf('BEARER');
    await reached(client);
    await eventually('another token to be asked for', async () => {
      await reached(client);
      return endpoint.requests.length === 2;
    });
    endpoint.answer = before;
  });
});

describe('whoever may not is told what to look at, and nobody is told a secret:', () => {
  test.each<[string, Way, () => Settings, RegExp]>([
    [
      'a wrong password',
      'SCRAM',
      () => password(WRONG),
      /^Kafka refused the user: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD \(SASL SCRAM/,
    ],
    [
      'a wrong password',
      'PLAIN',
      () => password(WRONG),
      /^Kafka refused the user: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD \(SASL PLAIN/,
    ],
    [
      'an unknown user',
      'SCRAM',
      () => ({ KAFKA_SASL_USERNAME: 'nobody' }),
      /^Kafka refused the user: check KAFKA_SASL_USERNAME/,
    ],
    ['another mechanism', 'PLAIN', () => ({ KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512' }), /check KAFKA_SASL_MECHANISM/],
    [
      'a stranger as authority',
      'PLAIN',
      () => ({ KAFKA_SSL_CA_FILE: join(dir, 'stranger.pem') }),
      /not trusted: check KAFKA_SSL_CA_FILE/,
    ],
    [
      'another name',
      'MTLS',
      () => ({ KAFKA_SSL_SERVER_NAME: 'kafka.example.org' }),
      /another name: check KAFKA_BOOTSTRAP_SERVERS or KAFKA_SSL_SERVER_NAME/,
    ],
    [
      'a certificate of a stranger',
      'MTLS',
      () => foreign(),
      /does not take our certificate: check KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE/,
    ],
    [
      'a wrong client secret',
      'BEARER',
      () => ({ KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET: WRONG }),
      /answered 401 \(invalid_client\); check KAFKA_SASL_OAUTHBEARER_CLIENT_ID and KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET/,
    ],
    [
      'nobody at the endpoint',
      'BEARER',
      () => ({ KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: `http://127.0.0.1:${nobody}/` }),
      /gave no answer \(ECONNREFUSED\); check KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL/,
    ],
  ])('%s (%s)', async (_, way, change, expected) => {
    const said = await refusal(way, change());
    expect(said).toMatch(expected);
    for (const secret of [SECRET, WRONG, CLIENT_SECRET]) expect(said).not.toContain(secret);
  });

  test('no certificate at all', async () => {
    const { KAFKA_SSL_CERT_FILE, KAFKA_SSL_KEY_FILE, KAFKA_SSL_KEY_PASSWORD_FILE, ...rest } = settings.MTLS;
    const client = connectKafka({ brokers: [address.MTLS], security: securityOf(rest) }, SILENT);
    await expect(reached(client)).rejects.toThrow(/check KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE/);
  });

  test.each<[string, Way | undefined, Way]>([
    ['TLS where none is spoken', 'PLAIN', 'SCRAM'],
    ['no TLS where it is spoken', undefined, 'MTLS'],
    ['no login where one is asked for', undefined, 'SCRAM'],
    ['a login where none is asked for', 'SCRAM', 'MTLS'],
  ])('%s', async (_, way, where) => {
    const security = way === undefined ? NO_KAFKA_SECURITY : securityOf(settings[way]);
    await expect(reached(connectKafka({ brokers: [address[where]], security }, SILENT))).rejects.toThrow(
      /check KAFKA_SECURITY_PROTOCOL/,
    );
  });

  test('a login where nobody may log in', async () => {
    const client = connectKafka({ brokers: [kafka.brokers], security: securityOf(settings.SCRAM) }, SILENT);
    await expect(reached(client)).rejects.toThrow(/check KAFKA_SECURITY_PROTOCOL/);
  });

  test.each<[string, Partial<TokenAnswer>]>([
    ['of another key', { signedBy: 'stranger' }],
    ['without a signature', { signedBy: 'nobody' }],
    ['for somebody else', { audience: 'billing' }],
    ['of another provider', { issuer: 'https://login.example.org' }],
    ['that has expired', { expired: true }],
  ])('a token %s, which Kafka does not take', async (_, change) => {
    const before = endpoint.answer;
    endpoint.answer = () => ({ subject: 'bridge', ...change });
    try {
      expect(await refusal('BEARER', {})).toMatch(
        /^Kafka refused the token: check .*SCOPE.*\(SASL OAUTHBEARER.*invalid_token/,
      );
    } finally {
      endpoint.answer = before;
    }
  });
});

describe('what changes in a file holds from the next connection on, for clients that live:', () => {
  test('a password', async () => {
    const file = join(dir, 'changing-password');
    writeFileSync(file, WRONG);
    const client = clientOf('SCRAM', { KAFKA_SASL_PASSWORD_FILE: file });
    const topics = new KafkaTopics(client);
    await expect(topics.facts()).rejects.toThrow(/KAFKA_SASL_PASSWORD/);
    copyFileSync(join(dir, 'scram-password'), file);
    expect((await topics.facts()).brokers).toHaveLength(1);
    await topics.close();
    writeFileSync(file, '');
    await expect(reached(client)).rejects.toThrow(`KAFKA_SASL_PASSWORD_FILE: found ${file}, which is empty`);
  });

  test('a certificate and its key', async () => {
    const client = clientOf('MTLS');
    await reached(client);
    const own = ['present.pem', 'present.key'].map((name) => [join(dir, name), readFileSync(join(dir, name))] as const);
    copyFileSync(join(dir, 'foreign.pem'), join(dir, 'present.pem'));
    copyFileSync(join(dir, 'foreign.encrypted'), join(dir, 'present.key'));
    await expect(reached(client)).rejects.toThrow(/does not take our certificate/);
    for (const [file, content] of own) writeFileSync(file, content);
    await reached(client);
  });
});

aclTests(() => ({
  open: kafka.brokers,
  bound: address.SCRAM,
  settingsOf: (user) => ({
    ...{ KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT', KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512' },
    ...{ KAFKA_SASL_USERNAME: user, KAFKA_SASL_PASSWORD: BOUND_USERS[user] },
  }),
}));

test('a node with a wrong password says so in its readiness, and goes on by itself once the file is right', async () => {
  const cluster = newCluster();
  const nodes = await Nodes.create({ cluster, routes: [{ jobType: cluster, requestTopic: `${cluster}.requests` }] });
  const file = join(dir, 'password-of-a-node');
  writeFileSync(file, WRONG);
  const servers: Servers = {
    natsUrl: inject('natsUrl'),
    kafkaBrokers: address.SCRAM,
    zeebeAddress: inject('zeebeAddress'),
    env: { ...settings.SCRAM, KAFKA_SASL_PASSWORD_FILE: file },
  };
  try {
    const node = await nodes.start('n1', servers);
    await eventually('the readiness to name the setting', async () =>
      (await node.readiness()).waitingFor.some((what) => /KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/.test(what)),
    );
    const { code, output } = await check(nodeEnv(servers, 'n2', nodes.config, 0));
    expect(output).toMatch(
      /problem: Kafka: .*Kafka refused the user: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/,
    );
    expect(code).toBe(1);
    copyFileSync(join(dir, 'scram-password'), file);
    await node.untilReady();
    const log = readFileSync(node.logFile, 'utf8');
    for (const said of [log, output]) {
      expect(said).not.toContain(WRONG);
      expect(said).not.toContain(readFileSync(file, 'utf8'));
    }
  } finally {
    await nodes.stop();
  }
});

function sasl(listener: Way, mechanisms: readonly string[], module: string): Settings {
  const prefix = `listener.name.${listener.toLowerCase()}`;
  const jaas = `org.apache.kafka.common.security.${module};`;
  return {
    [`${prefix}.sasl.enabled.mechanisms`]: mechanisms.join(','),
    ...Object.fromEntries(mechanisms.map((name) => [`${prefix}.${name.toLowerCase()}.sasl.jaas.config`, jaas])),
  };
}

function securityOf(env: Settings) {
  const yaml = 'cluster: orders\nroutes: [{jobType: a, requestTopic: b}]\n';
  const servers = { NATS_URL: 'nats://127.0.0.1:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092' };
  const readFile = (path: string) => (path === 'holdfast.yaml' ? yaml : readFileSync(path, 'utf8'));
  return loadConfig({ ...servers, ...env }, readFile, 'node').kafkaSecurity;
}

/** As `connectKafka` makes it of the environment. */
function clientOf(way: Way, change: Settings = {}, brokers = address[way]) {
  const { KAFKA_SASL_PASSWORD_FILE: file, KAFKA_SASL_PASSWORD: password, ...rest } = settings[way];
  const replaced = 'KAFKA_SASL_PASSWORD' in change || 'KAFKA_SASL_PASSWORD_FILE' in change;
  return connectKafka(
    { brokers: [brokers], security: securityOf({ ...(replaced ? rest : settings[way]), ...change }) },
    SILENT,
  );
}

/** By a connection of its own. */
async function reached(client: ReturnType<typeof connectKafka>): Promise<void> {
  const topics = new KafkaTopics(client);
  try {
    expect((await topics.facts()).brokers).toHaveLength(1);
  } finally {
    await topics.close();
  }
}

async function refusal(way: Way, change: Settings, brokers?: string): Promise<string> {
  try {
    await reached(clientOf(way, change, brokers));
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was let in');
}

function password(text: string): Settings {
  return { KAFKA_SASL_PASSWORD: text };
}

function foreign(): Settings {
  return { KAFKA_SSL_CERT_FILE: join(dir, 'foreign.pem'), KAFKA_SSL_KEY_FILE: join(dir, 'foreign.encrypted') };
}

function check(env: Settings): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [NODE_MAIN, 'check'], { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr }),
    );
  });
}
