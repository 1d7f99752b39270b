// `npm run load -- SCENARIO`: what load a cluster carries, and what its users see meanwhile. It starts what it needs, or
// uses what the environment names (docs/benchmarks.md); a line a second tells how it goes, then the result, as a table, as
// JSON, and as one page to look at.
//
// Exit codes: 0 every instance ended, 1 some did not or something broke, 2 wrong usage.
import { readFile, writeFile } from 'node:fs/promises';
import { pageOf } from '../page/page.ts';
import { type LoadOptions, parseOptions } from './options.ts';
import { parseResult } from './parse-result.ts';
import type { LoadResult } from './result.ts';
import { type Listener, runLoad } from './run.ts';
import { ScenarioError } from './scenario.ts';

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  let options: LoadOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    process.stderr.write(`load: ${error.message}\n`);
    return 2;
  }
  const { scenario, json, html, compare } = options;
  process.stdout.write(`${scenario.name}: ${scenario.what}\n`);
  const listener: Listener = {
    note: (text) => process.stdout.write(`      ${text}\n`),
    second: ({ atS, started, completed, open, p50, p99 }) =>
      process.stdout.write(
        `${`${atS} s`.padStart(6)}  started ${pad(started, 5)}  completed ${pad(completed, 5)}  open ${pad(open, 6)}  p50 ${pad(p50, 7)} ms  p99 ${pad(p99, 7)} ms\n`,
      ),
  };
  try {
    // Better told before the run than after it.
    const earlier = compare === undefined ? undefined : parseResult(await readFile(compare, 'utf8'));
    const result = await runLoad(scenario, listener);
    print(result);
    if (json !== undefined) await writeFile(json, `${JSON.stringify(result)}\n`);
    if (html !== undefined) await writeFile(html, await pageOf(result, earlier));
    return result.totals.failed + result.totals.open === 0 ? 0 : 1;
  } catch (error) {
    process.stderr.write(`load: ${error instanceof Error ? error.message : error}\n`);
    return error instanceof ScenarioError ? 2 : 1;
  }
}

function print({ totals, latencies, events }: LoadResult): void {
  const { planned, started, completed, failed, open, refusals, seconds, completedPerSecond } = totals;
  process.stdout.write(
    `planned ${planned}, started ${started}, completed ${completed} (${completedPerSecond.toFixed(1)}/s over ${seconds.toFixed(1)} s), failed ${failed}, open ${open}, refused and tried again ${refusals}\n`,
  );
  process.stdout.write(
    `${'ms'.padEnd(32)}${['count', 'p50', 'p90', 'p99', 'p99.9', 'max'].map((h) => h.padStart(10)).join('')}\n`,
  );
  for (const { leg, count, p50, p90, p99, p999, max } of latencies) {
    process.stdout.write(
      `${leg.padEnd(32)}${[count, p50, p90, p99, p999, max].map((value) => pad(value, 10)).join('')}\n`,
    );
  }
  for (const { atS, what } of events) process.stdout.write(`${atS.toFixed(1).padStart(6)} s  ${what}\n`);
}

function pad(value: number, width: number): string {
  return (Number.isInteger(value) ? String(value) : value.toFixed(1)).padStart(width);
}
