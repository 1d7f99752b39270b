// docs/benchmarks.md says what its run found, and nothing else.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isMet } from '../../bench/figures.ts';
import { FLAMES, type FlameName, flameFile, keptFlames } from '../../bench/flame/kept.ts';
import type { FlameNote } from '../../bench/flame/note.ts';
import { REMARKS } from '../../bench/remarks.ts';
import { reportOf } from '../../bench/report.ts';
import type { BenchResult } from '../../bench/result.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test('docs/benchmarks.md is made of docs/benchmarks.json', () => {
  const result = JSON.parse(read('benchmarks.json')) as BenchResult;
  expect(read('benchmarks.md')).toBe(reportOf(result, keptFlames));
});

test('README.md says of what it costs what that page says', () => {
  const table = new Map(
    read('benchmarks.md')
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .map(([, name = '', ...cells]) => [name, cells] as const),
  );
  const [naive = [], holdfast = []] = ['naive', 'holdfast, 1 node, R1'].map((name) => table.get(name));
  const [, share, bridge, nats, , , , p50, p99] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const killed = (of: string) => table.get(`${of}: last of 200 ended`)?.[2];
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const row = (begins: string) => readme.split('\n').find((line) => line.startsWith(`| ${begins}`));
  expect(row('calls/s with 200')).toContain(`| ${naive[share!]} | ${holdfast[share!]} |`);
  expect(row('instance due')).toContain(
    `| ${naive[p50!]} / ${naive[p99!]} ms | ${holdfast[p50!]} / ${holdfast[p99!]} ms |`,
  );
  expect(row('CPU of the bridge')).toContain(
    `| ${naive[bridge!]} ms | ${holdfast[bridge!]} ms, and ${holdfast[nats!]} ms of nats-server |`,
  );
  expect(row('kill -9')).toContain(`after ${killed('kill -9 of the naive bridge, 60 s lock')};`);
  expect(row('kill -9')).toContain(`after ${killed('kill -9 of one of three nodes')} (`);
});

test('of each figure with a goal the page says what limits it, or what would next', () => {
  const { figures } = JSON.parse(read('benchmarks.json')) as BenchResult;
  const unsaid = figures.filter((figure) => {
    const met = isMet(figure);
    const isAbout = ({ about, when }: (typeof REMARKS)[number]) =>
      figure.name.startsWith(about) && (when === undefined || (when === 'met') === met);
    // What never happens has no limit.
    return met !== undefined && !(met && figure.never) && !REMARKS.some(isAbout);
  });
  expect(unsaid.map(({ name }) => name)).toEqual([]);
});

describe('remarks', () => {
  test('each drawing that is kept says of which commit it is and how it was made, and is told of by a remark', () => {
    const kept = readdirSync(new URL('../../docs/flames/', import.meta.url)).map((file) => file.replace(/\.svg$/, ''));
    expect(FLAMES).toEqual(expect.arrayContaining(kept));
    expect(kept).toEqual(expect.arrayContaining(['full-load', 'alone']));
    for (const name of kept as FlameName[]) {
      const { commit, command, shares } = keptFlames(name) as FlameNote;
      expect(commit).toMatch(/^[0-9a-f]{7,40}\+?$/);
      expect(command).toMatch(/^npm run flame -- /);
      expect(shares.length).toBeGreaterThan(3);
      expect(readFileSync(flameFile(name), 'utf8')).toContain(`(commit ${commit})`);
      expect(REMARKS.map(({ flame }) => flame)).toContain(name);
    }
  });

  test('every drawing and file that the page speaks of is there', () => {
    const page = read('benchmarks.md');
    const drawings = [...page.matchAll(/\((flames\/[^)]+)\)/g)].map(([, path]) => path ?? '');
    for (const path of drawings) expect(existsSync(new URL(`../../docs/${path}`, import.meta.url)), path).toBe(true);
    for (const [path] of page.matchAll(/\b(?:src|bench)\/[\w/.-]+\.ts\b/g))
      expect(existsSync(new URL(`../../${path}`, import.meta.url)), path).toBe(true);
  });

  test('have no figure of their own, which would be of a run that nothing is kept of', () => {
    const limits = [LIMITS.activationLockMs, CLUSTER_LIMITS.suspectAfterMs].map((ms) => `${ms} ms`);
    for (const { about, text } of REMARKS) {
      const typed = limits.reduce((rest, limit) => rest.replace(limit, ''), text);
      expect(typed.match(/\d[\d.,]*\s?(%|ms\b|s\b|[kMG]i?B\b|µs|calls)/)?.[0], about).toBeUndefined();
    }
  });
});
