// What only shows in a process of its own or on real servers: signals, a reader that goes away, TLS; and the doctor, which
// must see what a user may not do without changing anything.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startNats } from '../../../deploy/local/index.ts';
import { callApi } from '../../../src/cluster/nats/api.ts';
import { makeAuditStream } from '../../../src/cluster/nats/audit-stream.ts';
import { makeBucket } from '../../../src/cluster/nats/bucket.ts';
import { connectNats } from '../../../src/cluster/nats/connection.ts';
import { Inbox } from '../../../src/cluster/nats/inbox.ts';
import { examineNats } from '../../../src/gateway/cli/examine-nats.ts';
import { natsExaminationFindings } from '../../../src/gateway/cli/findings-nats-rights.ts';
import { loadConfig } from '../../../src/gateway/config/config.ts';
import { connectKafka } from '../../../src/gateway/kafka/connect.ts';
import { KafkaTopics } from '../../../src/gateway/kafka/topics.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import type { JobPage } from '../../../src/gateway/operations/model/jobs.ts';
import { NODE_MAIN } from '../../support/nodes.ts';
import { FakeOperations } from '../http/fake-operations.ts';
import { serve } from './running.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
});
afterAll(() => rm(dir, { recursive: true }));

function start(args: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const child = spawn(process.execPath, [NODE_MAIN, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += chunk));
  child.stderr.on('data', (chunk) => (said.err += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, said, ended };
}

/** Pages without an end. */
class Endless extends FakeOperations {
  pages = 0;
  override async jobs(): Promise<JobPage> {
    this.pages += 1;
    const page = await super.jobs({});
    return { ...page, jobs: Array.from({ length: 200 }, () => page.jobs[0]!), next: String(this.pages) };
  }
}

test('it ends without a word when its reader has enough', async () => {
  const operations = new Endless();
  await using api = await serve(() => operations);
  const { child, said, ended } = start(['jobs', '--all'], api.env);
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await ended).toBe(0);
  expect(said.err).toBe('');
  expect(said.out).toMatch(/^JOB +STATE/);
});

test('watching appends blocks where there is no terminal, and Ctrl-C ends it well', async () => {
  const operations = new FakeOperations();
  await using api = await serve(() => operations);
  const { child, said, ended } = start(['status', '--watch', '1'], api.env);
  child.stdout.on('data', () => {
    if (said.out.split('cluster orders:').length > 2) child.kill('SIGINT');
  });
  expect(await ended).toBe(0);
  expect(said.err).toBe('');
  expect(said.out).not.toContain('\u001b');
});

test('a node that is told to end while it starts ends in order', async () => {
  const config = join(dir, 'starting.yaml');
  await writeFile(config, 'cluster: starting\nroutes: [{jobType: a, requestTopic: b}]\n');
  const { child, said, ended } = start(['start'], {
    HOLDFAST_CONFIG: config,
    HOLDFAST_HTTP: '127.0.0.1:0',
    HOLDFAST_API: '127.0.0.1:0',
    NATS_URL: 'nats://127.0.0.1:1',
    KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
    ZEEBE_GRPC_ADDRESS: 'grpc://127.0.0.1:1',
    CAMUNDA_AUTH_STRATEGY: 'NONE',
  });
  // The first thing that it says; its API is not up then.
  child.stdout.once('data', () => child.kill('SIGTERM'));
  expect(await ended, said.out + said.err).toBe(0);
  expect(said.out).toContain('told to end');
});

test('TLS is checked against the authority that HOLDFAST_API_CA_FILE names, and not given up without one', async () => {
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const made =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=holdfast-test'.split(' ');
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
  await promisify(execFile)('openssl', [...made, ...names]);
  const operations = new FakeOperations();
  const authentication = {
    verify: async (token: string) =>
      token === 'geheim'
        ? ({ kind: 'known', operator: { name: 'ann', role: 'viewer' } } as const)
        : ({ kind: 'refused', why: 'it is not known here' } as const),
    close: () => undefined,
  };
  const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  await using api = await serve(() => operations, { tls, authentication });
  const token = join(dir, 'token');
  await writeFile(token, 'geheim\n');
  const known = { ...api.env, HOLDFAST_API_CA_FILE: cert };
  const runs = [
    start(['whoami', '--json'], { ...known, HOLDFAST_API_TOKEN_FILE: token }),
    start(['drain', 'n1', '--reason', 'a viewer may not'], { ...known, HOLDFAST_API_TOKEN_FILE: token }),
    start(['whoami'], { ...known, HOLDFAST_API_TOKEN: 'guessed' }),
    start(['whoami'], { ...api.env, HOLDFAST_API_TOKEN: 'geheim' }),
  ];
  expect(await Promise.all(runs.map(({ ended }) => ended))).toEqual([0, 1, 1, 3]);
  const [whoami, drain, guessed, untrusted] = runs.map(({ said }) => said);
  expect(JSON.parse(whoami?.out ?? '')).toMatchObject({ name: 'ann', role: 'viewer', payloads: false });
  expect(drain?.err).toMatch(/needs the role admin, and ann has the role viewer \(FORBIDDEN\)/);
  expect(guessed?.err).toMatch(/the token is not taken: it is not known here \(UNAUTHENTICATED\)/);
  expect(untrusted?.err).toMatch(/its certificate is not trusted: .*HOLDFAST_API_CA_FILE/);
  expect(operations.asked).toEqual([]);
});

