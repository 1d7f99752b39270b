// What a load run refuses before it has started anything: settings of servers that would only be found wrong later, nodes
// that are named and are none, and files that the result could not be written to when it is there.
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { checkServers, checkSubject } from '../../bench/load/checks.ts';
import { parseOptions } from '../../bench/load/options.ts';
import { runLoad } from '../../bench/load/run.ts';
import { ScenarioError } from '../../bench/load/scenario.ts';
import { checkWritable } from '../../bench/load/writable.ts';

const { scenario: STEADY } = parseOptions(['steady']);
const THEIRS = {
  HOLDFAST_METRICS_URLS: 'http://n1:8090',
  HOLDFAST_JOB_TYPE: 'load-test',
  HOLDFAST_REQUEST_TOPIC: 'load-test.requests',
  ZEEBE_GRPC_ADDRESS: 'grpc://zeebe:26500',
  KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092',
};

const dir = mkdtempSync(join(tmpdir(), 'holdfast-load-checks-'));
afterAll(() => rmSync(dir, { recursive: true }));

const servers: Server[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) server.close();
});

async function answering(status: number, text: string): Promise<string> {
  const server = createServer((_, response) => void response.writeHead(status).end(text));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What is told, line by line. */
function toldOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    checkSubject(STEADY, env);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ScenarioError);
    return (error as Error).message.split('\n');
  }
}

describe('of the variables', () => {
  test('all that nodes of the run would not start with is told together', () => {
    const told = toldOf({
      KAFKA_SECURITY_PROTOCOL: 'SASL',
      NATS_URL: 'nats://a:b',
      NATS_USER: 'u',
      SCHEMA_REGISTRY_URL: 'registry',
    });
    expect(told).toEqual([
      expect.stringMatching(/^NATS_URL: found "nats:\/\/a:b"; allowed: NATS servers/),
      expect.stringMatching(/^NATS_PASSWORD: found nothing; allowed: /),
      expect.stringMatching(
        /^KAFKA_SECURITY_PROTOCOL: found "SASL"; allowed: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL$/,
      ),
      expect.stringMatching(/^SCHEMA_REGISTRY_URL: /),
    ]);
    expect(toldOf({ KAFKA_BOOTSTRAP_SERVERS: '', NATS_URL: '' })).toHaveLength(2);
  });

  test('of a cluster that is there, only what the service of the run needs', () => {
    expect(toldOf({ ...THEIRS, NATS_URL: 'of no use', SCHEMA_REGISTRY_URL: 'neither' })).toEqual([]);
    expect(toldOf({ ...THEIRS, KAFKA_SECURITY_PROTOCOL: 'TLS', KAFKA_SASL_PASSWORD: 'hunter2' })).toEqual([
      expect.stringMatching(/^KAFKA_SECURITY_PROTOCOL: found "TLS"/),
    ]);
  });

  test('no secret is told', () => {
    const told = [
      ...toldOf({ ...THEIRS, HOLDFAST_METRICS_URLS: 'http://me:hunter2@n1:8090' }),
      ...toldOf({ NATS_URL: 'nats://me:hunter2@n1:x', KAFKA_SASL_PASSWORD: 'hunter2' }),
    ];
    expect(told.length).toBeGreaterThan(2);
    expect(told.join()).not.toContain('hunter2');
  });

  test('a run ends with that, and has started nothing', async () => {
    vi.stubEnv('KAFKA_BOOTSTRAP_SERVERS', '127.0.0.1:1');
    vi.stubEnv('KAFKA_SECURITY_PROTOCOL', 'SASL');
    const notes: string[] = [];
    const running = runLoad(STEADY, { note: (text) => notes.push(text), second: () => undefined });
    await expect(running).rejects.toThrow(ScenarioError);
    await expect(running).rejects.toThrow('KAFKA_SECURITY_PROTOCOL: found "SASL"');
    expect(notes).toEqual([]);
  });

  test('an engine whose login is incomplete is told by the setting that is missing', async () => {
    vi.stubEnv('ZEEBE_GRPC_ADDRESS', 'grpc://127.0.0.1:1');
    vi.stubEnv('CAMUNDA_AUTH_STRATEGY', 'BASIC');
    await expect(checkServers()).rejects.toThrow(ScenarioError);
    await expect(checkServers()).rejects.toThrow(/^the engine: .*CAMUNDA_BASIC_AUTH_USERNAME/);
  });
});

test('brokers that do not answer are named', async () => {
  const refused = await checkServers({ KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ScenarioError);
  expect((refused as Error).message).toMatch(
    /^KAFKA_BOOTSTRAP_SERVERS: found "127\.0\.0\.1:1", where no broker answers: Kafka did not answer within /,
  );
});

describe('nodes that are there', () => {
  test('answer as nodes, with their metrics named or not; or each is told that does not', async () => {
    const good = await answering(200, 'holdfast_shards_owned 3\n');
    const [shut, other] = [await answering(401, 'who are you'), await answering(200, '<html>hello</html>')];
    await expect(checkServers({ HOLDFAST_METRICS_URLS: `${good}, ${good}/metrics` })).resolves.toBeUndefined();
    const urls = [good, shut, other, 'http://127.0.0.1:1'].join(',');
    const refused = await checkServers({ HOLDFAST_METRICS_URLS: urls }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ScenarioError);
    const named = (url: string) => `HOLDFAST_METRICS_URLS: found "${url}", which is no node that answers: `;
    expect((refused as Error).message.split('\n')).toEqual([
      `${named(shut)}answered 401 Unauthorized`,
      `${named(other)}answered without metrics of a node`,
      expect.stringMatching(/^HOLDFAST_METRICS_URLS: found "http:\/\/127\.0\.0\.1:1", .*(ECONNREFUSED|bad port)/),
    ]);
  });
});

describe('a file for the result', () => {
  const file = (name: string) => join(dir, name);

  test.each([
    ['a directory', () => dir, 'EISDIR'],
    ['one in a directory that is not there', () => file('no/such/result.json'), 'ENOENT'],
    ['one below a file', () => file('old.json/result.json'), 'ENOTDIR'],
    ['none at all', () => '', 'ENOENT'],
  ])('is not %s', async (_, path, reason) => {
    writeFileSync(file('old.json'), 'old');
    const checked = checkWritable('--json', path());
    await expect(checked).rejects.toThrow(ScenarioError);
    await expect(checked).rejects.toThrow(`--json: found "${path()}"; allowed: a file that can be written (${reason}`);
  });

  test('is left as it was: an earlier result, and none', async () => {
    writeFileSync(file('old.json'), 'old');
    symlinkSync(file('nowhere'), file('link'));
    for (const name of ['old.json', 'new.json', 'link']) await checkWritable('--html', file(name));
    await checkWritable('--html', undefined);
    expect(readFileSync(file('old.json'), 'utf8')).toBe('old');
    expect(existsSync(file('new.json'))).toBe(false);
    // It is still a link to where the result is to be.
    writeFileSync(file('link'), 'new');
    expect(readFileSync(file('nowhere'), 'utf8')).toBe('new');
  });
});
