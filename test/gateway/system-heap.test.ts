// When the bound on V8's old generation is set and when it is taken away. What it does to memory is measured: bench/million.
import { expect, test } from 'vitest';
import { boundHeap } from '../../src/gateway/system-heap.ts';
import { eventually } from '../support/eventually.ts';

const [BOUND, FREE] = ['--heap-growing-percent=100', '--heap-growing-percent=0'];

test('the old generation is bounded while many jobs wait, and left to V8 again when they are gone', async () => {
  const flags: string[] = [];
  const told = (count: number) => ({ diagnose: () => ({ count, flags }) });
  let [pending, looks] = [199_999, 0];
  const look = () => {
    looks += 1;
    return pending;
  };
  const stop = boundHeap(look, { set: (flag) => flags.push(flag), lookEveryMs: 1 });
  try {
    await eventually('a few looks', () => looks > 3);
    expect(flags).toEqual([]);
    pending = 200_000;
    await eventually('a bound', () => flags.length === 1, told(1));
    const seen = looks;
    await eventually('a few looks more', () => looks > seen + 3);
    expect(flags).toEqual([BOUND]);
    pending = 10;
    await eventually('no bound any more', () => flags.length === 2, told(2));
    expect(flags).toEqual([BOUND, FREE]);
  } finally {
    stop();
  }
});

test('the bound is taken away with the node that has set it, once, and by none that has not', async () => {
  const flags: string[] = [];
  const set = (flag: string) => flags.push(flag);
  boundHeap(() => 0, { set, lookEveryMs: 1 })();
  expect(flags).toEqual([]);
  const stop = boundHeap(() => 200_000, { set, lookEveryMs: 1 });
  await eventually('a bound', () => flags.length > 0, { diagnose: () => ({ flags }) });
  stop();
  stop();
  expect(flags).toEqual([BOUND, FREE]);
});
