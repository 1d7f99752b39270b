import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import type { JobKey } from '../../src/actors/ids.ts';
import { EngineUnavailable, type JobQuery, type JobStream } from '../../src/gateway/ports.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import type { ZeebeSettings } from '../../src/gateway/zeebe/connection.ts';
import { loadGatewayService } from '../../src/gateway/zeebe/protocol.ts';

const QUERY: JobQuery = { jobType: 'j', worker: 'w', lockMs: 20_000, fetchVariables: [], tenantIds: ['<default>'] };
const KEY = '2251799813685249' as JobKey;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

interface Handlers {
  CompleteJob?(call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>): void;
  ActivateJobs?(call: ServerWritableStream<unknown, unknown>): void;
  StreamActivatedJobs?(call: ServerWritableStream<unknown, unknown>): void;
}

/** A gateway of our own, for what no real one does on demand. */
async function gateway(handlers: Handlers, credentials = ServerCredentials.createInsecure()): Promise<string> {
  const server = new Server();
  server.addService(loadGatewayService() as unknown as ServiceDefinition, { ...handlers });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  cleanups.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

async function client(settings: ZeebeSettings): Promise<ZeebeClient> {
  const zeebe = await openZeebe(settings);
  cleanups.push(() => zeebe.close());
  return zeebe;
}

/** A token endpoint; answers each request with `answer(count)`, or never. */
async function identityProvider(answer: (count: number) => string | undefined): Promise<string> {
  let count = 0;
  const server = createServer((_request, response) => {
    const token = answer(++count);
    if (token === undefined) return;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ access_token: token, expires_in: 3600, token_type: 'Bearer' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
}

/** A token of the form that the SDK looks into for its expiry. */
function jwt(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ exp: 4_000_000_000 })}.x`;
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

test('a connection that breaks after the command was sent leaves it unseen', async () => {
  const address = await gateway({ CompleteJob: () => cleanups.pop()?.() });
  const zeebe = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://${address}` });
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
