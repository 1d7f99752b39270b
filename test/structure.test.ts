// Holds what the layout promises: imports go one way (gateway → cluster → actors), the inner layers know nothing of the
// servers at the edges, and nobody but an adapter looks at the clock, sets a timer or throws dice, so that a whole
// cluster can run in one process in virtual time. Each check also has to catch a sample that is bad on purpose.
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Source {
  /** Relative to the repository, with forward slashes. */
  readonly file: string;
  readonly text: string;
}

const root = join(import.meta.dirname, '..');

const sources: readonly Source[] = globSync('src/**/*.ts', { cwd: root }).map((file) => ({
  file: file.replaceAll('\\', '/'),
  text: readFileSync(join(root, file), 'utf8'),
}));

/** What a layer must not import: folders of src, and modules by name. */
const walls = [
  {
    layer: 'src/actors/',
    folders: ['src/cluster/', 'src/gateway/'],
    modules:
      /^(@nats-io\/|nats$|kafkajs|@platformatic\/kafka|@grpc\/|@camunda8?\/|zeebe-|(node:)?https?2?$|(node:)?net$|fastify|@fastify\/)/,
  },
  {
    layer: 'src/cluster/',
    folders: ['src/gateway/'],
    modules: /^(kafkajs|@platformatic\/kafka|@grpc\/|@camunda8?\/|zeebe-|(node:)?https?2?$|fastify|@fastify\/)/,
  },
] as const;

/** Adapters: the only files that may touch real time and randomness. */
const adapters =
  /^src\/(cluster\/nats\/|gateway\/(kafka\/|cli\/|http\/|system[^/]*\.ts$|zeebe\/(client|gateway-calls)[^/]*\.ts$))/;

