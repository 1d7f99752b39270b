// Slow ones, with the time limits as they are: requests that never end are cut off, and operations that never answer are not
// waited for without end.
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { certificateFrom } from '../../../src/gateway/http/api/tls.ts';
import { Authority } from '../../support/certificates.ts';
import { logInto, trial } from './trial-server.ts';

/** What comes back on a connection until it is closed, and after how long. */
function until(port: number, write: (send: (text: string) => void) => void): Promise<{ text: string; tookMs: number }> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port }, () => write((part) => void socket.write(part)));
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve({ text, tookMs: performance.now() - startedMs }));
  });
}

test('requests that do not come to their end are cut off, others are served meanwhile', {
  timeout: 60_000,
}, async () => {
  await using api = trial({ address: { host: '127.0.0.1', port: 0 } });
  const url = await api.server.listen();
  const port = Number(new URL(url).port);
  const host = `Host: 127.0.0.1:${port}\r\n`;
  const slow = [
    until(port, () => undefined),
    until(port, (send) => send(`GET /api/v1/whoami HTTP/1.1\r\n${host}x: `)),
    until(port, (send) => {
      const act = `POST /api/v1/jobs/1/drop HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n`;
      send(`${act}{"reason":`);
    }),
    // A byte a second is no way around it.
    until(port, (send) => {
      send(`GET /api/v1/whoami HTTP/1.1\r\n${host}x: `);
      const drip = setInterval(() => send('y'), 1_000);
      setTimeout(() => clearInterval(drip), 25_000).unref();
    }),
  ];
  // Answered without its body, which goes on coming.
  const refused = until(port, (send) => {
    send(`POST /api/v1/whoami HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
    const drip = setInterval(() => send(' '), 1_000);
    setTimeout(() => clearInterval(drip), 40_000).unref();
  });
  expect((await fetch(`${url}/api/v1/whoami`)).status).toBe(200);
  for (const { text, tookMs } of await Promise.all(slow)) {
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(tookMs).toBeLessThan(25_000);
  }
  const { text, tookMs } = await refused;
  expect(text).toMatch(/^HTTP\/1\.1 405 /);
  expect(tookMs).toBeLessThan(30_000);
  expect(api.operations.asked).toEqual([]);
});

test('so are connections over TLS that never come to a request', { timeout: 60_000 }, async () => {
  await using stack = new AsyncDisposableStack();
  const dir = stack.adopt(await mkdtemp(join(tmpdir(), 'holdfast-slow-')), (path) => rm(path, { recursive: true }));
  const { cert, key } = await (await Authority.make(dir, 'ca')).issue('api');
  const tls = certificateFrom(cert, key, logInto([]));
  const api = stack.use(trial({ tls, address: { host: '127.0.0.1', port: 0 } }));
  const port = Number(new URL(await api.server.listen()).port);
  const slow = await Promise.all([
    until(port, () => undefined),
    // The first bytes of a handshake.
    until(port, (send) => send('\u0016\u0003\u0001\u0002\u0000\u0001')),
  ]);
  for (const { tookMs } of slow) expect(tookMs).toBeLessThan(10_000);
});

test('an operation that never answers is answered for', { timeout: 60_000 }, async () => {
  await using api = trial({ address: { host: '127.0.0.1', port: 0 } });
  const url = await api.server.listen();
  api.operations.hangs = true;
  const headers = { 'content-type': 'application/json' };
  const answers = await Promise.all([
    fetch(`${url}/api/v1/cluster`),
    fetch(`${url}/api/v1/jobs/1/drop`, { method: 'POST', headers, body: '{"reason":"by hand"}' }),
  ]);
  for (const answer of answers) {
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(await answer.json()).toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
  }
});
