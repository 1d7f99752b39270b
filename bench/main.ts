// `npm run bench`: holdfast beside what one would write without durability, on real servers, in interleaved rounds. Prints
// each turn as it ends, then the figures with their goals; `--json` keeps all of it, `--docs` writes docs/benchmarks.md.
//
// Exit codes: 0 all was measured, 1 something broke, 2 wrong usage. A goal that is missed is no error: it stands in the table.
import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { commit } from '../test/support/commit.ts';
import { connect } from './contestants/connect.ts';
import { direct } from './contestants/direct.ts';
import { holdfast } from './contestants/holdfast.ts';
import { naive, naiveAwaited } from './contestants/naive.ts';
import { figuresOfRounds } from './figures.ts';
import { measure } from './measure.ts';
import { type BenchOptions, parseOptions, UsageError } from './options.ts';
import { type Stage, setStage } from './parts/stage.ts';
import { figureRow, reportOf, short, turnTable } from './report.ts';
import type { BenchResult } from './result.ts';
import { type Entry, playRounds, type RoundOptions, type Turn } from './side-by-side/rounds.ts';

const DOCS = new URL('../docs/', import.meta.url);
/** The engine's code is compiled while it runs: the first seconds are like no others. */
const ENGINE_WARM_UP_S = 15;

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`bench: ${error.message}\n`);
    return 2;
  }
  try {
    const result = await run(options);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, undefined, 1)}\n`);
    if (options.docs) {
      await writeFile(new URL('benchmarks.json', DOCS), `${JSON.stringify(result, undefined, 1)}\n`);
      await writeFile(new URL('benchmarks.md', DOCS), reportOf(result));
      process.stdout.write(`written: ${fileURLToPath(new URL('benchmarks.md', DOCS))}\n`);
    }
    return 0;
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.stack : error}\n`);
    return 1;
  }
}

async function run({ quick, rounds, connectPlugin }: BenchOptions): Promise<BenchResult> {
  const startedAt = new Date().toISOString();
  const options: RoundOptions = {
    rounds,
    inFlight: 200,
    closedS: quick ? 5 : 10,
    pacedPerSecond: 50,
    pacedS: quick ? 6 : 15,
    warmUpS: quick ? 2 : 4,
  };
  const entries = entriesOf(quick, connectPlugin);
  const stage = await setStage();
  try {
    await warmUp(stage);
    const turns = await playRounds(stage, entries, options, printTurn);
    const figures = figuresOfRounds(turns);
    process.stdout.write(`\n${turnTable(turns)}\n\n`);
    for (const figure of figures) process.stdout.write(`${figureRow(figure).join('  ·  ')}\n`);
    return {
      format: 1,
      startedAt,
      commit: commit(),
      machine: { cores: cpus().length, memoryMb: Math.round(totalmem() / 2 ** 20), cpu: cpus()[0]?.model ?? '' },
      versions: { node: process.version },
      options: { ...options, quick },
      contestants: entries.map(({ contestant: { name, what } }) => ({ name, what })),
      turns,
      figures,
      remarks: [],
    };
  } finally {
    await stage.stop();
  }
}

function entriesOf(quick: boolean, connectPlugin: string | undefined): readonly Entry[] {
  const entries = [
    { contestant: direct, paced: false },
    { contestant: naive, paced: true },
    ...(connectPlugin === undefined ? [] : [{ contestant: connect(connectPlugin), paced: true }]),
    { contestant: holdfast(1, 1), paced: true },
    { contestant: holdfast(3, 1), paced: true },
  ];
  const more = [
    { contestant: naiveAwaited, paced: false },
    { contestant: holdfast(1, 3), paced: true },
    { contestant: holdfast(3, 3), paced: true },
  ];
  return quick ? entries : [...entries, ...more];
}

async function warmUp(stage: Stage): Promise<void> {
  const running = await direct.start(stage);
  try {
    await measure(stage, running, { plan: { kind: 'closed', inFlight: 200, seconds: ENGINE_WARM_UP_S }, warmUpS: 0 });
  } finally {
    await running.stop();
  }
}

function printTurn({ round, contestant, perSecond, cpuPerCall, writesPerCall, paced }: Turn): void {
  const cpu = Object.entries(cpuPerCall).map(([party, ms]) => `${party} ${ms.toFixed(2)}`);
  const writes = writesPerCall === undefined ? '' : `, ${writesPerCall.toFixed(3)} writes`;
  const times = paced === undefined ? '' : `; paced p50 ${short(paced.p50)} p99 ${short(paced.p99)} ms`;
  const legs =
    paced?.call === undefined || paced.whole === undefined
      ? ''
      : `, call ${short(paced.call.p50)}/${short(paced.call.p99)}, whole ${short(paced.whole.p50)}/${short(paced.whole.p99)}`;
  process.stdout.write(
    `round ${round + 1}  ${contestant.padEnd(22)} ${perSecond.toFixed(0).padStart(5)}/s  CPU ms/call: ${cpu.join(' ')}${writes}${times}${legs}\n`,
  );
}
