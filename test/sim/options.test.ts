// The simulator's command line: what it runs, and how it says what is wrong.
import { expect, test } from 'vitest';
import { MUTANTS } from './mutants/list.ts';
import { parseOptions } from './options.ts';

test('a batch of fresh seeds unless told otherwise', () => {
  const { from, ...options } = parseOptions([]) as { from: number; run: string };
  expect(options).toEqual({ run: 'batch', seeds: 500, json: undefined });
  expect(Number.isSafeInteger(from)).toBe(true);
  expect(parseOptions([])).not.toMatchObject({ from });
  expect(parseOptions(['--seeds', '20', '--from', '7', '--json', 'f'])).toEqual({
    run: 'batch',
    from: 7,
    seeds: 20,
    json: 'f',
  });
});

test('one seed again', () => {
  expect(parseOptions(['--seed', '42', '--trace', 'f'])).toEqual({ run: 'seed', seed: 42, trace: 'f' });
});

test('all mutants, or one of them, on the same seeds each time', () => {
  expect(parseOptions(['--mutants'])).toEqual({
    run: 'mutants',
    mutants: MUTANTS,
    from: 1,
    seeds: 500,
    json: undefined,
  });
  expect(parseOptions(['--mutants', '--only', 'no CAS'])).toMatchObject({ mutants: [{ name: 'no CAS' }] });
});

test.each<[string, string[], string]>([
  ['no number', ['--seeds', 'ten'], '--seeds is "ten"; allowed: a whole number from 1 to 281474976710656'],
  ['none at all', ['--seeds', '0'], '--seeds is "0"; allowed: a whole number from 1 to'],
  ['half a seed', ['--seed', '1.5'], '--seed is "1.5"; allowed: a whole number from 0 to'],
  ['an unknown mutant', ['--mutants', '--only', 'nothing'], '--only is "nothing"; allowed: "no CAS", '],
  ['an unknown option', ['--sead', '1'], "Unknown option '--sead'; usage: npm run sim"],
])('%s is refused, with what was found and what is allowed', (_, args, message) => {
  expect(() => parseOptions(args)).toThrow(message);
});
