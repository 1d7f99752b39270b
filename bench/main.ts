// `npm run bench`: holdfast beside what one would write without durability, on real servers, in interleaved rounds. Prints
// each turn as it ends, then the figures with their goals; `--json` keeps all of it, `--docs` writes it
// into docs/benchmarks.md, beside what that has of parts that were not run.
//
// Ctrl-C gives up what is being measured, and keeps what was; another one ends it at once.
//
// Exit codes: 0 all was measured, 1 something broke, 2 wrong usage, 130 interrupted. A goal that is missed is no error: it
// stands in the table.
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { commit } from '../test/support/commit.ts';
import { INTERRUPTED, interruption, unlessAborted } from '../test/support/interruption.ts';
import { measureAlone } from './alone/measure.ts';
import type { Contestant } from './contestants/contestant.ts';
import { direct } from './contestants/direct.ts';
import { entriesOf } from './contestants/entries.ts';
import { naive } from './contestants/naive.ts';
import { MEASURES, type MeasureName, type Rounds } from './failover/figures.ts';
import { type Figure, figuresOfAlone, figuresOfMillion, figuresOfRounds, figuresOfTrouble } from './figures.ts';
import { keptFlames } from './flame/kept.ts';
import { measure } from './measure.ts';
import { withEarlier } from './merge.ts';
import { measureMillion } from './million/measure.ts';
import { type BenchOptions, parseOptions, UsageError } from './options.ts';
import { type Stage, setStage } from './parts/stage.ts';
import { versionsOf, versionsText } from './parts/versions.ts';
import { figureRow, reportOf, short, turnTable } from './report.ts';
import type { BenchResult } from './result.ts';
import { playRounds, type RoundOptions, type Turn } from './side-by-side/rounds.ts';

const DOCS = new URL('../docs/', import.meta.url);
/** The engine's code is compiled while it runs, and so is Kafka's: the first seconds are like no others. */
const ENGINE_WARM_UP_S = 45;
const KAFKA_WARM_UP_S = 30;

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
    const signal = interruption();
    const result = await run(options, signal);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(result, undefined, 1)}\n`);
    if (signal.aborted) return INTERRUPTED;
    if (options.docs) {
      const all = withEarlier(result, await earlier());
      await writeFile(new URL('benchmarks.json', DOCS), `${JSON.stringify(all, undefined, 1)}\n`);
      await writeFile(new URL('benchmarks.md', DOCS), reportOf(all, keptFlames));
      process.stdout.write(`written: ${fileURLToPath(new URL('benchmarks.md', DOCS))}\n`);
    }
    return result.broken.length === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.stack : error}\n`);
    return 1;
  }
}

async function earlier(): Promise<BenchResult | undefined> {
  const text = await readFile(new URL('benchmarks.json', DOCS), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as BenchResult);
}

