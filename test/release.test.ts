// What a release rests on: one version everywhere, a package that holds what it needs and no more, and a list of what it is made of.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
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
