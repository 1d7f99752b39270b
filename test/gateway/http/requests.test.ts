// What is asked of the operations, and what is answered: good requests, each kind of bad one, and each kind of trouble.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ActNotDone, OperationRefused, OperationUnavailable } from '../../../src/gateway/operations/operations.ts';
import { ENDPOINTS } from './endpoints.ts';
import { JOB_KEY } from './fake-operations.ts';
import { post, type Trial, trial } from './trial-server.ts';

let api: Trial;
beforeAll(() => {
  api = trial({ limits: { requestsPerMinute: 10_000 } });
});
beforeEach(() => api.operations.forget());
afterAll(() => api[Symbol.asyncDispose]());

const get = (path: string) => api.call({ url: `/api/v1${path}` });
const job = (what: string) => `/api/v1/jobs/${JOB_KEY}/${what}`;
const LOCAL = { name: 'local', role: 'admin' };

describe('reaches the operations', () => {
  test('a query, its numbers as numbers and its defaults filled in', async () => {
    await get('/jobs?lane=a%20b&olderThanMs=60000&shard=3&text=or&after=x');
    expect(api.operations.asked).toEqual([
      ['jobs', { lane: 'a b', olderThanMs: 60_000, shard: 3, text: 'or', after: 'x', limit: 50 }],
    ]);
    await get('/flow');
    expect(api.operations.asked.at(-1)).toEqual(['flow', 60]);
  });

  test('the body of a redrive, a preview unless it says otherwise', async () => {
    const filter = { reason: 'late', positions: [{ partition: 0, offset: '42' }] };
    await api.call(post('/api/v1/dead-letters/redrive', { reason: 'it is fixed', filter }));
    const body = { reason: 'it is fixed', filter, dryRun: true, perSecond: 10, max: 1000 };
    expect(api.operations.asked).toEqual([['redrive', body, LOCAL]]);
  });

  test('variables as they were written: no number changes', async () => {
    const variables = '{ "id": 12345678901234567890, "amount": 1.10, "deep": [{"a": 1e400}] }';
    await api.call(post(job('complete'), `{"reason": "by hand", "variables": {}, "variables": ${variables}}`));
    expect(api.operations.asked.at(-1)).toEqual(['act', JOB_KEY, { act: 'complete', variables }, LOCAL, 'by hand']);
    await api.call(post(job('throw'), '{"reason": "by hand", "errorCode": "E1"}'));
    const thrown = { act: 'throw', errorCode: 'E1', message: '', variables: '{}' };
    expect(api.operations.asked.at(-1)).toEqual(['act', JOB_KEY, thrown, LOCAL, 'by hand']);
  });

  test('why a redrive is stopped, and never without it', async () => {
    const path = '/api/v1/dead-letters/redrives/r1/stop';
    for (const body of ['', {}]) expect(await api.call(post(path, body))).toMatchObject({ status: 400 });
    expect(api.operations.asked).toEqual([]);
    const answer = await api.call(post(path, { reason: 'not yet' }));
    expect(answer).toMatchObject({ status: 200, body: { state: 'stopped' } });
    expect(api.operations.asked).toEqual([['stopRedrive', 'r1', LOCAL, 'not yet']]);
  });
});

