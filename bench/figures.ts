// The figures that the project promises, each with what it is to be, and what a run found. A figure is met when its median is, or
// where something is never to happen, when it did in no round.
import type { AloneFigures } from './alone/measure.ts';
import { rowsOf, type Rounds as TroubleRounds } from './failover/figures.ts';
import type { MillionFigures } from './million/measure.ts';
import { spreadOf } from './parts/spread.ts';
import { inRound, type PacedTurn, type Turn } from './side-by-side/rounds.ts';

export interface Figure {
  /** As a row of the table says it. */
  readonly name: string;
  /** What was there before: measured by others or by an earlier run of the like, without durability. */
  readonly before: string;
  readonly goal: Goal;
  readonly unit: string;
  /** One per round; none: not measured in this run. */
  readonly values: readonly number[];
  /** Of an earlier run: which one. */
  readonly commit?: string;
  /** The worst round counts, not the median: what is never to happen. */
  readonly never?: boolean;
}

export type Goal =
  | { readonly kind: 'most'; readonly value: number }
  | { readonly kind: 'least'; readonly value: number }
  | { readonly kind: 'near'; readonly value: number; readonly by: number }
  /** Told for comparison. */
  | { readonly kind: 'none' };

/** undefined: not measured. */
export function isMet({ goal, values, never }: Figure): boolean | undefined {
  const spread = spreadOf(values);
  if (spread === undefined || goal.kind === 'none') return undefined;
  const { median, max } = spread;
  if (never) return goal.kind === 'most' && max <= goal.value;
  if (goal.kind === 'most') return median <= goal.value;
  if (goal.kind === 'least') return median >= goal.value;
  return Math.abs(median - goal.value) <= goal.by;
}

const most = (value: number): Goal => ({ kind: 'most', value });
const least = (value: number): Goal => ({ kind: 'least', value });

/**
 * Of the rounds; the first is read before any other. Goals in ms are of the machine that *before* was measured on; beside those
 * that naive has as well stands what the goal is of naive there, which may be compared on any machine.
 */
