// Whoever ended a watch hears nothing any more, though a look at the files was under way.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchFiles } from '../../src/gateway/system-files.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-watch-'));
  file = join(dir, 'a');
  writeFileSync(file, '1');
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(dir, { recursive: true });
});

/** Until looks that are under way are over: each takes one question of the file system. */
async function looked(): Promise<void> {
  for (let times = 0; times < 10; times++) await stat(dir);
}

test.each([
  ['a change is told', false, 1],
  ['and nothing once it was ended', true, 0],
])('%s', async (_, ended, told) => {
  let changes = 0;
  const stop = watchFiles([file], () => changes++, 5);
  writeFileSync(file, '12');
  vi.advanceTimersByTime(5);
  if (ended) stop();
  await looked();
  expect(changes).toBe(told);
  stop();
});
