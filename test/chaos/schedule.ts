// What will be broken, when, for how long, and where: a pure function of the seed. Two tracks run beside each other, one
// that hurts nodes and one that hurts servers and links; within a track one thing is broken at a time. So a node may be
// killed while the leader of the bucket is away, but never are two NATS servers of three.
//
// A track goes through all its kinds in a new order, again and again, for as many whole rounds as the time has room for,
// with pauses between that take up what is left. A run too short for one round gets the beginning of one.
import { SeededRandom } from '../sim/random.ts';
import type { FaultName, ServerKind } from './history.ts';

/** A fault, and of a link what is at its other end. */
export type Kind = FaultName | `${'cut' | 'slow' | 'halfOpen'}-${ServerKind}`;
export type Track = 'nodes' | 'servers';

export const TRACKS: Readonly<Record<Track, readonly Kind[]>> = {
  nodes: ['kill', 'term', 'stopHalf', 'stopOneAndHalf', 'stopFour', 'roll', 'scale', 'upgrade'],
  servers: [
    ...(['leaderKill', 'natsRestart', 'kafkaRestart', 'zeebeRestart', 'diskFull'] as const),
    ...(['cut-nats', 'cut-kafka', 'cut-zeebe'] as const),
    ...(['slow-nats', 'slow-kafka', 'slow-zeebe'] as const),
    ...(['halfOpen-nats', 'halfOpen-kafka', 'halfOpen-zeebe'] as const),
  ],
};

/** What cannot be done where Kafka and Zeebe are not ours: they may not be hurt, and Kafka knows nothing of our links. */
export const ON_SERVERS_OF_OTHERS: readonly Kind[] = [
  ...(['kafkaRestart', 'zeebeRestart'] as const),
  ...(['cut-kafka', 'slow-kafka', 'halfOpen-kafka'] as const),
];

export interface PlannedFault {
  readonly track: Track;
  /** After the load began; it waits for the one before it in its track. */
  readonly atMs: number;
  readonly kind: Kind;
  /** The node concerned; '' where there is none. */
  readonly node: string;
  /** How long it lasts, without what it takes to recover. */
  readonly forMs: number;
  /** Of a slow link. */
  readonly delayMs: number;
  /** Of a server that is started again: whether it may end in order, or is killed. */
  readonly orderly: boolean;
}

export interface Plan {
  readonly seed: number;
  readonly minutes: number;
  readonly leaseTtlMs: number;
  readonly without: readonly Kind[];
}

/** Nodes that are there all the time, but for what befalls them. */
export const NODES = ['n1', 'n2', 'n3'] as const;
/** What a scaling adds. */
export const MORE_NODES = ['n4', 'n5'] as const;

/** Of the time, for pauses: a round is taken on only if the track has this much to spare. */
const PAUSES = 0.2;

export function scheduleOf(plan: Plan): readonly PlannedFault[] {
  const random = new SeededRandom(plan.seed);
  const tracks = [trackOf('nodes', plan, random.fork('nodes')), trackOf('servers', plan, random.fork('servers'))];
  return tracks.flat().sort((a, b) => a.atMs - b.atMs);
}

/**
 * What still stands when all is healed at once, under load: of three nodes one is gone, and one hears nothing of NATS. It begins when
 * the tracks are over.
 */
export function lastBlowOf({ seed, minutes, leaseTtlMs, without }: Plan): readonly PlannedFault[] {
  const random = new SeededRandom(seed).fork('last blow');
  const gone = random.int(NODES.length);
  const more = { track: 'nodes', atMs: minutes * 60_000, forMs: leaseTtlMs, delayMs: 0, orderly: false } as const;
  const blow: readonly PlannedFault[] = [
    { ...more, kind: 'kill', node: NODES[gone] as string },
    { ...more, kind: 'halfOpen-nats', node: NODES[(gone + 1) % NODES.length] as string },
  ];
  return blow.filter(({ kind }) => !without.includes(kind));
}

/** How often each kind happens. */
export function countsOf(schedule: readonly { readonly kind: Kind }[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind } of schedule) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

export function linesOf(schedule: readonly PlannedFault[]): string[] {
  return schedule.map(({ track, atMs, kind, node, forMs, delayMs }) => {
    const length = forMs > 0 ? ` for ${seconds(forMs)} s` : '';
    const delay = delayMs > 0 ? `, ${delayMs} ms each way` : '';
    return `${seconds(atMs).padStart(8)} s  ${track.padEnd(7)}  ${kind.padEnd(15)} ${node.padEnd(4)}${length}${delay}`;
  });
}

function trackOf(track: Track, plan: Plan, random: SeededRandom): PlannedFault[] {
  const wanted = TRACKS[track].filter((kind) => !plan.without.includes(kind));
  const spanMs = plan.minutes * 60_000;
  const chosen: Omit<PlannedFault, 'atMs'>[] = [];
  let usedMs = 0;
  for (let round = 0; wanted.length > 0; round++) {
    const faults = shuffled(wanted, random).map((kind) => ({ track, ...drawn(kind, plan, random) }));
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

function drawn(kind: Kind, { leaseTtlMs }: Plan, random: SeededRandom): Omit<PlannedFault, 'track' | 'atMs'> {
  const node = random.pick(NODES);
  const delayMs = Math.round(random.between(50, 400));
  const orderly = random.chance(0.5);
  const lasts = (low: number, high: number) => ({
    kind,
    node,
    forMs: Math.round(random.between(low, high)),
    delayMs: 0,
    orderly,
  });
  const nowhere = (low: number, high: number) => ({ ...lasts(low, high), node: '' });
  switch (kind) {
    case 'stopHalf':
      return lasts(leaseTtlMs / 2, leaseTtlMs / 2);
    case 'stopOneAndHalf':
      return lasts(leaseTtlMs * 1.5, leaseTtlMs * 1.5);
    case 'stopFour':
      return lasts(leaseTtlMs * 4, leaseTtlMs * 4);
    case 'roll':
    case 'upgrade':
    case 'natsRestart':
      return nowhere(0, 0);
    case 'scale':
      return lasts(3_000, 6_000);
    case 'leaderKill':
      return nowhere(500, 8_000);
    case 'kafkaRestart':
    case 'zeebeRestart':
    case 'diskFull':
      return nowhere(500, 4_000);
    case 'slow-nats':
    case 'slow-kafka':
    case 'slow-zeebe':
      return { ...lasts(4_000, 10_000), delayMs };
    case 'halfOpen-nats':
    case 'halfOpen-kafka':
    case 'halfOpen-zeebe':
      return lasts(leaseTtlMs * 0.3, leaseTtlMs * 1.5);
    default:
      return lasts(200, 6_000);
  }
}

/** What it and the recovery from it are likely to take. */
function lengthMs({ kind, forMs }: { kind: Kind; forMs: number }, { leaseTtlMs }: Plan): number {
  switch (kind) {
    case 'roll':
    case 'upgrade':
    case 'natsRestart':
      return 24_000;
    case 'scale':
      return 2 * forMs + 24_000;
    case 'leaderKill':
    case 'kafkaRestart':
      return forMs + 6_000;
    case 'zeebeRestart':
      return forMs + 24_000;
    case 'stopOneAndHalf':
    case 'stopFour':
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
