// npm run sim: the product as a whole cluster in one process, in virtual time, one seed after another.
//
//   npm run sim -- [--seeds N] [--from S] [--json FILE]    a batch; without --from it begins at a fresh seed, and says where
//   npm run sim -- --seed K [--trace FILE]                 one seed again, exactly; its whole history into a file
//   npm run sim -- --mutants [--only NAME] [--from S] [--seeds N]    sabotaged sources: each must be caught within N seeds
//
// Exit code 1 when anything that must hold did not, or when the batch never saw what it should have.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type BatchReport, describeFailure, runBatch, unseen } from './batch.ts';
import { line } from './history.ts';
import { MUTANTS } from './mutants/list.ts';
import { runMutants, survives } from './mutants/run.ts';
import { runSeed } from './seed.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    from: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'string' },
    trace: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});

const PROGRESS_EVERY_MS = 10_000;

function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  console.error(`--${name} is "${text}"; a whole number from ${least} on is allowed`);
  process.exit(2);
}

async function batch(): Promise<boolean> {
  const seeds = whole('seeds', values.seeds, 1);
  const from = values.from === undefined ? Math.floor(Date.now() / 1_000) : whole('from', values.from, 0);
  console.log(`sim: ${seeds} seeds from ${from} on`);
  let done = 0;
  let saidMs = performance.now();
  const report = await runBatch(from, seeds, {
    onSeed: ({ seed, broken: [first] }) => {
      done++;
      if (first !== undefined) console.log(describeFailure(seed, first));
      if (performance.now() - saidMs < PROGRESS_EVERY_MS) return;
      saidMs = performance.now();
      console.log(`sim: ${done} of ${seeds}`);
    },
  });
  summarize(report);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
  return report.failed.length === 0 && unseen(report).length === 0;
}

function summarize(report: BatchReport): void {
  const { commit, from, seeds, failed, sights, troubles, least, medianEvents, eventsPerSecond, seedsPerSecond } =
    report;
  const table = (counts: Readonly<Record<string, number>>) => {
    for (const [name, count] of Object.entries(counts)) console.log(`${String(count).padStart(9)}  ${name}`);
  };
  console.log('troubles');
  table(troubles);
  console.log('seen');
  table(sights);
  const never = unseen(report);
  if (never.length > 0) console.log(`never seen, though it should have been: ${never.join(', ')}`);
  console.log(
    `least of a seed: ${least.nodes} nodes, ${least.jobs} jobs, ${least.troubles} troubles, ${Math.round(least.virtualMs / 1_000)} s of virtual time`,
  );
  console.log(
    `sim: commit=${commit} from=${from} seeds=${seeds} failed=${failed.length} unseen=${never.length} ` +
      `medianEvents=${medianEvents} eventsPerSecond=${eventsPerSecond} seedsPerSecond=${seedsPerSecond}`,
  );
}

async function replay(seed: number): Promise<boolean> {
  const { trace } = values;
  const lines: string[] = [];
  const report = await runSeed(seed, {
    keepLogs: trace !== undefined,
    onEnd: ({ history }) => {
      if (trace !== undefined) for (const event of history.events) lines.push(line(event));
    },
  });
  if (trace !== undefined) await writeFile(trace, `${lines.join('\n')}\n`);
  for (const broken of report.broken) console.log(describeFailure(seed, broken));
  const { nodes, jobs, troubles, virtualMs, events, hash, broken } = report;
  console.log(
    `sim: seed=${seed} nodes=${nodes} jobs=${jobs} virtualMs=${virtualMs.toFixed(1)} events=${events} ` +
      `hash=${hash} broken=${broken.length} troubles=${JSON.stringify(troubles)}`,
  );
  return broken.length === 0;
}

async function mutants(): Promise<boolean> {
  const chosen = MUTANTS.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) {
    console.error(`--only is "${values.only}"; allowed are: ${MUTANTS.map(({ name }) => `"${name}"`).join(', ')}`);
    process.exit(2);
  }
  const from = whole('from', values.from ?? '1', 0);
  const seeds = whole('seeds', values.seeds, 1);
  const report = await runMutants({
    from,
    seeds,
    mutants: chosen,
    onMutant: (mutant) => {
      const { name, caughtAt, caughtBy, seeds, what, broken, failure } = mutant;
      if (failure !== '') console.log(`FAILED    ${name}: ${failure}`);
      else if (survives(mutant))
        console.log(
          `SURVIVED  ${name}: not caught by ${caughtBy.join(' or ')} in ${seeds} seeds; broken: ${JSON.stringify(broken)}`,
        );
      else console.log(`caught    ${name}: seed ${caughtAt}, the ${seeds}th: ${what.slice(0, 160)}`);
    },
  });
  const survivors = report.mutants.filter(survives).length;
  const { clean } = report;
  for (const { seed, broken } of clean.failed) console.log(describeFailure(seed, broken));
  console.log(
    `sim: commit=${clean.commit} mutants=${report.mutants.length} survived=${survivors} ` +
      `cleanSeeds=${clean.seeds} cleanFailed=${clean.failed.length}`,
  );
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
  return survivors === 0 && clean.failed.length === 0;
}

async function main(): Promise<boolean> {
  if (values.mutants) return mutants();
  return values.seed === undefined ? batch() : replay(whole('seed', values.seed, 0));
}

const holds = await main();
process.exit(holds ? 0 : 1);
