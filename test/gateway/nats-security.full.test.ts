// A NATS that lets nobody in without asking: TLS both ways, NKeys and credentials files from where the configuration finds
// them, refusals in words for people, and secrets that change while a connection lives. Real servers.
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalNats, startNats } from '../../deploy/local/index.ts';
import { makeBucket } from '../../src/cluster/nats/bucket.ts';
import { connectNats, type LinkStatus, type NatsLink } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { loadConfig } from '../../src/gateway/config/config.ts';
import { natsLink } from '../../src/gateway/config/nats.ts';
import { Authority, type Certificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';

type Settings = Readonly<Record<string, string>>;
type KeyPair = ReturnType<typeof nkeys.createUser>;

let dir: string;
let authority: Authority;
let client: Certificate;
let nats: LocalNats;
let tls: string;
const [first, second] = [nkeys.createUser(), nkeys.createUser()];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-nats-security-'));
  authority = await Authority.make(dir, 'authority');
  await Authority.make(dir, 'stranger');
  client = await authority.issue('client');
  const server = await authority.issue('server');
  const files = `cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${authority.cert}"`;
  tls = `tls { ${files}, verify: true }\n`;
  writeFileSync(join(dir, 'first.conf'), configFor(first));
  nats = await startNats({ dir, config: join(dir, 'first.conf') });
});

afterAll(async () => {
  await nats?.stop();
  await rm(dir, { recursive: true });
});

