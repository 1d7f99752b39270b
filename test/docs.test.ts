// What docs/configuration.md and docs/services.md say in tables is what the code has: names, allowed values, defaults, reasons.
// The configuration is asked from outside: for an unknown setting it names those that it knows, for a wrong value what is
// allowed, and a file that spells out every default has to mean what a file without them means.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DeadLetterReason } from '../src/actors/messages.ts';
import { ConfigError, loadConfig } from '../src/gateway/config/config.ts';
import { PROBLEMS } from '../src/gateway/http/api/problem.ts';

interface Row {
  readonly setting: string;
  /** As YAML, or in words. */
  readonly default: string;
  readonly allowed: string;
}

const docs = join(import.meta.dirname, '..', 'docs');
const SERVERS = {
  NATS_URL: 'nats://127.0.0.1:4222',
  KAFKA_BOOTSTRAP_SERVERS: 'kafka-1:9092',
  SCHEMA_REGISTRY_URL: 'http://registry:8081',
};
const ROUTE = { jobType: 'charge-card', requestTopic: 'payments' };

type Settings = Readonly<Record<string, string>>;

interface Place {
  readonly place: string;
  /** Its tables. */
  readonly headings: readonly string[];
  readonly required: Settings;
  /** A file with these settings there, as YAML. */
  readonly file: (settings: Settings) => string;
}

const routes = `[{${block(ROUTE, ', ')}}]`;
const rest = `cluster: orders\nroutes: ${routes}\n`;
const PLACES: readonly Place[] = [
  {
    place: 'the top',
    headings: ['The cluster'],
    required: { cluster: 'orders' },
    file: (settings) => block({ routes, ...settings }, '\n'),
  },
  {
    place: 'routes[]',
    headings: ['Routes', 'Calls'],
    required: ROUTE,
    file: (settings) => `cluster: orders\nroutes:\n  - ${block(settings, '\n    ')}`,
  },
  {
    place: 'template',
    headings: ['Template', 'Calls'],
    required: {},
    file: (settings) => `cluster: orders\ntemplate:\n  ${block(settings, '\n  ')}`,
  },
  {
    place: 'headerNames',
    headings: ['headerNames'],
    required: {},
    file: (settings) => `${rest}headerNames:\n  ${block(settings, '\n  ')}`,
  },
  {
    place: 'requestSchema',
    headings: ['requestSchema'],
    required: { subject: 'orders-value' },
    file: (settings) =>
      `cluster: orders\nroutes:\n  - ${block({ ...ROUTE, requestSchema: `{${block(settings, ', ')}}` }, '\n    ')}`,
  },
  {
    place: 'secrets[]',
    headings: ['Secrets'],
    required: { id: 'k1', key: 'c'.repeat(24) },
    file: (settings) => `${rest}secrets:\n  - ${block(settings, '\n    ')}`,
  },
];

describe('docs/configuration.md', () => {
  const tables = tablesOf(readFileSync(join(docs, 'configuration.md'), 'utf8'));
  const rowsOf = ({ headings }: Place) => headings.flatMap((heading) => tables.get(heading) ?? []);

  test.each(PLACES)('$place: names the settings that there are', (place) => {
    const { required, file } = place;
    const [unknown] = faultsOf(file({ ...required, zzzzzzzzzzzzzzzzzzzzzzzz: '1' }));
    expect(rowsOf(place).map(nameOf).toSorted()).toEqual(unknown?.allowed.split(', ').toSorted());
  });

  test.each(PLACES)('$place: says what is allowed', (place) => {
    const { required, file } = place;
    for (const { setting, allowed } of rowsOf(place)) {
      // One of the two is wrong for any setting.
      const faults = ['{}', '1'].flatMap((value) => faultsOf(file({ ...required, [setting]: value })));
      expect(`${setting}: ${allowed}`).toBe(`${setting}: ${faults.find((fault) => endOf(fault) === setting)?.allowed}`);
    }
  });

  test.each(PLACES)('$place: says what is required', (place) => {
    const { required, file } = place;
    expect(faultsOf(file(required))).toEqual([]);
    const said = rowsOf(place).filter((row) => row.default === 'required');
    expect(said.map(nameOf).toSorted()).toEqual(Object.keys(required).toSorted());
    for (const setting of Object.keys(required)) {
      const { [setting]: _, ...others } = required;
      const faults = faultsOf(file({ ...others, zzzzzzzzzzzzzzzzzzzzzzzz: '1' }));
      expect(faults.filter(({ found }) => found === 'nothing').map(endOf)).toEqual([setting]);
    }
  });

  test.each(PLACES)('$place: gives the defaults', (place) => {
    const { required, file } = place;
    const spelledOut = { ...required, ...defaultsOf(rowsOf(place)) };
    expect(loadConfig(SERVERS, () => file(spelledOut), 'node')).toEqual(
      loadConfig(SERVERS, () => file(required), 'node'),
    );
  });

  test('the environment: names, what is allowed, what is required, defaults', () => {
    const rows = tables.get('Environment') ?? [];
    const asked = new Set<string>();
    // A password may be anything, but on one line.
    const wrong = new Proxy({}, { get: (_, name) => asked.add(String(name)) && '§\u0001' });
    const unreadable = () => {
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    };
    const said = ({ setting, allowed }: { setting: string; allowed: string }) => `${setting}: ${allowed}`;
    expect(rows.map(said).toSorted()).toEqual(faultsOf('', wrong, unreadable).map(said).toSorted());
    expect(rows.map(nameOf).toSorted()).toEqual([...asked].toSorted());

    const missing = faultsOf(rest, {}).map(nameOf);
    expect(
      rows
        .filter((row) => row.default === 'required')
        .map(nameOf)
        .toSorted(),
    ).toEqual(missing.toSorted());

    const load = (env: Settings) => {
      const paths: string[] = [];
      const readFile = (path: string) => {
        paths.push(path);
        return rest;
      };
      return { config: loadConfig({ ...SERVERS, ...env }, readFile, 'node'), paths };
    };
    expect(load(defaultsOf(rows))).toEqual(load({}));
  });
});

