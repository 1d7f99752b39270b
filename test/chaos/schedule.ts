// What will be broken, when, for how long, and where: a pure function of the seed. Two tracks run beside each other, one
// that hurts nodes and one that hurts servers and links; within a track one thing is broken at a time. So a node may be
// killed while the leader of the bucket is away, but never are two NATS servers of three.
//
// A track goes through all its kinds in a new order, again and again, for as many whole rounds as the time has room for,
// with pauses between that take up what is left. A run too short for one round gets the beginning of one.
import { SeededRandom } from '../sim/random.ts';

export const NODE_FAULTS = [
  'kill',
  'terminate',
  'pause-half',
  'pause-one-and-half',
  'pause-four',
  'rolling-restart',
  'scale',
  'upgrade',
] as const;

export const SERVER_FAULTS = [
  'leader-kill',
  'restart-nats',
  'restart-kafka',
  'restart-zeebe',
  ...(['cut-nats', 'cut-kafka', 'cut-zeebe'] as const),
  ...(['slow-nats', 'slow-kafka', 'slow-zeebe'] as const),
  ...(['silent-nats', 'silent-kafka', 'silent-zeebe'] as const),
  'write-errors',
] as const;

export type NodeFault = (typeof NODE_FAULTS)[number];
export type ServerFault = (typeof SERVER_FAULTS)[number];
export type FaultKind = NodeFault | ServerFault;
export type Track = 'nodes' | 'servers';

export interface PlannedFault {
  readonly track: Track;
  /** After the load began; it waits for the one before it in its track. */
  readonly atMs: number;
  readonly what: FaultKind;
  /** The node concerned; '' where there is none. */
  readonly node: string;
  /** How long it lasts, without what it takes to recover. */
  readonly forMs: number;
  /** Of a slow link. */
  readonly delayMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly minutes: number;
  readonly leaseTtlMs: number;
  readonly without: readonly FaultKind[];
}

/** Nodes that are there all the time, but for what befalls them. */
export const NODES = ['n1', 'n2', 'n3'] as const;
/** What a scaling adds. */
export const MORE_NODES = ['n4', 'n5'] as const;

/** Of the time, for pauses: a round is taken on only if the track has this much to spare. */
const PAUSES = 0.2;

export function scheduleOf(plan: Plan): readonly PlannedFault[] {
  const random = new SeededRandom(plan.seed);
  const tracks = [
    trackOf('nodes', NODE_FAULTS, plan, random.fork('nodes')),
    trackOf('servers', SERVER_FAULTS, plan, random.fork('servers')),
  ];
  return tracks.flat().sort((a, b) => a.atMs - b.atMs);
}

/** How often each kind happens. */
export function countsOf(schedule: readonly { readonly what: FaultKind }[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { what } of schedule) counts[what] = (counts[what] ?? 0) + 1;
  return counts;
}

export function linesOf(schedule: readonly PlannedFault[]): string[] {
  return schedule.map(({ track, atMs, what, node, forMs, delayMs }) => {
    const length = forMs > 0 ? ` for ${seconds(forMs)} s` : '';
    const delay = delayMs > 0 ? `, ${delayMs} ms each way` : '';
    return `${seconds(atMs).padStart(8)} s  ${track.padEnd(7)}  ${what.padEnd(18)} ${node.padEnd(4)}${length}${delay}`;
  });
}

function trackOf(track: Track, kinds: readonly FaultKind[], plan: Plan, random: SeededRandom): PlannedFault[] {
  const wanted = kinds.filter((what) => !plan.without.includes(what));
  const spanMs = plan.minutes * 60_000;
  const chosen: Omit<PlannedFault, 'atMs'>[] = [];
  let usedMs = 0;
  for (let round = 0; wanted.length > 0; round++) {
    const faults = shuffled(wanted, random).map((what) => ({ track, ...drawn(what, plan, random) }));
    const roundMs = faults.reduce((sum, fault) => sum + lengthMs(fault, plan), 0);
    if (usedMs + roundMs <= spanMs * (1 - PAUSES)) {
      chosen.push(...faults);
      usedMs += roundMs;
      continue;
    }
    if (round === 0) {
      for (const fault of faults) {
        if (usedMs + lengthMs(fault, plan) > spanMs * (1 - PAUSES)) continue;
        chosen.push(fault);
        usedMs += lengthMs(fault, plan);
      }
    }
    break;
  }
  const shares = chosen.map(() => random.between(0.2, 1));
  const pauseMs = (spanMs - usedMs) / shares.reduce((sum, share) => sum + share, 0.2);
  let atMs = 0;
  return chosen.map((fault, i) => {
    atMs += Math.round(pauseMs * (shares[i] ?? 0));
    const planned = { ...fault, atMs };
    atMs += lengthMs(fault, plan);
    return planned;
  });
}

function drawn(
  what: FaultKind,
  { leaseTtlMs }: Plan,
  random: SeededRandom,
): Pick<PlannedFault, 'what' | 'node' | 'forMs' | 'delayMs'> {
  const node = random.pick(NODES);
  const delayMs = Math.round(random.between(50, 400));
  const between = (low: number, high: number) => Math.round(random.between(low, high));
  const nowhere = { what, node: '', forMs: 0, delayMs: 0 };
  switch (what) {
    case 'kill':
    case 'terminate':
      return { ...nowhere, node, forMs: between(0, 5_000) };
    case 'pause-half':
      return { ...nowhere, node, forMs: leaseTtlMs / 2 };
    case 'pause-one-and-half':
      return { ...nowhere, node, forMs: leaseTtlMs * 1.5 };
    case 'pause-four':
      return { ...nowhere, node, forMs: leaseTtlMs * 4 };
    case 'rolling-restart':
    case 'upgrade':
    case 'restart-nats':
      return nowhere;
    case 'scale':
      return { ...nowhere, node, forMs: between(3_000, 6_000) };
    case 'leader-kill':
      return { ...nowhere, forMs: between(500, 8_000) };
    case 'restart-kafka':
    case 'restart-zeebe':
      return { ...nowhere, forMs: between(0, 4_000) };
    case 'write-errors':
      return { ...nowhere, forMs: between(500, 4_000) };
    case 'slow-nats':
    case 'slow-kafka':
    case 'slow-zeebe':
      return { what, node, forMs: between(4_000, 10_000), delayMs };
    case 'silent-nats':
    case 'silent-kafka':
    case 'silent-zeebe':
      return { ...nowhere, node, forMs: between(leaseTtlMs * 0.3, leaseTtlMs * 1.5) };
    default:
      return { ...nowhere, node, forMs: between(200, 8_000) };
  }
}

/** What it and the recovery from it are likely to take. */
function lengthMs({ what, forMs }: { what: FaultKind; forMs: number }, { leaseTtlMs }: Plan): number {
  switch (what) {
    case 'rolling-restart':
      return 24_000;
    case 'upgrade':
      return 24_000;
    case 'scale':
      return 2 * forMs + 24_000;
    case 'restart-nats':
      return 24_000;
    case 'leader-kill':
      return forMs + 6_000;
    case 'restart-kafka':
      return forMs + 6_000;
    case 'restart-zeebe':
      return forMs + 14_000;
    case 'pause-one-and-half':
    case 'pause-four':
      return forMs + Math.min(5_000, leaseTtlMs);
    default:
      return forMs + 4_000;
  }
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.int(rest.length), 1)[0] as T);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
