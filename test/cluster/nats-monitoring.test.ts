// Several NATS servers by their monitoring ports: each is asked and counted once, and who does not answer is named. The servers
// here answer as real ones were seen to; a real one is asked in nats.servers.test.ts.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type MonitoredServer, readMonitoring, serversIn } from '../../src/cluster/nats/monitoring.ts';

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** Answers its port. */
async function monitoring(body: string): Promise<number> {
  const server = http.createServer(({ url }, response) => response.writeHead(url === '/jsz' ? 200 : 404).end(body));
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

const jsz = (id: string, config: object) =>
  JSON.stringify({
    server_id: id,
    config: { max_storage: 0, sync_interval: 120_000_000_000, ...config },
    storage: 10,
    reserved_storage: 20,
    meta_cluster: { name: 'local', cluster_size: 3 },
  });

test('every server is asked, and counts once by whatever addresses it is reached', async () => {
  const [safe, late, off, foreign] = [
    await monitoring(jsz('A', { sync_always: true, max_storage: 100 })),
    await monitoring(jsz('B', {})),
    await monitoring('{"server_id":"C","disabled":true,"config":{"max_memory":0,"max_storage":0}}'),
    await monitoring('<html>hello</html>'),
  ];
  const seen = await readMonitoring([
    `http://127.0.0.1:${safe}`,
    `http://127.0.0.1:${safe}/`,
    `http://127.0.0.1:${late}`,
    `http://127.0.0.1:${off}`,
    `http://127.0.0.1:${foreign}`,
    'http://127.0.0.1:1',
  ]);
  const flush = { always: false, intervalMs: 120_000 };
  const store = { usedBytes: 10, reservedBytes: 20, mostBytes: 100 };
  expect(seen).toEqual({
    servers: [
      { at: `127.0.0.1:${safe}`, id: 'A', peers: 3, flush: { ...flush, always: true }, store },
      { at: `127.0.0.1:${late}`, id: 'B', peers: 3, flush, store: undefined },
      { at: `127.0.0.1:${off}`, id: 'C', peers: 0, flush: undefined, store: undefined },
    ],
    silent: [`127.0.0.1:${foreign}`, '127.0.0.1:1'],
  });
});

const CLUSTERS: readonly [name: string, advertised: number, peers: readonly number[], expected: number][] = [
  ['nobody tells otherwise', 3, [], 3],
  ['a server of its own', 1, [0], 1],
  ['servers that do not advertise each other', 1, [3, 3], 3],
  ['servers with two addresses each', 6, [3], 3],
  ['a super-cluster of three such', 3, [9], 3],
  ['a server without JetStream among them', 4, [0, 3], 3],
];
test.each(CLUSTERS)('how many there are: %s', (_, advertised, peers, expected) => {
  const seen = peers.map((known, i): MonitoredServer => {
    return { at: `n${i}`, id: `${i}`, peers: known, flush: undefined, store: undefined };
  });
  expect(serversIn(advertised, { servers: seen, silent: [] })).toBe(expected);
});
