// Too much of anything: failed authentications, requests of one person, headers, connections, time.
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Authentication } from '../../../src/gateway/http/api/verdict.ts';
import { eventually } from '../../support/eventually.ts';
import { BY_ROLE, bearer, post, type Trial, trial } from './trial-server.ts';

const FREE = { host: '127.0.0.1', port: 0 };
const whoami = (token: string) => ({ url: '/api/v1/whoami', headers: bearer(token) });

test('an address that fails too often has to wait, but for who is at work there, and is logged without what it tried', async () => {
  await using api = trial({ authentication: BY_ROLE, limits: { failuresPerMinute: 3 } });
  expect(await api.call(whoami('admin'))).toMatchObject({ status: 200 });
  for (let failure = 1; failure <= 3; failure++) {
    expect(await api.call(whoami(`guess-${failure}`))).toMatchObject({ status: 401 });
  }
  for (const authorization of ['Bearer guess-4', 'Basic YWRtaW46YWRtaW4=']) {
    const answer = await api.call({ url: '/api/v1/whoami', headers: { authorization } });
    expect(answer).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
  }
  // Who sits behind the same address is not locked out by it.
  expect(await api.call(whoami('admin'))).toMatchObject({ status: 200 });
  expect(await api.call(whoami('guess-5'))).toMatchObject({ status: 429 });
  // Another address is another matter.
  expect(await api.call({ ...whoami('admin'), remoteAddress: '192.0.2.7' })).toMatchObject({ status: 200 });
  expect(api.logged).toHaveLength(3);
  expect(api.logged[0]).toMatchObject({
    level: 'warn',
    message: 'an authentication failed',
    fields: { address: '127.0.0.1', path: '/api/v1/whoami', reason: 'it is not known here' },
  });
  expect(JSON.stringify(api.logged)).not.toContain('guess');
});

test('what somebody may not do counts among the requests that he makes', async () => {
  await using api = trial({ authentication: BY_ROLE, limits: { requestsPerMinute: 5 } });
  const drop = () => api.call(post('/api/v1/jobs/7/drop', { reason: 'not mine to give' }, 'viewer'));
  for (let request = 1; request <= 5; request++) expect(await drop()).toMatchObject({ status: 403 });
  expect(await drop()).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
  expect(await api.call(whoami('viewer'))).toMatchObject({ status: 429 });
  expect(await api.call(whoami('admin'))).toMatchObject({ status: 200 });
  expect(api.operations.asked).toEqual([]);
});

test('somebody with a good token and no role is bounded too, and logged once', async () => {
  await using api = trial({ authentication: BY_ROLE, limits: { requestsPerMinute: 5 } });
  for (let request = 1; request <= 5; request++) {
    expect(await api.call(whoami('guest'))).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  }
  const beyond = await api.call(whoami('guest'));
  expect(beyond).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
  expect(beyond.body).toMatchObject({ detail: expect.stringMatching(/^more than 5 requests within a minute; /) });
  expect(await api.call(whoami('viewer'))).toMatchObject({ status: 200 });
  expect(api.logged).toMatchObject([
    { level: 'warn', message: 'somebody without a role asked', fields: { name: 'some guest', path: '/api/v1/whoami' } },
  ]);
});

