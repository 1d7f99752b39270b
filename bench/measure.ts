// One contestant under one load: what it does, and what each process uses for it.
import { unlessAborted } from '../test/support/interruption.ts';
import type { Running } from './contestants/contestant.ts';
import type { Plan } from './load/arrivals.ts';
import type { StarterOrder, StarterSaid, Tally } from './load/starter.ts';
import { Child } from './parts/child.ts';
import { Latencies } from './parts/latency.ts';
import { cpuMs } from './parts/processes.ts';
import { lastSequence, type Stage } from './parts/stage.ts';

export interface LoadOptions {
  readonly plan: Plan;
  readonly warmUpS: number;
  readonly payloadBytes?: number;
  /** The warm-up is over; the first of what is measured comes now. */
  onMeasuring?(): Promise<void>;
  /** Aborted: it is given up. */
  readonly signal?: AbortSignal;
}

export interface Measured {
  readonly tally: Tally;
  readonly seconds: number;
  readonly perSecond: number;
  /** From when an instance was to be started to when the engine said that it ended. */
  readonly latencies: Latencies;
  /** ms of CPU per completed call, by whose it is; NaN: of processes that are not the measurement's own nothing is known. */
  readonly cpuPerCall: Readonly<Record<Party, number>>;
  /**
   * Growth of the jobs stream per completed call, from before the first to after the last one, warm-up and all: a part of a
   * run begins and ends with calls that are half done. undefined: nothing is stored there.
   */
  readonly writesPerCall: number | undefined;
}

export type Party = 'bridge' | 'nats' | 'engine' | 'kafka' | 'service' | 'load';

const NEVER = new AbortController().signal;
const PATIENCE_S = 30;
/** After the engine has said that an instance ended its job's tombstone is written, and what was sent is noted. */
const LAST_WRITES_MS = 500;

/** @throws when instances failed, or had the answer of another; what the signal was aborted with */
export async function measure(stage: Stage, running: Running, options: LoadOptions): Promise<Measured> {
  const { plan, warmUpS, payloadBytes = 134, signal = NEVER, onMeasuring } = options;
  const order: StarterOrder = {
    kind: 'start',
    engine: stage.engine,
    processId: running.processId,
    plan,
    share: 0,
    shares: 1,
    payloadBytes,
    patienceS: PATIENCE_S,
    warmUpS,
    tellEveryMs: 1_000,
  };
  const writesBefore = await writesOf(running);
  const starter = new Child<StarterOrder, StarterSaid>('load', new URL('load/starter.ts', import.meta.url), order);
  try {
    const known = (pids: readonly number[]) => (pids.length === 0 ? undefined : pids);
    const parties: Record<Party, readonly number[] | undefined> = {
      bridge: running.pids(),
      nats: running.nats === undefined ? [] : known(running.nats.pids),
      engine: known(stage.zeebePids),
      kafka: known(stage.kafkaPids),
      service: running.service === undefined ? [] : [running.service.pid],
      load: [starter.pid],
    };
    const look = () =>
      Promise.all(Object.values(parties).map((pids) => (pids === undefined ? Number.NaN : cpuMs(pids))));
    // One may follow another at once, while something else is awaited here.
    const [measuring, measured, done] = [starter.next('measuring'), starter.next('measured'), starter.next('done')];
    for (const news of [measured, done]) news.catch(() => undefined);
    await unlessAborted(signal, measuring);
    await onMeasuring?.();
    const before = await look();
    const { tally, seconds } = await unlessAborted(signal, measured);
    const after = await look();
    const { tally: end, ended, latencies, faults } = await unlessAborted(signal, done);
    await new Promise((resolve) => setTimeout(resolve, LAST_WRITES_MS));
    const writesAfter = await writesOf(running);
    if (end.open > 0) throw new Error(`${end.open} instances did not end within ${PATIENCE_S} s`);
    if (end.failed > 0) throw new Error(`${end.failed} instances failed, such as by: ${faults.slice(0, 3).join('; ')}`);
    const per = (used: number) => used / tally.completed;
    const cpu = Object.keys(parties).map((party, i) => [party, per(after[i]! - before[i]!)] as const);
    return {
      tally,
      seconds,
      perSecond: tally.completed / seconds,
      latencies: Latencies.of(latencies),
      cpuPerCall: Object.fromEntries(cpu) as Record<Party, number>,
      writesPerCall:
        writesBefore === undefined || writesAfter === undefined ? undefined : (writesAfter - writesBefore) / ended,
    };
  } finally {
    await starter.stop();
  }
}

async function writesOf({ nats, stream }: Running): Promise<number | undefined> {
  return nats === undefined || stream === undefined ? undefined : lastSequence(nats, stream);
}
