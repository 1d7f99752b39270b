// A browser on the operator's machine shows pages of others, and those must reach nothing: by a name of theirs that points
// here (DNS rebinding), by requests that need no leave (CSRF), by frames and scripts. And the page's own files.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { JOB_KEY } from './fake-operations.ts';
import { BY_ROLE, HOST, post, type Trial, trial } from './trial-server.ts';

const PAGE = { type: 'text/html; charset=utf-8', body: '<!doctype html><title>holdfast</title>', etag: '"1"' };
const assets = { get: (path: string) => (path === '/' || path === '/page/index.html' ? PAGE : undefined) };
const DROP = post(`/api/v1/jobs/${JOB_KEY}/drop`, { reason: 'by hand' });

let open: Trial;
let closed: Trial;
beforeAll(() => {
  open = trial({ assets });
  closed = trial({ assets, authentication: BY_ROLE });
});
beforeEach(() => open.operations.forget());
afterAll(async () => {
  await Promise.all([open[Symbol.asyncDispose](), closed[Symbol.asyncDispose]()]);
});

const withHeaders = (headers: Record<string, string>) => ({ ...DROP, headers: { ...DROP.headers, ...headers } });

describe('without authentication', () => {
  test.each(['127.0.0.1:8091', 'localhost:8091', 'LOCALHOST:8091', '[::1]:8091'])('Host %s is ours', async (host) => {
    expect(await open.call({ url: '/api/v1/whoami', headers: { host } })).toMatchObject({
      status: 200,
      body: { name: 'local', role: 'admin', payloads: true },
    });
  });

  test.each([
    'evil.example:8091',
    'localhost.evil.example:8091',
    '127.0.0.1.nip.example:8091',
    'localhost',
    '127.0.0.1:80',
    '127.0.0.1:8092',
    '127.0.0.2:8091',
    '0.0.0.0:8091',
    'localhost:8091@evil.example',
    'x localhost:8091',
    '',
  ])('Host %j is not, whatever is asked', async (host) => {
    for (const request of [{ url: '/api/v1/whoami' }, { url: '/' }, { url: '/api/v1/openapi.json' }, DROP]) {
      const answer = await open.call({ ...request, headers: { ...request.headers, host } });
      expect(answer).toMatchObject({ status: 421, body: { code: 'WRONG_HOST' } });
      expect(answer.body.detail).toMatch(/^the header Host: found .*; allowed: localhost:8091, 127\.0\.0\.1:8091/);
    }
    expect(open.operations.asked).toEqual([]);
  });

  test('the port that counts is the one that it listens on', async () => {
    await using other = trial({ address: { host: '127.0.0.1', port: 0 } });
    const url = await other.server.listen();
    const headers = { host: new URL(url).host };
    expect(await other.call({ url: '/api/v1/whoami', headers })).toMatchObject({ status: 200 });
    expect(await other.call({ url: '/api/v1/whoami' })).toMatchObject({ status: 421 });
  });
});

test('with authentication it may have any name', async () => {
  const request = { url: '/api/v1/whoami', headers: { host: 'bridge.example.org', authorization: 'Bearer viewer' } };
  expect(await closed.call(request)).toMatchObject({ status: 200 });
});

describe('a page of another origin', () => {
  test.each([
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: 'http://127.0.0.1:3000' },
    { origin: `ftp://${HOST}` },
    { origin: `http://${HOST}.evil.example` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'what?', origin: `http://${HOST}` },
  ])('does not act: %j', async (headers) => {
    expect(await open.call(withHeaders(headers))).toMatchObject({ status: 403, body: { code: 'FOREIGN_ORIGIN' } });
    const authorized = { ...headers, authorization: 'Bearer admin' };
    expect(await closed.call(withHeaders(authorized))).toMatchObject({ status: 403, body: { code: 'FOREIGN_ORIGIN' } });
    expect(open.operations.asked).toEqual([]);
  });

  test.each(['cross-site', 'same-site'])('does not see either: %s', async (site) => {
    const answer = await open.call({ url: '/api/v1/jobs', headers: { 'sec-fetch-site': site } });
    expect(answer).toMatchObject({ status: 403, body: { code: 'FOREIGN_ORIGIN' } });
    expect(open.operations.asked).toEqual([]);
  });

  test('gets no leave by a preflight', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const answer = await open.call({ method: 'OPTIONS', url: `/api/v1/jobs/${JOB_KEY}/drop`, headers });
    expect(answer.status).toBe(405);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; application/json',
  ])('has no simple request that acts: %s', async (type) => {
    const answer = await open.call(withHeaders({ 'content-type': type }));
    expect(answer).toMatchObject({ status: 415, body: { code: 'NOT_JSON' } });
    expect(open.operations.asked).toEqual([]);
  });
});

test.each([
  { origin: `http://${HOST}`, 'sec-fetch-site': 'same-origin' },
  { 'sec-fetch-site': 'same-origin' },
  { 'content-type': 'application/json; charset=utf-8' },
])('our own page acts: %j', async (headers) => {
  expect(await open.call(withHeaders(headers))).toMatchObject({ status: 200 });
  expect(open.operations.asked).toHaveLength(1);
});

test('the page is for everybody, is asked for each time, and cannot be framed or fed', async () => {
  const page = await closed.call({ url: '/' });
  expect(page).toMatchObject({ status: 200, text: PAGE.body });
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;connect-src 'self';" +
      "font-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
    etag: '"1"',
  });
  expect(page.headers).not.toHaveProperty('strict-transport-security');
  const again = await closed.call({ url: '/page/index.html?v=2', headers: { 'if-none-match': '"1"' } });
  expect(again).toMatchObject({ status: 304, text: '' });
  for (const url of [
    '/page/missing.js',
    '/page/../api/v1/jobs',
    '/page/%2e%2e/package.json',
    '/index.html',
    '/package.json',
  ]) {
    const answer = await closed.call({ url });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  }
});

test('nobody keeps an answer, and an error has the same headers', async () => {
  const answers = [{ url: '/api/v1/whoami' }, { url: '/api/v1/nothing' }, { url: '/api/v1/jobs' }].map((request) =>
    closed.call(request),
  );
  for (const { headers } of await Promise.all(answers)) {
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
  }
});