async function run(
  { quick, rounds, connectPlugin, contestants, only, profile }: BenchOptions,
  signal: AbortSignal,
): Promise<BenchResult> {
  const startedAt = new Date().toISOString();
  const options: RoundOptions = {
    rounds,
    inFlight: 200,
    closedS: quick ? 4 : 8,
    pacedPerSecond: 50,
    pacedS: quick ? 4 : 12,
    warmUpS: quick ? 3 : 15,
  };
  const entries = entriesOf(contestants, connectPlugin);
  const stage = await setStage();
  try {
    const turns: Turn[] = [];
    const figures: Figure[] = [];
    const broken: string[] = [];
    const broke = (what: string, error: unknown) => {
      if (signal.aborted) return;
      broken.push(`${what}: ${error instanceof Error ? error.message : error}`);
      process.stderr.write(`bench: ${what}: ${error instanceof Error ? error.stack : error}\n`);
    };
    const tell = (more: readonly Figure[]) => {
      figures.push(...more);
      for (const figure of more.filter(({ values }) => values.length > 0))
        process.stdout.write(`${figureRow(figure).join('  ·  ')}\n`);
    };
    /** One that breaks takes nothing of the others with it. */
    const part = async (what: string, measured: () => Promise<readonly Figure[]>) => {
      if (signal.aborted) return;
      try {
        tell(await unlessAborted(signal, measured()));
      } catch (error) {
        broke(what, error);
      }
    };
    const versions = await versionsOf(stage);
    process.stdout.write(`${versionsText(versions)}\n`);
    if (only.includes('rounds') || only.includes('trouble')) await warmUp(stage, signal, direct, ENGINE_WARM_UP_S);
    if (only.includes('rounds')) await warmUp(stage, signal, naive, KAFKA_WARM_UP_S);
    if (only.includes('rounds')) {
      const profiled = {
        ...options,
        nodeArgs: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
      };
      const note = (turn: Turn) => {
        turns.push(turn);
        printTurn(turn);
      };
      await playRounds(stage, entries, profiled, note, broke, signal);
      process.stdout.write(`\n${turnTable(turns)}\n\n`);
      tell(figuresOfRounds(turns));
    }
    if (only.includes('trouble'))
      await part('trouble', async () => figuresOfTrouble(await troubleOf(stage, quick, rounds, broke)));
    // These have servers of their own, and no engine: ours would take of their CPU.
    await stage.stop();
    if (only.includes('alone')) {
      await part('alone', async () =>
        figuresOfAlone(await measureAlone(quick ? { rounds: 3, calls: 6_000 } : { rounds })),
      );
    }
    if (only.includes('million')) {
      const third = quick ? THIRD : { ...THIRD, idleSeconds: 1 };
      const ofThird = (figure: Figure) =>
        figure.values.length > 0 && (quick || !figure.name.endsWith(': CPU when idle'));
      await part('a third of a million', async () => figuresOfMillion(await measureMillion(third)).filter(ofThird));
      if (!quick) await part('a million', async () => figuresOfMillion(await measureMillion()));
    }
    if (signal.aborted) broken.push('interrupted: the rest was not measured');
    return {
      format: 1,
      startedAt,
      commit: commit(),
      machine: { cores: cpus().length, memoryMb: Math.round(totalmem() / 2 ** 20), cpu: cpus()[0]?.model ?? '' },
      versions,
      options: { ...options, quick },
      contestants: entries.map(({ contestant: { name, what } }) => ({ name, what })),
      turns,
      figures,
      broken,
    };
  } finally {
    await stage.stop();
  }
}

/** A third of a million: what each of two nodes takes over when a third one with a million dies. */
const THIRD = { pending: 333_333, rounds: 0, few: 0, pages: false, idleSeconds: 20 };

/** In each round every trouble in turn. */
async function troubleOf(
  stage: Stage,
  quick: boolean,
  count: number,
  broke: (what: string, error: unknown) => void,
): Promise<Rounds> {
  const rounds: { [Name in MeasureName]?: unknown[] } = {};
  const measures: readonly MeasureName[] = quick ? ['kill', 'rolling'] : ['kill', 'pause', 'handover', 'rolling'];
  const times = quick ? 1 : count;
  process.stdout.write(
    `trouble: ${measures.join(', ')}; ${times} of each, in turn${quick ? ' (--quick)' : '; the naive bridge killed once: it takes its lock of a minute'}\n`,
  );
  for (let round = 0; round < times; round++) {
    for (const name of measures) {
      try {
        const beginMs = performance.now();
        const figures = await MEASURES[name](stage, { replicas: 1, round });
        rounds[name] = [...(rounds[name] ?? []), figures];
        const tookS = ((performance.now() - beginMs) / 1_000).toFixed(0);
        process.stdout.write(
          `round ${round + 1}  ${name.padEnd(10)} ${tookS.padStart(4)} s  ${JSON.stringify(figures, withoutLists)}\n`,
        );
      } catch (error) {
        broke(`${name}, round ${round + 1}`, error);
      }
    }
  }
  if (!quick) {
    const naiveKilled = await MEASURES['naive-kill'](stage).catch((error: unknown) => broke('naive-kill', error));
    if (naiveKilled !== undefined) rounds['naive-kill'] = [naiveKilled];
  }
  return rounds as Rounds;
}

const withoutLists = (_: string, value: unknown) => (Array.isArray(value) ? undefined : value);

async function warmUp(stage: Stage, signal: AbortSignal, by: Contestant, seconds: number): Promise<void> {
  if (signal.aborted) return;
  const running = await by.start(stage);
  try {
    const plan = { kind: 'closed', inFlight: 200, seconds } as const;
    await measure(stage, running, { plan, warmUpS: 0, signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
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

process.exit(await main(process.argv.slice(2)));
