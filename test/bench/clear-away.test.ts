// Servers that are away when a run wants to delete what its nodes have made: it is told what stays and why, within the
// deadline, and nothing is thrown. That it is deleted where they are there is for load-run.full.test.ts.
import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { deleteStreams, deleteTopics } from '../../bench/parts/clear-away.ts';
import { freePorts } from '../../deploy/local/ports.ts';

const DEADLINE_MS = 400;

const silent: Server[] = [];
afterEach(() => {
  for (const server of silent.splice(0)) server.close();
});

/** Where nobody listens, and where somebody does who never says a word. */
async function addresses(): Promise<readonly string[]> {
  const [port] = await freePorts(1);
  const server = createServer((socket) => void socket.on('error', () => undefined));
  silent.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { readonly port: number };
  return [`127.0.0.1:${port}`, `127.0.0.1:${address.port}`];
}

test('of topics', async () => {
  for (const brokers of await addresses()) {
    expect(await deleteTopics(brokers, ['a.requests', 'holdfast.a.dlq'], DEADLINE_MS)).toEqual([
      'cannot delete the topics a.requests, holdfast.a.dlq: Kafka did not answer within 400 ms',
    ]);
  }
});

test('of streams', async () => {
  for (const address of await addresses()) {
    const url = `nats://me:hunter2@${address}`;
    const [warning = '', ...more] = await deleteStreams(url, ['KV_a', 'a_audit'], DEADLINE_MS, {});
    expect(warning).toMatch(/^cannot delete the streams KV_a, a_audit: no NATS server at nats:\/\/127\.0\.0\.1:\d+: ./);
    expect(more).toEqual([]);
  }
});

test('a login that is incomplete is told as such', async () => {
  const warnings = await deleteStreams('nats://127.0.0.1', ['KV_a'], DEADLINE_MS, { NATS_USER: 'me' });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^cannot delete the streams KV_a: .*NATS_PASSWORD: found nothing/s);
});
