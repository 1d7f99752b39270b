// One run: the stage is set, load flows, the schedule's faults are made, a last blow is dealt and everything is healed at once;
// then the load stops, and what is open must end in time. What comes of it lies in the run's directory, for the judge.
//
// A run that stands still, or a part of it that fails (a node that ends by itself, a server that does not come back), ends
// with a dump; the histories are judged all the same, for they may tell why.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dumpOf } from './dump.ts';
import { Faults } from './faults.ts';
import type { Kind } from './schedule.ts';
import { lastBlowOf, type PlannedFault, scheduleOf, type Track } from './schedule.ts';
import { type SharedServers, type Stage, setStage } from './stage.ts';

export interface RunOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly perSecond: number;
  readonly leaseTtlMs: number;
  readonly without: readonly Kind[];
  /** Kafka and Zeebe of others, which are not hurt. */
  readonly shared?: SharedServers;
  readonly commit: string;
  /** Histories, logs and dumps go there. */
  readonly dir: string;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

export interface Ended {
  /** What went wrong as far as the runner saw it; the judge says the rest. */
  readonly failures: readonly string[];
  readonly jobs: number;
  readonly open: readonly string[];
  readonly made: readonly PlannedFault[];
  readonly elapsedMs: number;
  /** How long instances were started. */
  readonly loadMs: number;
}

/** No instance passes for so long after healing, or for this and the longest first lock of a node: stuck. */
const STUCK_MS = 30_000;
const STUCK_BEYOND_LOCK_MS = 10_000;
const LOOK_EVERY_MS = 500;
const LOAD_GOES_ON_MS = 2_000;

export async function run(options: RunOptions): Promise<Ended> {
  const { seed, minutes, perSecond, leaseTtlMs, commit, dir, signal, tell } = options;
  const schedule = scheduleOf(options);
  const failures: string[] = [];
  await mkdir(dir, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const stage = await untilAborted(signal, setStage({ ...options, shared: options.shared }, stack));
  const { driver, runner, watched } = stage;
  const nodes = stage.nodes.all.length;
  runner.write({ kind: 'run', seed, commit, minutes, perSecond, nodes, shards: watched.shards, leaseTtlMs });

  const beganMs = Date.now();
  const stopLoad = driver.load(perSecond);
  let loadMs = 0;
  const faults = new Faults(stage, signal, (line) => tell(`${elapsed(beganMs)}  ${line}`));
  const watching = new AbortController();
  const alarm = lookAfter(faults, failures, tell, watching.signal);
  const made: PlannedFault[] = [];
  const tracks = (['nodes', 'servers'] as const).map((track) => play(track, schedule, faults, made, beganMs, signal));
  try {
    for (const track of await Promise.allSettled(tracks)) {
      if (track.status === 'rejected') failures.push(String(track.reason?.stack ?? track.reason));
    }
    signal.throwIfAborted();
    const blow = lastBlowOf(options);
    await Promise.all(blow.map((fault) => faults.make(fault)));
    made.push(...blow);
    faults.heal();
    stage.service.heal();
    runner.write({ kind: 'healing' });
    tell(`${elapsed(beganMs)}  healed`);
    await sleep(LOAD_GOES_ON_MS, undefined, { signal });
    await untilAborted(signal, stopLoad());
    loadMs = Date.now() - beganMs;
    tell(`${elapsed(beganMs)}  the load has stopped`);
    const stuckMs = await settle(stage, signal);
    runner.write({ kind: 'settled' });
    tell(`${elapsed(beganMs)}  settled`);
    if (driver.open().length > 0) {
      failures.push(`stuck: ${driver.open().length} instances are open, and none has passed for ${stuckMs / 1_000} s`);
    }
  } finally {
    watching.abort();
    await alarm;
    faults.heal();
    await stopLoad().catch(() => undefined);
  }
  if (failures.length > 0) await writeFile(join(dir, 'dump.txt'), await dumpOf(stage));
  await saveServerLogs(stage, dir);
  runner.write({ kind: 'stopped' });
  return { failures, jobs: driver.started.size, open: driver.open(), made, elapsedMs: Date.now() - beganMs, loadMs };
}

async function play(
  track: Track,
  schedule: readonly PlannedFault[],
  faults: Faults,
  made: PlannedFault[],
  beganMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (const fault of schedule.filter((one) => one.track === track)) {
    await sleep(Math.max(0, beganMs + fault.atMs - Date.now()), undefined, { signal });
    await faults.make(fault);
    made.push(fault);
  }
}

/** Until told to stop: a node that ends by itself is a failure, and is started again. */
async function lookAfter(
  faults: Faults,
  failures: string[],
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const name of await faults.lookAfterNodes().catch((error: unknown) => [String(error)])) {
      failures.push(`${name} ended by itself at ${new Date().toISOString()}`);
      tell(`${name} ended by itself`);
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Every instance has passed; or none has for too long, which is what is answered, ms. */
async function settle({ driver, proxy }: Stage, signal: AbortSignal): Promise<number> {
  const stuckMs = () => Math.max(STUCK_MS, ...proxy.askedLocks.map(({ lockMs }) => lockMs + STUCK_BEYOND_LOCK_MS));
  let open = driver.open().length;
  let movedMs = Date.now();
  while (open > 0 && Date.now() - movedMs < stuckMs()) {
    await sleep(100, undefined, { signal });
    const now = driver.open().length;
    if (now < open) movedMs = Date.now();
    open = now;
  }
  return stuckMs();
}

async function saveServerLogs({ nats, kafka, zeebe }: Stage, dir: string): Promise<void> {
  const servers = [...nats.servers, ...(kafka ? [kafka.server] : []), ...(zeebe ? [zeebe.server] : [])];
  for (const { logFile } of servers) await copyFile(logFile, join(dir, basename(logFile))).catch(() => undefined);
}

async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const listener = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', listener);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', listener);
  }
}

function elapsed(beganMs: number): string {
  return `${((Date.now() - beganMs) / 1_000).toFixed(1).padStart(8)} s`;
}
