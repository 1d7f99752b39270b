import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { freePorts } from '../../deploy/local/ports.ts';
import type { JobKey } from '../../src/actors/ids.ts';
import { createLog } from '../../src/gateway/log.ts';
import { EngineUnavailable, type JobQuery, type JobStream } from '../../src/gateway/ports.ts';
import { traceIdOf } from '../../src/gateway/trace.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import type { ZeebeSettings } from '../../src/gateway/zeebe/connection.ts';
import { UNARY_TRANSPORTS } from '../../src/gateway/zeebe/gateway-calls.ts';
import { loadGatewayService } from '../../src/gateway/zeebe/protocol.ts';
import { eventually } from '../support/eventually.ts';

const QUERY: JobQuery = { jobType: 'j', worker: 'w', lockMs: 20_000, fetchVariables: [], tenantIds: ['<default>'] };
const KEY = '2251799813685249' as JobKey;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

type Unary = (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => void;

interface Handlers {
  CompleteJob?: Unary;
  FailJob?: Unary;
  ThrowError?: Unary;
  UpdateJobTimeout?: Unary;
  ActivateJobs?(call: ServerWritableStream<unknown, unknown>): void;
  StreamActivatedJobs?(call: ServerWritableStream<unknown, unknown>): void;
}

/** A gateway of our own, for what no real one does on demand. */
async function gateway(
  handlers: Handlers,
  credentials = ServerCredentials.createInsecure(),
  wanted = 0,
): Promise<string> {
  const server = new Server();
  server.addService(loadGatewayService() as unknown as ServiceDefinition, { ...handlers });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${wanted}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  cleanups.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

/** A token endpoint; answers each request with `answer(count)`, or never, or cuts it off. */
async function identityProvider(answer: (count: number) => string | undefined | 'cut'): Promise<string> {
  let count = 0;
  const give = (response: ServerResponse, token: string) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ access_token: token, expires_in: 3600, token_type: 'Bearer' }));
  };
  const waiting: ServerResponse[] = [];
  const server = createServer((request, response) => {
    const token = answer(++count);
    if (token === 'cut') request.socket.destroy();
    else if (token === undefined) waiting.push(response);
    else give(response, token);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Whoever still waits is answered: the SDK's HTTP client, cut off, would try again when the test is long over.
  cleanups.push(() => {
    for (const response of waiting) give(response, jwt());
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
}

/** A token of the form that the SDK looks into for its expiry. */
function jwt(id = ''): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ exp: 4_000_000_000, jti: id })}.x`;
}

describe.each(UNARY_TRANSPORTS)('over %s', (unary) => {
  async function client(settings: ZeebeSettings): Promise<ZeebeClient> {
    const zeebe = await openZeebe(settings, unary);
    cleanups.push(() => zeebe.close());
    return zeebe;
  }

  test('the header of the chosen strategy is on every call', async () => {
    const seen: unknown[] = [];
    const address = await gateway({
      CompleteJob: (call, done) => {
        seen.push(call.metadata.get('authorization'));
        done(null, {});
      },
      StreamActivatedJobs: (call) => {
        seen.push(call.metadata.get('authorization'));
        call.end();
      },
    });
    const token = jwt();
    const CAMUNDA_OAUTH_URL = await identityProvider(() => token);
    const ZEEBE_GRPC_ADDRESS = `grpc://${address}`;
    const strategies: readonly [ZeebeSettings, string[]][] = [
      [{ CAMUNDA_AUTH_STRATEGY: 'NONE' }, []],
      [
        { CAMUNDA_AUTH_STRATEGY: 'BASIC', CAMUNDA_BASIC_AUTH_USERNAME: 'ada', CAMUNDA_BASIC_AUTH_PASSWORD: 'secret' },
        [`Basic ${Buffer.from('ada:secret').toString('base64')}`],
      ],
      [
        {
          CAMUNDA_AUTH_STRATEGY: 'OAUTH',
          CAMUNDA_OAUTH_URL,
          ZEEBE_CLIENT_ID: 'holdfast',
          ZEEBE_CLIENT_SECRET: 'secret',
          CAMUNDA_TOKEN_DISK_CACHE_DISABLE: true,
        },
        [`Bearer ${token}`],
      ],
    ];
    for (const [settings, header] of strategies) {
      const zeebe = await client({ ZEEBE_GRPC_ADDRESS, ...settings });
      expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
      await new Promise<string>((resolve) => zeebe.openStream(QUERY, () => {}, resolve));
      expect(seen.splice(0)).toEqual([header, header]);
    }
  });

  test('an identity provider that does not answer costs no more than the deadline, and nothing was sent', async () => {
    let calls = 0;
    const address = await gateway({ CompleteJob: () => calls++ });
    const zeebe = await client({
      ZEEBE_GRPC_ADDRESS: `grpc://${address}`,
      CAMUNDA_AUTH_STRATEGY: 'OAUTH',
      CAMUNDA_OAUTH_URL: await identityProvider(() => undefined),
      ZEEBE_CLIENT_ID: 'holdfast',
      ZEEBE_CLIENT_SECRET: 'secret',
      CAMUNDA_TOKEN_DISK_CACHE_DISABLE: true,
    });
    const started = performance.now();
    const answer = await zeebe.complete(KEY, '{}', 300);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(answer).toMatchObject({ code: 'transient', unseen: false });
    expect(calls).toBe(0);
  });

  test.each(['CompleteJob', 'StreamActivatedJobs'] as const)(
    'a token that the gateway takes no more is asked for anew, once, though it has not expired: said to %s',
    async (sayer) => {
      const cache = mkdtempSync(join(tmpdir(), 'holdfast-tokens-'));
      cleanups.push(() => rmSync(cache, { recursive: true, maxRetries: 5 }));
      const refused = { code: status.UNAUTHENTICATED, details: 'Expected bearer token to be valid' };
      let taken = 'of before';
      const takes = (call: { metadata: { get(name: string): unknown[] } }) =>
        call.metadata.get('authorization')[0] === `Bearer ${jwt(taken)}`;
      const address = await gateway({
        CompleteJob: (call, done) => (takes(call) ? done(null, {}) : done(refused)),
        StreamActivatedJobs: (call) => void (takes(call) ? call.end() : call.emit('error', refused)),
      });
      const given: string[] = [];
      const CAMUNDA_OAUTH_URL = await identityProvider(() => {
        given.push(taken);
        return jwt(taken);
      });
      const settings = {
        ZEEBE_GRPC_ADDRESS: `grpc://${address}`,
        CAMUNDA_AUTH_STRATEGY: 'OAUTH',
        CAMUNDA_OAUTH_URL,
        ZEEBE_CLIENT_ID: 'holdfast',
        ZEEBE_CLIENT_SECRET: 'secret',
        CAMUNDA_TOKEN_CACHE_DIR: cache,
      } as const;
      const zeebe = await client(settings);
      const ended = () => new Promise<string>((resolve) => zeebe.openStream(QUERY, () => {}, resolve));
      // The SDK does not wait until its file is written.
      const kept = () =>
        eventually(`a file with the token ${taken}`, () =>
          readdirSync(cache).some((file) => readFileSync(join(cache, file), 'utf8').includes(jwt(taken))),
        );
      expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
      await kept();
      taken = 'of now';
      const refusal =
        sayer === 'CompleteJob'
          ? Promise.all(Array.from({ length: 5 }, () => zeebe.complete(KEY, '{}', 5_000)))
          : ended();
      expect(JSON.stringify(await refusal)).toContain('UNAUTHENTICATED');
      // A provider that takes its time does not hold up a command for long: it goes with the old login then.
      await eventually('the new login', async () => (await zeebe.complete(KEY, '{}', 5_000)).code === 'ok');
      expect(await ended()).toBe('ended by the gateway');
      await kept();
      // The next process does not find the old one either.
      expect(await (await client(settings)).complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
      expect(given).toEqual(['of before', 'of now']);
      // Nor is the provider asked by each command, when it gives what is refused.
      taken = 'nobody has it';
      const never = await client({
        ...settings,
        CAMUNDA_OAUTH_URL: await identityProvider(() => jwt(given.push('wrong') ? 'wrong' : '')),
      });
      for (let tries = 0; tries < 5; tries++) {
        expect(await never.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'transient', unseen: false });
      }
      expect(given).toEqual(['of before', 'of now', 'wrong']);
    },
  );

  test.each(['cut', undefined] as const)(
    'an old login goes on as long as nobody gives a new one (%s): other gateways may take it',
    async (then) => {
      let refusing = false;
      const seen: unknown[] = [];
      const address = await gateway({
        CompleteJob: (call, done) => {
          seen.push(call.metadata.get('authorization')[0]);
          if (refusing) done({ code: status.UNAUTHENTICATED, details: 'no keys' });
          else done(null, {});
        },
      });
      let given = 0;
      const zeebe = await client({
        ZEEBE_GRPC_ADDRESS: `grpc://${address}`,
        CAMUNDA_AUTH_STRATEGY: 'OAUTH',
        CAMUNDA_OAUTH_URL: await identityProvider(() => (++given === 1 ? jwt('old') : then)),
        CAMUNDA_LOG_LEVEL: 'none',
        ZEEBE_CLIENT_ID: 'holdfast',
        ZEEBE_CLIENT_SECRET: 'secret',
        CAMUNDA_TOKEN_DISK_CACHE_DISABLE: true,
      });
      expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
      refusing = true;
      await zeebe.complete(KEY, '{}', 5_000);
      refusing = false;
      expect(await zeebe.complete(KEY, '{}', 1_000)).toMatchObject({ code: 'ok' });
      expect(new Set(seen)).toEqual(new Set([`Bearer ${jwt('old')}`]));
    },
  );

  test.each([
    [{ CAMUNDA_AUTH_STRATEGY: 'BEARER', CAMUNDA_OAUTH_TOKEN: 'configured' }, 'Bearer configured'],
    [
      { CAMUNDA_AUTH_STRATEGY: 'BASIC', CAMUNDA_BASIC_AUTH_USERNAME: 'a', CAMUNDA_BASIC_AUTH_PASSWORD: 'b' },
      'Basic YTpi',
    ],
  ] as const)('what was configured is all that there is, refused or not: %j', async (settings, header) => {
    const seen: unknown[] = [];
    const address = await gateway({
      CompleteJob: (call, done) => {
        seen.push(call.metadata.get('authorization')[0]);
        done({ code: status.UNAUTHENTICATED, details: '' });
      },
    });
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://${address}`, ...settings });
    for (let tries = 0; tries < 2; tries++) await zeebe.complete(KEY, '{}', 5_000);
    expect(seen).toEqual([header, header]);
  });

  test('a session that the gateway knows no more is begun anew', async () => {
    let session = 0;
    const login = createServer((_request, response) =>
      response.setHeader('set-cookie', `s=${++session}; Path=/`).end(),
    );
    await new Promise<void>((resolve) => login.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => login.close());
    let known = 's=1';
    const address = await gateway({
      CompleteJob: (call, done) =>
        call.metadata.get('cookie')[0] === known ? done(null, {}) : done({ code: status.UNAUTHENTICATED, details: '' }),
    });
    const zeebe = await client({
      ZEEBE_GRPC_ADDRESS: `grpc://${address}`,
      CAMUNDA_AUTH_STRATEGY: 'COOKIE',
      CAMUNDA_COOKIE_AUTH_URL: `http://127.0.0.1:${(login.address() as AddressInfo).port}/login`,
      CAMUNDA_COOKIE_AUTH_USERNAME: 'ada',
      CAMUNDA_COOKIE_AUTH_PASSWORD: 'secret',
    });
    expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
    known = 's=2';
    expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'transient', unseen: false });
    expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
  });

  test('a stream that waits for a token is given up at once', async () => {
    let asked = 0;
    const zeebe = await client({
      ZEEBE_GRPC_ADDRESS: 'grpc://127.0.0.1:9',
      CAMUNDA_AUTH_STRATEGY: 'OAUTH',
      CAMUNDA_OAUTH_URL: await identityProvider(() => {
        asked += 1;
        return undefined;
      }),
      ZEEBE_CLIENT_ID: 'holdfast',
      ZEEBE_CLIENT_SECRET: 'secret',
      CAMUNDA_TOKEN_DISK_CACHE_DISABLE: true,
    });
    const ends: string[] = [];
    const stream = zeebe.openStream(
      QUERY,
      () => {},
      (reason) => ends.push(reason),
    );
    await eventually('it waits', () => asked === 1);
    const startedMs = performance.now();
    await stream.cancel();
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(ends).toEqual(['cancelled']);
  });

  test('a missing setting is named', async () => {
    await expect(openZeebe({ CAMUNDA_AUTH_STRATEGY: 'BASIC' })).rejects.toThrow('CAMUNDA_BASIC_AUTH_USERNAME');
  });

  test("grpcs:// is spoken with a root certificate of one's own", async () => {
    const credentials = ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(TLS_KEY), cert_chain: Buffer.from(TLS_CERTIFICATE) },
    ]);
    const address = await gateway({ CompleteJob: (_call, done) => done(null, {}) }, credentials);
    const trusting = await client({
      ZEEBE_GRPC_ADDRESS: `grpcs://${address}`,
      CAMUNDA_CUSTOM_ROOT_CERT_STRING: TLS_CERTIFICATE,
    });
    expect(await trusting.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
    const strict = await client({ ZEEBE_GRPC_ADDRESS: `grpcs://${address}` });
    expect(await strict.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'transient', unseen: false });
  });

  test('mTLS is spoken with a certificate and a key in files, by commands and by streams', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-mtls-'));
    cleanups.push(() => rmSync(dir, { recursive: true }));
    const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
    writeFileSync(key, TLS_KEY);
    writeFileSync(certificate, TLS_CERTIFICATE);
    const pair = { private_key: Buffer.from(TLS_KEY), cert_chain: Buffer.from(TLS_CERTIFICATE) };
    const credentials = ServerCredentials.createSsl(Buffer.from(TLS_CERTIFICATE), [pair], true);
    const address = await gateway(
      { CompleteJob: (_call, done) => done(null, {}), StreamActivatedJobs: (call) => call.end() },
      credentials,
    );
    const settings = { ZEEBE_GRPC_ADDRESS: `grpcs://${address}`, CAMUNDA_CUSTOM_ROOT_CERT_PATH: certificate };
    const known = await client({
      ...settings,
      CAMUNDA_CUSTOM_CERT_CHAIN_PATH: certificate,
      CAMUNDA_CUSTOM_PRIVATE_KEY_PATH: key,
    });
    const ended = (zeebe: ZeebeClient) => new Promise<string>((resolve) => zeebe.openStream(QUERY, () => {}, resolve));
    expect(await known.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
    expect(await ended(known)).not.toMatch(/UNAVAILABLE/);
    const unknown = await client(settings);
    expect(await unknown.complete(KEY, '{}', 2_000)).toMatchObject({ code: 'transient' });
    expect(await ended(unknown)).toMatch(/UNAVAILABLE/);
  });

  test('a secret that has changed is in the header within seconds', async () => {
    const seen: string[] = [];
    const address = await gateway({
      CompleteJob: (call, done) => {
        seen.push(String(call.metadata.get('authorization')));
        done(null, {});
      },
    });
    let password = 'old';
    const zeebe = await openZeebe(
      () => ({
        ZEEBE_GRPC_ADDRESS: `grpc://${address}`,
        CAMUNDA_AUTH_STRATEGY: 'BASIC',
        CAMUNDA_BASIC_AUTH_USERNAME: 'ada',
        CAMUNDA_BASIC_AUTH_PASSWORD: password,
      }),
      unary,
    );
    cleanups.push(() => zeebe.close());
    const header = (word: string) => `Basic ${Buffer.from(`ada:${word}`).toString('base64')}`;
    await zeebe.complete(KEY, '{}', 5_000);
    expect(seen).toEqual([header('old')]);
    password = 'new';
    await eventually('the new one', async () => {
      await zeebe.complete(KEY, '{}', 5_000);
      return seen.at(-1) === header('new');
    });
  });

  test('the line of each command has the trace of its call, where that is known', async () => {
    const done: Unary = (_, answer) => answer(null, {});
    const address = await gateway({ CompleteJob: done, FailJob: done, ThrowError: done, UpdateJobTimeout: done });
    const lines: Record<string, unknown>[] = [];
    const log = createLog('debug', {}, { write: (line) => void lines.push(JSON.parse(line)) });
    const zeebe = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` }, unary, log, undefined, 'orders');
    cleanups.push(() => zeebe.close());
    const of = { origin: { instanceKey: '2251799813685250' }, trace: '' };
    const error = { code: 'E', message: 'm', variables: '{}' };
    await zeebe.complete(KEY, '{}', 5_000, of);
    await zeebe.fail(KEY, { retries: 1, backoffMs: 0, message: 'm' }, 5_000, of);
    await zeebe.throwError(KEY, error, 5_000, of);
    await zeebe.updateTimeout(KEY, 1_000, 5_000, of);
    await zeebe.updateTimeout(KEY, 1_000, 5_000);
    await zeebe.updateTimeout(KEY, 1_000, 5_000, { origin: { instanceKey: '' }, trace: '' });
    const traceId = traceIdOf('orders', of);
    const said = lines.filter(({ message }) => message === 'engine command');
    expect(said.map((line) => [line.command, line.jobKey, line.traceId])).toEqual([
      ...['CompleteJob', 'FailJob', 'ThrowError', 'UpdateJobTimeout'].map((command) => [command, KEY, traceId]),
      ...[1, 2].map(() => ['UpdateJobTimeout', KEY, undefined]),
    ]);
  });

  test('a connection that breaks after the command was sent leaves it unseen', async () => {
    const address = await gateway({ CompleteJob: () => cleanups.pop()?.() });
    const zeebe = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` }, unary);
    expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'transient', unseen: true });
    zeebe.close();
  });

  test('a poll outlives its long poll, and what arrived before it failed is not lost', async () => {
    const job = { key: KEY, type: 'j', variables: '{}', deadline: '1767225600000' };
    let deadlineMs = 0;
    let answer: 'jobs, then failure' | 'failure' | 'nothing' = 'jobs, then failure';
    const address = await gateway({
      ActivateJobs: (call) => {
        deadlineMs = Number(call.getDeadline()) - Date.now();
        if (answer === 'nothing') return;
        if (answer !== 'failure') call.write({ jobs: [job, { ...job, variables: `"${'x'.repeat(10_000_000)}"` }] });
        call.emit('error', { code: status.UNAVAILABLE, details: 'gateway is shutting down' });
      },
    });
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` });
    const jobs = await zeebe.activate(QUERY, 5, 10_000);
    expect(jobs.map((found) => [found.key, found.deadlineMs])).toEqual([
      [KEY, 1_767_225_600_000],
      [KEY, 1_767_225_600_000],
    ]);
    expect(deadlineMs).toBeGreaterThan(13_000);

    answer = 'failure';
    await expect(zeebe.activate(QUERY, 5, 10_000)).rejects.toThrow(EngineUnavailable);

    answer = 'nothing';
    const abort = new AbortController();
    const parked = zeebe.activate(QUERY, 5, 10_000, abort.signal);
    setImmediate(() => abort.abort());
    expect(await parked).toEqual([]);
    expect(await zeebe.activate(QUERY, 5, 10_000, abort.signal)).toEqual([]);
  });

  test('a stream ends once, whoever ends it', async () => {
    const address = await gateway({ StreamActivatedJobs: (call) => call.write({ key: KEY, deadline: '5' }) });
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` });
    const ends: string[] = [];
    const stream = await new Promise<JobStream>((resolve) => {
      const opened = zeebe.openStream(
        QUERY,
        () => resolve(opened),
        (reason) => ends.push(reason),
      );
    });
    await Promise.all([stream.cancel(), stream.cancel()]);
    await zeebe
      .openStream(
        QUERY,
        () => {},
        (reason) => ends.push(reason),
      )
      .cancel();
    expect(ends).toEqual(['cancelled', 'cancelled']);
    await zeebe.topology(2_000).catch(() => undefined);
    expect(ends).toHaveLength(2);
  });

  test('jobs that have reached the process when the stream is cancelled are handed over', async () => {
    let write = (_key: string) => {};
    const address = await gateway({
      StreamActivatedJobs: (call) => {
        write = (key) => call.write({ key, deadline: '5' });
        write('1');
      },
    });
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` });
    const keys: string[] = [];
    const stream = await new Promise<JobStream>((resolve) => {
      const opened = zeebe.openStream(
        QUERY,
        ({ key }) => {
          keys.push(key);
          resolve(opened);
        },
        () => {},
      );
    });
    for (let key = 2; key <= 20; key++) write(String(key));
    await new Promise((resolve) => setImmediate(resolve)); // they have been sent, and are not read yet
    await stream.cancel();
    expect(keys).toHaveLength(20);
  });

  test('what the gateway says comes through, whatever is in it', async () => {
    const said: [number, string][] = [
      [status.NOT_FOUND, 'Command rejected: no job with key'],
      [status.RESOURCE_EXHAUSTED, 'Zürich – 100 % „voll“'],
      [status.FAILED_PRECONDITION, ''],
    ];
    const address = await gateway({
      CompleteJob: (_call, done) => {
        const [code = 0, details = ''] = said[0] ?? [];
        done({ code, details });
      },
    });
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` });
    for (const [code, details] of [...said]) {
      const failure = zeebe.call('CompleteJob', { jobKey: KEY, variables: '' }, 5_000);
      await expect(failure).rejects.toMatchObject({ status: code, details, sent: true });
      said.shift();
    }
  });

  test('a command that is not answered in time is unseen', async () => {
    const address = await gateway({ CompleteJob: () => {} });
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` });
    const failure = zeebe.call('CompleteJob', { jobKey: KEY, variables: '' }, 100);
    await expect(failure).rejects.toMatchObject({ status: status.DEADLINE_EXCEEDED, sent: true });
    expect(await zeebe.complete(KEY, '{}', 100)).toMatchObject({ code: 'transient', unseen: true });
  });

  test('large variables go both ways, many at a time', async () => {
    const big = JSON.stringify({ text: 'ä'.repeat(900_000) });
    const lengths: number[] = [];
    const address = await gateway({
      CompleteJob: (call, done) => {
        lengths.push((call.request as { variables: string }).variables.length);
        done(null, {});
      },
    });
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` });
    const answers = await Promise.all(Array.from({ length: 20 }, () => zeebe.complete(KEY, big, 20_000)));
    expect(answers.map(({ code }) => code)).toEqual(new Array(20).fill('ok'));
    expect(lengths).toEqual(new Array(20).fill(big.length));
  });

  test('without a gateway nothing was sent, and one that comes later is found', async () => {
    const [port = 0] = await freePorts(1);
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://127.0.0.1:${port}` });
    for (let tries = 0; tries < 3; tries++) {
      expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'transient', unseen: false });
    }
    await gateway({ CompleteJob: (_call, done) => done(null, {}) }, undefined, port);
    await eventually('the gateway to be found', async () => (await zeebe.complete(KEY, '{}', 1_000)).code === 'ok');
  });

  test('a balancer that takes connections and ends them, with no gateway behind it, is not asked for one by each command', async () => {
    let connections = 0;
    const balancer = createTcpServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', resolve));
    const { port } = balancer.address() as AddressInfo;
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://127.0.0.1:${port}` });
    for (let tries = 0; tries < 50; tries++) {
      expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'transient' });
    }
    expect(connections).toBeGreaterThan(0);
    expect(connections).toBeLessThan(10);
    await new Promise((resolve) => balancer.close(resolve));
    await gateway({ CompleteJob: (_call, done) => done(null, {}) }, undefined, port);
    await eventually('the gateway to be found', async () => (await zeebe.complete(KEY, '{}', 1_000)).code === 'ok');
  });

  test('a server that takes the connection and says nothing costs a command no more than its deadline', async () => {
    const silent = createTcpServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => silent.close());
    const zeebe = await client({
      ZEEBE_GRPC_ADDRESS: `grpcs://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      CAMUNDA_CUSTOM_ROOT_CERT_STRING: TLS_CERTIFICATE,
    });
    const startedMs = performance.now();
    // It was surely not sent; grpc-js does not say.
    const expected = unary === 'http2' ? { code: 'transient', unseen: false } : { code: 'transient' };
    expect(await zeebe.complete(KEY, '{}', 300)).toMatchObject(expected);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  });

  test('after the gateway went away in order, the next command goes over a new connection', async () => {
    const [port = 0] = await freePorts(1);
    const CompleteJob: Handlers['CompleteJob'] = (_call, done) => done(null, {});
    await gateway({ CompleteJob }, undefined, port);
    const zeebe = await client({ ZEEBE_GRPC_ADDRESS: `grpc://127.0.0.1:${port}` });
    expect(await zeebe.complete(KEY, '{}', 5_000)).toMatchObject({ code: 'ok' });
    cleanups.shift()?.();
    await gateway({ CompleteJob }, undefined, port);
    await eventually('the gateway to be found', async () => (await zeebe.complete(KEY, '{}', 1_000)).code === 'ok');
  });
});

// Self-signed, for 127.0.0.1 and this file alone.
const TLS_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsWO1BHtOH4A2o3Xq
ozEaC5UpbxqC+U9OpdBMHe/ofXahRANCAASqvVMHXwTDMSlflWQ4XuFjV0TrZ/mM
KgLPvcN6+huF8ywux4BeWLQG7QZg+brC1SjBN+HOt0wpODZMSZXpnYqH
-----END PRIVATE KEY-----
`;

const TLS_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBZzCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKq9UwdfBMMxKV+V
ZDhe4WNXROtn+YwqAs+9w3r6G4XzLC7HgF5YtAbtBmD5usLVKME34c63TCk4NkxJ
lemdioejTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0
hwR/AAABMB0GA1UdDgQWBBTrwmaJT2gl8PkKpisWZdKTkM/zrDAKBggqhkjOPQQD
AgNIADBFAiEAp43i+S+JXh7nMRiMoHQ6+giA2JJ5ilkDvnDQrGttaLUCIGzqiMvh
mBthlC5t+wqaacj6yVrnJdZKmxwLNrma7wiH
-----END CERTIFICATE-----
`;
