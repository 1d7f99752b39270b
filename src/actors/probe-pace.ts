// How many probes a second this node may send (a probe is an UpdateJobTimeout that renews a lock and learns whether the
// job lives). The promise: probes are never the reason for the engine's load.
//
// So it is a share of what the engine *can* do, as far as it was seen: 5 % of the highest rate at which it answered this
// node lately. Not of what it does right now, for an idle engine would then hear no probe, and nobody of a cancelled job. And
// an engine that nobody has asked for much is taken to do what the smallest do, of which 5 % are `probesPerSecond`; that floor
// is the cluster's, and each member has its part. The engine's word is worth more than any of this: RESOURCE_EXHAUSTED
// halves the rate at once, and it grows again only slowly (AIMD, as TCP does, for the same reason: nobody knows what others ask).
import { LIMITS } from './limits.ts';
import type { Clock, EngineAnswer } from './ports.ts';

export class ProbePace {
  readonly #clock: Clock;
  readonly #members: () => number;
  /** Answers per slot of time, the newest last, and the number of that slot. */
  #answered: number[] = [0];
  #slot: number;
  /** Set by a refusal; growing since `#boundAtMs`. */
  #bound = Number.POSITIVE_INFINITY;
  #boundAtMs = Number.NEGATIVE_INFINITY;

  /** @param members of the cluster that hold jobs, this one included */
  constructor(clock: Clock, members: () => number = () => 1) {
    this.#clock = clock;
    this.#members = members;
    this.#slot = this.#present();
  }

  /** What the engine said to any command. */
  heard({ code, backpressure }: EngineAnswer): void {
    if (backpressure === true) this.#refused();
    else if (code !== 'transient' && code !== 'never') this.did();
  }

  /** The engine did something for this node: it answered a command, or handed out a job. */
  did(): void {
    this.#turn();
    this.#answered[this.#answered.length - 1]! += 1;
  }

  /** Probes per second that are allowed now. */
  perSecond(): number {
    return Math.min(this.#most(), this.#grown());
  }

  /** How long so many probes take, s, if nobody refuses anything meanwhile: the pace grows back. */
  secondsFor(probes: number): number {
    const [most, now, growth] = [this.#most(), this.perSecond(), LIMITS.probesRegained * this.#part()];
    const growingS = (most - now) / growth;
    const whileGrowing = growingS * ((now + most) / 2);
    if (probes >= whileGrowing) return growingS + (probes - whileGrowing) / most;
    return (Math.sqrt(now ** 2 + 2 * growth * probes) - now) / growth;
  }

  /**
   * How far apart the probes of one job are meant to be when this node holds so many. It follows neither a busy hour nor a
   * refusal: what the pace does not allow is put off by the queue, and a job's next probe must not be hours away afterwards.
   */
  everyMs(pendingJobs: number): number {
    return Math.max(LIMITS.probeEveryMs, (pendingJobs / this.#floor()) * 1000);
  }

  /** Refusals come in bunches, all for the same reason: one a second counts. */
  #refused(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#boundAtMs < LIMITS.probesHalvedEveryMs) return;
    this.#bound = Math.max(LIMITS.probesLeast * this.#part(), this.perSecond() / 2);
    this.#boundAtMs = nowMs;
  }

  #grown(): number {
    if (this.#bound === Number.POSITIVE_INFINITY) return this.#bound;
    const seconds = (this.#clock.monotonicMs() - this.#boundAtMs) / 1000;
    return this.#bound + seconds * LIMITS.probesRegained * this.#part();
  }

  #most(): number {
    return Math.max(this.#floor(), LIMITS.probeShare * this.#seenPerSecond());
  }

  #floor(): number {
    return LIMITS.probesPerSecond * this.#part();
  }

  #part(): number {
    return 1 / Math.max(1, this.#members());
  }

  #seenPerSecond(): number {
    this.#turn();
    return (Math.max(...this.#answered) * 1000) / LIMITS.seenSlotMs;
  }

  #present(): number {
    return Math.floor(this.#clock.monotonicMs() / LIMITS.seenSlotMs);
  }

  /** Begins the slots that have come since, and forgets the oldest. */
  #turn(): void {
    const present = this.#present();
    const begun = Math.min(present - this.#slot, LIMITS.seenSlots);
    for (let slot = 0; slot < begun; slot++) this.#answered.push(0);
    this.#answered.splice(0, this.#answered.length - LIMITS.seenSlots);
    this.#slot = present;
  }
}
