// Minutes of chaos with a fresh seed and servers of its own: a round of what is done to nodes, and as many faults of servers
// and links beside them as the time has room for.
import { expect, test } from 'vitest';
import { chaos } from './in-tests.ts';

test('two minutes of chaos', async () => {
  const result = await chaos({ minutes: 2, perSecond: 35, leaseTtlMs: 8_000, without: [] });
  expect(result.jobs).toBeGreaterThan(1_000);
  expect(Object.keys(result.made).length).toBeGreaterThanOrEqual(8);
}, 900_000);
