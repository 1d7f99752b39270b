// The secret that lets traces in to their receiver: from a file, which may change while the process runs, and in no log.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { JobKey } from '../../src/actors/ids.ts';
import { loadConfig } from '../../src/gateway/config/config.ts';
import type { Fault } from '../../src/gateway/config/faults.ts';
import { EnvReader } from '../../src/gateway/config/secret.ts';
import { createLog } from '../../src/gateway/log.ts';
import { SystemClock } from '../../src/gateway/system-clock.ts';
import { headersGiven, headersSource } from '../../src/gateway/telemetry/headers.ts';
import { startTracing } from '../../src/gateway/telemetry/start.ts';
import { HELD } from '../actors/snapshot-samples.ts';
import { eventually } from '../support/eventually.ts';

test('headers of the receiver come from a file, as it is when a batch is sent, and from none that is gone', async () => {
  const keys: (string | undefined)[] = [];
  const receiver = createServer((request, response) => {
    keys.push(`${request.headers['api-key']} ${request.headers['x-tenant']}`);
    request.resume().once('end', () => response.end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void receiver.close());
  const env = {
    NATS_URL: 'nats://127.0.0.1:4222',
    KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_HEADERS_FILE: 'key',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-tenant=a%2Cb',
  };
  const files: Record<string, string> = {
    'holdfast.yaml': 'cluster: orders\nroutes: [{ jobType: charge-card, requestTopic: payments }]',
    key: 'api-key=first-secret, x-tenant=weaker\n',
  };
  const readFile = (path: string) => {
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return content;
  };
  const { traces } = loadConfig(env, readFile, 'n1');
  if (traces === undefined) throw new Error('no traces');
  // The SDK reads where they go by itself.
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', env.OTEL_EXPORTER_OTLP_ENDPOINT);
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20');
  onTestFinished(() => void vi.unstubAllEnvs());
  const lines: string[] = [];
  const log = createLog('debug', {}, { write: (line) => void lines.push(line) });
  const names = { cluster: 'orders', node: 'n1', replyTopic: 'r', replyGroup: 'g' };
  const tracing = startTracing(traces, names, { clock: new SystemClock(), log });
  onTestFinished(() => tracing.stop());

  const sent = async () => {
    const before = keys.length;
    tracing.step({ kind: 'held', jobKey: '7' as JobKey, snapshot: HELD, fromMs: 1, toMs: 2 });
    await eventually('a batch to arrive', () => keys.length > before, { diagnose: () => lines });
    return keys.at(-1);
  };
  expect(await sent()).toBe('first-secret a,b');
  files.key = 'api-key=second-secret';
  expect(await sent()).toBe('second-secret a,b');
  delete files.key;
  expect(await sent()).toBe('second-secret a,b');
  expect(lines.join()).toContain('OTEL_EXPORTER_OTLP_HEADERS_FILE: found no file key');
  expect(lines.join()).not.toMatch(/first-secret|second-secret/);
  expect(JSON.stringify(traces)).not.toMatch(/secret/);
});

test.each([
  ['a%0d%0ax-admin: yes', 'the header x-token with a character that no header may have'],
  ['a%00b', 'the header x-token with a character that no header may have'],
  ['%E2%82%AC', 'the header x-token with a character that no header may have'],
  ['hush-hush%zz', 'the header x-token with a % that begins no character'],
])('a header that cannot be sent once it is decoded is a fault, named without its value: %s', (value, found) => {
  const given = `api-key=hush-hush,x-token=${value}`;
  const base = { NATS_URL: 'nats://127.0.0.1:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092' };
  const yaml = 'cluster: orders\nroutes: [{ jobType: charge-card, requestTopic: payments }]';
  const files: Record<string, string> = { 'holdfast.yaml': yaml, key: given };
  const readFile = (path: string) => files[path] ?? '';
  for (const [setting, as] of [
    ['OTEL_EXPORTER_OTLP_HEADERS', given],
    ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', given],
    ['OTEL_EXPORTER_OTLP_HEADERS_FILE', 'key'],
  ] as const) {
    const fault = thrownBy(() => loadConfig({ ...base, [setting]: as }, readFile, 'n1'));
    expect(fault).toContain(setting);
    expect(fault).toContain(found);
    expect(fault).not.toMatch(/hush|admin|%0|%zz/);
  }
});

test('a header that cannot be sent does not come out of a file that changed either; the one before stands', async () => {
  let content = 'x-token=first';
  const faults: Fault[] = [];
  const source = { env: { OTEL_EXPORTER_OTLP_HEADERS_FILE: 'key' }, readFile: () => content };
  const told: string[] = [];
  const headers = headersSource(headersGiven(new EnvReader(source, faults)), (reason) => told.push(reason));
  expect(await headers()).toEqual({ 'x-token': 'first' });
  content = 'x-token=hush%0d%0ahush';
  expect(await headers()).toEqual({ 'x-token': 'first' });
  expect(told).toEqual([expect.stringContaining('key with the header x-token with a character')]);
  expect(told.join()).not.toContain('hush');
  content = 'x-token=Stra%C3%9Fe%2C1';
  expect(await headers()).toEqual({ 'x-token': 'Straße,1' });
});

function thrownBy(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return String(error);
  }
  throw new Error('nothing was thrown');
}
