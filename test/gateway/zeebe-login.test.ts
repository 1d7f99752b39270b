// An identity provider that cuts requests off, in the ways that proxies and restarts do: nobody's process dies of it (an error
// that nobody catches fails the whole run of the tests), each question is asked once, and a token is had when there is one.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { configureConnection } from '../../src/gateway/zeebe/connection.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

type Cut = (socket: Socket, response: ServerResponse) => void;

const CUTS: Readonly<Record<string, Cut>> = {
  'before it has read the request': (socket) => socket.resetAndDestroy(),
  'without an answer': (socket) => setTimeout(() => socket.destroy(), 5),
  'in the midst of an answer': (socket, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"access_token":');
    setTimeout(() => socket.resetAndDestroy(), 5);
  },
  'in the midst of a refusal': (socket, response) => {
    response.writeHead(503, { 'content-length': '1000' }).write('busy');
    setTimeout(() => socket.destroy(), 5);
  },
  'after a refusal': (socket, response) => {
    response.writeHead(503).end('{}');
    setImmediate(() => socket.resetAndDestroy());
  },
};

/** Cuts off until told otherwise. */
async function identityProvider(cut: Cut) {
  const state = { cutting: true, asked: 0, url: '' };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${part({ alg: 'none' })}.${part({ exp: Math.floor(Date.now() / 1_000) + 3_600 })}.`;
  const server = createServer((request, response) => {
    state.asked += 1;
    if (state.cutting) cut(request.socket, response);
    else response.end(JSON.stringify({ access_token: token, expires_in: 3_600 }));
  });
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return { state, token };
}

function connect(oauthUrl: string) {
  return configureConnection(() => ({
    ZEEBE_GRPC_ADDRESS: 'grpc://127.0.0.1:1',
    CAMUNDA_AUTH_STRATEGY: 'OAUTH',
    CAMUNDA_OAUTH_URL: oauthUrl,
    ZEEBE_CLIENT_ID: 'holdfast',
    ZEEBE_CLIENT_SECRET: 'secret',
    CAMUNDA_TOKEN_DISK_CACHE_DISABLE: true,
    CAMUNDA_LOG_LEVEL: 'none',
  }));
}

describe('an identity provider that cuts off', () => {
  test.each(Object.entries(CUTS))('%s', async (_, cut) => {
    const { state, token } = await identityProvider(cut);
    const connections = await Promise.all(Array.from({ length: 20 }, () => connect(state.url)));
    const answers = await Promise.allSettled(connections.map(({ headers }) => headers!()));
    expect(answers.map(({ status }) => status)).toEqual(connections.map(() => 'rejected'));
    expect(state.asked).toBe(connections.length);
    state.cutting = false;
    expect(await connections[0]!.headers!()).toEqual({ authorization: `Bearer ${token}` });
  });
});