describe('beyond the limit of failures', () => {
  const LIMIT = 3;
  /** As `BY_ROLE`, and says what it was asked to look at. */
  function counting(): Authentication & { readonly looked: string[] } {
    const looked: string[] = [];
    const verify: Authentication['verify'] = (token) => {
      looked.push(token);
      return BY_ROLE.verify(token);
    };
    return { looked, verify, close() {} };
  }
  async function guessed(api: Trial, remoteAddress = '127.0.0.1', guesses = LIMIT): Promise<void> {
    for (let guess = 1; guess <= guesses; guess++) await api.call({ ...whoami(`guess-${guess}`), remoteAddress });
  }
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('a guess is not looked at: one that hits is answered as one that does not', async () => {
    const authentication = counting();
    await using api = trial({ authentication, limits: { failuresPerMinute: LIMIT } });
    await guessed(api);
    const miss = await api.call(whoami('guess-4'));
    const hit = await api.call(whoami('admin'));
    expect(hit).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(hit.text).toBe(miss.text);
    expect(authentication.looked).toEqual(['guess-1', 'guess-2', 'guess-3']);
    // Having waited it is looked at, and from then on passes whoever fails beside it.
    vi.advanceTimersByTime(60_000);
    expect(await api.call(whoami('admin'))).toMatchObject({ status: 200 });
    await guessed(api, '127.0.0.1', LIMIT + 1);
    expect(await api.call(whoami('admin'))).toMatchObject({ status: 200 });
  });

  test('that many come at once tells no more of them', async () => {
    const tokens = [...Array.from({ length: 10 }, (_, guess) => `guess-${guess}`), 'admin'];
    const allAreThere = Promise.withResolvers<void>();
    let there = 0;
    const authentication: Authentication = {
      async verify(token) {
        there += 1;
        if (there === tokens.length) allAreThere.resolve();
        await allAreThere.promise;
        return BY_ROLE.verify(token);
      },
      close() {},
    };
    await using api = trial({ authentication, limits: { failuresPerMinute: LIMIT } });
    const answers = await Promise.all(tokens.map((token) => api.call(whoami(token))));
    const explained = answers.filter(({ status }) => status === 401);
    expect(explained.length).toBeLessThanOrEqual(LIMIT);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(tokens.length - explained.length);
  });

  test('what was taken from another address is nothing to this one', async () => {
    await using api = trial({ authentication: BY_ROLE, limits: { failuresPerMinute: LIMIT } });
    const elsewhere = { ...whoami('admin'), remoteAddress: '192.0.2.7' };
    expect(await api.call(elsewhere)).toMatchObject({ status: 200 });
    await guessed(api);
    expect(await api.call(whoami('admin'))).toMatchObject({ status: 429 });
    expect(await api.call(elsewhere)).toMatchObject({ status: 200 });
  });

  test('a token in use is remembered for an hour, and not when it was refused since', async () => {
    let isTaken = true;
    const authentication: Authentication = {
      verify: async (token) => (isTaken ? BY_ROLE.verify(token) : { kind: 'refused', why: 'it was taken out' }),
      close() {},
    };
    await using api = trial({ authentication, limits: { failuresPerMinute: LIMIT } });
    expect(await api.call(whoami('admin'))).toMatchObject({ status: 200 });
    expect(await api.call(whoami('viewer'))).toMatchObject({ status: 200 });
    vi.advanceTimersByTime(59 * 60_000);
    expect(await api.call(whoami('viewer'))).toMatchObject({ status: 200 });
    vi.advanceTimersByTime(2 * 60_000);
    await guessed(api);
    expect(await api.call(whoami('admin'))).toMatchObject({ status: 429 });
    expect(await api.call(whoami('viewer'))).toMatchObject({ status: 200 });
    isTaken = false;
    expect(await api.call(whoami('viewer'))).toMatchObject({ status: 429 });
    isTaken = true;
    expect(await api.call(whoami('viewer'))).toMatchObject({ status: 429 });
  });

  test('addresses of one IPv6 customer are one, and those of another one another', async () => {
    await using api = trial({ authentication: BY_ROLE, limits: { failuresPerMinute: LIMIT } });
    for (let host = 1; host <= LIMIT; host++) await guessed(api, `2001:db8:1:2::${host}`, 1);
    expect(await api.call({ ...whoami('guess'), remoteAddress: '2001:db8:1:2:ffff::9' })).toMatchObject({
      status: 429,
    });
    expect(await api.call({ ...whoami('guess'), remoteAddress: '2001:db8:1:3::1' })).toMatchObject({ status: 401 });
    await guessed(api, '192.0.2.7');
    expect(await api.call({ ...whoami('guess'), remoteAddress: '::ffff:192.0.2.7' })).toMatchObject({ status: 429 });
  });

  test('attempts are logged by their number, a line for each minute and address', async () => {
    const unseen = ({ logged }: Trial) =>
      logged.filter(({ message }) => message.includes('unseen')).map(({ level, fields }) => [level, fields]);
    const api = trial({ authentication: BY_ROLE, limits: { failuresPerMinute: LIMIT } });
    await guessed(api, '127.0.0.1', LIMIT + 40);
    await guessed(api, '192.0.2.7', LIMIT + 1);
    expect(api.logged).toHaveLength(2 * LIMIT);
    vi.advanceTimersByTime(60_000);
    const lines = [
      ['warn', { address: '127.0.0.1', attempts: 40 }],
      ['warn', { address: '192.0.2.7', attempts: 1 }],
    ];
    expect(unseen(api)).toEqual(lines);
    vi.advanceTimersByTime(60_000);
    expect(unseen(api)).toEqual(lines);
    // The last ones, when the node ends.
    await guessed(api, '127.0.0.1', LIMIT + 5);
    await api[Symbol.asyncDispose]();
    expect(unseen(api)).toEqual([...lines, ['warn', { address: '127.0.0.1', attempts: 5 }]]);
    expect(JSON.stringify(api.logged)).not.toContain('guess');
  });
});

