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
