import { expect, test } from 'vitest';
import { eventually } from './eventually.ts';

test('returns the first truthy value, though earlier checks were false or threw', async () => {
  const answers = [() => undefined, () => fail(), () => 'there'];
  expect(await eventually('an answer', () => answers.shift()?.(), { everyMs: 1 })).toBe('there');
});

test('when time is up, says what was waited for, how the last check ended, and the diagnosis', async () => {
  const waiting = eventually('the moon', () => fail(), {
    deadlineMs: 5,
    everyMs: 1,
    diagnose: () => ({ phase: 'new' }),
  });
  await expect(waiting).rejects.toThrow(/0\.005 s for the moon\n.*no moon(.|\n)*phase: 'new'/);
});

function fail(): never {
  throw new Error('no moon');
}
