// Addresses that do not answer, answer late, or are no holdfast: which one is asked next, what is never asked twice, and how
// that ends. The servers here are made for it; what a real API says is in operator.test.ts.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { EXIT } from '../../../src/gateway/cli/exit.ts';
import { createHttpServer } from '../../../src/gateway/http/server.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import { PrometheusMetrics } from '../../../src/gateway/prometheus-metrics.ts';
import { holdfast } from './running.ts';

const WHOAMI = JSON.stringify({
  name: 'ann',
  role: 'viewer',
  payloads: false,
  cluster: 'c',
  node: 'n1',
  version: '1.0.0',
});
const ACT = JSON.stringify({ auditId: 'a1', result: 'done', detail: 'well' });
const RESEND = ['job', '7', 'resend', '--reason', 'ticket 4711'];
/** Nobody listens there: the port is reserved. */
const NOBODY = 'http://127.0.0.1:1';

const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    if (server instanceof http.Server) server.closeAllConnections();
  }
});

async function listen(server: net.Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server of one answer, and the requests that it got. */
async function answering(status: number, body: string, headers: http.OutgoingHttpHeaders = {}) {
  const requests: { readonly line: string; readonly authorization: string | undefined }[] = [];
  const url = await listen(
    http.createServer((request, response) => {
      requests.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization });
      response.writeHead(status, headers).end(body);
    }),
  );
  return { url, requests };
}

/** Takes requests and never answers. */
async function silent() {
  const requests: string[] = [];
  const url = await listen(http.createServer((request) => requests.push(`${request.method} ${request.url}`)));
  return { url, requests };
}

/** Takes a request and closes the connection. */
async function hangingUp() {
  let count = 0;
  const url = await listen(
    net.createServer((socket) => {
      socket.once('data', () => {
        count += 1;
        socket.destroy();
      });
    }),
  );
  return { url, count: () => count };
}

const at = (...urls: string[]) => ({ env: { HOLDFAST_API_URL: urls.join(',') } });

test('a question goes to the next address when one refuses, is silent, hangs up or has no answer now', async () => {
  const [good, mute, closing] = [await answering(200, WHOAMI), await silent(), await hangingUp()];
  const away = await answering(503, '{"title":"Service Unavailable","detail":"no member"}');
  const limited = await answering(429, '{"title":"Too Many Requests"}');
  const urls = at(NOBODY, mute.url, closing.url, away.url, limited.url, good.url);
  const { code, out } = await holdfast(['whoami', '--json', '--timeout', '200ms'], urls);
  expect({ code, out }).toEqual({ code: 0, out: `${WHOAMI}\n` });
  expect(good.requests).toHaveLength(1);
});

test('when none answers, each is named with its reason', async () => {
  const [mute, closing] = [await silent(), await hangingUp()];
  const { code, err } = await holdfast(
    ['whoami', '--timeout', '200ms'],
    at(NOBODY, mute.url, closing.url, 'http://no.invalid'),
  );
  expect(err).toContain('127.0.0.1:1: nobody listens there (ECONNREFUSED)');
  expect(err).toContain(`${new URL(mute.url).host}: no answer within 0.2 s`);
  expect(err).toMatch(new RegExp(`${new URL(closing.url).host}: .*(ECONNRESET|hang up)`));
  expect(err).toContain('no.invalid: the name cannot be resolved');
  expect(code).toBe(EXIT.unreachable);
});

test('an act goes to the next address only while it has not left', async () => {
  const good = await answering(200, ACT);
  expect(await holdfast(RESEND, at(NOBODY, good.url))).toMatchObject({ code: 0, out: 'done: well (audit a1)\n' });
  expect(good.requests.map(({ line }) => line)).toEqual(['POST /api/v1/jobs/7/resend']);
});

test('an act that was sent and not answered is not sent again, and may have been done', async () => {
  const good = await answering(200, ACT);
  const [mute, closing] = [await silent(), await hangingUp()];
  const broken = await answering(500, '{"title":"Internal Server Error","detail":"its log says why"}');
  for (const { url } of [mute, closing, broken]) {
    const { code, err } = await holdfast([...RESEND, '--timeout', '300ms'], at(url, good.url));
    expect(err).toMatch(/whether it was done is not known[\s\S]*"holdfast audit"/);
    expect(code).toBe(EXIT.unknown);
  }
  expect(mute.requests).toHaveLength(1);
  expect(closing.count()).toBe(1);
  expect(good.requests).toEqual([]);
});

