// Where and with what a run was made, for whoever compares it with another.
import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import type { LoadResult } from './result.ts';

export function machine(): LoadResult['machine'] {
  return { cores: cpus().length, memoryMb: Math.round(totalmem() / 2 ** 20), cpu: cpus()[0]?.model ?? '' };
}

export async function versions(): Promise<LoadResult['versions']> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return { holdfast: (JSON.parse(text) as { version: string }).version, node: process.version };
}