test('the doctor names each right that is missing, by trying it, and changes nothing', async () => {
  const conf = join(dir, 'nats.conf');
  // `enough` has no more than nodes need, as deploy/nats has it.
  await writeFile(
    conf,
    `jetstream {}
authorization { users: [
  { user: admin, password: a }
  { user: node, password: n, permissions: {
    publish: { allow: ["$JS.API.INFO", "$JS.API.STREAM.INFO.>", "$JS.API.STREAM.MSG.GET.>", "$KV.holdfast_c_jobs.>"] }
    subscribe: { allow: ["_INBOX.>"] } } }
  { user: enough, password: e, permissions: {
    publish: { allow: ["$JS.API.INFO", "$JS.API.STREAM.INFO.>", "$JS.API.STREAM.MSG.GET.>", "$KV.holdfast_c_jobs.>",
      "$JS.API.CONSUMER.CREATE.KV_holdfast_c_jobs.*", "$JS.API.CONSUMER.INFO.KV_holdfast_c_jobs.*",
      "$JS.API.CONSUMER.DELETE.KV_holdfast_c_jobs.*", "holdfast.c.>", "holdfast_audit.c.>"] }
    subscribe: { allow: ["_INBOX.>", "holdfast.c.>"] }, allow_responses: true } }
] }\n`,
  );
  const nats = await startNats({ config: conf });
  try {
    const as = (user: string) => nats.url.replace('nats://', `nats://${user}@`);
    await using link = await connectNats({ url: as('admin:a'), name: 'test' });
    const inbox = new Inbox(link);
    await makeBucket(inbox, 'c', 1);
    const state = async () => {
      const info = await callApi<{ config: unknown; state: unknown }>(
        inbox,
        'STREAM.INFO.KV_holdfast_c_jobs',
        {},
        5_000,
      );
      return { config: info.config, state: info.state };
    };
    const before = await state();
    const config = (user: string) =>
      loadConfig({ NATS_URL: as(user), KAFKA_BOOTSTRAP_SERVERS: 'a:1' }, () => 'cluster: c', 'n');
    const seen = await examineNats(config('node:n'));
    const generic = seen.denied.map(({ right, subject }) => `${right} ${subject.replace(/doctor_\w+/, 'X')}`);
    expect(generic.toSorted()).toEqual([
      'publish $JS.API.CONSUMER.CREATE.KV_holdfast_c_jobs.X',
      'publish $JS.API.CONSUMER.DELETE.KV_holdfast_c_jobs.X',
      'publish $JS.API.CONSUMER.INFO.KV_holdfast_c_jobs.X',
      'publish holdfast.c.node.X.commands',
      'publish holdfast_audit.c.doctor',
      'subscribe holdfast.c.node.X.>',
    ]);
    expect(Math.abs(seen.skewMs ?? Number.NaN)).toBeLessThan(1_000);
    for (const user of ['admin:a', 'enough:e']) expect((await examineNats(config(user))).denied).toEqual([]);
    expect(await state()).toEqual(before);
  } finally {
    await nats.stop();
  }
});

