// Certificates of the connections to the gateway that change while a client lives: by a gateway of our own that asks for one, over
// real TLS, and notes who called. (A real one reads its own only when it starts.)
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JobKey } from '../../src/actors/ids.ts';
import type { JobQuery } from '../../src/gateway/ports.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import { UNARY_TRANSPORTS, type UnaryTransport } from '../../src/gateway/zeebe/gateway-calls.ts';
import { loadGatewayService } from '../../src/gateway/zeebe/protocol.ts';
import { Authority, type Certificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { type LoggedLine, logInto } from './http/trial-server.ts';

const QUERY: JobQuery = { jobType: 'j', worker: 'w', lockMs: 20_000, fetchVariables: [], tenantIds: ['<default>'] };
const KEY = '2251799813685249' as JobKey;
const JOB = { key: KEY, type: 'j', variables: '{}', deadline: '1767225600000' };
const LOOK_EVERY_MS = 20;

let made: string;
let authority: Authority;
let certificates: Readonly<Record<'server' | 'first' | 'second' | 'foreign' | 'otherServer', Certificate>>;
beforeAll(async () => {
  made = mkdtempSync(join(tmpdir(), 'holdfast-engine-certificates-'));
  authority = await Authority.make(made, 'authority');
  const stranger = await Authority.make(made, 'stranger');
  const issue = (name: string) => authority.issue(name);
  certificates = {
    ...{ server: await issue('server'), first: await issue('first'), second: await issue('second') },
    ...{ foreign: await stranger.issue('foreign'), otherServer: await stranger.issue('other-server') },
  };
});
afterAll(() => rmSync(made, { recursive: true }));

let dir: string;
let logged: LoggedLine[];
const cleanups: (() => void)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(made, 'client-'));
  logged = [];
  copyFileSync(authority.cert, join(dir, 'ca.pem'));
  present('first');
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** One file after the other, as whoever copies them does. */
function present(name: keyof typeof certificates): void {
  const { cert, key } = certificates[name];
  copyFileSync(cert, join(dir, 'cert.pem'));
  copyFileSync(key, join(dir, 'key.pem'));
}

type Streamed = ServerWritableStream<unknown, unknown>;

class Gateway {
  /** Names in the certificates of who completed. */
  readonly completedBy: string[] = [];
  /** And of who opened the polls and streams. */
  readonly openedBy: string[] = [];
  readonly polls: Streamed[] = [];
  readonly streams: Streamed[] = [];
  readonly server = new Server();

  constructor() {
    const done = (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) => {
      this.completedBy.push(callerOf(call));
      answer(null, {});
    };
    const keep = (calls: Streamed[]) => (call: Streamed) => {
      this.openedBy.push(callerOf(call));
      calls.push(call);
    };
    this.server.addService(loadGatewayService() as unknown as ServiceDefinition, {
      CompleteJob: done,
      ActivateJobs: keep(this.polls),
      StreamActivatedJobs: keep(this.streams),
    });
  }

  /** @returns the port */
  async listen(server: keyof typeof certificates = 'server', port = 0): Promise<number> {
    const { cert, key } = certificates[server];
    const pair = { private_key: await readFile(key), cert_chain: await readFile(cert) };
    const credentials = ServerCredentials.createSsl(await readFile(authority.cert), [pair], true);
    cleanups.push(() => this.server.forceShutdown());
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }
}

function callerOf(call: { getAuthContext(): { sslPeerCertificate?: { subject: { CN?: unknown } } } }): string {
  return String(call.getAuthContext().sslPeerCertificate?.subject.CN);
}

async function client(port: number, unary: UnaryTransport): Promise<ZeebeClient> {
  const settings = {
    ZEEBE_GRPC_ADDRESS: `grpcs://127.0.0.1:${port}`,
    CAMUNDA_AUTH_STRATEGY: 'NONE',
    CAMUNDA_CUSTOM_ROOT_CERT_PATH: join(dir, 'ca.pem'),
    CAMUNDA_CUSTOM_CERT_CHAIN_PATH: join(dir, 'cert.pem'),
    CAMUNDA_CUSTOM_PRIVATE_KEY_PATH: join(dir, 'key.pem'),
  } as const;
  const zeebe = await openZeebe(settings, unary, logInto(logged), LOOK_EVERY_MS);
  cleanups.push(() => zeebe.close());
  return zeebe;
}

const said = (level: string, what: RegExp) => logged.filter((line) => line.level === level && what.test(line.message));
const codeOf = async (zeebe: ZeebeClient) => (await zeebe.complete(KEY, '{}', 2_000)).code;