describe('a bad request says what it is', () => {
  test.each([
    ['/jobs?stat=held', /^the query parameter stat is not known; allowed: lane, .*, after; did you mean state\?$/],
    ['/cluster?x=1', /^the query parameter x is not known; allowed: none$/],
    ['/jobs?state=hold', /^the query parameter state: found "hold"; allowed: held, replied, failing, parked$/],
    ['/jobs?limit=0', /^the query parameter limit: found 0; allowed: a whole number from 1 to 200$/],
    ['/jobs?limit=ten', /^the query parameter limit: found "ten"; allowed: a whole number from 1 to 200$/],
    ['/jobs?limit=1&limit=2', /^the query parameter limit: found a list; allowed: a whole number from 1 to 200$/],
    ['/jobs?text=a', /^the query parameter text: found "a"; allowed: a text from 2 to 200 characters$/],
    ['/jobs?instance=abc', /^the query parameter instance: found "abc"; allowed: 1 to 19 digits$/],
    ['/flow?seconds=301', /^the query parameter seconds: found 301; allowed: a whole number from 1 to 300$/],
    ['/flow?seconds=1.5', /^the query parameter seconds: found "1.5"; allowed: a whole number from 1 to 300$/],
    ['/jobs/abc', /^the path parameter jobKey: found "abc"; allowed: 1 to 19 digits$/],
    [
      '/jobs/12345678901234567890',
      /^the path parameter jobKey: found "12345678901234567890"; allowed: 1 to 19 digits$/,
    ],
    ['/dead-letters/x/1', /^the path parameter partition: found "x"; allowed: a whole number from 0 to 2147483647$/],
    ['/dead-letters?sinceMs=yesterday', /^the query parameter sinceMs: found "yesterday"; allowed: a number$/],
  ])('GET %s', async (path, detail) => {
    expect(await get(path)).toMatchObject({
      status: 400,
      headers: { 'content-type': 'application/problem+json; charset=utf-8' },
      body: { type: 'about:blank', title: 'Bad Request', code: 'BAD_REQUEST', detail: expect.stringMatching(detail) },
    });
    expect(api.operations.asked).toEqual([]);
  });

  test.each([
    ['resend', '', /^the field reason is missing; it must be a text from 3 to 500 characters$/],
    ['resend', '{}', /^the field reason is missing/],
    ['resend', 'null', /^the body: found nothing; allowed: a JSON object$/],
    ['resend', '[]', /^the body: found a list; allowed: a JSON object$/],
    ['resend', '{"reason": 5}', /^the field reason: found 5; allowed: a text from 3 to 500 characters$/],
    ['resend', '{"reason": "ok"}', /^the field reason: found "ok"; allowed: a text from 3 to 500 characters$/],
    ['resend', '{"reason": "okay", "force": true}', /^the field force is not known; allowed: reason$/],
    [
      'extend',
      '{"reason": "slow", "replyTimeoutMs": "60000"}',
      /^the field replyTimeoutMs: found "60000"; allowed: a whole number from 1000 to \d+$/,
    ],
    [
      'complete',
      '{"reason": "by hand", "variables": []}',
      /^the field variables: found a list; allowed: a JSON object$/,
    ],
    ['complete', '{"reason": "by hand", "variable": {}}', /^the field (variables is missing|variable is not known)/],
    ['complete', '{"reason": "by hand", "variables": {"__proto__": {"a": 1}}}', /__proto__/],
    [
      'fail',
      '{"reason": "lost", "message": "m", "retries": -1}',
      /^the field retries: found -1; allowed: a whole number from 0 to 100$/,
    ],
    ['drop', '{"reason": "los', /JSON/],
  ])('%s %s', async (what, payload, detail) => {
    const answer = await api.call(post(job(what), payload));
    expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST', detail: expect.stringMatching(detail) } });
    expect(api.operations.asked).toEqual([]);
  });

  test('a body that is nothing but brackets', async () => {
    const answer = await api.call(post(job('drop'), `{"reason": ${'['.repeat(100_000)}`));
    expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
  });

  test('in the depth of a body, by its path', async () => {
    const filter = {
      positions: [
        { partition: 0, offset: '1' },
        { partition: 0, offset: 'x' },
      ],
    };
    const answer = await api.call(post('/api/v1/dead-letters/redrive', { reason: 'it is fixed', filter }));
    expect(answer.body.detail).toBe('the field filter.positions[1].offset: found "x"; allowed: 1 to 19 digits');
  });

  test('a body of another type, one that is too large, a path that is none', async () => {
    const form = { method: 'POST', url: job('drop'), payload: 'reason=okay' } as const;
    for (const type of [
      'application/x-www-form-urlencoded',
      'text/plain',
      'application/jsonx',
      'multipart/form-data',
    ]) {
      const answer = await api.call({ ...form, headers: { 'content-type': type } });
      expect(answer).toMatchObject({ status: 415, body: { code: 'NOT_JSON', detail: expect.stringContaining(type) } });
    }
    expect(await api.call({ method: 'POST', url: job('drop') })).toMatchObject({ status: 415 });
    const large = JSON.stringify({ reason: 'by hand', variables: { a: 'x'.repeat(2 * 1024 * 1024) } });
    expect(await api.call(post(job('complete'), large))).toMatchObject({ status: 413, body: { code: 'TOO_LARGE' } });
    expect(await get('/jobs/%E0%A4%A')).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
    expect(api.operations.asked).toEqual([]);
  });

  test('a path that is not there, without its query', async () => {
    const answer = await get('/job?token=abc');
    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND', detail: 'nothing is at GET /api/v1/job' } });
    expect(await get(`/jobs/${'1'.repeat(500)}`)).toMatchObject({
      status: expect.toSatisfy((s) => s === 400 || s === 404),
    });
  });
});

