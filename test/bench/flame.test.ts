// A CPU profile drawn: shares add up, waiting is no work, and no path of the machine is left.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { draw } from '../../bench/flame/draw.ts';
import { type FlameNote, noteIn } from '../../bench/flame/note.ts';
import { svgOf } from '../../bench/flame/svg.ts';
import { type CpuProfile, type Frame, sharesOf, treeOf } from '../../bench/flame/tree.ts';

const node = (id: number, functionName: string, url: string, children: readonly number[] = []) => ({
  id,
  callFrame: { functionName, url, lineNumber: id },
  children,
});

/** Ten samples, 1 ms each: 2 of waiting, 4 in step, 1 in a library under it, 2 of garbage collection, 1 in step by another way. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 3, 5, 6]),
    node(2, '(idle)', ''),
    node(3, 'step', 'file:///home/somebody/holdfast/src/actors/step.ts', [4]),
    node(4, 'encode', 'file:///home/somebody/holdfast/node_modules/@scope/pack/lib/encode.js'),
    node(5, '(garbage collector)', ''),
    node(6, 'onRead', 'node:internal/streams', [7]),
    node(7, 'step', 'file:///home/somebody/holdfast/src/actors/step.ts'),
  ],
  samples: [2, 3, 3, 4, 3, 5, 5, 7, 3, 2],
  timeDeltas: [0, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000],
};

const NOTE: FlameNote = { commit: 'abc', command: 'a <b> & c', idle: 0, shares: [] };

const child = (frame: Frame, name: string) => [...frame.children.values()].find((one) => one.name === name) as Frame;

test('what was on the stack has its share, and waiting has none', () => {
  const root = treeOf(PROFILE);
  expect(root.totalMs).toBe(8);
  expect(child(root, 'step')).toMatchObject({ totalMs: 5, selfMs: 4, owner: 'ours', place: 'src/actors/step.ts:4' });
  expect(child(child(root, 'step'), 'encode')).toMatchObject({ selfMs: 1, place: '@scope/pack/lib/encode.js:5' });
  expect(child(root, 'onRead')).toMatchObject({ totalMs: 1, selfMs: 0, owner: 'node' });
  expect(sharesOf(root)).toEqual([
    { name: 'src/actors', share: 5 / 8 },
    { name: '(garbage collector)', share: 2 / 8 },
    { name: '@scope/pack', share: 1 / 8 },
    { name: 'node:internal/streams', share: 0 },
  ]);
});

test('only the seconds that are asked for', () => {
  const root = treeOf(PROFILE, 0.005, 0.007);
  expect(root.totalMs).toBe(2);
  expect([...root.children.values()].map(({ name }) => name)).toEqual(['(garbage collector)']);
});

test('the drawing is as wide as the shares, and names no directory of the machine', () => {
  const svg = svgOf(treeOf(PROFILE), 'a <title>', NOTE);
  expect(svg).toContain('a &#60;title&#62;');
  expect(svg).toContain(
    '<title>step src/actors/step.ts:4: 62.5 %, itself 50.0 %</title><rect x="0.0" y="60" width="749.5"',
  );
  expect(svg).not.toContain('somebody');
});

test('a drawing says of itself of which commit it is, how it was made and whose code took how much', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-flame-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const [profile, svg] = [join(dir, 'x.cpuprofile'), join(dir, 'x.svg')];
  await writeFile(profile, JSON.stringify(PROFILE));
  const command = 'npm run flame -- <x> & y';
  const lines = await draw({ profile, svg, title: 'x', commit: 'abc1234', command });
  const drawn = await readFile(svg, 'utf8');
  expect(drawn).toContain('<text x="4" y="16" font-size="14">x (commit abc1234)</text>');
  expect(drawn.replace(/<metadata>[^<]*<\/metadata>/, '')).not.toContain(' & ');
  // 9 ms in all: after the last sample nothing is known.
  expect(noteIn(drawn)).toEqual({
    ...{ commit: 'abc1234', command, idle: 0.1111 },
    shares: [
      { name: 'src/actors', share: 0.625 },
      { name: '(garbage collector)', share: 0.25 },
      { name: '@scope/pack', share: 0.125 },
    ],
  });
  expect(lines).toContain(' 62.5 %  src/actors');
  expect(() => noteIn('<svg></svg>')).toThrow('npm run flame');
});
