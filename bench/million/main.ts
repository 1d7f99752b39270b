// A million pending jobs on one node: `node bench/million/main.ts [--pending N] [--tombstones N] [--few N] [--idle-seconds N]
// [--in-flight N] [--warm-up N] [--calls N] [--rounds N] [--pages 0|1] [--profile DIR] [--json FILE]`. Kafka and NATS are real and
// started here; the engine is a double. `--rounds 0`: no calls are made; `--pages 0`: no page of the list is asked for. Exit codes:
// 0 measured (whatever came out), 1 something broke, 2 wrong usage.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readFlags, UsageError } from '../parts/flags.ts';
import { type Spread, spreadOf } from '../parts/spread.ts';
import { MILLION_DEFAULTS, type MillionFigures, type MillionOptions, measureMillion } from './measure.ts';
import { pageLine } from './node-pages.ts';

const USAGE =
  'node bench/million/main.ts [--pending N] [--tombstones N] [--few N] [--idle-seconds N] [--in-flight N] [--warm-up N] [--calls N] [--rounds N] [--pages 0|1] [--profile DIR] [--json FILE]';

async function main(args: readonly string[]): Promise<number> {
  let options: MillionOptions;
  let json: string;
  try {
    ({ options, json } = parseOptions(args));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`million: ${error.message}\n`);
    return 2;
  }
  try {
    const figures = await measureMillion({ ...options, onProgress: (line) => console.log(line) });
    for (const line of linesOf(figures)) console.log(line);
    if (json !== '') await writeFile(json, `${JSON.stringify(figures, undefined, 1)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`million: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

/** @throws UsageError */
function parseOptions(args: readonly string[]): { options: MillionOptions; json: string } {
  const whole = (otherwise: number, least: number, most: number) => ({ otherwise, least, most });
  const { pending, tombstones, few, idleSeconds, inFlight, warmUp, calls, rounds } = MILLION_DEFAULTS;
  const { numbers, texts } = readFlags(
    args,
    USAGE,
    {
      pending: whole(pending, 1_000, 1_000_000),
      tombstones: whole(tombstones, 0, 20),
      few: whole(few, 0, 1_000_000),
      'idle-seconds': whole(idleSeconds, 0, 3_600),
      'in-flight': whole(inFlight, 1, 5_000),
      'warm-up': whole(warmUp, 1, 1_000_000),
      calls: whole(calls, 100, 1_000_000),
      rounds: whole(rounds, 0, 100),
      pages: whole(1, 0, 1),
    },
    ['profile', 'json'],
  );
  const { profile = '', json = '' } = texts;
  return {
    json,
    options: {
      ...{ pending: numbers.pending, tombstones: numbers.tombstones, few: numbers.few },
      ...{ calls: numbers.calls, rounds: numbers.rounds },
      idleSeconds: numbers['idle-seconds'],
      pages: numbers.pages === 1,
      inFlight: numbers['in-flight'],
      warmUp: numbers['warm-up'],
      profile: profile === '' ? '' : resolve(profile),
    },
  };
}

function linesOf(figures: MillionFigures): string[] {
  const { options, rehydration, rssBytes, natsRssBytes, settlingCores, idleCores, few, many, manyByFew } = figures;
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const line = (what: string, value: string) => `${what.padEnd(46)} ${value}`;
  const spread = (of: Spread | undefined) =>
    of === undefined ? 'not measured' : [of.min, of.median, of.max].map((value) => value.toFixed(3)).join(' / ');
  return [
    '',
    `the engine is a double; ${options.pending} pending jobs (${figures.pendingBytes} bytes each), ${options.tombstones} tombstones beside each (${figures.tombstoneBytes} bytes)`,
    line('rehydrated in, s', rehydration.seconds.toFixed(2)),
    line('keys per second', rehydration.keysPerSecond.toFixed(0)),
    line('CPU of the node until then, s', rehydration.cpuSeconds.toFixed(1)),
    line('RSS of the node: the most that it ever was', mib(rssBytes.most)),
    line('  when rehydrated', mib(rssBytes.rehydrated)),
    line(`  after 25 s and ${options.idleSeconds} s`, mib(rssBytes.idle)),
    line('  after the calls', mib(rssBytes.afterCalls)),
    line('RSS of nats-server', mib(natsRssBytes)),
    line('in the first 25 s, % of a core', (100 * settlingCores).toFixed(2)),
    line('idle after that, % of a core', (100 * idleCores).toFixed(2)),
    ...figures.pages.map(pageLine),
    line(`bridge CPU per call with ${options.few} pending, ms`, spread(few?.cpuMsPerCall.bridge)),
    line(`bridge CPU per call with ${options.pending} pending, ms`, spread(many?.cpuMsPerCall.bridge)),
    line('the one by the other, by round', spread(spreadOf(manyByFew))),
  ];
}

process.exit(await main(process.argv.slice(2)));