const impure =
  /\b(Date\.now|Math\.random|performance\.now|process\.hrtime|set(Timeout|Interval|Immediate))\b|\bnew Date\(\)|['"](node:)?timers(\/promises)?['"]/;

describe('the layout', () => {
  test('there are sources in each layer', () => {
    for (const layer of ['actors', 'cluster', 'gateway']) {
      expect(sources.filter(({ file }) => file.startsWith(`src/${layer}/`))).not.toEqual([]);
    }
  });

  test('imports go one way, and inner layers know no server', () => {
    expect(sources.flatMap(forbiddenImports)).toEqual([]);
  });

  test('no file needs itself, by whatever way round: each can be read before those that use it', () => {
    expect(circleAmong(sources)).toBeUndefined();
  });

  test('only adapters use real time and randomness', () => {
    expect(sources.flatMap(impurities)).toEqual([]);
  });

  test('source files import nothing from tests, benchmarks or deployment', () => {
    const outside = sources.flatMap(({ file, text }) =>
      importsOf(text)
        .map((name) => targetOf(file, name))
        .filter((target) => /^(test|bench|deploy|\.\.)\//.test(target))
        .map((target) => `${file} imports ${target}`),
    );
    expect(outside).toEqual([]);
  });
});

describe('the checks catch', () => {
  test.each([
    ['src/actors/a.ts', `import { x } from '../cluster/ports.ts';`],
    ['src/actors/a.ts', `import type { X } from "../gateway/ports.ts";`],
    ['src/actors/deep/a.ts', `export * from '../../cluster/ports.ts';`],
    ['src/actors/a.ts', `import {\n  a,\n  b,\n} from '@nats-io/kv';`],
    ['src/actors/a.ts', `const kafka = await import('kafkajs');`],
    ['src/actors/a.ts', `import 'node:http2';`],
    ['src/actors/a.ts', `import fastify from 'fastify';`],
    ['src/actors/a.ts', `import { Camunda8 } from '@camunda8/sdk';`],
    ['src/actors/a.ts', `const url = 'http://x'; import { credentials } from '@grpc/grpc-js';`],
    ['src/cluster/a.ts', `import { x } from '../gateway/ports.ts';`],
    ['src/cluster/nats/a.ts', `import { Kafka } from 'kafkajs';`],
  ])('a wrong import: %s: %s', (file, text) => {
    expect(forbiddenImports({ file, text })).toHaveLength(1);
  });

  test.each([
    ['src/actors/a.ts', `import { x } from './ports.ts';`],
    ['src/cluster/a.ts', `import { x } from '../actors/ports.ts';`],
    ['src/cluster/nats/a.ts', `import { connect } from '@nats-io/transport-node';`],
    ['src/gateway/a.ts', `import { x } from '../cluster/ports.ts';`],
    ['src/actors/a.ts', `// as in: import { x } from '../gateway/ports.ts';`],
    ['src/actors/a.ts', `/* export * from 'kafkajs' */`],
  ])('but not a right one: %s: %s', (file, text) => {
    expect(forbiddenImports({ file, text })).toEqual([]);
  });

  test.each([
    [`import type { B } from './b.ts';`, `import { C } from './deep/c.ts';`, `import { A } from '../a.ts';`],
    [`import { B } from './b.ts';`, `export type { A } from './a.ts';`, ''],
  ])('a circle: %s, %s, %s', (a, b, c) => {
    const found = circleAmong([
      { file: 'src/c.ts', text: '' },
      { file: 'src/a.ts', text: a },
      { file: 'src/b.ts', text: b },
      { file: 'src/deep/c.ts', text: c },
    ]);
    expect(found?.at(0)).toBe('src/a.ts');
    expect(found?.at(-1)).toBe('src/a.ts');
  });

  test('but not two ways to the same file', () => {
    const ways = [`import { B } from './b.ts'; import { C } from './c.ts';`, `import { C } from './c.ts';`, ''];
    expect(circleAmong(ways.map((text, i) => ({ file: `src/${'abc'[i]}.ts`, text })))).toBeUndefined();
  });

  test.each([
    ['src/actors/a.ts', 'const now = Date.now();'],
    ['src/cluster/a.ts', 'setTimeout(() => {}, 1);'],
    ['src/cluster/a.ts', `const docs = 'https://x'; const at = new Date();`],
    ['src/cluster/natsy.ts', 'const now = Date.now;'],
    ['src/gateway/a.ts', 'const jitter = Math.random() * 2;'],
    ['src/gateway/zeebe/intake.ts', 'const at = performance.now();'],
    ['src/gateway/a.ts', `import { setTimeout } from 'node:timers/promises';`],
  ])('real time or randomness: %s: %s', (file, text) => {
    expect(impurities({ file, text })).not.toEqual([]);
  });

  test.each([
    ['src/cluster/nats/a.ts', 'const now = Date.now();'],
    ['src/gateway/system-clock.ts', 'setTimeout(() => {}, 1);'],
    ['src/gateway/zeebe/client-stream.ts', 'setTimeout(() => {}, 1);'],
    ['src/actors/a.ts', '// nobody calls Date.now() here'],
    ['src/actors/a.ts', 'const at = new Date(clock.now());'],
  ])('but not an adapter or a comment: %s: %s', (file, text) => {
    expect(impurities({ file, text })).toEqual([]);
  });
});

function forbiddenImports({ file, text }: Source): string[] {
  const wall = walls.find(({ layer }) => file.startsWith(layer));
  if (!wall) return [];
  return importsOf(text)
    .filter((name) => {
      const target = targetOf(file, name);
      return wall.folders.some((folder) => target.startsWith(folder)) || wall.modules.test(name);
    })
    .map((name) => `${file} imports ${name}`);
}

/** Files of which each imports the next, the last being the first again; of types and of values. */
function circleAmong(files: readonly Source[]): readonly string[] | undefined {
  const imports = new Map(files.map(({ file, text }) => [file, importsOf(text).map((name) => targetOf(file, name))]));
  const clear = new Set<string>();
  const from = (file: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (clear.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const circle = from(next, [...way, file]);
      if (circle !== undefined) return circle;
    }
    clear.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const circle = from(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

function impurities({ file, text }: Source): string[] {
  if (adapters.test(file)) return [];
  return withoutComments(text)
    .split('\n')
    .flatMap((line, i) => (impure.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : []));
}

/** The modules named in import and export statements, static and dynamic, of types and of values. */
function importsOf(text: string): string[] {
  const statements = /\b(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])(.+?)\1|\bimport\s*\(?\s*(['"])(.+?)\3/g;
  return [...withoutComments(text).matchAll(statements)].map((match) => match[2] ?? match[4] ?? '');
}

/** Where a relative import leads, relative to the repository; other names as they are. */
function targetOf(file: string, name: string): string {
  return name.startsWith('.') ? posix.join(posix.dirname(file), name) : name;
}

// Strings are matched so that a `//` inside one is not taken for a comment; line breaks stay, for the line numbers.
function withoutComments(text: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(token, (found) => (found.startsWith('/') ? found.replace(/[^\n]/g, '') : found));
}

test('every error code of the code is explained in docs/errors.md, with the same verdict on retrying, and no other', () => {
  const table = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  const explained = [...table.matchAll(/^\| `([A-Z_]+)` \| ([^|]+) \|/gm)].map(([, code, retry]) => [
    code,
    retry?.trim(),
  ]);
  const thrown = sources.flatMap(({ text }) =>
    [...text.matchAll(/readonly code = '([A-Z_]+)';(?:\s*readonly retryable = (true|false);)?/g)].map(
      ([, code, retryable]) => [code, retryable === undefined ? undefined : retryable === 'true' ? 'yes' : 'no'],
    ),
  );
  expect(thrown.map(([code]) => code).toSorted()).toEqual(explained.map(([code]) => code).toSorted());
  const verdicts = new Map(explained as [string, string][]);
  for (const [code, retry] of thrown)
    if (retry !== undefined) expect(`${code} ${verdicts.get(code ?? '')}`).toBe(`${code} ${retry}`);
});