test('docs/services.md explains every reason of a dead letter, and no other', () => {
  const reasons: Readonly<Record<DeadLetterReason, true>> = {
    ...{ 'not-json': true, 'not-object': true, malformed: true, 'too-large': true, refused: true, schema: true },
    ...{ 'no-id': true, forged: true, unknown: true, late: true, unreadable: true },
  };
  const document = readFileSync(join(docs, 'services.md'), 'utf8');
  const head = '| `holdfast-reason` | the reply |';
  const [table = ''] = document.slice(document.indexOf(head) + head.length).split('\n\n');
  const explained = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, reason]) => reason);
  expect(explained.toSorted()).toEqual(Object.keys(reasons).toSorted());
});

test('docs/errors.md explains every problem code of the API with its status, and no other', () => {
  const document = readFileSync(join(docs, 'errors.md'), 'utf8');
  const explained = [...document.matchAll(/^\| (\d{3}) \| `([A-Z_]+)` \|/gm)].map(
    ([, status, code]) => `${code} ${status}`,
  );
  const known = Object.entries(PROBLEMS).map(([code, status]) => `${code} ${status}`);
  expect(explained.toSorted()).toEqual(known.toSorted());
});

/** The rows of each table, by the heading of the second level above it. */
function tablesOf(document: string): Map<string, Row[]> {
  const sections = document.split(/^## /m).slice(1);
  return new Map(sections.map((section) => [section.slice(0, section.indexOf('\n')), rowsIn(section)]));
}

function rowsIn(section: string): Row[] {
  const rows = section.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \|/gm);
  return [...rows].map(([, setting = '', otherwise = '', allowed = '']) => ({ setting, default: otherwise, allowed }));
}

/** Those that are written as one would write them into the file. */
function defaultsOf(rows: readonly Row[]): Settings {
  const written = rows.filter((row) => row.default.startsWith('`'));
  return Object.fromEntries(written.map((row) => [row.setting, row.default.slice(1, -1)]));
}

function nameOf({ setting }: { readonly setting: string }): string {
  return setting;
}

function endOf({ setting }: { readonly setting: string }): string {
  return setting.split('.').at(-1) ?? '';
}

function block(settings: Settings, between: string): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}: ${value}`);
  return lines.length === 0 ? '{}' : lines.join(between);
}

function faultsOf(yaml: string, env: object = SERVERS, readFile: () => string = () => yaml): ConfigError['faults'] {
  try {
    loadConfig(env as Settings, readFile, 'node');
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

test('docs/page.md has the keys that the page has', () => {
  const page = readFileSync(join(docs, '../src/gateway/http/page/browser/app.ts'), 'utf8');
  const [, list = ''] = /^const KEYS = \[\n([\s\S]*?)^\] as const/m.exec(page) ?? [];
  const has = [...list.matchAll(/^ {2}\['([^']+)', (?:'([^']+)'|"([^"]+)")\],$/gm)].map(([, key, a, b]) => [
    key,
    a ?? b,
  ]);
  const said = [...readFileSync(join(docs, 'page.md'), 'utf8').matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)];
  expect(has.length).toBeGreaterThan(4);
  expect(said.map(([, key, what]) => [key, what])).toEqual(has);
});
