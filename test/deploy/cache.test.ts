// The download cache, when several parts of one process want the same item at the same time.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'holdfast-cache-'));
  vi.stubEnv('XDG_CACHE_HOME', home);
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

test('it is made once for all of them, and again after it could not be made', async () => {
  const { cached } = await import('../../deploy/local/cache.ts');
  let made = 0;
  const make = async (dir: string) => {
    made += 1;
    await new Promise((resolve) => setImmediate(resolve));
    if (made === 1) throw new Error('the registry is away');
    writeFileSync(join(dir, 'a'), '1');
  };
  const all = () => Promise.allSettled([1, 2, 3].map(() => cached('item', 'an item', make)));
  expect((await all()).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  const item = join(home, 'holdfast', 'item');
  expect(await all()).toEqual([1, 2, 3].map(() => ({ status: 'fulfilled', value: item })));
  expect(made).toBe(2);
  expect(readdirSync(join(home, 'holdfast'))).toEqual(['item']);
});
