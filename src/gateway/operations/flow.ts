// How many jobs pass each step of a call per second, here, over the last five minutes; and per lane over the last seconds. Fixed
// arrays, one place for each second: what happens adds one, and only a second that begins costs more.
import type { ActivationAnswer, RequestOutcome } from '../../actors/messages.ts';
import type { Clock } from '../../actors/ports.ts';
import type { Outcome } from '../../actors/snapshot.ts';
import { CLUSTER_LIMITS } from '../../cluster/limits.ts';
import type { CountedReply } from '../metrics.ts';
import { FLOW_STEPS, type FlowStep } from './model/flow.ts';

/** The longest that can be asked for. */
export const FLOW_SECONDS = 300;
/** What is said of a lane is over so many seconds. */
export const LANE_SECONDS = 10;
/** A node whose clock is ahead is asked for seconds that this one has not had yet. */
const SPARE_SECONDS = 4;

const STEP_OF: Readonly<Partial<Record<Outcome, FlowStep>>> = {
  completed: 'completed',
  bpmnError: 'thrown',
  failed: 'failed',
  timedOut: 'failed',
};

export type Counts = Readonly<Record<FlowStep, readonly number[]>>;

export interface LaneRates {
  readonly heldPerSecond: number;
  readonly endedPerSecond: number;
}

export class Flow {
  readonly #clock: Clock;
  readonly #steps = Object.fromEntries(
    FLOW_STEPS.map((step) => [step, new PerSecond(FLOW_SECONDS + SPARE_SECONDS)]),
  ) as Record<FlowStep, PerSecond>;
  readonly #lanes = new Map<string, { readonly held: PerSecond; readonly ended: PerSecond }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hold(lane: string, answer: ActivationAnswer): void {
    const second = this.#second();
    this.#steps.activated.add(second);
    if (answer !== 'held') return;
    this.#steps.held.add(second);
    this.#lane(lane)?.held.add(second);
  }

  request(outcome: RequestOutcome['kind']): void {
    if (outcome === 'acked') this.#steps.sent.add(this.#second());
  }

  reply(answer: CountedReply): void {
    if (answer === 'applied') this.#steps.replied.add(this.#second());
  }

  outcome(lane: string, outcome: Outcome): void {
    const second = this.#second();
    const step = STEP_OF[outcome];
    if (step !== undefined) this.#steps[step].add(second);
    this.#lane(lane)?.ended.add(second);
  }

  /** Of each of the `seconds` before `endSecond` (wall clock, seconds since the epoch), oldest first. */
  counts(endSecond: number, seconds: number): Counts {
    const counts = FLOW_STEPS.map((step) => [step, this.#steps[step].before(endSecond, seconds)]);
    return Object.fromEntries(counts) as Record<FlowStep, number[]>;
  }

  rates(): Map<string, LaneRates> {
    const end = this.#second();
    const mean = (counts: PerSecond) => counts.before(end, LANE_SECONDS).reduce((a, b) => a + b, 0) / LANE_SECONDS;
    return new Map(
      [...this.#lanes].map(([lane, { held, ended }]) => [
        lane,
        { heldPerSecond: mean(held), endedPerSecond: mean(ended) },
      ]),
    );
  }

  #second(): number {
    return Math.floor(this.#clock.wallMs() / 1000);
  }

  /** Nobody grows memory by inventing names: lanes beyond the most that a cluster may have are not counted. */
  #lane(lane: string) {
    const known = this.#lanes.get(lane);
    if (known !== undefined || this.#lanes.size >= CLUSTER_LIMITS.lanes) return known;
    const counts = { held: new PerSecond(LANE_SECONDS + 2), ended: new PerSecond(LANE_SECONDS + 2) };
    this.#lanes.set(lane, counts);
    return counts;
  }
}

class PerSecond {
  readonly #counts: Int32Array;
  /** The second that each place is about. */
  readonly #seconds: Float64Array;

  constructor(places: number) {
    this.#counts = new Int32Array(places);
    this.#seconds = new Float64Array(places);
  }

  add(second: number): void {
    const at = second % this.#counts.length;
    if (this.#seconds[at] !== second) {
      this.#seconds[at] = second;
      this.#counts[at] = 0;
    }
    this.#counts[at]! += 1;
  }

  before(endSecond: number, seconds: number): number[] {
    return Array.from({ length: seconds }, (_, i) => {
      const second = endSecond - seconds + i;
      const at = second % this.#counts.length;
      return this.#seconds[at] === second ? (this.#counts[at] ?? 0) : 0;
    });
  }
}
