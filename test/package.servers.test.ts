// The package as a user gets it: packed, installed into an empty directory, and run there against real servers.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { connectKafka } from '../src/gateway/kafka/connect.ts';
import { KafkaTopics } from '../src/gateway/kafka/topics.ts';
import { SILENT } from '../src/gateway/log.ts';

const CLUSTER = 'package-test';
const TOPIC = 'package-test.requests';
const ROOT = new URL('..', import.meta.url).pathname;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let directory: string;
let packed: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-package-'));
  const pack = await run('npm', ['pack', '--pack-destination', directory], { cwd: ROOT });
  packed = (await readdir(directory)).find((name) => name.endsWith('.tgz')) ?? '';
  expect(pack.code, pack.out + pack.err).toBe(0);
  await writeFile(join(directory, 'package.json'), '{"private":true}');
  const install = await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(directory, packed)]);
  expect(install.code, install.out + install.err).toBe(0);
}, 180_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

test('it carries compiled code and types, the page, and nothing else of the repository', async () => {
  const { out } = await run('tar', ['tzf', join(directory, packed)]);
  const files = out.trim().split('\n');
  expect(files).toEqual(
    expect.arrayContaining(['package/dist/gateway/cli/main.js', 'package/dist/gateway/cli/main.d.ts']),
  );
  const page = 'dist/gateway/http/page/static/';
  expect(files).toEqual(expect.arrayContaining([`package/${page}index.html`, `package/${page}base.css`]));
  const code = /^package\/(package\.json|README\.md|LICENSE|dist\/.*\.(js|d\.ts))$/;
  const odd = files.filter((file) => !code.test(file) && !file.startsWith(`package/${page}`));
  expect(odd).toEqual([]);
});

test('a wrong configuration ends with exit code 2 and all faults in one message', async () => {
  await configure(['cluster: Orders', 'leaseTime: PT15S', 'routes:', '  - jobType: charge', '    requestTopic: "a b"']);
  const { code, out, err } = await holdfast('check', { NATS_URL: 'nats://x:99999', KAFKA_BOOTSTRAP_SERVERS: '' });
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(err).toContain('the configuration has 5 faults:');
  for (const name of [
    'NATS_URL',
    'KAFKA_BOOTSTRAP_SERVERS',
    'yaml:1 cluster',
    'yaml:2 leaseTime',
    'yaml:5 routes[0].requestTopic',
  ]) {
    expect(err).toContain(`${name}: found `);
  }
});

test('check names what is missing, init makes it, and then there are no problems', async () => {
  await configure([`cluster: ${CLUSTER}`, 'routes:', '  - jobType: charge', `    requestTopic: ${TOPIC}`]);
  const before = await holdfast('check', servers());
  expect(before.out).toContain(`problem: Kafka: the request topic ${TOPIC} does not exist`);
  expect(before.out).toContain('note: NATS: the bucket is not made yet');
  expect(before.out).toMatch(/\n1 problem\n$/);
  expect(before.code).toBe(1);

  const made = await holdfast('init', servers());
  expect(made.err).toBe('');
  expect(made.out).toContain(`bucket holdfast_${CLUSTER}_jobs: made`);
  expect(made.out).toContain(`topic holdfast.${CLUSTER}.replies: made, partitions 12`);
  await createRequestTopic();

  const after = await holdfast('check', servers());
  expect(after.out).toMatch(/NATS {3}2\.\d+\.\d+, .*\nKafka {2}1 broker\(s\)\nZeebe {2}8\.6\.0/);
  expect(after.out).toMatch(/\nno problems\n$/);
  expect(after.code).toBe(0);

  await configure([
    `cluster: ${CLUSTER}`,
    'shards: 64',
    'routes:',
    '  - jobType: charge',
    `    requestTopic: ${TOPIC}`,
    '    replyTimeout: P30D',
  ]);
  const changed = await holdfast('check', servers());
  expect(changed.out).toContain('problem: NATS: shards is 64, and the bucket was made with 128');
  expect(changed.out).toContain('problem: Kafka: the reply topic keeps records for P7D, and charge waits up to P30D');
  expect(changed.code).toBe(1);
});

test('servers that are away are named with the reason, within the deadlines', async () => {
  await configure([`cluster: ${CLUSTER}`, 'routes:', '  - jobType: charge', `    requestTopic: ${TOPIC}`]);
  const away = {
    NATS_URL: '127.0.0.1:1',
    KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:2',
    ZEEBE_GRPC_ADDRESS: 'grpc://127.0.0.1:3',
  };
  const { code, out } = await holdfast('check', { ...servers(), ...away });
  for (const server of ['NATS', 'Kafka', 'Zeebe'])
    expect(out).toMatch(new RegExp(`problem: ${server}: it cannot be reached: .*refused`, 'i'));
  expect(code).toBe(1);
});

function servers(): Record<string, string> {
  return {
    NATS_URL: inject('natsUrl'),
    KAFKA_BOOTSTRAP_SERVERS: inject('kafkaBrokers'),
    ZEEBE_GRPC_ADDRESS: `grpc://${inject('zeebeAddress')}`,
    CAMUNDA_AUTH_STRATEGY: 'NONE',
  };
}

async function configure(lines: readonly string[]): Promise<void> {
  await writeFile(join(directory, 'holdfast.yaml'), `${lines.join('\n')}\n`);
}

async function createRequestTopic(): Promise<void> {
  const topics = new KafkaTopics(connectKafka({ brokers: [inject('kafkaBrokers')] }, SILENT));
  await topics.create({ name: TOPIC, partitions: 1 }).catch(() => undefined);
  await topics.close();
}

function holdfast(command: string, env: Record<string, string>): Promise<Ran> {
  return run('npx', ['--no-install', 'holdfast', command], { env });
}

/** In the empty directory, as a person would: without what npm tells the scripts of this repository. */
function run(
  file: string,
  args: readonly string[],
  { cwd = directory, env = {} as Record<string, string> } = {},
): Promise<Ran> {
  const own =
    /^(npm_(package|lifecycle|command|execpath)|npm_config_local_prefix$|INIT_CWD$|HOLDFAST_|NATS_|KAFKA_|ZEEBE_|CAMUNDA_)/;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
  const options = { cwd, env: { ...inherited, npm_config_loglevel: 'error', ...env }, timeout: 120_000 };
  return new Promise((resolve) => {
    execFile(file, args, options, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });
}