export function figuresOfRounds(turns: readonly Turn[]): Figure[] {
  const [one, three] = ['holdfast, 1 node, R1', 'holdfast, 3 nodes, R1'];
  const of = (contestant: string) => turns.filter((turn) => turn.contestant === contestant);
  const rounds = [...new Set(turns.map(({ round }) => round))];
  const ratio = (contestant: string, to: string, value: (turn: Turn) => number | undefined) =>
    rounds.flatMap((round) => {
      const [a, b] = [inRound(turns, round, contestant, value), inRound(turns, round, to, value)];
      return a === undefined || b === undefined ? [] : known([a / b]);
    });
  const perSecond = ({ perSecond }: Turn) => perSecond;
  const paced = (contestant: string, value: (turn: PacedTurn) => number | undefined) =>
    of(contestant).flatMap((turn) =>
      turn.paced === undefined ? [] : [value(turn.paced)].filter((x) => x !== undefined),
    );
  const peer = 'kafka-connect-zeebe';
  /** Only where it took part: what was known of it otherwise stays. */
  const ofPeer = (name: string, before: string, to: string, value: (turn: Turn) => number | undefined): Figure[] =>
    of(peer).length === 0
      ? []
      : [
          {
            name: `${name}, ${peer} ÷ ${to}`,
            before,
            goal: { kind: 'none' },
            unit: '',
            values: ratio(peer, to, value),
          },
        ];
  const inAll = ({ cpuPerCall }: Turn) => Object.values(cpuPerCall).reduce((sum, ms) => sum + ms, 0);
  const writes = of(one).flatMap(({ writesPerCall }) => (writesPerCall === undefined ? [] : [writesPerCall]));
  return [
    {
      name: 'calls/s, naive ÷ direct',
      before: '0.70',
      goal: { kind: 'near', value: 0.7, by: 0.1 },
      unit: '',
      values: ratio('naive', 'direct', perSecond),
    },
    {
      name: 'CPU per call of all processes at full load, load included, direct ÷ naive',
      before: '–',
      goal: { kind: 'none' },
      unit: '',
      values: ratio('direct', 'naive', inAll),
    },
    ...ofPeer('calls/s, 200 in flight', '≈ 0.43', 'direct', perSecond),
    {
      name: 'calls/s, 200 in flight, holdfast with 1 node ÷ direct',
      before: 'naive 0.70, kafka-connect-zeebe ≈ 0.43',
      goal: least(0.75),
      unit: '',
      values: ratio(one, 'direct', perSecond),
    },
    {
      name: 'calls/s, 200 in flight, holdfast with 3 nodes ÷ direct',
      before: 'naive 0.70, kafka-connect-zeebe ≈ 0.43',
      goal: least(0.65),
      unit: '',
      values: ratio(three, 'direct', perSecond),
    },
    {
      name: 'bridge CPU per call at full load, 1 node',
      before: 'naive 0.69 ms',
      goal: most(0.35),
      unit: 'ms',
      values: known(of(one).map(({ cpuPerCall }) => cpuPerCall.bridge)),
    },
    {
      name: 'bridge CPU per call at full load, 1 node ÷ naive',
      before: '1',
      goal: most(0.51),
      unit: '',
      values: ratio(one, 'naive', ({ cpuPerCall }) => cpuPerCall.bridge),
    },
    {
      name: 'bridge + nats-server CPU per call at full load (R1)',
      before: 'Restate’s durable hold 2.0 ms',
      goal: most(0.7),
      unit: 'ms',
      values: known(of(one).map(({ cpuPerCall }) => cpuPerCall.bridge + cpuPerCall.nats)),
    },
    {
      name: 'JetStream writes per call at full load',
      before: '–',
      goal: most(2.05),
      unit: '',
      values: writes,
    },
    {
      name: 'broker (Zeebe) CPU per call at full load, holdfast ÷ naive',
      before: 'kafka-connect-zeebe ≈ 1.9',
      goal: most(1),
      unit: '',
      values: ratio(one, 'naive', ({ cpuPerCall }) => cpuPerCall.engine),
    },
    ...ofPeer('broker (Zeebe) CPU per call at full load', '≈ 1.9', 'naive', ({ cpuPerCall }) => cpuPerCall.engine),
    {
      name: 'instance due → ended at 50/s, p50',
      before: 'naive 38 ms, kafka-connect-zeebe 148 ms',
      goal: most(14),
      unit: 'ms',
      values: paced(one, ({ p50 }) => p50),
    },
    {
      name: 'instance due → ended at 50/s, p99',
      before: 'naive 71 ms, kafka-connect-zeebe 290 ms',
      goal: most(40),
      unit: 'ms',
      values: paced(one, ({ p99 }) => p99),
    },
    {
      name: 'instance due → ended at 50/s, p50 ÷ naive',
      before: '1',
      goal: most(0.37),
      unit: '',
      values: ratio(one, 'naive', ({ paced }) => paced?.p50),
    },
    {
      name: 'instance due → ended at 50/s, p99 ÷ naive',
      before: '1',
      goal: most(0.56),
      unit: '',
      values: ratio(one, 'naive', ({ paced }) => paced?.p99),
    },
    ...ofPeer('instance due → ended at 50/s, p50', '3.9', 'naive', ({ paced }) => paced?.p50),
    ...ofPeer('instance due → ended at 50/s, p99', '4.1', 'naive', ({ paced }) => paced?.p99),
    {
      name: 'hold in all at 50/s: job received → completion acknowledged, p50',
      before: 'naive 8.8 ms',
      goal: most(9),
      unit: 'ms',
      values: paced(one, ({ whole }) => whole?.p50),
    },
    {
      name: 'what the hold adds at 50/s: job received → result decided, p50',
      before: 'Restate 4.2 ms',
      goal: most(4),
      unit: 'ms',
      values: paced(one, ({ call }) => call?.p50),
    },
    {
      name: 'what the hold adds at 50/s: job received → result decided, p99',
      before: 'Restate 7.3 ms',
      goal: most(10),
      unit: 'ms',
      values: paced(one, ({ call }) => call?.p99),
    },
  ];
}

