// The API as a node starts it: there from the start, while the node still waits for its servers, and gone with the node.
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/gateway/config/config.ts';
import { startNode } from '../../../src/gateway/node.ts';
import { productVersion } from '../../../src/gateway/product.ts';
import { type LoggedLine, logInto } from './trial-server.ts';

const YAML = 'cluster: orders\nroutes: [{jobType: charge-card, requestTopic: payments}]\n';
/** Nothing listens on port 1. */
const ENV = {
  ...{ NATS_URL: 'nats://127.0.0.1:1', KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', HOLDFAST_NODE: 'n1' },
  ...{ HOLDFAST_HTTP: '127.0.0.1:0', HOLDFAST_API: '127.0.0.1:0' },
};
const configOf = (env: Record<string, string>) => loadConfig({ ...ENV, ...env }, () => YAML, 'n1');

test('it answers who it is before the node is a member, and 503 to all else; it ends with the node', async () => {
  const logged: LoggedLine[] = [];
  const node = await startNode(configOf({}), logInto(logged));
  const up = logged.find(({ message }) => message === 'the API is up');
  expect(up?.fields.mayAsk).toBe('everybody on this machine, as admin');
  const url = String(up?.fields.url);
  const who = await fetch(`${url}/api/v1/whoami`);
  expect(await who.json()).toEqual({
    ...{ name: 'local', role: 'admin', payloads: true, cluster: 'orders', node: 'n1', version: productVersion() },
  });
  expect((await fetch(`${url}/api/v1/cluster`)).status).toBe(503);
  // The other listener has nothing of it.
  const health = String(logged.find(({ message }) => message === 'HTTP is up')?.fields.url);
  expect((await fetch(`${health}/api/v1/whoami`)).status).toBe(404);
  await node.stop();
  expect(await node.finished).toBe(0);
  await expect(fetch(`${url}/api/v1/whoami`)).rejects.toThrow();
});

test('an address that is taken ends the start, with its name; off is off', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const HOLDFAST_API = `127.0.0.1:${port}`;
  await expect(startNode(configOf({ HOLDFAST_API }), logInto([]))).rejects.toThrow(
    `HOLDFAST_API: cannot listen on ${HOLDFAST_API}:`,
  );
  await new Promise((resolve) => other.close(resolve));

  const logged: LoggedLine[] = [];
  const node = await startNode(configOf({ HOLDFAST_API: 'off' }), logInto(logged));
  expect(logged.map(({ message }) => message)).not.toContain('the API is up');
  await node.stop();
  await node.finished;
});
