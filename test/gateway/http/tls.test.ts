// TLS of the API's listener, with real certificates (made by openssl, as the docs say): which versions it speaks, and a
// certificate that is renewed while it runs.
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { certificateFrom } from '../../../src/gateway/http/api/tls.ts';
import { eventually } from '../../support/eventually.ts';
import { BY_ROLE, bearer, type LoggedLine, logInto, type Trial, trial } from './trial-server.ts';

const LOOK_EVERY_MS = 5;
let dir: string;
let certFile: string;
let keyFile: string;
let logged: LoggedLine[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-tls-'));
  await Promise.all([make('first'), make('second')]);
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(async () => {
  logged = [];
  [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  await put('first');
});

async function make(name: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', join(dir, `${name}.key`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const args = ['req', '-x509', '-days', '2', ...key, ...subject, '-out', join(dir, `${name}.crt`)];
  await promisify(execFile)('openssl', args, { timeout: 10_000 });
}

async function put(name: string): Promise<void> {
  await copyFile(join(dir, `${name}.key`), keyFile);
  await copyFile(join(dir, `${name}.crt`), certFile);
}

function serve(): Trial {
  const tls = certificateFrom(certFile, keyFile, logInto(logged), LOOK_EVERY_MS);
  return trial({ tls, authentication: BY_ROLE, address: { host: '127.0.0.1', port: 0 } });
}

/** Which certificate a new connection gets, or why it gets none. */
async function handshake(url: string, options: { minVersion?: SecureVersion; maxVersion?: SecureVersion } = {}) {
  const port = Number(new URL(url).port);
  // The oldest versions are asked for with ciphers that they have, so that it is the version that is refused.
  const oldest = options.maxVersion === 'TLSv1.1' ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {};
  return new Promise<string>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...oldest, ...options }, () => {
      resolve(`${socket.getPeerCertificate().subject.CN} ${socket.getProtocol()}`);
      socket.destroy();
    });
    socket.on('error', (error) => resolve(error.message));
  });
}

test('it speaks TLS 1.2 and 1.3, nothing older and nothing plain, and tells browsers to stay with it', async () => {
  await using api = serve();
  const url = await api.server.listen();
  expect(url).toMatch(/^https:/);
  expect(await handshake(url)).toBe('first TLSv1.3');
  expect(await handshake(url, { maxVersion: 'TLSv1.2' })).toBe('first TLSv1.2');
  expect(await handshake(url, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).toMatch(
    /alert protocol version|EPROTO/i,
  );
  await expect(fetch(`${url.replace('https', 'http')}/api/v1/whoami`)).rejects.toThrow();

  const ca = await readFile(certFile, 'utf8');
  const answer = await new Promise<{ status: number | undefined; hsts: unknown }>((resolve, reject) => {
    request(`${url}/api/v1/whoami`, { ca, headers: bearer('viewer') }, (response) => {
      response.resume();
      resolve({ status: response.statusCode, hsts: response.headers['strict-transport-security'] });
    })
      .on('error', reject)
      .end();
  });
  expect(answer).toEqual({ status: 200, hsts: 'max-age=31536000' });
});

test('a renewed certificate is served without a restart; half of one is not', async () => {
  await using api = serve();
  const url = await api.server.listen();
  await copyFile(join(dir, 'second.key'), keyFile);
  await eventually('the half to be seen', () => logged.some(({ level }) => level === 'error'));
  expect(await handshake(url)).toBe('first TLSv1.3');
  await copyFile(join(dir, 'second.crt'), certFile);
  await eventually('the new certificate', async () => (await handshake(url)) === 'second TLSv1.3');
  expect(await handshake(url, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).toMatch(
    /alert protocol version|EPROTO/i,
  );

  const errors = () => logged.filter(({ level }) => level === 'error').length;
  for (const [file, content] of [
    [certFile, 'no certificate'],
    [keyFile, ''],
  ] as const) {
    const before = errors();
    await writeFile(file, content);
    await eventually('the broken one to be seen', () => errors() > before);
    expect(await handshake(url)).toBe('second TLSv1.3');
    await put('second');
    await eventually('it to be whole again', () => logged.at(-1)?.level === 'info');
  }
  expect(JSON.stringify(logged)).not.toContain('PRIVATE KEY');
});

test('beyond this machine nothing is served without both, whoever asks for it', () => {
  const tls = certificateFrom(certFile, keyFile, logInto(logged));
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'bridge.example.org', '127.0.0.1.example.org']) {
    const address = { host, port: 0 };
    expect(() => trial({ address })).toThrow(/does not listen/);
    expect(() => trial({ address, tls })).toThrow(/does not listen/);
    expect(() => trial({ address, authentication: BY_ROLE })).toThrow(/does not listen/);
  }
});
