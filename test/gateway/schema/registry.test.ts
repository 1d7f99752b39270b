// What a registry may do to those who ask it, and what is remembered of its answers. The registry here is a small HTTP server
// of this test, because the point is how it fails; registry.full.test.ts has a real one.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import {
  RegistryUnavailable,
  SchemaMismatch,
  SchemaUnknown,
  SchemaUnusable,
} from '../../../src/gateway/schema/errors.ts';
import { SchemaRegistry, type SchemaSource, schemaIdOf } from '../../../src/gateway/schema/registry.ts';
import { RegistryClient } from '../../../src/gateway/schema/registry-client.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answering = (status: number, body: string): Promise<string> =>
  serve((_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body));

async function unusedUrl(): Promise<string> {
  const url = await answering(200, '');
  const server = servers.pop();
  await new Promise((resolve) => server?.close(resolve));
  return url;
}

const clientOf = (...urls: string[]) => new RegistryClient({ urls, deadlineMs: 5_000 });

test('nobody listens: unavailable, and worth another try', async () => {
  const asked = clientOf(await unusedUrl()).schema(1);
  await expect(asked).rejects.toThrow(RegistryUnavailable);
  await expect(asked).rejects.toMatchObject({ retryable: true, message: expect.stringContaining('ECONNREFUSED') });
});

test('a silent registry, and one that stops in the middle of its answer, are given up at the deadline', async () => {
  const silent = await serve(() => {});
  const halting = await serve((_, response) => {
    response.writeHead(200).write('{"schema":');
  });
  for (const url of [silent, halting]) {
    const asked = new RegistryClient({ urls: [url], deadlineMs: 100 }).schema(1);
    await expect(asked).rejects.toThrow(RegistryUnavailable);
    await expect(asked).rejects.toThrow('did not answer in time');
  }
});

test.each([
  [500, '{"error_code":50001,"message":"store"}', 'answered GET /schemas/ids/1 with 500'],
  [429, '', 'with 429'],
  [401, '{"error_code":40101}', 'refused the credentials'],
  [403, '', 'refused the credentials'],
  [404, '<html>no such page</html>', 'is this the root'],
  [404, '{"error_code":404,"message":"HTTP 404 Not Found"}', 'is this the root'],
  [200, '<html>welcome</html>', 'is this the root'],
  [200, '{"id":1}', 'none of a schema registry'],
  [200, `{"schema":"${'x'.repeat(1_100_000)}"}`, 'more than 1048576 bytes'],
])('an answer that says nothing about the schema (%i %s) is no verdict on it', async (status, body, words) => {
  const asked = clientOf(await answering(status, body)).schema(1);
  await expect(asked).rejects.toThrow(RegistryUnavailable);
  await expect(asked).rejects.toThrow(words);
});

test('the registry’s own 404 is a verdict', async () => {
  const client = clientOf(await answering(404, '{"error_code":40403,"message":"Schema not found"}'));
  await expect(client.schema(7)).rejects.toThrow(new SchemaUnknown('schema with id 7'));
  await expect(client.latestId('orders-value')).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN', retryable: false });
});

test('credentials go with every question, and names of subjects are quoted', async () => {
  const seen: unknown[] = [];
  const url = await serve(({ url, headers }, response) => {
    seen.push([url, headers.authorization]);
    response.end('{"id":3}');
  });
  expect(await new RegistryClient({ urls: [`${url}/`], userInfo: () => 'me:ü:x' }).latestId('a/b c')).toBe(3);
  expect(seen).toEqual([['/subjects/a%2Fb%20c/versions/latest', `Basic ${Buffer.from('me:ü:x').toString('base64')}`]]);
});

test('of several servers, the next one is asked, and stays the first', async () => {
  let refused = 0;
  const failing = await serve((_, response) => {
    refused++;
    response.writeHead(503).end();
  });
  const client = clientOf(failing, await answering(200, '{"id":3}'));
  expect([await client.latestId('a'), await client.latestId('b')]).toEqual([3, 3]);
  expect(refused).toBe(1);
});

test('references are fetched before those that need them, each once, and not without end', async () => {
  const refer = (...names: string[]) => names.map((name) => ({ name, subject: name, version: 1 }));
  const schemas: Record<string, object> = {
    '/schemas/ids/1': { schema: 'main', references: refer('a', 'b') },
    '/subjects/a/versions/1': { schema: 'A', references: refer('b', 'a') },
    '/subjects/b/versions/1': { schema: 'B' },
  };
  const url = await serve(({ url = '' }, response) => {
    const n = Number(/^\/subjects\/(\d+)\//.exec(url)?.[1] ?? 0);
    const endless = { schema: '', references: refer(String(n + 1)) };
    response.end(JSON.stringify(schemas[url] ?? endless));
  });
  const { type, text, references } = await clientOf(url).schema(1);
  expect({ type, text, references: references.map(({ text }) => text) }).toEqual({
    type: 'AVRO',
    text: 'main',
    references: ['B', 'A'],
  });
  await expect(clientOf(url).schema(2)).rejects.toThrow(SchemaUnusable);
});

/** Counts questions; each is answered, or fails, as the test says. */
class Source implements SchemaSource {
  asked: string[] = [];
  failure: Error | undefined;
  latest = 1;
  text = '"long"';

  async latestId(subject: string): Promise<number> {
    return this.#answer(subject, this.latest);
  }

  async schema(id: number): Promise<{ type: string; text: string; references: [] }> {
    return this.#answer(String(id), { type: id === 9 ? 'XML' : 'AVRO', text: this.text, references: [] });
  }

  #answer<T>(what: string, answer: T): T {
    this.asked.push(what);
    if (this.failure) throw this.failure;
    return answer;
  }
}

