// docs/benchmarks.md says what its run found, and nothing else.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reportOf } from '../../bench/report.ts';
import type { BenchResult } from '../../bench/result.ts';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test('docs/benchmarks.md is made of docs/benchmarks.json', () => {
  const result = JSON.parse(read('benchmarks.json')) as BenchResult;
  expect(read('benchmarks.md')).toBe(reportOf(result));
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
