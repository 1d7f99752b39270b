import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttpServer, type HttpServer, type Readiness } from '../../src/gateway/http/server.ts';
import { SILENT } from '../../src/gateway/log.ts';
import { PrometheusMetrics } from '../../src/gateway/prometheus-metrics.ts';
import { eventually } from '../support/eventually.ts';

let server: HttpServer;
let url: string;
let readiness: Readiness;

beforeEach(async () => {
  readiness = { ready: false, waitingFor: ['Kafka at kafka-1:9092'] };
  const metrics = new PrometheusMetrics();
  metrics.takeover();
  metrics.collectProcess();
  const address = { host: '127.0.0.1', port: 0 };
  server = createHttpServer({ address, ready: () => readiness, metrics: metrics.registry, log: SILENT });
  server.app.get('/broken', () => {
    throw new Error('the password is hunter2');
  });
  url = await server.listen();
});

afterEach(() => server.close());

test('ready says what is missing, and live does not care', async () => {
  const waiting = await fetch(`${url}/healthz/ready`);
  expect(waiting.status).toBe(503);
  expect(await waiting.json()).toEqual({ ready: false, waitingFor: ['Kafka at kafka-1:9092'] });
  expect((await fetch(`${url}/healthz/live`)).status).toBe(200);
  readiness = { ready: true, waitingFor: [] };
  const ready = await fetch(`${url}/healthz/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({ ready: true, waitingFor: [] });
});

test('metrics come as Prometheus text, with the process and its event loop', async () => {
  const answer = await fetch(`${url}/metrics`);
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const text = await answer.text();
  expect(text).toContain('holdfast_takeovers_total 1');
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d/m);
});

test('errors are problem+json and keep what is inside inside', async () => {
  const missing = await fetch(`${url}/nowhere?token=abc`);
  expect(missing.status).toBe(404);
  expect(missing.headers.get('content-type')).toContain('application/problem+json');
  expect(await missing.json()).toMatchObject({ status: 404, title: 'Not Found', detail: 'nothing is at GET /nowhere' });
  const broken = await fetch(`${url}/broken`);
  expect(broken.status).toBe(500);
  expect(await broken.text()).not.toContain('hunter2');
});

test('a body and oversized headers are refused', async () => {
  expect(await status('/metrics', { 'content-length': '3' }, 'abc')).toBe(413);
  expect(await status('/healthz/live', { 'x-long': 'a'.repeat(10_000) })).toBe(431);
});

/** The last of them is answered before its body comes. */
const BEGINNINGS = [
  'GET /healthz/live HTTP/1.1\r\nx: ',
  '',
  'POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
];

test('connections that send no whole request are closed, and only so many are taken at a time', async () => {
  const taken = 500;
  const open: Socket[] = [];
  let closed = 0;
  const { port } = new URL(url);
  for (let number = 0; number < taken + 50; number++) {
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    socket
      .resume()
      .on('error', () => undefined)
      .on('close', () => void closed++);
    socket.on('connect', () => void socket.write(BEGINNINGS[number % BEGINNINGS.length] ?? ''));
    open.push(socket);
  }
  try {
    await eventually('those beyond the limit to be closed', () => closed >= 50);
    expect(closed).toBeLessThan(taken);
    // A probe is not kept out by those who are there before it and ask nothing.
    expect((await fetch(`${url}/healthz/live`)).status).toBe(200);
    expect(closed).toBeLessThan(taken);
    await eventually('the others to be closed', () => closed === open.length, { deadlineMs: 9_000 });
    expect((await fetch(`${url}/healthz/live`)).status).toBe(200);
  } finally {
    for (const socket of open) socket.destroy();
  }
});

/** GET with a body, which fetch does not send. */
function status(path: string, headers: Record<string, string>, body = ''): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(`${url}${path}`, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    call.on('error', reject);
    call.end(body);
  });
}
