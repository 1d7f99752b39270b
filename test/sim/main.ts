// npm run sim: the product as a whole cluster in one process, in virtual time, one seed after another (options.ts).
//
// Exit code 1 when anything that must hold did not, when a batch never saw what it should have, or when a mutant survived; 2 when
// the command line is wrong.
import { writeFile } from 'node:fs/promises';
import { type BatchReport, describeFailure, runBatch, unseen } from './batch.ts';
import { line } from './history.ts';
import { type MutantReport, runMutants, survives } from './mutants/run.ts';
import { parseOptions, type SimOptions, UsageError } from './options.ts';
import { runSeed } from './seed.ts';

const PROGRESS_EVERY_MS = 10_000;

type Of<Run extends SimOptions['run']> = Extract<SimOptions, { run: Run }>;

async function batch({ from, seeds, json }: Of<'batch'>): Promise<boolean> {
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
  await keep(json, report);
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
  const { nodes, jobs, virtualMs } = least;
  const least_ = `${nodes} nodes, ${jobs} jobs, ${least.troubles} troubles, ${Math.floor(virtualMs / 1_000)} s of virtual time`;
  console.log(`least of a seed: ${least_}`);
  console.log(
    `sim: commit=${commit} from=${from} seeds=${seeds} failed=${failed.length} unseen=${never.length} ` +
      `medianEvents=${medianEvents} eventsPerSecond=${eventsPerSecond} seedsPerSecond=${seedsPerSecond}`,
  );
}

async function again({ seed, trace }: Of<'seed'>): Promise<boolean> {
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

async function mutants({ json, ...options }: Of<'mutants'>): Promise<boolean> {
  const report = await runMutants({ ...options, onMutant: (mutant) => console.log(tell(mutant)) });
  const survivors = report.mutants.filter(survives).length;
  const failed = report.clean.flatMap((batch) => batch.failed);
  for (const { seed, broken } of failed) console.log(describeFailure(seed, broken));
  const seeds = report.clean.reduce((sum, batch) => sum + batch.seeds, 0);
  console.log(
    `sim: commit=${report.clean[0]?.commit} mutants=${report.mutants.length} survived=${survivors} ` +
      `cleanSeeds=${seeds} cleanFailed=${failed.length}`,
  );
  return survivors === 0 && failed.length === 0;
}

function tell(mutant: MutantReport): string {
  const { name, caughtAt, caughtBy, seeds, what, broken, failure } = mutant;
  if (failure !== '') return `FAILED    ${name}: ${failure}`;
  if (!survives(mutant)) return `caught    ${name}: after ${seeds} seeds, on ${caughtAt}: ${what.slice(0, 160)}`;
  return `SURVIVED  ${name}: not caught by ${caughtBy.join(' or ')} in ${seeds} seeds; broken: ${JSON.stringify(broken)}`;
}

async function keep(file: string | undefined, report: unknown): Promise<void> {
  if (file !== undefined) await writeFile(file, `${JSON.stringify(report, undefined, 1)}\n`);
}

async function main(): Promise<number> {
  try {
    const options = parseOptions(process.argv.slice(2));
    const holds = await (options.run === 'batch'
      ? batch(options)
      : options.run === 'seed'
        ? again(options)
        : mutants(options));
    return holds ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return 2;
  }
}

process.exit(await main());
