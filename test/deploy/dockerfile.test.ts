// deploy/Dockerfile as a text: what must be so of an image, and what the parser of the tests makes of it.
// test/deploy/image.full.test.ts runs it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import lock from '../../package-lock.json' with { type: 'json' };
import { letThrough } from './image/build.ts';
import { parseDockerfile } from './image/dockerfile.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const stages = parseDockerfile(read('deploy/Dockerfile'));
const last = stages.at(-1);
const steps = last?.instructions ?? [];

describe('deploy/Dockerfile', () => {
  test('the Node that runs is the one that the tests run with', () => {
    expect(stages[0]?.base).toBe(`node:${lock.packages['node_modules/node'].version}-bookworm-slim`);
    expect(steps).toContainEqual({
      kind: 'copy',
      from: 'build',
      sources: ['/usr/local/bin/node'],
      to: '/usr/local/bin/node',
    });
  });

  test('every image has a tag', () => {
    const images = stages.map(({ base }) => base).filter((base) => !stages.some(({ name }) => name === base));
    expect(images).toHaveLength(2);
    for (const name of images) expect(name).toMatch(/:(?!latest)[\w.-]+$/);
  });

  test('both images run as a user without rights, whose number says so', () => {
    for (const stage of [last, stages.find(({ name }) => name === 'load')]) {
      expect(stage?.instructions.findLast(({ kind }) => kind === 'user')).toEqual({
        kind: 'user',
        uid: 65532,
        gid: 65532,
      });
    }
  });

  test('both say where their user is at home, for it has no entry in /etc/passwd and Node asks for that', () => {
    for (const stage of [last, stages.find(({ name }) => name === 'load')]) {
      const env = stage?.instructions.flatMap((step) => (step.kind === 'env' ? [step.values] : [])) ?? [];
      expect(Object.assign({}, ...env)).toMatchObject({ HOME: '/holdfast' });
    }
  });

  test('health and figures can be reached from outside, and the API cannot', () => {
    const env = Object.assign({}, ...steps.map((step) => (step.kind === 'env' ? step.values : {})));
    expect(env).toMatchObject({ HOLDFAST_HTTP: '0.0.0.0:8090', NODE_ENV: 'production' });
    expect(Object.keys(env).filter((name) => name.startsWith('HOLDFAST_API'))).toEqual([]);
  });

  test('it starts what package.json calls holdfast', () => {
    expect(steps.findLast(({ kind }) => kind === 'entrypoint')).toMatchObject({
      args: ['node', manifest.bin.holdfast],
    });
    expect(steps.findLast(({ kind }) => kind === 'cmd')).toMatchObject({ args: ['start'] });
  });

  test('for whoever comes in later, that is the command holdfast', () => {
    const source = 'deploy/image/holdfast';
    expect(steps).toContainEqual({ kind: 'copy', mode: '755', sources: [source], to: '/usr/local/bin/holdfast' });
    expect(read(source)).toContain(`/holdfast/${manifest.bin.holdfast}" "$@"`);
  });

  test('the version in its labels, comments and manifests is that of the package', () => {
    for (const file of ['deploy/Dockerfile', 'deploy/load/job.yaml', 'deploy/compose.yaml']) {
      const tags = [...read(file).matchAll(/\bholdfast(?:-load)?:(\d+\.[\w.-]*)/g)].map(([, tag]) => tag);
      expect([...new Set(tags)], file).toEqual([manifest.version]);
    }
  });
});

describe('.dockerignore', () => {
  const sent = letThrough(read('.dockerignore'));
  test.each(['src/gateway/node.ts', 'package-lock.json', 'test/support/trial.ts', 'LICENSE'])(
    'lets %s through',
    (file) => {
      expect(sent(file)).toBe(true);
    },
  );
  test.each([
    '.git/config',
    'node_modules/pino/pino.js',
    'bench/node_modules/x',
    'test/docs.test.ts',
    '.env',
    'srcs',
    'dist/x',
  ])('keeps %s out', (file) => {
    expect(sent(file)).toBe(false);
  });
});

describe('the parser', () => {
  test('takes continued lines, arguments and comments as Docker does', () => {
    const text =
      'ARG A=x:1\n# no\nFROM $' + '{A} AS one\nRUN a \\\n    # between\n    && b\nFROM one\nCOPY --from=one /a b/ c/\n';
    expect(parseDockerfile(text)).toEqual([
      { name: 'one', base: 'x:1', instructions: [{ kind: 'run', command: 'a && b' }] },
      { name: undefined, base: 'one', instructions: [{ kind: 'copy', from: 'one', sources: ['/a', 'b/'], to: 'c/' }] },
    ]);
  });

  test('takes the mode of what is copied', () => {
    expect(parseDockerfile('FROM x:1\nCOPY --chmod=755 a /b\n')[0]?.instructions).toEqual([
      { kind: 'copy', mode: '755', sources: ['a'], to: '/b' },
    ]);
  });

  test.each([
    'ENTRYPOINT node main.js',
    'CMD node',
    'RUN --mount=type=cache,target=/x y',
    'ADD a b',
    'COPY *.json ./',
    'COPY --chown=1:1 a b',
    'COPY --from=x --chmod=755 a b',
    'USER node',
  ])('refuses %s', (line) => {
    expect(() => parseDockerfile(`FROM x:1\n${line}\n`)).toThrow(/exec form|does not know/);
  });
});
