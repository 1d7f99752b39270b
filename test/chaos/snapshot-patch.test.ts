// The later snapshot version is made by patching source text: the patch must fit the source, and what it makes must be what
// it claims to be, as a process that is started with it sees it.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { decodeSnapshot, encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { HELD } from '../actors/snapshot-samples.ts';
import { asReal, CODEC, nodeArgsFor, patched } from './snapshot-patch.ts';

const run = promisify(execFile);
const codec = join(import.meta.dirname, '../..', CODEC);

test('a source that has changed is not patched in part', () => {
  const source = readFileSync(codec, 'utf8');
  expect(patched(source, 3)).toContain('= [1,2,3];');
  expect(() => patched(source.replace('bytes.set(packed, 1);', ''), 3)).toThrow(/bytes\.set.*change the patch/);
});

test('a process of version 3 reads 1 to 3 and writes what others take for what it is', async () => {
  const written = Buffer.from(encodeSnapshot(HELD)).toString('base64');
  const script = `
    import { decodeSnapshot, encodeSnapshot, SNAPSHOT_VERSIONS_READ } from ${JSON.stringify(pathToFileURL(codec).href)};
    const snapshot = decodeSnapshot(Buffer.from(${JSON.stringify(written)}, 'base64'));
    const all = SNAPSHOT_VERSIONS_READ.map((version) => encodeSnapshot(snapshot, version));
    for (const bytes of all) if (JSON.stringify(decodeSnapshot(bytes)) !== JSON.stringify(snapshot)) throw new Error('lost');
    console.log(JSON.stringify(all.map((bytes) => Buffer.from(bytes).toString('base64'))));`;
  const args = [...nodeArgsFor(3), '--input-type=module', '--eval', script];
  const { stdout } = await run(process.execPath, args);
  const all = (JSON.parse(stdout) as string[]).map((text) => Buffer.from(text, 'base64'));
  expect(all.map((bytes) => bytes[0])).toEqual([1, 2, 3]);
  for (const bytes of all) expect(decodeSnapshot(asReal(bytes))).toEqual(HELD);
  expect(() => decodeSnapshot(all[2]!)).toThrow(/version 3/);
  expect(() => decodeSnapshot(Buffer.from(all[2]!).fill(2, 0, 1))).toThrow(/damaged/);
});

test('a process of version 1 reads and writes that alone, and says so', async () => {
  const written = [1, 2].map((version) => Buffer.from(encodeSnapshot(HELD, version)).toString('base64'));
  const script = `
    import { decodeSnapshot, encodeSnapshot, SNAPSHOT_VERSIONS_READ } from ${JSON.stringify(pathToFileURL(codec).href)};
    const [one, two] = ${JSON.stringify(written)}.map((text) => Buffer.from(text, 'base64'));
    const refused = (() => { try { return decodeSnapshot(two) && ''; } catch (error) { return error.message; } })();
    console.log(JSON.stringify([SNAPSHOT_VERSIONS_READ, encodeSnapshot(decodeSnapshot(one))[0], refused]));`;
  const { stdout } = await run(process.execPath, [...nodeArgsFor(1), '--input-type=module', '--eval', script]);
  expect(JSON.parse(stdout)).toEqual([[1], 1, 'the snapshot has version 2; this node reads 1']);
});
