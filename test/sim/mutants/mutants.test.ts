// The mutants apply, and a loader that changes a text does so exactly once or says why not.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MUTANTS, type Mutant } from './list.ts';
import { sabotage } from './loader.ts';

const INVARIANTS = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I10', 'alarm', 'twins'];
const textOf = (file: string) => readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8');

describe('every mutant', () => {
  test('has a name of its own, and is to be caught by an invariant', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
    for (const { caughtBy } of MUTANTS) {
      expect(caughtBy.length).toBeGreaterThan(0);
      expect(INVARIANTS).toEqual(expect.arrayContaining([...caughtBy]));
    }
  });

  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    '%s: its patches apply and change the text',
    (_, mutant) => {
      for (const file of new Set(mutant.patches.map((patch) => patch.file))) {
        const text = textOf(file);
        expect(sabotage(text, mutant, file)).not.toBe(text);
      }
    },
  );
});

describe('a patch', () => {
  const mutant = (find: string): Mutant => ({
    name: 'it',
    why: '',
    caughtBy: ['I1'],
    patches: [{ file: 'a.ts', find, replace: '$& $1' }],
  });

  test('whose text is gone, or stands twice, is an error that names it', () => {
    expect(() => sabotage('one two', mutant('three'), 'a.ts')).toThrow(
      'mutant "it": its text stands 0 times in src/a.ts, not once:\nthree',
    );
    expect(() => sabotage('one one', mutant('one'), 'a.ts')).toThrow('stands 2 times');
  });

  test('puts in what it says, to the letter, and only into its own file', () => {
    expect(sabotage('one two', mutant('two'), 'a.ts')).toBe('one $& $1');
    expect(sabotage('one two', mutant('two'), 'b.ts')).toBe('one two');
  });
});
