// One mutant in a process of its own: seeds until an invariant that names it breaks. Its last line is the verdict, as JSON.
//
//   node test/sim/mutants/run-one.ts <name> <from> <seeds>
import { MUTANTS } from './list.ts';
import { load } from './loader.ts';

const [name, from = '1', seeds = '500'] = process.argv.slice(2);
const mutant = MUTANTS.find((one) => one.name === name);
if (mutant === undefined) throw new Error(`no mutant is named "${name}"`);

export interface MutantVerdict {
  /** null: it survived. */
  readonly caughtAt: number | null;
  readonly seeds: number;
  readonly what: string;
  /** All that broke, by how many seeds. */
  readonly broken: Readonly<Record<string, number>>;
}

const loaded = load(mutant);
const { runSeed } = await import('../seed.ts');
const missing = mutant.patches.filter(({ file }) => !loaded.has(file));
if (missing.length > 0) throw new Error(`mutant "${name}": src/${missing[0]?.file} was never loaded`);

const broken: Record<string, number> = {};
let caughtAt: number | null = null;
let what = '';
let run = 0;
for (let seed = Number(from); seed < Number(from) + Number(seeds) && caughtAt === null; seed++) {
  const report = await runSeed(seed);
  run++;
  for (const invariant of new Set(report.broken.map((one) => one.invariant)))
    broken[invariant] = (broken[invariant] ?? 0) + 1;
  const caught = report.broken.find(({ invariant }) => mutant.caughtBy.includes(invariant));
  if (caught === undefined) continue;
  caughtAt = seed;
  what = `${caught.invariant}: ${caught.message.split('\n')[0]}`;
}
console.log(JSON.stringify({ caughtAt, seeds: run, what, broken } satisfies MutantVerdict));
process.exit(0);
