// `npm run chaos -- --minutes M --seed S --json FILE`: the product on real servers, everything that can break broken again
// and again, and whether what was promised held. The schedule is printed first, and follows from the seed.
//
// Exit codes: 0 all held, 1 it did not or something broke, 2 wrong usage, 130 interrupted. The run's directory (histories,
// logs, dump) goes when all held, unless --keep names one. Whatever came of it is added to docs/chaos.md, unless --scratch says
// that this run only tries something out.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { commit as commitNow } from '../support/commit.ts';
import { INTERRUPTED, interruption } from '../support/interruption.ts';
import { type ChaosOptions, parseOptions, UsageError } from './options.ts';
import { publish } from './report.ts';
import { faultLinesOf, lineOf, resultOf } from './result.ts';
import { run } from './run.ts';
import { passed } from './runs.ts';
import { countsOf, lastBlowOf, linesOf, scheduleOf } from './schedule.ts';

async function main(args: readonly string[]): Promise<number> {
  let options: ChaosOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`chaos: ${error.message}\n`);
    return 2;
  }
  // The run brings its own servers: what is set for others must not lead its processes to them.
  for (const name of Object.keys(process.env)) {
    if (/^(ZEEBE|CAMUNDA|NATS|KAFKA)_|^HOLDFAST_(?!SERVERS$)/.test(name)) delete process.env[name];
  }
  const tell = (line: string) => process.stdout.write(`${line}\n`);
  const { seed, minutes, keep } = options;
  const commit = commitNow();
  const schedule = [...scheduleOf(options), ...lastBlowOf(options)];
  tell(`chaos: seed ${seed}, ${minutes} minutes, ${options.perSecond} jobs/s, commit ${commit}`);
  for (const line of linesOf(schedule)) tell(line);
  tell(JSON.stringify(countsOf(schedule)));
  const dir = keep === undefined ? await mkdtemp(join(tmpdir(), 'holdfast-chaos-')) : resolve(keep);
  await mkdir(dir, { recursive: true });
  const signal = interruption();
  let fine = false;
  try {
    const { run: toRecord, result } = resultOf(dir, await run({ ...options, commit, dir, signal, tell }));
    fine = passed(result);
    if (options.record) publish(toRecord);
    for (const line of faultLinesOf(result)) tell(line);
    tell(lineOf(result));
    const text = `${JSON.stringify(result, null, 2)}\n`;
    for (const file of [options.json, join(dir, 'result.json')]) if (file !== undefined) await writeFile(file, text);
    return fine ? 0 : 1;
  } catch (error) {
    if (signal.aborted) return INTERRUPTED;
    process.stderr.write(`chaos: ${error instanceof Error ? error.stack : error}\n`);
    return 1;
  } finally {
    if (fine && keep === undefined) await rm(dir, { recursive: true, force: true });
    else tell(`chaos: histories and logs are in ${dir}`);
  }
}

process.exit(await main(process.argv.slice(2)));
