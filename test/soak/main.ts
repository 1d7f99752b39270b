// Does a node that works all day grow? `npm run soak -- [--minutes 30] [--nodes 1] [--rate 30] [--bound 4] [--json FILE]`:
// nodes on servers of their own under steady load, sampled through their metrics after a collection each. It prints how the
// heap rises over the last two thirds of the time, with its confidence, and handles, timers and pending jobs at the
// beginning, after the first third, at the end of the load, and at rest, when all tombstones are over. Exit code 1 when the heap
// of a node rises by more than the bound, when handles or timers have become more, or when something is left at rest.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startKafka, startNats, startZeebe } from '../../deploy/local/index.ts';
import { Trial } from '../support/trial.ts';
import { type Figures, figuresOf, Inspector, WITH_INSPECTOR } from './figures.ts';
import { ordinaryDay } from './load.ts';
import { settledPart, slopeOf } from './slope.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    nodes: { type: 'string', default: '1' },
    rate: { type: 'string', default: '30' },
    bound: { type: 'string', default: '4' },
    json: { type: 'string' },
  },
});
const [minutes, nodes, rate, boundMb] = [options.minutes, options.nodes, options.rate, options.bound].map(Number);
if (!(minutes! >= 1 && nodes! >= 1 && rate! > 0 && boundMb! >= 0))
  throw new Error('minutes, nodes, rate, bound: numbers');

const SAMPLES = 120;
const LEAST_EVERY_MS = 2_000;
/** The shortest that may be configured: then as many tombstones end as begin. */
const LATE_WINDOW_S = 60;
/** A scrape, a poll or a renewal that happens to be under way. */
const SPARE_HANDLES = 10;
const MB = 1024 * 1024;

type Moment = 'begin' | 'third' | 'end' | 'rest';

interface Watched {
  readonly name: string;
  readonly samples: Figures[];
  readonly moments: Map<Moment, Figures>;
  take(): Promise<Figures>;
}

const [nats, kafka, zeebe] = await Promise.all([startNats(), startKafka(), startZeebe()]);
process.env.NODE_OPTIONS = WITH_INSPECTOR;
const servers = { natsUrl: nats.url, kafkaBrokers: kafka.brokers, zeebeAddress: zeebe.grpcAddress };
const window = `PT${LATE_WINDOW_S}S`;
const trial: Trial = await Trial.start({
  servers,
  nodes: nodes!,
  retries: 5,
  behaviour: ordinaryDay(() => trial),
  route: { lateWindow: window, incidentWindow: window, retryBackoff: 'PT1S' },
});
let ok = false;
try {
  ok = await soak();
} finally {
  await trial.stop();
  await Promise.all([nats.stop(), kafka.stop(), zeebe.stop()]);
}
process.exit(ok ? 0 : 1);

async function soak(): Promise<boolean> {
  const watched = await Promise.all(trial.nodes.all.map(({ name }) => watch(name)));
  const note = (moment: Moment) =>
    Promise.all(watched.map(async ({ moments, take }) => moments.set(moment, await take())));
  const [beginMs, forMs] = [Date.now(), minutes! * 60_000];
  const everyMs = Math.max(LEAST_EVERY_MS, forMs / SAMPLES);
  console.log(`${nodes} node(s) at ${rate} jobs/s for ${minutes} min, a sample every ${everyMs / 1_000} s`);
  await note('begin');
  const stopLoad = trial.driver.load(rate!);
  for (let dueMs = beginMs + everyMs; dueMs <= beginMs + forMs; dueMs += everyMs) {
    await sleep(Math.max(0, dueMs - Date.now()));
    const third = dueMs >= beginMs + forMs / 3;
    for (const { samples, moments, take } of watched) {
      const figures = await take();
      samples.push(figures);
      if (third && !moments.has('third')) moments.set('third', figures);
    }
  }
  await note('end');
  const tokens = await stopLoad();
  await trial.driver.allAnswered(tokens, { deadlineMs: 120_000, diagnose: () => trial.diagnose() });
  await sleep((LATE_WINDOW_S + 15) * 1_000);
  await note('rest');
  const verdicts = watched.map(judge);
  if (options.json !== undefined)
    await writeFile(
      options.json,
      JSON.stringify({ options, nodes: watched.map(({ name, samples }) => ({ name, samples })) }, undefined, 1),
    );
  console.log(`${tokens.length} jobs, all answered`);
  return verdicts.every(Boolean);
}

async function watch(name: string): Promise<Watched> {
  const inspector = await Inspector.open(join(trial.nodes.dir, `${name}.log`));
  const take = async () => {
    await inspector.collectGarbage();
    return figuresOf(trial.node(name));
  };
  return { name, samples: [], moments: new Map(), take };
}

function judge({ name, samples, moments }: Watched): boolean {
  const rise = (of: (figures: Figures) => number) =>
    slopeOf(settledPart(samples.map((figures) => ({ atMs: figures.atMs, value: of(figures) }))));
  const mb = (bytes: number) => (bytes / MB).toFixed(2);
  const shown = {
    heap: rise((f) => f.heapBytes),
    external: rise((f) => f.externalBytes),
    resident: rise((f) => f.residentBytes),
  };
  for (const [what, { perHour, from, to, samples: count }] of Object.entries(shown)) {
    console.log(
      `${name} ${what}: ${mb(perHour)} MB/h (95 %: ${mb(from)} to ${mb(to)}; ${count} samples after a third of the time)`,
    );
  }
  for (const [moment, f] of moments) {
    const memory = `heap ${mb(f.heapBytes)} MB, external ${mb(f.externalBytes)} MB, resident ${mb(f.residentBytes)} MB`;
    console.log(
      `${name} at ${moment}: ${memory}, ${f.handles} handles, ${f.timers} timers, ${f.pending} pending, ${f.completed} completed`,
    );
  }
  const at = (moment: Moment) => moments.get(moment) as Figures;
  const [begin, third, end, rest] = [at('begin'), at('third'), at('end'), at('rest')];
  const faults = [
    ...(shown.heap.perHour > boundMb! * MB ? [`the heap rises by more than ${boundMb} MB/h`] : []),
    ...(end.handles > third.handles + SPARE_HANDLES ? ['handles become more under steady load'] : []),
    ...(end.timers > third.timers + SPARE_HANDLES ? ['timers become more under steady load'] : []),
    ...(rest.handles > begin.handles + SPARE_HANDLES ? ['handles are left at rest'] : []),
    ...(rest.timers > begin.timers + SPARE_HANDLES ? ['timers are left at rest'] : []),
    ...(rest.pending > 0 ? [`${rest.pending} jobs are left at rest`] : []),
  ];
  console.log(`${name}: ${faults.length === 0 ? `ok (bound: ${boundMb} MB/h)` : faults.join('; ')}`);
  return faults.length === 0;
}
