// How badly the world behaves: rates, not events. What happens to whole nodes (kill, pause, cut) is the storm's business.
//
// Every rate is per call or per message, in [0, 1]. In a rough world most kinds of trouble are off and a few are frequent:
// a world in which everything goes wrong a little hides the combinations that need one thing to go wrong often.
import type { SeededRandom } from './random.ts';

/** One kind of remote call, from a node to a server and back. */
export interface CallFaults {
  /** One way, ms: [usual least, usual most]. */
  readonly delayMs: readonly [number, number];
  /** The request never arrives. */
  readonly requestLost: number;
  /** It arrives and has its effect; the answer is lost. */
  readonly answerLost: number;
  /** It arrives up to `lateMs` later: after the caller gave up, usually. The answer to it, too. */
  readonly late: number;
  readonly lateMs: number;
}

export interface Faults {
  readonly kv: CallFaults & {
    /** A read that a deposed leader answers: what stood before the last write. */
    readonly staleRead: number;
    /** Per delivered entry: the watch breaks and is made anew. */
    readonly watchReset: number;
    /** An entry is delivered up to `lateMs` later (and those after it too). */
    readonly watchLag: number;
    /** A watch is served by a replica that is up to 3 s behind. */
    readonly laggingReplica: number;
    /** From a write's proposal to when it stands, at most, ms; 0: at once. Any other write to its key is not taken meanwhile. */
    readonly replicationMs: number;
  };
  readonly bus: CallFaults;
  readonly engine: CallFaults & {
    /** Activated in the engine, lost on the way. */
    readonly activationLost: number;
    /** RESOURCE_EXHAUSTED, for the commands that the engine does not spare. */
    readonly backpressure: number;
    /** True: like 8.6, jobs whose lock ran out are pushed on streams too. */
    readonly pushesTimedOut: boolean;
  };
  readonly kafka: CallFaults & {
    /** Per record written: an offset that no reader ever sees (a control record, an aborted batch). */
    readonly gap: number;
  };
  readonly service: {
    readonly delayMs: readonly [number, number];
    /** Answers `lateMs` later. */
    readonly late: number;
    readonly lateMs: number;
    readonly twice: number;
    readonly never: number;
    /** No JSON, or headers that mean nothing. */
    readonly malformed: number;
    /** Instead of a result: an error that a boundary event may catch. */
    readonly error: number;
    /** Instead of a result: a failure that may say itself how many retries are left, and after which backoff. */
    readonly failure: number;
    /** Besides whatever else it answers: an error, a failure or garbage, up to 30 s later, when another attempt may stand. */
    readonly afterthought: number;
    /** Says that it is at work, from the request to the answer, and sometimes beyond. */
    readonly heartbeats: number;
    readonly forged: number;
    readonly withoutId: number;
    /** Replies of one job go to any partition. */
    readonly unkeyed: boolean;
  };
  /** Wall clocks are off by up to this much, either way. */
  readonly skewMs: number;
  readonly driftPpm: number;
}

const GOOD: CallFaults = { delayMs: [0.2, 2], requestLost: 0, answerLost: 0, late: 0, lateMs: 0 };

/** Nothing goes wrong, and nothing happens at once. */
export const CALM: Faults = {
  kv: { ...GOOD, staleRead: 0, watchReset: 0, watchLag: 0, laggingReplica: 0, replicationMs: 0 },
  bus: GOOD,
  engine: { ...GOOD, activationLost: 0, backpressure: 0, pushesTimedOut: false },
  kafka: { ...GOOD, gap: 0 },
  service: {
    delayMs: [5, 500],
    ...{ late: 0, lateMs: 0, twice: 0, never: 0, malformed: 0, forged: 0, withoutId: 0 },
    ...{ error: 0, failure: 0, afterthought: 0, heartbeats: 0, unkeyed: false },
  },
  skewMs: 0,
  driftPpm: 0,
};

/** Rates drawn for one seed. Where `service.never` is not 0, jobs end only by their reply timeouts: `roughRoute`. */
export function rough(random: SeededRandom): Faults {
  const rate = (most: number) => (random.chance(0.4) ? random.float() ** 2 * most : 0);
  const call = (most: number): CallFaults => ({
    delayMs: [0.2, random.pick([1, 5, 50])],
    requestLost: rate(most),
    answerLost: rate(most),
    late: rate(most),
    lateMs: random.pick([50, 1_000, 5_000]),
  });
  return {
    kv: {
      ...call(0.1),
      late: rate(0.5),
      staleRead: rate(0.2),
      watchReset: rate(0.02),
      watchLag: rate(0.1),
      laggingReplica: rate(1),
      replicationMs: 0, // seed.ts
    },
    bus: call(0.2),
    engine: { ...call(0.2), activationLost: rate(0.3), backpressure: rate(0.5), pushesTimedOut: random.chance(0.5) },
    kafka: { ...call(0.1), late: rate(0.8), gap: rate(0.3) },
    service: {
      delayMs: [1, random.pick([20, 500, 5_000])],
      late: rate(0.3),
      lateMs: random.pick([5_000, 20_000]),
      twice: rate(0.5),
      never: rate(0.4),
      malformed: rate(0.1),
      forged: rate(0.1),
      withoutId: rate(0.1),
      unkeyed: random.chance(0.4),
      error: rate(0.5),
      failure: rate(0.5),
      afterthought: rate(1),
      heartbeats: rate(1),
    },
    skewMs: random.pick([0, 0, 50, 400]),
    driftPpm: random.pick([0, 100]),
  };
}

/** The calls go well from now on; what is on its way stays on its way. */
export function healed(faults: Faults): Faults {
  return {
    ...CALM,
    skewMs: faults.skewMs,
    driftPpm: faults.driftPpm,
    engine: { ...CALM.engine, pushesTimedOut: faults.engine.pushesTimedOut },
  };
}