test('what is right does not count as a failure, nor does a request without a token', async () => {
  await using api = trial({ authentication: BY_ROLE, limits: { failuresPerMinute: 2 } });
  for (let request = 0; request < 10; request++) {
    expect(await api.call(whoami('viewer'))).toMatchObject({ status: 200 });
    expect(await api.call({ url: '/api/v1/whoami' })).toMatchObject({ status: 401 });
  }
});

test.each(['Basic YWRtaW46YWRtaW4=', 'Bearer', 'Bearer a b', 'Token admin', 'admin'])(
  'what is no bearer token fails like a wrong one: %s',
  async (authorization) => {
    await using api = trial({ authentication: BY_ROLE });
    expect(await api.call({ url: '/api/v1/whoami', headers: { authorization } })).toMatchObject({ status: 401 });
    expect(api.logged).toHaveLength(1);
  },
);

test('a person who asks too often has to wait, and nobody else has', async () => {
  await using api = trial({ authentication: BY_ROLE, limits: { requestsPerMinute: 5 } });
  for (let request = 0; request < 5; request++) expect(await api.call(whoami('viewer'))).toMatchObject({ status: 200 });
  const asked = api.operations.asked.length;
  const answer = await api.call({ ...whoami('viewer'), url: '/api/v1/jobs' });
  expect(answer).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED', title: 'Too Many Requests' } });
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  expect(api.operations.asked).toHaveLength(asked);
  expect(await api.call(whoami('operator'))).toMatchObject({ status: 200 });
});

let api: Trial;
let url: string;
beforeEach(async () => {
  api = trial({ address: FREE });
  url = await api.server.listen();
});
afterEach(() => api[Symbol.asyncDispose]());

test('headers that are too large are refused', async () => {
  const status = await new Promise((resolve, reject) => {
    const call = httpRequest(`${url}/api/v1/whoami`, { headers: { 'x-long': 'a'.repeat(20_000) } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    call.on('error', reject).end();
  });
  expect(status).toBe(431);
});

test('a body of unknown length is cut off where it is too large', async () => {
  const answer = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    const call = httpRequest(`${url}/api/v1/jobs/1/complete`, { method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    call.on('error', reject);
    call.write('{"reason":"by hand","variables":{"a":"');
    for (let megabyte = 0; megabyte < 3; megabyte++) call.write('x'.repeat(1024 * 1024));
    call.end('"}}');
  });
  expect(answer.status).toBe(413);
  expect(answer.text).toContain('TOO_LARGE');
  expect(api.operations.asked).toEqual([]);
});

test('who is being answered is not closed for those who come later and ask nothing', async () => {
  api.operations.hangs = true;
  const ends = new AbortController();
  const asked = fetch(`${url}/api/v1/cluster`, { signal: ends.signal }).then(
    () => 'answered',
    (error: unknown) => (ends.signal.aborted ? 'still asking' : error),
  );
  await eventually('it to be asked', () => api.operations.asked.length > 0);
  const open = Array.from({ length: 400 }, () => connect({ host: '127.0.0.1', port: Number(new URL(url).port) }));
  let closed = 0;
  for (const socket of open) {
    socket
      .resume()
      .on('error', () => undefined)
      .on('close', () => void closed++);
  }
  await eventually('those beyond the limit to be closed', () => closed >= 101);
  ends.abort();
  expect(await asked).toBe('still asking');
  for (const socket of open) socket.destroy();
});

test('only so many connections are taken at a time', async () => {
  const open: Socket[] = [];
  let closed = 0;
  for (let number = 0; number < 350; number++) {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
    open.push(
      socket
        .resume()
        .on('error', () => undefined)
        .on('close', () => void closed++),
    );
  }
  try {
    await eventually('those beyond the limit to be closed', () => closed >= 50);
    expect(closed).toBe(50);
    // Who has something to ask is let in all the same.
    expect((await fetch(`${url}/api/v1/whoami`)).status).toBe(200);
    expect(closed).toBe(51);
  } finally {
    for (const socket of open) socket.destroy();
  }
});
