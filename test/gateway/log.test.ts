import { expect, test } from 'vitest';
import { createLog } from '../../src/gateway/log.ts';

test('one JSON line with the fixed names; secrets are cut; the level holds', () => {
  const lines: string[] = [];
  const log = createLog('info', { node: 'n1' }, { write: (line) => void lines.push(line) });
  log.debug('not shown');
  log
    .with({ shard: 17 })
    .warn('claim lost', { revision: 5, key: 'hunter2', options: { password: 'hunter3' }, err: new Error('why') });
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? '');
  expect(line).toMatchObject({
    level: 'warn',
    message: 'claim lost',
    node: 'n1',
    shard: 17,
    revision: 5,
    err: { message: 'why' },
  });
  expect(Date.parse(line.time)).toBeGreaterThan(0);
  expect(lines[0]).not.toMatch(/hunter/);
});