function setUp(limits = {}): { source: Source; clock: ManualClock; registry: SchemaRegistry } {
  const source = new Source();
  const clock = new ManualClock();
  return { source, clock, registry: new SchemaRegistry({ source, clock, limits }) };
}

const ONE = Buffer.from('000000000102', 'hex'); // schema 1, the long 1

test('a value begins with a zero byte and its id', async () => {
  const { registry } = setUp();
  expect(Buffer.from(await registry.encode('s', '1'))).toEqual(ONE);
  expect(await registry.decode(ONE)).toBe('1');
  expect(schemaIdOf(ONE)).toBe(1);
  for (const other of ['{"a":1}', '', '\0\0\0\0']) {
    expect(schemaIdOf(Buffer.from(other))).toBeUndefined();
    await expect(registry.decode(Buffer.from(other))).rejects.toThrow(SchemaMismatch);
  }
});

test('those who ask for the same at the same time share one question, and a schema is asked for once', async () => {
  const { source, registry } = setUp();
  expect(await Promise.all([registry.decode(ONE), registry.decode(ONE), registry.encode('s', '1')])).toHaveLength(3);
  await registry.decode(ONE);
  expect(source.asked).toEqual(['1', 's']);
});

test('the latest is asked for again after a minute, and an old one serves while the registry is away', async () => {
  const { source, clock, registry } = setUp();
  const idNow = async () => schemaIdOf(await registry.encode('s', '1'));
  expect(await idNow()).toBe(1);
  source.latest = 2;
  await clock.advance(59_000);
  expect(await idNow()).toBe(1);
  await clock.advance(2_000);
  expect(await idNow()).toBe(2);
  await clock.advance(61_000);
  source.failure = new RegistryUnavailable('http://x', 'is away');
  source.asked = [];
  expect([await idNow(), await idNow()]).toEqual([2, 2]);
  expect(source.asked).toEqual(['s']);
  await expect(registry.encode('other', '1')).rejects.toThrow(RegistryUnavailable);
  source.failure = undefined;
  source.latest = 3;
  await clock.advance(11_000);
  expect(await idNow()).toBe(3);
});

test('that it is away is not remembered; that something is unknown is, for ten seconds', async () => {
  const { source, clock, registry } = setUp();
  source.failure = new RegistryUnavailable('http://x', 'is away');
  await expect(registry.decode(ONE)).rejects.toThrow(RegistryUnavailable);
  source.failure = new SchemaUnknown('schema with id 1');
  await expect(registry.decode(ONE)).rejects.toThrow(SchemaUnknown);
  source.failure = undefined;
  await expect(registry.decode(ONE)).rejects.toThrow(SchemaUnknown);
  expect(source.asked).toEqual(['1', '1']);
  await clock.advance(10_001);
  expect(await registry.decode(ONE)).toBe('1');
});

test('a subject that is gone does not serve on', async () => {
  const { source, clock, registry } = setUp();
  await registry.encode('s', '1');
  source.failure = new SchemaUnknown('subject s');
  await clock.advance(61_000);
  await expect(registry.encode('s', '1')).rejects.toThrow(SchemaUnknown);
  source.failure = new RegistryUnavailable('http://x', 'is away');
  await clock.advance(11_000);
  await expect(registry.encode('s', '1')).rejects.toThrow(RegistryUnavailable);
});

test('the least recently used schema goes when there are too many', async () => {
  const { source, registry } = setUp({ maxSchemas: 2 });
  for (const id of [1, 2, 1, 3, 1, 2]) await registry.encodeWith(id, '1');
  expect(source.asked).toEqual(['1', '2', '3', '2']);
});

test('what went wrong is said with the schema, the place, what was found and what is expected', async () => {
  const { source, registry } = setUp();
  await expect(registry.encode('orders-value', '"x"')).rejects.toMatchObject({
    code: 'SCHEMA_MISMATCH',
    retryable: false,
    path: '',
    found: 'a text of 1 character',
    message:
      'the value does not fit schema 1, the latest of subject orders-value: it is a text of 1 character, expected a 64-bit integer (-2^63 to 2^63 - 1)',
  });
  await expect(registry.decode(ONE.subarray(0, 5))).rejects.toThrow('does not fit schema 1: it is bytes that Avro');
  await expect(registry.decode(Buffer.from('00ffffffff02', 'hex'))).rejects.toThrow(SchemaUnknown);
  await expect(registry.encodeWith(9, '1')).rejects.toThrow('schema 9 cannot be used: its type is XML');
  source.text = '{"type":"record"}';
  await expect(registry.encodeWith(5, '1')).rejects.toThrow(SchemaUnusable);
});
