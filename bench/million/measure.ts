// A million pending jobs on one node: what it takes to rehydrate them, what they cost at rest, and what they do to the cost of
// a call. They are written as snapshots (seeder.ts), three tombstones beside each; THE ENGINE IS A DOUBLE. For the comparison
// a second node, of another cluster on the same servers, holds a thousand, and both make calls in turn: round by round.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../deploy/local/ports.ts';
import type { Incarnation, NodeName } from '../../src/actors/ids.ts';
import { loadConfig } from '../../src/gateway/config/config.ts';
import { SystemClock, SystemRandom } from '../../src/gateway/system-clock.ts';
import { type ClusterSettings, nodeEnv } from '../../test/support/nodes.ts';
import { bodyOf, spreads } from '../alone/measure.ts';
import { type Round, Rounds } from '../alone/rounds.ts';
import { routeOf, setStage } from '../alone/stage.ts';
import { inspectArgs, NodeProfile } from '../parts/node-profile.ts';
import { cpuMs, rssBytes } from '../parts/processes.ts';
import { type PageFigures, pagesOf } from './node-pages.ts';
import { checkStayed, rehydrated } from './rehydrated.ts';
import { seed } from './seeder.ts';
import { type SeedPlan, seedCount, seededKeys } from './seeds.ts';

export interface MillionOptions {
  readonly pending: number;
  /** Per pending job. */
  readonly tombstones: number;
  /** Pending jobs of the node that is compared with; 0: none is, and no calls are made. */
  readonly few: number;
  readonly idleSeconds: number;
  readonly inFlight: number;
  readonly warmUp: number;
  readonly calls: number;
  readonly rounds: number;
  /** Are pages of the list asked for? */
  readonly pages: boolean;
  /** Where CPU profiles go, of the large node at rest and of both in a round that does not count; '': none are made. */
  readonly profile: string;
  onProgress?(line: string): void;
}

export const MILLION_DEFAULTS: MillionOptions = {
  pending: 1_000_000,
  tombstones: 3,
  few: 1_000,
  idleSeconds: 60,
  inFlight: 200,
  warmUp: 5_000,
  calls: 8_000,
  rounds: 5,
  pages: true,
  profile: '',
};

export interface MillionFigures {
  readonly engine: 'double';
  readonly options: Omit<MillionOptions, 'onProgress'>;
  readonly pendingBytes: number;
  readonly tombstoneBytes: number;
  /** From the first claim to the last shard owned. */
  readonly rehydration: { readonly seconds: number; readonly keysPerSecond: number; readonly cpuSeconds: number };
  /** Of the node's process, all of it. */
  readonly rssBytes: {
    /** Ever, until the last call was over. */
    readonly most: number;
    readonly rehydrated: number;
    readonly idle: number;
    readonly afterCalls: number;
  };
  readonly natsRssBytes: number;
  /** Of one core, over the first seconds: within one lock of the takeover every job is due to be asked for once. */
  readonly settlingCores: number;
  /** Of one core, over the idle seconds after that. */
  readonly idleCores: number;
  /** Over HTTP, from the large node. Empty: none were asked for. */
  readonly pages: readonly PageFigures[];
  /** Undefined when no calls were made. */
  readonly few: ReturnType<typeof spreads> | undefined;
  readonly many: ReturnType<typeof spreads> | undefined;
  /** Bridge CPU per call, many ÷ few, of each round; none: no calls were made. */
  readonly manyByFew: readonly number[];
}

type Cluster = typeof MANY | typeof FEW;

const SHARDS = 128;
const MANY = 'many';
const FEW = 'few';
const REHYDRATED_WITHIN_MS = 240_000;
const BODY_BYTES = 300;
/** One activation lock, and some. */
const SETTLE_MS = 25_000;
const PROFILED_IDLE_MS = 30_000;

