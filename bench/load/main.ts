// `npm run load -- SCENARIO`: what load a cluster carries, and what its users see meanwhile. It starts what it needs, or
// uses what the environment names (docs/load.md); a line a second tells how it goes, then the result, as a table, as
// JSON, and as one page to look at.
//
// Ctrl-C ends the arrivals, and the result is of what was seen until then; another one ends it at once.
//
// Exit codes: 0 every instance ended that was answered, 1 some did not or something broke, 2 wrong usage, 130 interrupted.
import { readFile, writeFile } from 'node:fs/promises';
import { INTERRUPTED, Interrupted, interruption } from '../../test/support/interruption.ts';
import { pageOf } from '../page/page.ts';
import { plannedOf, secondsOf } from './arrivals.ts';
import { type LoadOptions, parseOptions } from './options.ts';
import { parseResult } from './parse-result.ts';
import { printResult, secondLine } from './print.ts';
import type { LoadResult } from './result.ts';
import { type Listener, runLoad } from './run.ts';
import { ScenarioError } from './scenario.ts';
import { checkWritable } from './writable.ts';

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    // Better told before the run than after it.
    const earlier = options.compare === undefined ? undefined : await readEarlier(options.compare);
    if (options.json !== '-') await checkWritable('--json', options.json);
    await checkWritable('--html', options.html);
    return await run(options, earlier);
  } catch (error) {
    if (error instanceof Interrupted) {
      process.stderr.write('load: interrupted before the load began: there is no result\n');
      return INTERRUPTED;
    }
    process.stderr.write(`load: ${error instanceof Error ? error.message : error}\n`);
    return error instanceof ScenarioError ? 2 : 1;
  }
}

async function run({ scenario, json, html }: LoadOptions, earlier: LoadResult | undefined): Promise<number> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  say(`${scenario.name}: ${scenario.what}`);
  const { phases, backlog } = scenario;
  say(`      ${Math.round(plannedOf(phases))} arrivals in ${secondsOf(phases)} s, a backlog of ${backlog}`);
  const listener: Listener = { note: (text) => say(`      ${text}`), second: (news) => say(secondLine(news)) };
  const signal = interruption();
  signal.addEventListener('abort', () =>
    say('      interrupted: the run ends in order, in some seconds; again ends it at once'),
  );
  const { result, broken } = await runLoad(scenario, listener, signal);
  for (const line of printResult(result)) say(line);
  if (json !== undefined && json !== '-') await writeFile(json, `${JSON.stringify(result)}\n`);
  if (html !== undefined) await writeFile(html, await pageOf(result, earlier));
  if (json === '-') say(JSON.stringify(result));
  for (const fault of broken) process.stderr.write(`load: ${fault}\n`);
  if (result.interruptedAtS !== undefined) return INTERRUPTED;
  const { failed, open, unanswered = 0 } = result.totals;
  return failed === 0 && open <= unanswered && broken.length === 0 ? 0 : 1;
}

async function readEarlier(file: string): Promise<LoadResult> {
  try {
    return parseResult(await readFile(file, 'utf8'));
  } catch (error) {
    throw new ScenarioError(`--compare ${file}: ${(error as Error).message}`);
  }
}
