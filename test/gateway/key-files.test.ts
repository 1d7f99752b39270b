// Files with keys that sign correlation ids, while they change: what is taken, and what a broken one does.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../src/gateway/config/keys.ts';
import { watchKeyFiles } from '../../src/gateway/key-files.ts';
import { eventually } from '../support/eventually.ts';
import { type LoggedLine, logInto } from './http/trial-server.ts';

const LOOK_EVERY_MS = 5;
const [OLD, NEW] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [string, string];

let dir: string;
let file: string;
let stop: () => void;
const taken: [string, ...string[]][] = [];
const logged: LoggedLine[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-keys-'));
  file = join(dir, 'key');
  for (const list of [taken, logged]) list.length = 0;
  replace(OLD);
  const secrets = [new Secret('plain', new Uint8Array(16)), new Secret('a', new Uint8Array(16), file)];
  const take = (id: string, keys: readonly Uint8Array[]) =>
    void taken.push([id, ...keys.map((key) => Buffer.from(key).toString('base64'))]);
  stop = watchKeyFiles(secrets, take, logInto(logged), LOOK_EVERY_MS);
});
afterEach(() => {
  stop();
  rmSync(dir, { recursive: true });
});

function replace(content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

test('what has changed since the configuration was read is told at once, and every change after it', async () => {
  expect(taken).toEqual([['a', OLD]]);
  expect(logged).toEqual([]);
  replace(`${OLD}\n${NEW}\n`);
  await eventually('the new key', () => taken.length === 2);
  expect(taken[1]).toEqual(['a', OLD, NEW]);
  expect(logged).toMatchObject([{ level: 'info', fields: { secretId: 'a', file, keys: 2 } }]);
  expect(JSON.stringify(logged)).not.toContain(NEW);
});

test('a broken file changes nothing; the log says so once, and not what it holds', async () => {
  replace(`${OLD}\nhunter2`);
  await eventually('the fault', () => logged.length === 1);
  expect(logged[0]).toMatchObject({ level: 'error', fields: { secretId: 'a', file } });
  expect(logged[0]?.fields.reason).toMatch(
    /^keyFile of a: found .*key with a text of 52 characters; allowed: the path/,
  );
  expect(JSON.stringify(logged)).not.toMatch(/hunter2|AQEB/);
  rmSync(file);
  await eventually('the absence', () => logged.length === 2);
  expect(taken).toHaveLength(1);
  replace(NEW);
  await eventually('the new key', () => taken.length === 2);
  expect(taken[1]).toEqual(['a', NEW]);
  expect(logged.map(({ level }) => level)).toEqual(['error', 'error', 'info']);
});
