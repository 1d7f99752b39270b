// Connecting, against a server of a few lines that says what we want: versions, logins, permissions.
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { ABSENT } from '../../src/actors/ids.ts';
import { connectNats, type LinkStatus, NatsTooOld, olderThan } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
});

/** Speaks as much NATS as a client needs to connect; `onLine` gets every further line and may answer. */
async function fakeServer(version: string, onLine: (line: string, socket: Socket) => void): Promise<number> {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`INFO ${JSON.stringify({ version, headers: true, max_payload: 1024, proto: 1 })}\r\n`);
    socket.on('data', (data) => {
      for (const line of data.toString().split('\r\n')) {
        if (line === 'PING') socket.write('PONG\r\n');
        onLine(line, socket);
      }
    });
  });
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test.each([
  ['2.14.5', true],
  ['2.9.10', true],
  ['2.14.6', false],
  ['2.14.10', false],
  ['2.15.0-RC.1', false],
  ['3.0.0', false],
])('a server of version %s: too old %s', (version, old) => {
  expect(olderThan(version, '2.14.6')).toBe(old);
});

test('a server that is too old is refused with what is needed, and not asked again', async () => {
  const port = await fakeServer('2.10.9', () => undefined);
  const connecting = connectNats({ url: `nats://127.0.0.1:${port}`, name: 'n' });
  await expect(connecting).rejects.toThrow(NatsTooOld);
  await expect(connecting).rejects.toThrow(/2\.10\.9.*2\.14\.6/);
});

test('a login in the address is used, and never shown', async () => {
  const connects: Record<string, unknown>[] = [];
  const port = await fakeServer('2.15.1', (line, socket) => {
    if (!line.startsWith('CONNECT ')) return;
    connects.push(JSON.parse(line.slice(8)) as Record<string, unknown>);
    if (connects.length === 1) socket.end("-ERR 'Authorization Violation'\r\n");
  });
  const said: LinkStatus[] = [];
  const url = `nats://ann:s%40fe@127.0.0.1:${port}`;
  await using link = await connectNats({ url, name: 'node-1', onStatus: (status) => said.push(status) });
  expect(link.connected()).toBe(true);
  expect(connects[1]).toMatchObject({ user: 'ann', pass: 's@fe', name: 'node-1' });
  expect(said.map(({ kind }) => kind)).toEqual(['waiting', 'connected']);
  expect(JSON.stringify(said)).not.toMatch(/s@fe|s%40fe|ann/);
});

test('a write without permission is never possible, and says so before its timeout', async () => {
  const port = await fakeServer('2.15.1', (line, socket) => {
    if (line.startsWith('HPUB $KV.b.1.10 '))
      socket.write(`-ERR 'Permissions Violation for Publish to "$KV.b.1.10"'\r\n`);
  });
  await using link = await connectNats({ url: `nats://127.0.0.1:${port}`, name: 'n' });
  const kv = new NatsKv(link, new Inbox(link), 'b');
  const startMs = performance.now();
  expect(await kv.put('1.10', Buffer.from('x'), ABSENT)).toMatchObject({ kind: 'never', reason: /permission/ });
  expect(performance.now() - startMs).toBeLessThan(900);
  expect(link.connected()).toBe(true);
});

test('a write that nobody answers is in doubt after a second', async () => {
  const port = await fakeServer('2.15.1', () => undefined);
  await using link = await connectNats({ url: `nats://127.0.0.1:${port}`, name: 'n' });
  const kv = new NatsKv(link, new Inbox(link), 'b');
  const startMs = performance.now();
  expect(await kv.put('1.10', Buffer.from('x'), ABSENT)).toMatchObject({ kind: 'inDoubt' });
  expect(performance.now() - startMs).toBeGreaterThan(900);
});