describe.each(UNARY_TRANSPORTS)('over %s', (unary) => {
  test('commands, polls and streams go over to the new certificate, and nothing under way is lost', async () => {
    const gateway = new Gateway();
    const zeebe = await client(await gateway.listen(), unary);
    expect(await codeOf(zeebe)).toBe('ok');
    const poll = zeebe.activate(QUERY, 5, 10_000);
    const ended = new Promise<string>((resolve) => zeebe.openStream(QUERY, () => {}, resolve));
    await eventually('the poll and the stream to be there', () => gateway.polls.length + gateway.streams.length === 2);

    present('second');
    await eventually('commands by the new one', async () => {
      expect(await codeOf(zeebe)).toBe('ok');
      return gateway.completedBy.at(-1) === 'second';
    });
    expect(gateway.completedBy[0]).toBe('first');
    expect(await ended).toBe('left for a connection with new certificates');
    gateway.polls[0]?.write({ jobs: [JOB] });
    gateway.polls[0]?.end();
    expect((await poll).map(({ key }) => key)).toEqual([KEY]);

    const parked = zeebe.activate(QUERY, 5, 10_000);
    const ignore = () => {};
    const stream = zeebe.openStream(QUERY, ignore, ignore);
    await eventually('both again', () => gateway.polls.length + gateway.streams.length === 4);
    expect(gateway.openedBy).toEqual(['first', 'first', 'second', 'second']);
    gateway.polls[1]?.end();
    expect(await parked).toEqual([]);
    await stream.cancel();
    expect(said('info', /connections are made anew/)).toHaveLength(1);
  });

  test('files that cannot be used change nothing, and the log says so once for each change', async () => {
    const gateway = new Gateway();
    const zeebe = await client(await gateway.listen(), unary);
    writeFileSync(join(dir, 'cert.pem'), 'hunter2');
    await eventually('the fault', () => said('error', /not taken/).length === 1);
    rmSync(join(dir, 'key.pem'));
    await eventually('the absence', () => said('error', /not taken/).length === 2);
    // Not even a connection that is only made now.
    expect([await codeOf(zeebe), gateway.completedBy]).toEqual(['ok', ['first']]);
    expect(JSON.stringify(logged)).not.toContain('hunter2');
    expect(said('error', /not taken/).map(({ fields }) => fields.reason)).toEqual([
      expect.stringMatching(/^CAMUNDA_CUSTOM_CERT_CHAIN_PATH and CAMUNDA_CUSTOM_PRIVATE_KEY_PATH: no certificate/),
      expect.stringMatching(/^CAMUNDA_CUSTOM_PRIVATE_KEY_PATH: .* cannot be read \(ENOENT\)/),
    ]);
    present('second');
    await eventually(
      'the new one',
      async () => (await codeOf(zeebe)) === 'ok' && gateway.completedBy.includes('second'),
    );
  });

  test('connections that stand go on while the gateway does not take the new certificate', async () => {
    const gateway = new Gateway();
    const zeebe = await client(await gateway.listen(), unary);
    expect(await codeOf(zeebe)).toBe('ok');
    present('foreign');
    await eventually('the refusal to be logged', () => said('warn', /those that were taken last go on/).length === 1);
    expect(await codeOf(zeebe)).toBe('ok');
    expect(new Set(gateway.completedBy)).toEqual(new Set(['first']));
  });

  test('a connection that breaks while the gateway does not take the new certificate is made anew with the one before', async () => {
    const before = new Gateway();
    const port = await before.listen();
    const zeebe = await client(port, unary);
    expect(await codeOf(zeebe)).toBe('ok');
    present('foreign');
    await eventually('the refusal to be logged', () => said('warn', /taken last go on/).length === 1);
    before.server.forceShutdown();
    const after = new Gateway();
    await after.listen('server', port);
    await eventually('commands again', async () => (await codeOf(zeebe)) === 'ok');
    const stream = zeebe.openStream(
      QUERY,
      () => {},
      () => {},
    );
    await eventually('the stream', () => after.streams.length === 1);
    expect([...after.completedBy, ...after.openedBy]).toEqual(['first', 'first']);
    await stream.cancel();
  });

  test('authorities of which one is damaged are not taken, though there is a whole one before it', async () => {
    const gateway = new Gateway();
    await client(await gateway.listen(), unary);
    const whole = await readFile(authority.cert, 'utf8');
    writeFileSync(join(dir, 'ca.pem'), `${whole}\n${whole.slice(0, whole.length / 2)}`);
    // One who looks while the file is being written finds it empty, which is a fault of its own.
    await eventually('the fault', () => said('error', /not taken/).length > 0);
    expect(said('error', /not taken/)[0]?.fields.reason).toMatch(/^CAMUNDA_CUSTOM_ROOT_CERT_PATH: .* a damaged one$/);
  });

  test('a gateway that comes back with a certificate of another authority is believed once its file says so', async () => {
    const before = new Gateway();
    const port = await before.listen();
    const zeebe = await client(port, unary);
    expect(await codeOf(zeebe)).toBe('ok');
    before.server.forceShutdown();
    const after = new Gateway();
    await after.listen('otherServer', port);
    expect(await codeOf(zeebe)).toBe('transient');
    copyFileSync(join(made, 'stranger.pem'), join(dir, 'ca.pem'));
    await eventually('the gateway to be believed', async () => (await codeOf(zeebe)) === 'ok');
    expect(after.completedBy).toEqual(['first']);
  });
});

test.each([
  [
    'a file that is not there',
    'CAMUNDA_CUSTOM_ROOT_CERT_PATH',
    /^CAMUNDA_CUSTOM_ROOT_CERT_PATH: \S+gone cannot be read/,
  ],
  [
    'a key without its certificate',
    'CAMUNDA_CUSTOM_CERT_CHAIN_PATH',
    /^CAMUNDA_CUSTOM_CERT_CHAIN_PATH: \S+gone cannot/,
  ],
])('%s is named at the start', async (_, setting, expected) => {
  const settings = {
    ZEEBE_GRPC_ADDRESS: 'grpcs://127.0.0.1:1',
    CAMUNDA_AUTH_STRATEGY: 'NONE',
    CAMUNDA_CUSTOM_PRIVATE_KEY_PATH: join(dir, 'key.pem'),
    [setting]: join(dir, 'gone'),
  } as const;
  await expect(openZeebe(settings)).rejects.toThrow(expected);
});