test('an act that nobody looked at, for lack of room or of who could say who asks, or that could not be audited, was not done', async () => {
  const limited = await answering(429, '{"title":"Too Many Requests","detail":"ask again","code":"RATE_LIMITED"}');
  const unsure = await answering(
    503,
    '{"title":"Service Unavailable","detail":"x","code":"AUTHENTICATION_UNAVAILABLE"}',
  );
  const unaudited = await answering(503, '{"title":"Service Unavailable","detail":"x","code":"ACT_NOT_DONE"}');
  for (const { url } of [limited, unsure, unaudited]) {
    const { code, err } = await holdfast(RESEND, at(url));
    expect(code).toBe(EXIT.unreachable);
    // The address is right.
    expect(err).not.toContain('HOLDFAST_API_URL');
  }
});

test('the token goes along and is never shown; a redirect is not followed with it', async () => {
  const elsewhere = await answering(200, WHOAMI);
  const moved = await answering(302, '', { location: `${elsewhere.url}/api/v1/whoami` });
  const { code, err, out } = await holdfast(['whoami'], {
    env: { ...at(moved.url).env, HOLDFAST_API_TOKEN: 'geheim' },
  });
  expect(moved.requests).toEqual([{ line: 'GET /api/v1/whoami', authorization: 'Bearer geheim' }]);
  expect(elsewhere.requests).toEqual([]);
  expect(err).toContain('answered 302, and not as a holdfast API does');
  expect(err + out).not.toContain('geheim');
  expect(code).toBe(EXIT.failed);
});

test('a missing token is said with where to put it', async () => {
  const { url } = await answering(401, '{"title":"Unauthorized","detail":"there is no header Authorization"}');
  const { code, err } = await holdfast(['whoami'], at(url));
  expect(err).toContain('there is no header Authorization\n  Set HOLDFAST_API_TOKEN');
  expect(code).toBe(EXIT.failed);
});

test('what is no holdfast API is named as that, and its page is not printed', async () => {
  for (const [status, body] of [
    [200, '<html>hello</html>'],
    [404, '<html>hello</html>'],
    [200, '{"name":"ann"}'],
  ] as const) {
    const { url } = await answering(status, body);
    const { code, err, out } = await holdfast(['whoami'], at(url));
    expect(err).toMatch(/answered|is not of the form that this version reads/);
    expect(err).not.toContain('hello');
    expect({ code, out }).toEqual({ code: EXIT.failed, out: '' });
  }
});

test('the health listener, taken for the API, is named as what it is', async () => {
  const address = { host: '127.0.0.1', port: 0 };
  const ready = () => ({ ready: true, waitingFor: [] });
  const health = createHttpServer({ address, ready, metrics: new PrometheusMetrics().registry, log: SILENT });
  const url = await health.listen();
  try {
    for (const json of [[], ['--json']]) {
      const { code, out, err } = await holdfast(['whoami', '--url', url, ...json]);
      expect(err).toBe(
        'holdfast: Not Found: nothing is at GET /api/v1/whoami\n' +
          `  ${new URL(url).host} is not the API: is it the health listener (HOLDFAST_HTTP, port 8090)? The API is at HOLDFAST_API (port 8091).\n`,
      );
      // A script must not take its problem for the API's.
      expect({ code, out }).toEqual({ code: EXIT.failed, out: '' });
    }
  } finally {
    await health.close();
  }
});

test('a problem cannot write to the terminal', async () => {
  const problem = { title: 'Not Found', detail: '\u001b[2Jgone', code: 'NOT_FOUND' };
  const { url } = await answering(404, JSON.stringify(problem));
  const { err } = await holdfast(['whoami'], at(url));
  expect(err).toBe('holdfast: Not Found: \\x1b[2Jgone (NOT_FOUND)\n');
});

test('an answer without an end is cut off', async () => {
  const chunk = Buffer.alloc(1024 * 1024, 0x20);
  const url = await listen(
    http.createServer((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    }),
  );
  const { code, err } = await holdfast(['whoami'], at(url));
  expect(err).toContain('an answer of more than 32 MiB');
  expect(code).toBe(EXIT.unreachable);
});

test('pages wait for a node that asks to be asked later', async () => {
  const asked: number[] = [];
  const url = await listen(
    http.createServer((_request, response) => {
      asked.push(performance.now());
      if (asked.length === 1) response.writeHead(429, { 'retry-after': '1' }).end('{"title":"Too Many Requests"}');
      else response.end('{"missing":[],"jobs":[],"next":null}');
    }),
  );
  expect(await holdfast(['jobs', '--all'], at(url))).toEqual({ code: 0, out: 'no jobs\n', err: '' });
  expect(asked[1]! - asked[0]!).toBeGreaterThan(990);
});