test('TLS both ways and an NKey; a seed that changes is used at the reconnect, a seed that is gone ends nothing', async () => {
  const seed = join(dir, 'seed');
  writeFileSync(seed, seedOf(first));
  const said: LinkStatus[] = [];
  await using link = await connected(access({ NATS_NKEY_SEED_FILE: seed }), (status) => said.push(status));
  expect(await makeBucket(new Inbox(link), 'orders', 1)).toBe('made');
  expect(await userOf(link)).toBe(first.getPublicKey());

  // The server knows another user from now on, and we do not yet.
  reload(second);
  const refused = () => said.filter((status) => status.kind === 'waiting');
  await eventually('the refusal', () => refused().length > 0, { diagnose: () => said });
  expect(refused()).toEqual([
    { kind: 'waiting', reason: expect.stringMatching(/^NATS refused this user: check NATS_NKEY_SEED_FILE \(/) },
  ]);
  rmSync(seed);
  expect(link.connected()).toBe(false);
  writeFileSync(seed, seedOf(second));
  await eventually('the connection', () => link.connected(), { diagnose: () => said });
  expect(await userOf(link)).toBe(second.getPublicKey());
  // It was asked seldom, and said once.
  expect(refused()).toHaveLength(1);
  for (const pair of [first, second]) expect(JSON.stringify(said)).not.toContain(seedOf(pair).trim());
});

test.each<[string, () => Settings, RegExp]>([
  ['a stranger as authority', () => ({ NATS_CA_FILE: join(dir, 'stranger.pem') }), /not trusted: check NATS_CA_FILE/],
  ['no authority', () => ({ NATS_CA_FILE: '' }), /not trusted: check NATS_CA_FILE/],
  ['no certificate', () => ({ NATS_CERT_FILE: '', NATS_KEY_FILE: '' }), /check NATS_CERT_FILE and NATS_KEY_FILE/],
  ['no credentials', () => ({}), /NATS refused a client without credentials: set NATS_CREDS_FILE, NATS_NKEY_SEED_FILE/],
  [
    'a wrong password',
    () => ({ NATS_USER: 'me', NATS_PASSWORD: 'wr0ng' }),
    /NATS refused this user: check NATS_USER and NATS_PASSWORD/,
  ],
  ['a wrong token', () => ({ NATS_TOKEN: 'wr0ng' }), /NATS refused this user: check NATS_TOKEN/],
])('%s: says what to look at', async (_, change, expected) => {
  const reason = await refusal(access(change()));
  expect(reason).toMatch(expected);
  expect(reason).not.toContain('wr0ng');
});

test('a server without TLS is not spoken to where TLS was asked for', async () => {
  const plain = await startNats();
  try {
    const { NATS_CA_FILE = '' } = access({});
    expect(await refusal({ NATS_URL: plain.url, NATS_CA_FILE })).toMatch(/does not support 'tls'/);
    expect(await refusal({ NATS_URL: plain.url.replace('nats:', 'tls:') })).toMatch(/does not support 'tls'/);
  } finally {
    await plain.stop();
  }
});

test('a credentials file of a decentralised account', async () => {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const accountJwt = jwt(operator, account, { type: 'account', limits });
  const config = [
    `operator: ${jwt(operator, operator, { type: 'operator' })}`,
    'resolver: MEMORY',
    `resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`,
  ].join('\n');
  writeFileSync(join(dir, 'operator.conf'), config);
  const server = await startNats({ config: join(dir, 'operator.conf') });
  try {
    const file = join(dir, 'user.creds');
    const signed = jwt(account, user, { type: 'user', pub: {}, sub: {}, subs: -1, data: -1, payload: -1 });
    writeFileSync(
      file,
      `-----BEGIN NATS USER JWT-----\n${signed}\n------END NATS USER JWT------\n\n` +
        `-----BEGIN USER NKEY SEED-----\n${seedOf(user)}------END USER NKEY SEED------\n`,
    );
    await using link = await connected({ NATS_URL: server.url, NATS_CREDS_FILE: file });
    expect(link.connected()).toBe(true);
    writeFileSync(file, readFileSync(file, 'utf8').replace(seedOf(user), seedOf(nkeys.createUser())));
    expect(await refusal({ NATS_URL: server.url, NATS_CREDS_FILE: file })).toMatch(/check NATS_CREDS_FILE/);
  } finally {
    await server.stop();
  }
});

function configFor(user: KeyPair): string {
  // Its name too: given on the command line only, it keeps the server from reading the file again.
  return `server_name: nats-1\njetstream {}\n${tls}authorization { users: [ { nkey: ${user.getPublicKey()} } ] }\n`;
}

/** The running server takes its file again: whoever is not in it any more is cut off. */
function reload(user: KeyPair): void {
  const [server] = nats.servers;
  writeFileSync(join(dir, 'second.conf'), configFor(user));
  copyFileSync(join(dir, 'second.conf'), join(dir, `${server?.name}.conf`));
  process.kill(server?.pid ?? 0, 'SIGHUP');
}

/** The server of these tests, by TLS both ways. */
function access(change: Settings): Settings {
  return {
    NATS_URL: nats.url.replace('nats://127.0.0.1', 'tls://localhost'),
    NATS_CA_FILE: authority.cert,
    NATS_CERT_FILE: client.cert,
    NATS_KEY_FILE: client.key,
    ...change,
  };
}

/** As a node does it. */
function connected(env: Settings, onStatus: (status: LinkStatus) => void = () => {}, signal?: AbortSignal) {
  const yaml = 'cluster: orders\nroutes: [{jobType: a, requestTopic: b}]\n';
  const readFile = (path: string) => (path === 'holdfast.yaml' ? yaml : readFileSync(path, 'utf8'));
  const config = loadConfig({ KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092', ...env }, readFile, 'node');
  return connectNats({ ...natsLink(config), name: 'test', onStatus, ...(signal !== undefined && { signal }) });
}

async function refusal(env: Settings): Promise<string> {
  const said = Promise.withResolvers<string>();
  const stop = new AbortController();
  const onStatus = (status: LinkStatus) => {
    if (status.kind === 'waiting') said.resolve(status.reason);
  };
  const link: Promise<NatsLink | undefined> = connected(env, onStatus, stop.signal).catch(() => undefined);
  const reason = await Promise.race([said.promise, link.then(() => 'it was let in')]);
  stop.abort();
  await (await link)?.close();
  return reason;
}

/** By the server's own monitoring. */
async function userOf(link: NatsLink): Promise<string | undefined> {
  const response = await fetch(`${nats.monitorUrls[0]}/connz?auth=1`);
  const { connections } = (await response.json()) as { connections: { cid: number; authorized_user?: string }[] };
  return connections.find(({ cid }) => cid === link.nc.info?.client_id)?.authorized_user;
}

function seedOf(pair: KeyPair): string {
  return `${Buffer.from(pair.getSeed()).toString()}\n`;
}

/** A JWT as NATS has them: signed by an NKey. */
function jwt(issuer: KeyPair, subject: KeyPair, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iss = issuer.getPublicKey();
  const claims = { jti: 'x', iat: Math.floor(Date.now() / 1_000), iss, name: 'test', sub: subject.getPublicKey() };
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ ...claims, nats: { version: 2, ...nats } })}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`;
}