describe('what is not there', () => {
  test.each([
    ['/jobs/1', 'JOB_ABSENT'],
    ['/dead-letters/0/1', 'NOT_FOUND'],
    ['/dead-letters/redrives/r2', 'NOT_FOUND'],
  ])('GET %s', async (path, code) => {
    expect(await get(path)).toMatchObject({ status: 404, body: { code } });
  });

  test('a redrive to be stopped', async () => {
    const answer = await api.call(post('/api/v1/dead-letters/redrives/r2/stop', { reason: 'not yet' }));
    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});

test.each([
  ['done', 200, undefined],
  ['later', 200, undefined],
  ['absent', 404, 'JOB_ABSENT'],
  ['gone', 409, 'JOB_GONE'],
  ['wrongState', 409, 'JOB_WRONG_STATE'],
  ['refused', 422, 'ACT_REFUSED'],
] as const)('an act on a job that comes to %s is %i', async (result, status, code) => {
  api.operations.result = result;
  for (const { url, body } of ENDPOINTS.filter(({ path }) => path.startsWith('/api/v1/jobs/{jobKey}/'))) {
    const answer = await api.call(post(url, body ?? {}));
    const found = { status: answer.status, body: answer.body };
    const told = { auditId: 'a1', result, detail: 'as the test wants it' };
    if (status === 200) expect(found).toEqual({ status, body: told });
    else expect(found).toMatchObject({ status, body: { ...told, status, code } });
  }
  expect(api.operations.asked).toHaveLength(6);
});

test('an act on a node is answered as it is', async () => {
  const reason = 'new disks';
  for (const [act, result] of [
    ['drain', 'later'],
    ['resume', 'done'],
  ]) {
    const { status, body } = await api.call(post(`/api/v1/nodes/n2/${act}`, { reason }));
    expect({ status, body }).toEqual({ status: 200, body: { auditId: 'a1', result, detail: 'as the test wants it' } });
    expect(api.operations.asked.at(-1)).toEqual([act, 'n2', LOCAL, reason]);
  }
});

describe('trouble', () => {
  test.each([
    [new OperationUnavailable('JetStream gives no answer'), 503, 'OPERATION_UNAVAILABLE', '2'],
    [new ActNotDone('the audit cannot be reached'), 503, 'ACT_NOT_DONE', '2'],
    [new OperationRefused('BAD_CURSOR', 'not one of ours'), 400, 'BAD_CURSOR', undefined],
    [new OperationRefused('NO_SUCH_NODE', 'there is no n9'), 404, 'NO_SUCH_NODE', undefined],
    [new OperationRefused('TOO_MANY', 'five run already'), 429, 'TOO_MANY', '2'],
  ])('of the operations: %s', async (error, status, code, retryAfter) => {
    api.operations.error = error;
    for (const { method, url, body } of ENDPOINTS.filter(({ path }) => !path.endsWith('whoami'))) {
      const answer = await api.call(method === 'POST' ? post(url, body ?? {}) : { url });
      expect(answer).toMatchObject({ status, body: { status, code, detail: error.message } });
      expect(answer.headers['retry-after']).toBe(retryAfter);
    }
  });

  test('inside the node is logged and not told', async () => {
    api.operations.error = new TypeError('the password is hunter2');
    const answer = await get('/cluster?');
    expect(answer).toMatchObject({ status: 500, body: { code: 'INTERNAL' } });
    expect(answer.text).not.toContain('hunter2');
    expect(api.logged).toMatchObject([{ level: 'error', fields: { path: '/api/v1/cluster', method: 'GET' } }]);
  });

  test('a node that is no member answers 503, but for who asks', async () => {
    await using early = trial({ operations: () => undefined, waitingFor: () => ['Zeebe: it does not answer'] });
    expect(await early.call({ url: '/api/v1/cluster' })).toMatchObject({
      status: 503,
      headers: { 'retry-after': '2' },
      body: {
        code: 'OPERATION_UNAVAILABLE',
        detail: expect.stringMatching(/node n1 .*it waits for Zeebe: it does not answer/),
      },
    });
    for (const { url, body, path } of ENDPOINTS.filter(({ method }) => method === 'POST')) {
      const answer = await early.call(post(url, { ...body, ...(path.endsWith('/redrive') && { dryRun: false }) }));
      const detail = expect.stringMatching(/node n1 .*nothing was done$/);
      expect(answer).toMatchObject({ status: 503, body: { code: 'ACT_NOT_DONE', detail } });
    }
    const preview = post('/api/v1/dead-letters/redrive', { reason: 'preview', filter: {} });
    expect(await early.call(preview)).toMatchObject({ status: 503, body: { code: 'OPERATION_UNAVAILABLE' } });
    expect(await early.call({ url: '/api/v1/whoami' })).toMatchObject({ status: 200 });
  });

  test('an answer that has more than the model shows no more than the model', async () => {
    api.operations.leaks = true;
    const { status, text } = await get('/cluster');
    expect({ status, leaks: text.includes('hunter2') }).toEqual({ status: 200, leaks: false });
  });
});