export async function measureMillion(asked: Partial<MillionOptions> = {}): Promise<MillionFigures> {
  const { onProgress: say = () => undefined, ...options } = { ...MILLION_DEFAULTS, ...asked };
  const { pending, tombstones, few, rounds } = options;
  const variables = bodyOf(BODY_BYTES);
  await using stack = new AsyncDisposableStack();
  const clusters = few > 0 ? [MANY, FEW] : [MANY];
  // Both clusters' keys begin at the same place: the keys of the few are among those of the many.
  const seeded = seededKeys({ pending: Math.max(pending, few), tombstones });
  const stage = await setStage({ clusters, variables, answer: '{"answer":{"charged":12.5}}', seeded }, stack);
  const natsUrl = stage.nats.url;

  const planned = planOf(MANY, pending, tombstones, variables);
  const written = await seed(natsUrl, planned);
  say(`${written.records} records written in ${written.seconds.toFixed(1)} s`);
  const [port = 0, otherPort = 0] = await freePorts(2);
  const args = (at: number) => ({ args: options.profile === '' ? [] : inspectArgs(at) });
  const many = await stage.startNode(settingsOf(MANY), args(port));
  const { seconds } = await rehydrated(many, natsUrl, MANY, planned, REHYDRATED_WITHIN_MS);
  const cpuSeconds = (await cpuMs([many.pid])) / 1_000;
  const afterRehydration = await rssBytes(many.pid);
  const keysPerSecond = seedCount(planned) / seconds;
  say(`rehydrated in ${seconds.toFixed(2)} s, ${keysPerSecond.toFixed(0)} keys/s, RSS ${megabytes(afterRehydration)}`);

  const settlingMs = await cpuMs([many.pid]);
  await sleep(SETTLE_MS);
  const settlingCores = ((await cpuMs([many.pid])) - settlingMs) / SETTLE_MS;
  const beforeMs = await cpuMs([many.pid]);
  await sleep(options.idleSeconds * 1_000);
  const idleCores = ((await cpuMs([many.pid])) - beforeMs) / 1_000 / Math.max(1, options.idleSeconds);
  const idle = await rssBytes(many.pid);
  await checkStayed(many);
  say(`idle: ${(100 * idleCores).toFixed(2)} % of a core, RSS ${megabytes(idle)}`);

  const profile = options.profile === '' ? undefined : await profileOf(port, options.profile, stack);
  await profile?.during('idle', () => sleep(PROFILED_IDLE_MS));
  const pages = options.pages ? await pagesOf(many, planned, say) : [];
  if (options.pages) await profile?.during('pages', () => pagesOf(many, planned, () => undefined));

  const measured: Record<Cluster, readonly Round[]> = { [MANY]: [], [FEW]: [] };
  if (few > 0 && rounds > 0) {
    await seed(natsUrl, planOf(FEW, few, tombstones, variables));
    const other = await stage.startNode(settingsOf(FEW), args(otherPort));
    await rehydrated(other, natsUrl, FEW, { shards: SHARDS, pending: few }, REHYDRATED_WITHIN_MS);
    await Promise.all([many.untilReady(), other.untilReady()]);
    const otherProfile = profile && (await profileOf(otherPort, options.profile, stack));
    Object.assign(
      measured,
      await roundsOf(
        { ...options, say },
        { cluster: FEW, load: new Rounds(stage, other, FEW), profile: otherProfile },
        { cluster: MANY, load: new Rounds(stage, many, MANY), profile },
      ),
    );
  }
  await checkStayed(many);
  const of = (cluster: Cluster) => (measured[cluster].length === 0 ? undefined : spreads(measured[cluster]));
  const [fewFigures, manyFigures] = [of(FEW), of(MANY)];
  return {
    engine: 'double',
    options,
    pendingBytes: written.pendingBytes,
    tombstoneBytes: written.tombstoneBytes,
    rehydration: { seconds, keysPerSecond, cpuSeconds },
    rssBytes: {
      most: await peakRssBytes(many.pid),
      rehydrated: afterRehydration,
      idle,
      afterCalls: await rssBytes(many.pid),
    },
    natsRssBytes: await rssBytes(stage.nats.servers[0]!.pid),
    settlingCores,
    idleCores,
    pages,
    few: fewFigures,
    many: manyFigures,
    manyByFew: measured[MANY].map(
      ({ cpuMsPerCall }, at) => cpuMsPerCall.bridge / (measured[FEW][at] as Round).cpuMsPerCall.bridge,
    ),
  };
}

