// Interleaved rounds: in each, every contestant in turn is started, loaded and stopped, in an order that shifts from round to
// round and goes the other way in every other one, so that what the machine does meanwhile meets all of them. Ratios are taken within
// a round; what most of them are taken to is measured at its beginning and at its end, for a machine that becomes faster or slower
// would else be all in its favour or all against it.
import type { Contestant, Running } from '../contestants/contestant.ts';
import { legsOf } from '../load/legs.ts';
import type { LegLatency } from '../load/result.ts';
import { NodeTales } from '../load/tales.ts';
import { type Measured, measure, type Party } from '../measure.ts';
import { scrape } from '../parts/exposition.ts';
import type { Stage } from '../parts/stage.ts';

/** It comes after the full load, so all is warm but the pace. */
const PACED_WARM_UP_S = 2;

export interface Entry {
  readonly contestant: Contestant;
  /** Paced rounds too: what a call takes when there is room. */
  readonly paced: boolean;
  /** Measured first and last in each round. */
  readonly yardstick?: boolean;
}

export interface RoundOptions {
  readonly rounds: number;
  readonly inFlight: number;
  readonly closedS: number;
  readonly pacedPerSecond: number;
  readonly pacedS: number;
  readonly warmUpS: number;
  /** Of the product's nodes: options of Node. */
  readonly nodeArgs?: readonly string[];
}

/** What one contestant did in one round. */
export interface Turn {
  readonly round: number;
  readonly contestant: string;
  readonly perSecond: number;
  readonly cpuPerCall: Readonly<Record<Party, number>>;
  readonly writesPerCall: number | undefined;
  readonly paced: PacedTurn | undefined;
}

export interface PacedTurn {
  readonly p50: number;
  readonly p99: number;
  readonly cpuPerCall: Readonly<Record<Party, number>>;
  /** Job received → reply read, and → completion acknowledged, as the nodes tell; undefined: no nodes. */
  readonly call: LegTimes | undefined;
  readonly whole: LegTimes | undefined;
}

export interface LegTimes {
  readonly p50: number;
  readonly p99: number;
}

/**
 * @param note told of each turn as it ends @param broke told of one that could not be measured; the others go on
 * @param signal aborted: the present turn is given up, and there are no more
 */
export async function playRounds(
  stage: Stage,
  entries: readonly Entry[],
  options: RoundOptions,
  note: (turn: Turn) => void,
  broke: (what: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of orderOf(entries, round)) {
      try {
        note(await playTurn(stage, entry, round, options, signal));
      } catch (error) {
        if (signal.aborted) return;
        broke(`round ${round + 1}, ${entry.contestant.name}`, error);
      }
    }
  }
}

export function orderOf<E extends Pick<Entry, 'yardstick'>>(entries: readonly E[], round: number): E[] {
  const [ends, others] = [entries.filter(({ yardstick }) => yardstick), entries.filter(({ yardstick }) => !yardstick)];
  const shifted = others.map((_, place) => others[(place + round) % others.length] as E);
  return [...ends, ...(round % 2 === 0 ? shifted : shifted.toReversed()), ...(others.length === 0 ? [] : ends)];
}

/** Of a contestant in a round: the mean of its turns; undefined: it had none, or no such value. */
export function inRound(
  turns: readonly Turn[],
  round: number,
  contestant: string,
  value: (turn: Turn) => number | undefined,
): number | undefined {
  const own = turns.filter((turn) => turn.round === round && turn.contestant === contestant);
  const values = own.map(value).filter((one) => one !== undefined);
  return values.length === 0 ? undefined : values.reduce((sum, one) => sum + one, 0) / values.length;
}

async function playTurn(
  stage: Stage,
  { contestant, paced }: Entry,
  round: number,
  options: RoundOptions,
  signal: AbortSignal,
): Promise<Turn> {
  const { inFlight, closedS } = options;
  const warmUpS = Math.max(options.warmUpS, contestant.warmUpS ?? 0);
  const { nodeArgs = [] } = options;
  const running = await contestant.start(stage, { nodeArgs });
  try {
    const plan = { kind: 'closed', inFlight, seconds: closedS } as const;
    const closed = await measure(stage, running, { plan, warmUpS, signal });
    return {
      round,
      contestant: contestant.name,
      perSecond: closed.perSecond,
      cpuPerCall: closed.cpuPerCall,
      writesPerCall: closed.writesPerCall,
      paced: paced ? await playPaced(stage, running, options, signal) : undefined,
    };
  } finally {
    await running.stop();
  }
}

async function playPaced(
  stage: Stage,
  running: Running,
  { pacedPerSecond, pacedS }: RoundOptions,
  signal: AbortSignal,
): Promise<PacedTurn> {
  const tales = new NodeTales();
  const phases = [{ seconds: pacedS, fromPerSecond: pacedPerSecond, toPerSecond: pacedPerSecond }];
  const paced: Measured = await measure(stage, running, {
    plan: { kind: 'open', phases },
    warmUpS: PACED_WARM_UP_S,
    signal,
    onMeasuring: () => listen(running, tales),
  });
  await listen(running, tales);
  const legs = legsOf(tales);
  const times = (name: string) => timesOf(legs.find(({ leg }) => leg === name));
  return {
    p50: paced.latencies.percentile(50),
    p99: paced.latencies.percentile(99),
    cpuPerCall: paced.cpuPerCall,
    call: times('job received → reply read'),
    whole: times('job received → completed'),
  };
}

function timesOf(leg: LegLatency | undefined): LegTimes | undefined {
  return leg === undefined || leg.count === 0 ? undefined : { p50: leg.p50, p99: leg.p99 };
}

async function listen({ metricsUrls = [] }: Running, tales: NodeTales): Promise<void> {
  await Promise.all(metricsUrls.map(async (url) => tales.add(url, await scrape(url))));
}
