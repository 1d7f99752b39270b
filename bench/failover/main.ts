// What trouble costs: `node bench/failover/main.ts [--only kill,pause,handover,rolling,naive-kill] [--rounds 3] [--replicas 1|3]
// [--json FILE]`. A cluster of three nodes for each round, on real servers, hurt in one way; then a table of what was seen,
// beside what is aimed at. HOLDFAST_TEST_LOGS=DIR keeps the nodes' logs.
//
// Exit codes: 0 everything aimed at is met, 1 something is not or something broke, 2 wrong usage.
import { writeFile } from 'node:fs/promises';
import { setStage } from '../parts/stage.ts';
import { warmEngine } from './calls.ts';
import { MEASURES, type MeasureName, type Rounds, type Row, rowsOf } from './figures.ts';
import { type FailoverOptions, parseOptions, UsageError } from './options.ts';

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  let options: FailoverOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`failover: ${error.message}\n`);
    return 2;
  }
  try {
    const rounds = await run(options);
    const rows = rowsOf(rounds);
    process.stdout.write(tableOf(rows));
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ rounds, rows })}\n`);
    return rows.some(({ met }) => met === false) ? 1 : 0;
  } catch (error) {
    process.stderr.write(`failover: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

async function run({ only, rounds: count, replicas }: FailoverOptions): Promise<Rounds> {
  const stage = await setStage();
  const rounds: { [Name in MeasureName]?: unknown[] } = {};
  try {
    await warmEngine(stage);
    for (let round = 0; round < count; round++) {
      for (const name of only) {
        // More than a minute each time, and no figure of ours.
        if (name === 'naive-kill' && round > 0) continue;
        const figures = await MEASURES[name](stage, { replicas, round });
        rounds[name] = [...(rounds[name] ?? []), figures];
        process.stdout.write(`${round + 1} of ${count}  ${name}  ${JSON.stringify(figures)}\n`);
      }
    }
    return rounds as Rounds;
  } finally {
    await stage.stop();
  }
}

function tableOf(rows: readonly Row[]): string {
  const number = (value: number | undefined) => (value === undefined ? '' : value.toFixed(value % 1 === 0 ? 0 : 1));
  const line = (cells: readonly string[]) =>
    `${cells.map((cell, i) => (i < 2 ? cell.padEnd([12, 36][i] ?? 0) : cell.padStart(10))).join('')}\n`;
  return [
    line(['', '', 'min', 'median', 'max', 'goal', '']),
    ...rows.map(({ measure, figure, unit, min, median, max, goal, met }) => {
      const said = met === undefined ? '' : met ? 'met' : 'MISSED';
      const what = unit === '' ? figure : `${figure}, ${unit}`;
      return line([measure, what, number(min), number(median), number(max), number(goal), said]);
    }),
  ].join('');
}
