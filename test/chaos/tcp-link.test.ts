// The link between a plain client and a plain server that echoes: what passes, what does not, and what is learnt of it.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TcpLink } from './tcp-link.ts';

const NOT_FOR_MS = 300;

let server: Server;
let served: Socket[];
let link: TcpLink;
let client: Socket;
let received: string;
let ended: string | undefined;

beforeEach(async () => {
  served = [];
  server = createServer((socket) => {
    served.push(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  link = await TcpLink.open(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  await dial();
});

afterEach(() => {
  client.destroy();
  link.close();
  for (const socket of served) socket.destroy();
  server.close();
});

test('passes bytes both ways, and the end of a connection', async () => {
  const much = 'x'.repeat(3_000_000);
  client.end(much);
  await eventually('the end', () => ended !== undefined);
  expect(received).toBe(much);
  expect(ended).toBe('closed');
});

test('cut: what stands is reset on both sides, what comes is refused; then it passes again', async () => {
  await echoes('before');
  link.set({ kind: 'cut' });
  await eventually('both to hear of it', () => ended === 'reset' && served.every(({ destroyed }) => destroyed));
  await dial();
  await eventually('the refusal', () => ended === 'reset');
  expect(served).toHaveLength(1);
  link.set({ kind: 'pass' });
  await dial();
  await echoes('after');
});

test('slow: later, in order, and not one after the other', async () => {
  await echoes('quick');
  link.set({ kind: 'slow', delayMs: 150 });
  const sentMs = performance.now();
  for (let i = 0; i < 20; i++) client.write(`${i},`);
  await eventually('all of it', () => received.endsWith('18,19,'));
  const tookMs = performance.now() - sentMs;
  expect(tookMs).toBeGreaterThan(2 * 150 - 20);
  expect(tookMs).toBeLessThan(1_500);
});

test('silent: nothing arrives and nobody hears of an end; later all of it arrives', async () => {
  await echoes('before');
  link.set({ kind: 'silent' });
  client.write(' during');
  const other = client;
  await dial();
  await expect(echoes('new', NOT_FOR_MS)).rejects.toThrow(/waited/);
  other.resetAndDestroy();
  await expect(
    eventually('the server to hear', () => served[0]?.destroyed, { deadlineMs: NOT_FOR_MS }),
  ).rejects.toThrow(/waited/);
  let late = '';
  served[0]?.on('data', (chunk) => {
    late += chunk;
  });
  link.set({ kind: 'pass' });
  await eventually('the new one', () => received === 'new');
  await eventually('the server to hear', () => served[0]?.destroyed);
  expect(late).toBe(' during');
});

test('a server that is not there refuses through the link too', async () => {
  await echoes('before');
  for (const socket of served) socket.destroy();
  server.close();
  await once(server, 'close');
  await dial();
  await eventually('the refusal', () => ended !== undefined);
});

async function dial(): Promise<void> {
  received = '';
  ended = undefined;
  const socket = connect(link.port, '127.0.0.1');
  client = socket;
  socket.on('data', (chunk) => {
    if (client === socket) received += chunk;
  });
  socket.on('error', () => undefined);
  socket.on('close', (hadError) => {
    if (client === socket) ended = hadError ? 'reset' : 'closed';
  });
  await once(socket, 'connect').catch(() => undefined); // refused: the close tells
}

async function echoes(text: string, deadlineMs = 5_000): Promise<void> {
  client.write(text);
  await eventually(`the echo of ${text}`, () => received.endsWith(text), { deadlineMs });
}