test('the doctor sees how full the stores are, and an audit that is not as it should be', async () => {
  const conf = join(dir, 'limited.conf');
  await writeFile(
    conf,
    `jetstream { max_file_store: 120MB }
accounts { HOLDFAST { jetstream: { max_file: 100MB }, users: [{ user: node, password: n }] } }\n`,
  );
  const nats = await startNats({ config: conf });
  try {
    const url = nats.url.replace('nats://', 'nats://node:n@');
    await using link = await connectNats({ url, name: 'test' });
    const inbox = new Inbox(link);
    const env = { NATS_URL: url, NATS_MONITOR_URL: nats.monitorUrls[0] ?? '', KAFKA_BOOTSTRAP_SERVERS: 'a:1' };
    const config = loadConfig(env, () => 'cluster: c', 'n');
    const saysOf = async () => natsExaminationFindings(await examineNats(config)).map(({ what }) => what);
    const bigOne = { name: 'big', subjects: ['big'], storage: 'file' };
    await callApi(inbox, 'STREAM.CREATE.big', { ...bigOne, max_bytes: 50 * 1024 ** 2 }, 5_000);
    expect((await examineNats(config)).audit).toEqual({ kind: 'absent', mayMake: true, copies: 1 });
    expect(await saysOf()).toContainEqual(
      expect.stringMatching(/audit is not made yet.* reserves 64\.00 MiB, and 50\.00 MiB of what the account may use/),
    );
    await expect(makeAuditStream(inbox, 'c', 1)).rejects.toThrow('insufficient storage resources');
    await callApi(inbox, 'STREAM.DELETE.big', {}, 5_000);

    await makeBucket(inbox, 'c', 1);
    await makeAuditStream(inbox, 'c', 1);
    const made = await examineNats(config);
    expect(made.audit).toMatchObject({ kind: 'seen', report: { faults: [], oldestMs: undefined, fullness: 0 } });
    expect(made.stores).toMatchObject([
      { of: 'account', mostBytes: 100 * 1024 ** 2 },
      { of: 'server', mostBytes: 120 * 1024 ** 2 },
    ]);

    // As somebody who wanted to save room, or to tidy up, would have it.
    const { stream } = made.audit.kind === 'seen' ? made.audit.report : { stream: '' };
    const { config: before } = await callApi<{ config: object }>(inbox, `STREAM.INFO.${stream}`, {}, 5_000);
    const edit = { ...before, max_bytes: 1024 ** 2, max_msg_size: 1024, discard: 'new' };
    await callApi(inbox, `STREAM.UPDATE.${stream}`, edit, 5_000);
    for (let record = 0; record < 9; record++) {
      const answer = await inbox.ask(`holdfast_audit.c.begin.${record}`, Buffer.alloc(900), 5_000);
      expect(answer.kind).toBe('answer');
    }
    await callApi(inbox, 'STREAM.CREATE.big', bigOne, 5_000);
    for (let megabyte = 0; megabyte < 90; megabyte++) await inbox.ask('big', Buffer.alloc(1_000_000), 5_000);
    const seen = await examineNats(config);
    expect(seen.stores.map(({ of, usedBytes }) => [of, usedBytes > 90_000_000])).toEqual([
      ['account', true],
      ['server', true],
    ]);
    const report = seen.audit.kind === 'seen' ? seen.audit.report : undefined;
    expect(report?.faults.map(({ what, editable, grave }) => [what.split(' ', 1)[0], editable, grave])).toEqual([
      ['discard', true, true],
      ['max_bytes', true, false],
      ['max_msg_size', true, true],
    ]);
    expect(Math.abs((report?.oldestMs ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await saysOf()).toEqual([
      expect.stringMatching(/MiB of the 100\.00 MiB of storage that the account may use are used/),
      ...Array.from({ length: 3 }, () => expect.stringContaining(`stream ${stream}: `)),
    ]);
  } finally {
    await nats.stop();
  }
});

test('the doctor on servers where nothing was made yet: the worst first, exit code 1, and still nothing is made', async () => {
  const cluster = `doctor-${process.pid}`;
  const file = join(dir, 'holdfast.yaml');
  await writeFile(file, `cluster: ${cluster}\nroutes: [{jobType: charge, requestTopic: ${cluster}.requests}]\n`);
  const env = {
    ...{ HOLDFAST_CONFIG: file, NATS_URL: inject('natsUrl'), KAFKA_BOOTSTRAP_SERVERS: inject('kafkaBrokers') },
    ...{ ZEEBE_GRPC_ADDRESS: `grpc://${inject('zeebeAddress')}`, CAMUNDA_AUTH_STRATEGY: 'NONE' },
    HOLDFAST_API_URL: 'http://127.0.0.1:1',
  };
  const { said, ended } = start(['doctor', '--json'], env);
  expect(await ended).toBe(1);
  const { findings, problems } = JSON.parse(said.out);
  const lines: string[] = findings.map(
    (each: Record<string, string>) => `${each.severity} ${each.about}: ${each.what}`,
  );
  expect(lines[0]).toBe(`critical Kafka: the request topic ${cluster}.requests does not exist`);
  expect(lines[1]).toMatch(/^problem nodes: no node was asked/);
  expect(lines.slice(2)).toContain('note NATS: the bucket is not made yet');
  expect(lines.slice(2).filter((line) => !line.startsWith('note'))).toEqual([]);
  expect(problems).toBe(2);
  expect(said.err).toBe('');

  await using link = await connectNats({ url: inject('natsUrl'), name: 'test' });
  const names = await callApi<{ streams: string[] | null }>(new Inbox(link), 'STREAM.NAMES', {}, 5_000);
  expect(names.streams ?? []).not.toContain(`KV_holdfast_${cluster}_jobs`);
  const topics = new KafkaTopics(connectKafka({ brokers: [inject('kafkaBrokers')] }, SILENT));
  for (const name of [`${cluster}.requests`, `holdfast.${cluster}.replies`, `holdfast.${cluster}.dlq`])
    expect(await topics.exists(name)).toBe(false);
  await topics.close();
});
