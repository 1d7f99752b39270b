// What a call costs the bridge alone: `node bench/alone/main.ts [--in-flight N] [--warm-up N] [--calls N] [--rounds N]
// [--body-bytes N] [--client http2|grpc-js] [--profile DIR] [--json FILE]`. Kafka and NATS are real and started here; the engine is a double. Exit
// codes: 0 measured (whatever came out), 1 something broke, 2 wrong usage.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UNARY_TRANSPORTS, type UnaryTransport } from '../../src/gateway/zeebe/gateway-calls.ts';
import { readFlags, UsageError } from '../parts/flags.ts';
import type { Spread } from '../parts/spread.ts';
import { ALONE_DEFAULTS, type AloneFigures, type AloneOptions, measureAlone } from './measure.ts';
import { PARTIES, type Round } from './rounds.ts';

const USAGE =
  'node bench/alone/main.ts [--in-flight N] [--warm-up N] [--calls N] [--rounds N] [--body-bytes N] [--client http2|grpc-js] [--profile DIR] [--json FILE]';

async function main(args: readonly string[]): Promise<number> {
  let options: AloneOptions;
  let json: string;
  try {
    ({ options, json } = parseOptions(args));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`alone: ${error.message}\n`);
    return 2;
  }
  try {
    const figures = await measureAlone({ ...options, onRound: printRound });
    print(figures);
    if (json !== '') await writeFile(json, `${JSON.stringify(figures, undefined, 1)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`alone: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

/** @throws UsageError */
function parseOptions(args: readonly string[]): { options: AloneOptions; json: string } {
  const whole = (otherwise: number, least: number, most: number) => ({ otherwise, least, most });
  const { inFlight, warmUp, calls, rounds, bodyBytes } = ALONE_DEFAULTS;
  const { numbers, texts } = readFlags(
    args,
    USAGE,
    {
      'in-flight': whole(inFlight, 1, 5_000),
      'warm-up': whole(warmUp, 1, 1_000_000),
      calls: whole(calls, 100, 1_000_000),
      rounds: whole(rounds, 1, 100),
      'body-bytes': whole(bodyBytes, 50, 500_000),
    },
    ['client', 'profile', 'json'],
  );
  const { client = '', profile = '', json = '' } = texts;
  const clients = client === '' ? UNARY_TRANSPORTS : UNARY_TRANSPORTS.filter((known) => known === client);
  if (clients.length === 0) throw new UsageError(`--client is "${client}"; allowed: ${UNARY_TRANSPORTS.join(', ')}`);
  return {
    json,
    options: {
      clients,
      inFlight: numbers['in-flight'],
      warmUp: numbers['warm-up'],
      calls: numbers.calls,
      rounds: numbers.rounds,
      bodyBytes: numbers['body-bytes'],
      profile: profile === '' ? '' : resolve(profile),
    },
  };
}

function printRound(client: UnaryTransport, round: Round, number: number): void {
  const { callsPerSecond, cpuMsPerCall, writesPerCall } = round;
  const cpu = PARTIES.map((party) => `${party} ${cpuMsPerCall[party].toFixed(3)}`).join(', ');
  const rate = `${callsPerSecond.toFixed(0)} calls/s, ${writesPerCall.toFixed(3)} writes`;
  console.log(`round ${number}, ${client}: ${rate}, ms: ${cpu}`);
}

function print({ sides }: AloneFigures): void {
  console.log('\nthe engine is a double; min / median / max of the rounds');
  for (const [client, side] of Object.entries(sides)) {
    console.log(`\ncalls to the engine by ${client}`);
    const { cpuMsPerCall, callsPerSecond, writesPerCall, p50Ms, p99Ms } = side;
    const line = (what: string, { min, median, max }: Spread, digits: number) =>
      console.log(`${what.padEnd(38)} ${[min, median, max].map((value) => value.toFixed(digits)).join(' / ')}`);
    for (const party of PARTIES) line(`${party}, ms of CPU per call`, cpuMsPerCall[party], 3);
    line('JetStream writes per call', writesPerCall, 3);
    line('calls per second', callsPerSecond, 0);
    line('job created -> completed, p50, ms', p50Ms, 1);
    line('job created -> completed, p99, ms', p99Ms, 1);
  }
}

process.exit(await main(process.argv.slice(2)));
