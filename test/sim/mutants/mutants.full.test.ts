// Every mutant is caught by an invariant that names it, on seeds on which the sources as they are break nothing.
import { expect, test } from 'vitest';
import { runMutants, survives } from './run.ts';

test('each sentence of the protocol that is undone is missed by the simulator', async () => {
  const { mutants, clean } = await runMutants({
    from: 1,
    seeds: 500,
    onMutant: ({ name, caughtAt }) => console.log(`${name}: seed ${caughtAt}`),
  });
  expect(mutants.filter(({ failure }) => failure !== '').map(({ name, failure }) => `${name}: ${failure}`)).toEqual([]);
  expect(mutants.filter(survives).map(({ name }) => name)).toEqual([]);
  expect(clean.flatMap(({ failed }) => failed)).toEqual([]);
}, 900_000);
