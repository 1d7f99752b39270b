// The OpenAPI document says what the server does: every path and no other, each with its role, its parameters, its problems
// and its security. docs/openapi.json is that document; `node --run openapi` writes it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROBLEMS } from '../../../src/gateway/http/api/problem.ts';
import type { OperationRefused } from '../../../src/gateway/operations/operations.ts';
import { productVersion } from '../../../src/gateway/product.ts';
import { ENDPOINTS } from './endpoints.ts';
import { BY_ROLE, IDENTITY, post, type Trial, trial } from './trial-server.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, Answer>>;
  readonly 'x-role': string;
}

interface Answer {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: { readonly $ref: string } }>>;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly tags: readonly { readonly name: string }[];
  readonly security: readonly object[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly securitySchemes: object };
}

let api: Trial;
let document: Document;
beforeAll(async () => {
  api = trial({ authentication: BY_ROLE, identity: { ...IDENTITY, version: productVersion() } });
  document = (await api.call({ url: '/api/v1/openapi.json' })).body as unknown as Document;
});
afterAll(() => api[Symbol.asyncDispose]());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

test('anybody may read it, and docs/openapi.json is it', async () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.info.version).toBe(productVersion());
  const file = join(import.meta.dirname, '../../../docs/openapi.json');
  await expect(`${JSON.stringify(document, undefined, 1)}\n`).toMatchFileSnapshot(file);
});

test('it has every path with its role, and no other', () => {
  const told = operations().map(({ path, method, operation }) => `${method} ${path} ${operation['x-role']}`);
  expect(told.toSorted()).toEqual(ENDPOINTS.map(({ method, path, role }) => `${method} ${path} ${role}`).toSorted());
});

test('each operation has a name of its own, a summary, a known tag, and its path parameters', () => {
  const tags = document.tags.map(({ name }) => name);
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ENDPOINTS.length);
  for (const { path, operation } of operations()) {
    expect(operation.summary).toMatch(/^[A-Z]/);
    expect(tags).toEqual(expect.arrayContaining([...operation.tags]));
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    expect(inPath.toSorted()).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).toSorted());
  }
});

test('every problem code is told of somewhere, and every act asks for JSON', () => {
  const described = operations().flatMap(({ operation }) => Object.values(operation.responses));
  const codes = new Set(described.flatMap(({ description }) => description.match(/\b[A-Z]+(_[A-Z]+)*\b/g) ?? []));
  // Those are of paths and methods that are not in it.
  const elsewhere = ['METHOD_NOT_ALLOWED'];
  expect(Object.keys(PROBLEMS).filter((code) => !codes.has(code))).toEqual(elsewhere);
  for (const { method, operation } of operations()) {
    const types = Object.keys(operation.requestBody?.content ?? {});
    expect(types).toEqual(method === 'POST' ? ['application/json'] : []);
    expect(Object.keys(operation.responses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '429', '503']),
    );
  }
});

/** Who throws it, by operationId. */
const REFUSED: Readonly<Record<OperationRefused['code'], readonly string[]>> = {
  BAD_CURSOR: ['listJobs', 'listOutcomes', 'listAudit', 'listDeadLetters'],
  NO_SUCH_NODE: ['listJobs', 'drainNode', 'resumeNode', 'seeRedrive', 'stopRedrive'],
  TOO_MANY: ['listJobs', 'listOutcomes', 'listAudit', 'listDeadLetters', 'seeDeadLetter', 'redriveDeadLetters'],
  UNREADABLE: ['seeJob'],
};

test.each(Object.entries(REFUSED))('%s is told of by each path whose operation throws it, and no other', (code, by) => {
  const told = operations().filter(({ operation }) => {
    const { description = '' } = operation.responses[PROBLEMS[code as OperationRefused['code']]] ?? {};
    return new RegExp(`\\b${code}\\b`).test(description);
  });
  expect(told.map(({ operation }) => operation.operationId).toSorted()).toEqual([...by].toSorted());
});

test('the schemas are valid, every reference leads somewhere, and real answers are as they say', async () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addSchema({ $id: 'doc', components: document.components });
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '');
  expect(references.length).toBeGreaterThan(ENDPOINTS.length);
  for (const reference of references) {
    expect(reference).toMatch(/^#\/components\/schemas\/[A-Z]\w+$/);
    expect(Object.keys(document.components.schemas)).toContain(reference.split('/').at(-1));
  }
  for (const { operation } of operations()) for (const { schema } of operation.parameters ?? []) ajv.compile(schema);
  for (const { method, url, path, body } of ENDPOINTS) {
    const responses = document.paths[path]?.[method.toLowerCase()]?.responses ?? {};
    const check = (status: number, type: string, answer: object) => {
      const reference = responses[status]?.content[type]?.schema.$ref ?? `no schema of ${status}`;
      const isValid = ajv.validate({ $ref: `doc${reference}` }, answer);
      expect({ path, status, faults: isValid ? [] : ajv.errors }).toEqual({ path, status, faults: [] });
    };
    const asked = { url, headers: { authorization: 'Bearer admin' } };
    const good = await api.call(method === 'POST' ? post(url, body ?? {}, 'admin') : asked);
    check(200, 'application/json', good.body);
    api.operations.result = 'wrongState';
    const bad = await api.call(method === 'POST' ? post(url, body ?? {}, 'admin') : { url });
    api.operations.result = 'done';
    if (bad.status !== 200) check(bad.status, 'application/problem+json', bad.body);
  }
});

test('it says how to be let in, and that on loopback nobody may have to be', () => {
  expect(document.components.securitySchemes).toMatchObject({ token: { type: 'http', scheme: 'bearer' } });
  expect(document.security).toEqual([{ token: [] }, {}]);
});

test('docs/api.md lists every path with its role and its operation', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/api.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(GET|POST) (\S+)` \| (\w+) \| (.*) \|$/gm)].map(
    ([, method, path, role]) => `${method} ${path} ${role}`,
  );
  const told = ENDPOINTS.map(({ method, path, role }) => `${method} ${path} ${role}`);
  expect(rows.toSorted()).toEqual(told.toSorted());
});
