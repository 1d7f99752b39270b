// Who may what: every path with every role, without a token, with a wrong one, and who sees payloads.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROLES, type Role } from '../../../src/gateway/operations/operations.ts';
import { ENDPOINTS, type Endpoint } from './endpoints.ts';
import { JOB_KEY, PAYLOAD } from './fake-operations.ts';
import { BY_ROLE, bearer, post, type Trial, trial } from './trial-server.ts';

let api: Trial;
beforeAll(() => {
  const limits = { requestsPerMinute: 10_000, failuresPerMinute: 10_000 };
  api = trial({ authentication: BY_ROLE, limits });
});
afterAll(() => api[Symbol.asyncDispose]());

const ask = ({ method, url, body }: Endpoint, token?: string) =>
  api.call(
    method === 'POST'
      ? post(url, body ?? {}, token)
      : { method, url, ...(token !== undefined && { headers: bearer(token) }) },
  );

const named = ENDPOINTS.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const);

describe.each(named)('%s', (_, endpoint) => {
  test.each(ROLES)('as %s', async (role: Role) => {
    const before = api.operations.asked.length;
    const answer = await ask(endpoint, role);
    expect(answer.headers['cache-control']).toBe('no-store');
    if (ROLES.indexOf(role) >= ROLES.indexOf(endpoint.role)) {
      expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json; charset=utf-8' } });
      return;
    }
    expect(answer).toMatchObject({
      status: 403,
      headers: { 'content-type': 'application/problem+json; charset=utf-8' },
      body: {
        status: 403,
        code: 'FORBIDDEN',
        detail: `this needs the role ${endpoint.role}, and some ${role} has the role ${role}`,
      },
    });
    expect(api.operations.asked).toHaveLength(before);
  });

  test('without a token, with a wrong one, and with one that has no role', async () => {
    const before = api.operations.asked.length;
    const without = await ask(endpoint);
    expect(without).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(without.headers['www-authenticate']).toBe('Bearer realm="holdfast"');
    const wrong = await ask(endpoint, 'guessed-token-4711');
    expect(wrong).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(wrong.headers['www-authenticate']).toBe('Bearer realm="holdfast", error="invalid_token"');
    expect(await ask(endpoint, 'guest')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    const away = await ask(endpoint, 'away');
    expect(away).toMatchObject({ status: 503, body: { code: 'AUTHENTICATION_UNAVAILABLE' } });
    expect(away.headers['retry-after']).toBe('5');
    expect(api.operations.asked).toHaveLength(before);
    expect(JSON.stringify([api.logged, wrong])).not.toContain('guessed-token-4711');
  });

  test('with another method', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', endpoint.method === 'GET' ? 'POST' : 'GET'] as const) {
      // Another path may be of the same form.
      const answer = await api.call({ method, url: endpoint.url, headers: bearer('admin') });
      expect(answer).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } });
      expect(String(answer.headers.allow).split(', ')).toContain(endpoint.method);
    }
  });
});

test('an act is done in the name of who has the token, and with what was said', async () => {
  await api.call(post(`/api/v1/jobs/${JOB_KEY}/fail`, { reason: 'it is lost', message: 'gone' }, 'operator'));
  const by = { name: 'some operator', role: 'operator' };
  const act = { act: 'fail', message: 'gone', retries: undefined, backoffMs: undefined };
  expect(api.operations.asked.at(-1)).toEqual(['act', JOB_KEY, act, by, 'it is lost']);
  await api.call(post('/api/v1/nodes/n2/drain', { reason: 'new disks' }, 'admin'));
  expect(api.operations.asked.at(-1)).toEqual(['drain', 'n2', { name: 'some admin', role: 'admin' }, 'new disks']);
});

test.each([
  ['viewer', ['viewer', 'operator', 'admin']],
  ['operator', ['operator', 'admin']],
  ['admin', ['admin']],
  ['nobody', []],
] as const)('payloads for %s and above, even if the operations leak them', async (payloads, may) => {
  await using other = trial({ authentication: BY_ROLE, payloads });
  other.operations.leaks = true;
  for (const role of ROLES) {
    const shown = (may as readonly string[]).includes(role);
    const headers = bearer(role);
    const who = await other.call({ url: '/api/v1/whoami', headers });
    expect(who.body).toEqual({
      ...{ name: `some ${role}`, role, payloads: shown, cluster: 'orders', node: 'n1', version: '0.1.0' },
    });
    const job = await other.call({ url: `/api/v1/jobs/${JOB_KEY}`, headers });
    expect(other.operations.asked.at(-1)).toEqual(['job', JOB_KEY, shown]);
    expect(job.text.includes(PAYLOAD)).toBe(shown);
    const letter = await other.call({ url: '/api/v1/dead-letters/0/42', headers });
    expect(other.operations.asked.at(-1)).toEqual(['deadLetter', 0, '42', shown]);
    expect(letter.text.includes(PAYLOAD)).toBe(shown);
  }
});