interface Side {
  readonly cluster: Cluster;
  readonly load: Rounds;
  readonly profile: NodeProfile | undefined;
}

/** Both sides in turn, and each as often the first: round 0 warms up, the others begin when the load is on. */
async function roundsOf(
  {
    rounds,
    inFlight,
    warmUp,
    calls,
    say,
  }: Pick<MillionOptions, 'rounds' | 'inFlight' | 'warmUp' | 'calls'> & { say(line: string): void },
  few: Side,
  many: Side,
): Promise<Record<Cluster, readonly Round[]>> {
  const measured: Record<Cluster, Round[]> = { [MANY]: [], [FEW]: [] };
  const run = async ({ cluster, load }: Side, count: number) => {
    await load.keep(inFlight);
    const round = await load.run(count);
    await load.keep(0);
    return { cluster, round };
  };
  for (let number = 0; number <= rounds; number++) {
    for (const side of number % 2 === 0 ? [many, few] : [few, many]) {
      const { cluster, round } = await run(side, number === 0 ? warmUp : calls);
      if (number === 0) continue;
      measured[cluster].push(round);
      const { cpuMsPerCall, callsPerSecond } = round;
      say(
        `round ${number}, ${cluster}: ${cpuMsPerCall.bridge.toFixed(3)} ms of bridge CPU per call at ${callsPerSecond.toFixed(0)} calls/s`,
      );
    }
  }
  for (const side of [few, many]) await side.profile?.during(side.cluster, () => run(side, calls));
  return measured;
}

async function profileOf(port: number, dir: string, stack: AsyncDisposableStack): Promise<NodeProfile> {
  const profile = await NodeProfile.open(port, dir);
  stack.defer(() => profile.close());
  return profile;
}

/** The most that was ever resident. */
async function peakRssBytes(pid: number): Promise<number> {
  return peakRssBytesIn(await readFile(`/proc/${pid}/status`, 'utf8'));
}

export function peakRssBytesIn(status: string): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  if (kilobytes === undefined) throw new Error('no VmHWM: the process has ended');
  return Number(kilobytes) * 1024;
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

const waitingType = (cluster: string) => `${cluster}-waiting`;

/** Calls that are made, and those that wait: for months, so that no deadline falls into the measurement. */
function settingsOf(cluster: string): ClusterSettings {
  const waiting = {
    jobType: waitingType(cluster),
    requestTopic: `${cluster}.waiting`,
    replyTimeout: 'P180D',
    lateWindow: 'P1D',
    maxPending: 1_000_000,
  };
  return { cluster, shards: SHARDS, routes: [routeOf(cluster), waiting] };
}

function planOf(cluster: string, pending: number, tombstones: number, variables: string): SeedPlan {
  const nowhere = { natsUrl: 'nats://127.0.0.1:4222', kafkaBrokers: '127.0.0.1:9092', zeebeAddress: '127.0.0.1:26500' };
  const text = JSON.stringify(settingsOf(cluster));
  const { routes } = loadConfig(nodeEnv(nowhere, 'seeder', 'holdfast.yaml', 8080), () => text);
  const route = routes.find(({ jobType }) => jobType === waitingType(cluster));
  if (route === undefined) throw new Error('no route for the jobs that wait');
  const random = new SystemRandom();
  return {
    ...{ cluster, pending, tombstones, route, variables, random },
    shards: SHARDS,
    node: 'n0' as NodeName,
    incarnation: `n0-${Buffer.from(random.bytes(6)).toString('hex')}` as Incarnation,
    secret: { id: 'bench', key: random.bytes(32) },
    clock: new SystemClock(),
  };
}