/** Of processes that are not the measurement's own nothing is known. */
const known = (values: readonly number[]) => values.filter(Number.isFinite);

/** The engine is a double. */
export function figuresOfAlone({ sides }: AloneFigures): Figure[] {
  const bridge = (client: 'http2' | 'grpc-js') =>
    sides[client]?.rounds.map(({ cpuMsPerCall }) => cpuMsPerCall.bridge) ?? [];
  const name = 'the bridge alone, engine a double: bridge CPU per call';
  return [
    { name: `${name}, commands framed by hand`, before: '–', goal: most(0.25), unit: 'ms', values: bridge('http2') },
    { name: `${name}, by grpc-js`, before: '–', goal: { kind: 'none' }, unit: 'ms', values: bridge('grpc-js') },
  ];
}

/** The engine is a double. */
export function figuresOfMillion(figures: MillionFigures): Figure[] {
  const { options, rehydration, rssBytes, idleCores, manyByFew, pages } = figures;
  const slowestPageMs = Math.max(...pages.map(({ wallMs }) => wallMs.median));
  const jobs = options.pending.toLocaleString('en');
  const one = (name: string, goal: Goal, unit: string, values: readonly number[], before = '–'): Figure => ({
    name: `${jobs} pending on one node: ${name}`,
    before,
    goal,
    unit,
    values,
  });
  const keys = 'nats-server alone 115,000';
  return [
    one('keys rehydrated per second, three tombstones each', least(80_000), '', [rehydration.keysPerSecond], keys),
    // A third of a million is what each of two nodes takes over when a third one with a million dies.
    one('taken over within', options.pending > 500_000 ? { kind: 'none' } : most(20), 's', [rehydration.seconds]),
    one('memory in all, at the most', most(1_024), 'MiB', [rssBytes.most / 2 ** 20]),
    one('memory in all, at rest', { kind: 'none' }, 'MiB', [rssBytes.idle / 2 ** 20]),
    one('CPU when idle', most(5), '% of a core', [100 * idleCores]),
    one(
      'a page of the list over HTTP, slowest of ten kinds',
      most(500),
      'ms',
      pages.length === 0 ? [] : [slowestPageMs],
    ),
    one('CPU per call ÷ with a thousand pending', most(1.1), '', manyByFew),
  ];
}

/** What was there before is measured beside it: the bridge that one would write by hand. */
export function figuresOfTrouble(rounds: TroubleRounds): Figure[] {
  const rows = rowsOf(rounds);
  const naive = new Map(rows.flatMap((row) => (row.measure === 'naive-kill' ? [[row.figure, row] as const] : [])));
  return rows.map(({ measure, figure, unit, values, goal }) => {
    const before = measure === 'kill' ? naive.get(figure) : undefined;
    return {
      name: `${TROUBLE[measure]}: ${figure}`,
      before: before === undefined ? '–' : `naive, here: ${Math.round(before.median)}${unit === '' ? '' : ` ${unit}`}`,
      goal: goal === undefined ? { kind: 'none' } : most(goal),
      unit,
      values,
      ...(unit === '' && goal !== undefined && { never: true }),
    };
  });
}

const TROUBLE = {
  kill: 'kill -9 of one of three nodes',
  pause: 'SIGSTOP of one of three nodes',
  'naive-kill': 'kill -9 of the naive bridge, 60 s lock',
  handover: 'graceful hand-over',
  rolling: 'rolling restart of three nodes at 100 calls/s',
} as const;
