// What a release rests on: one version everywhere, a package that holds what it needs and no more, and a list of what it is made of.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { SNAPSHOT_VERSIONS_READ } from '../src/actors/snapshot-codec.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

test('the version of the package, of the lockfile and at the top of the changelog are one', () => {
  const lock = JSON.parse(read('package-lock.json')) as { version: string };
  expect(/^## (\S+)/m.exec(read('CHANGELOG.md'))?.[1]).toBe(manifest.version);
  expect(lock.version).toBe(manifest.version);
});

test('the lockfile records no addresses of registries', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved"|https?:\/\/[^"]*registry/);
});

test('the snapshot versions that are read stand in the page on upgrades', () => {
  const page = read('docs/upgrades.md');
  const versions = [...page.matchAll(/^\| (\d+) \| [\d.]+ \|/gm)].map(([, version]) => Number(version));
  expect(versions).toEqual(SNAPSHOT_VERSIONS_READ);
});

describe('the repository of the package', () => {
  const script = join(root, 'deploy/release/repository.ts');
  const GITHUB = { GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'owner/name' };
  const URL = 'git+https://github.com/owner/name.git';

  /** What the release makes of this package.json, or how it fails. */
  async function made(content: object, env: Readonly<Record<string, string>>) {
    const cwd = mkdtempSync(join(tmpdir(), 'holdfast-release-'));
    onTestFinished(() => rmSync(cwd, { recursive: true }));
    writeFileSync(join(cwd, 'package.json'), JSON.stringify(content));
    const ran = run(process.execPath, [script], { cwd, env: { PATH: process.env.PATH, ...env } });
    const fault = await ran.then(
      () => '',
      ({ stderr }: { stderr: string }) => stderr,
    );
    return { manifest: JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as object, fault };
  }

  test('is committed nowhere, and written where the package is published', () => {
    expect(manifest).not.toHaveProperty('repository');
    const { jobs } = parse(read('.github/workflows/release.yml')) as {
      jobs: { publish: { steps: readonly { run?: string }[] } };
    };
    const steps = jobs.publish.steps.map(({ run }) => run ?? '');
    const [writes, publishes] = ['node deploy/release/repository.ts', 'npm publish'].map((what) =>
      steps.findIndex((step) => step.startsWith(what)),
    );
    expect(writes).toBeGreaterThan(0);
    expect(publishes).toBeGreaterThan(writes ?? 0);
  });

  test('is where the release is built, and everything else stays as it is', async () => {
    const own = { ...manifest };
    expect(await made(own, GITHUB)).toEqual({ manifest: { ...own, repository: { type: 'git', url: URL } }, fault: '' });
    const again = { ...own, repository: { type: 'git', url: URL } };
    expect(await made(again, GITHUB)).toEqual({ manifest: again, fault: '' });
  });

  test.each<[string, object, Readonly<Record<string, string>>, string]>([
    ['nobody says which', {}, {}, 'GITHUB_REPOSITORY: found ""; allowed: OWNER/NAME'],
    ['it is no name', {}, { ...GITHUB, GITHUB_REPOSITORY: 'name' }, 'GITHUB_REPOSITORY: found "name"'],
    [
      'the package says another',
      { repository: 'https://x.example/y' },
      GITHUB,
      `found "https://x.example/y"; allowed: nothing, or "${URL}"`,
    ],
  ])('%s: nothing is published, and why is said', async (_, content, env, expected) => {
    const { manifest: left, fault } = await made(content, env);
    expect(fault).toContain(expected);
    expect(left).toEqual(content);
  });
});

test('the list of what it is made of names every dependency, and none that is only for development', async () => {
  const [command = '', ...args] = (manifest.scripts.sbom ?? '').split(' > ')[0]?.split(' ') ?? [];
  const { stdout } = await run(command, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const bill = JSON.parse(stdout) as {
    bomFormat: string;
    components: { name: string; group?: string; purl: string }[];
  };
  expect(bill.bomFormat).toBe('CycloneDX');
  const purls = bill.components.map(({ purl }) =>
    decodeURIComponent(purl)
      .replace(/^pkg:npm\//, '')
      .replace(/@[^@]*$/, ''),
  );
  expect(purls).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
  expect(purls).not.toContain('vitest');
}, 60_000);
