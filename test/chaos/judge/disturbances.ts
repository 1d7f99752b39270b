// What was done to whom, and for how long after it a participant may still not know, or not have written down, what it
// otherwise would. What is done in order (SIGTERM, rolling restart, scaling, upgrade) excuses nothing and is not here.
import { type Event, FAULTS, type FaultName, type ServerKind } from '../history.ts';

export interface Disturbance {
  readonly what: FaultName;
  /** Undefined: every node. */
  readonly node: string | undefined;
  /** What of it did not do as always: the process itself, or what lies between it and a server. */
  readonly of: 'process' | ServerKind;
  readonly fromMs: number;
  /** When it was over; Infinity: never. Of a kill the moment itself. */
  readonly endMs: number;
  /** Until when it may be felt. */
  readonly toMs: number;
}

/** After a link is whole or a process goes on: reconnecting, and what has piled up. */
const LINK_FELT_MS = 1_000;
/** After a server is up again: reconnecting, elections, groups that form again. */
const SERVER_FELT_MS = 5_000;
/** JetStream has a leader again within 4.3–7.3 s of losing one (design §6), also if the server itself is back sooner. */
const LEADER_FELT_MS = 10_000;

export class Disturbances {
  readonly all: readonly Disturbance[];
  readonly #ofNode = new Map<string, readonly Disturbance[]>();
  readonly #lost: readonly Event<'lost'>[];

  constructor(faults: readonly Event<'fault'>[], lost: readonly Event<'lost'>[]) {
    this.#lost = lost;
    const begun = faults.filter(({ phase }) => phase === 'begin');
    const ends = Map.groupBy(
      faults.filter(({ phase }) => phase === 'end'),
      name,
    );
    const taken = new Map<string, number>();
    this.all = begun.flatMap((fault) => {
      const nth = taken.get(name(fault)) ?? 0;
      taken.set(name(fault), nth + 1);
      const end = ends.get(name(fault))?.[nth];
      return disturbance(fault, end?.atMs ?? Number.POSITIVE_INFINITY);
    });
  }

  /** Those of this node (or of all) that may be felt between the two moments. */
  felt(node: string, of: readonly Disturbance['of'][], fromMs: number, toMs: number): Disturbance[] {
    return this.#of(node).filter((each) => of.includes(each.of) && each.fromMs <= toMs && each.toMs >= fromMs);
  }

  /** It gave up its life between the two moments: it heard too little of JetStream, whatever the reason, also a busy machine. */
  lost(node: string, fromMs: number, toMs: number): boolean {
    return this.#lost.some((event) => event.node === node && event.atMs >= fromMs && event.atMs <= toMs);
  }

  /** It was on its way out when the node was stopped, and left when it went on. */
  leftOnWaking({ node, actedMs, emittedMs, awakeMs = AWAKE_MS, causeMs = 0 }: Omit<Act, 'changedMs'>): boolean {
    const stops = this.felt(node, ['process'], actedMs, actedMs).filter(({ what }) => what !== 'kill');
    const during = stops.filter(({ fromMs }) => actedMs >= fromMs);
    if (emittedMs !== undefined) return during.some(({ fromMs }) => emittedMs <= fromMs + STOPS_WITHIN_MS);
    return during.some(({ fromMs, endMs }) => actedMs <= endMs + awakeMs && causeMs <= fromMs);
  }

  #of(node: string): readonly Disturbance[] {
    let known = this.#ofNode.get(node);
    if (known === undefined) {
      known = this.all.filter((each) => each.node === undefined || each.node === node);
      this.#ofNode.set(node, known);
    }
    return known;
  }
}

const name = ({ what, target, server }: Event<'fault'>): string => `${what} ${target} ${server ?? ''}`;

function disturbance({ what, target, server, atMs }: Event<'fault'>, endMs: number): Disturbance[] {
  switch (FAULTS[what]) {
    case 'node':
      if (what === 'term') return [];
      if (what === 'kill') return [{ what, node: target, of: 'process', fromMs: atMs, endMs: atMs, toMs: atMs }];
      return [{ what, node: target, of: 'process', fromMs: atMs, endMs, toMs: endMs + LINK_FELT_MS }];
    case 'link':
      return [{ what, node: target, of: server ?? 'nats', fromMs: atMs, endMs, toMs: endMs + LINK_FELT_MS }];
    case 'server': {
      const of = (['kafka', 'zeebe'] as const).find((kind) => target.startsWith(kind)) ?? 'nats';
      const felt = endMs + SERVER_FELT_MS;
      const toMs = of === 'nats' ? Math.max(felt, atMs + LEADER_FELT_MS) : felt;
      return [{ what, node: undefined, of, fromMs: atMs, endMs, toMs }];
    }
    default:
      return [];
  }
}

/** From now on a node acts upon what has changed: a second is the most that it may go on without an answer (design §6). */
export const TOLD_WITHIN_MS = 1_000;
/** What a process was about to send when it was stopped leaves when it goes on; how soon it is seen is the machine's. */
const AWAKE_MS = 100;
/** From when the runner notes the signal until the process stands. */
const STOPS_WITHIN_MS = 20;

export interface Act {
  readonly node: string;
  /** When what forbids it was stored. */
  readonly changedMs: number;
  readonly actedMs: number;
  /** When the node says that it left; more than any guess from when it was seen. */
  readonly emittedMs?: number | undefined;
  /** Default: as for something that was about to be sent. */
  readonly awakeMs?: number;
  /** When there was first a reason for it: what came after a stop began was not on its way out then. */
  readonly causeMs?: number | undefined;
}

/**
 * `innocent`: the node need not have known. `doubt`: it may have acted in time, and been stopped before anybody saw it. A node
 * whose link to NATS, or JetStream itself, is disturbed may go on until its lease ends, which is never later than a TTL
 * after somebody else could take its place; a node that was stopped may not, for it looks at the clock before it acts.
 */
export function couldKnow(act: Act, disturbances: Disturbances, leaseTtlMs: number): 'innocent' | 'doubt' | 'guilty' {
  const { node, changedMs, actedMs } = act;
  const lateMs = actedMs - changedMs;
  if (lateMs <= TOLD_WITHIN_MS) return 'innocent';
  // Where its log says when it left, that must have been in time itself.
  const inTime = act.emittedMs === undefined || act.emittedMs - changedMs <= TOLD_WITHIN_MS;
  if (inTime && disturbances.leftOnWaking(act)) return 'doubt';
  const deaf = disturbances.felt(node, ['nats'], changedMs, actedMs).length > 0;
  return deaf && lateMs <= leaseTtlMs ? 'innocent' : 'guilty';
}
