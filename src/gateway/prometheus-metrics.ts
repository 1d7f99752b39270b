// What the node counts, in Prometheus form. Names end in their unit or in `_total`; labels come from small fixed sets
// or are lanes, never a key: the number of series is bounded by that of lanes (lanes beyond share the label `other`).
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ActivationAnswer, DeadLetterReason, RequestOutcome } from '../actors/messages.ts';
import type { EngineAnswer } from '../actors/ports.ts';
import type { Outcome } from '../actors/snapshot.ts';
import { LEGS, type Leg } from '../cluster/legs.ts';
import { CLUSTER_LIMITS } from '../cluster/limits.ts';
import type { Acquired, CountedReply, EngineCommand, Metrics, NodeGauges } from './metrics.ts';
import { productVersion } from './product.ts';
import { registerGauges } from './prometheus-gauges.ts';
import { eventLoopBusyMs } from './system-event-loop.ts';
import { Tally } from './tally.ts';

/** From a few milliseconds (a fast service) to a week (a person). */
const HOLD_BUCKETS_S = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400, 604800,
];

/** Close together where a call spends its time, for a percentile is only as fine as these. */
const LEG_BUCKETS_MS = [
  0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 250, 500, 1_000, 2_500,
  5_000, 10_000,
];

/** From a write on a quiet disk to one that waited for a new leader. */
const PUT_BUCKETS_S = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const ACQUIRED_BUCKETS_S = [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60];

/** What is counted of one lane, resolved once. */
interface CountedLane {
  readonly name: string;
  readonly holdSeconds: Pick<Histogram.Internal<'lane'>, 'observe'>;
}

export class PrometheusMetrics implements Metrics {
  readonly registry = new Registry();
  readonly #lanes = new Map<string, CountedLane>();
  readonly #holds = this.#tally<string, ActivationAnswer>(
    'holds_total',
    'Activations by the answer of the owner',
    'lane',
    'answer',
  );
  readonly #requests = this.#tally<string, RequestOutcome['kind']>(
    'requests_total',
    'Requests by what became of them in Kafka',
    'lane',
    'outcome',
  );
  readonly #outcomes = this.#tally<string, Outcome>('outcomes_total', 'Attempts by how they ended', 'lane', 'outcome');
  readonly #engineCalls = this.#tally<EngineCommand, EngineAnswer['code']>(
    'engine_calls_total',
    'Commands to the engine by answer',
    'command',
    'code',
  );
  readonly #replies = this.#tally<CountedReply>('replies_total', 'Reply records by answer', 'answer');
  readonly #deadLetters = this.#tally<DeadLetterReason>(
    'dead_letters_total',
    'Replies put on the dead-letter topic',
    'reason',
  );
  readonly #retried = this.#counter('requests_retried_total', 'Requests in tries that Kafka did not answer');
  readonly #republished = this.#counter('requests_republished_total', 'Requests published again after a takeover');
  readonly #batchesRefused = this.#counter('reply_batches_skipped_total', 'Batches of replies that cannot be read');
  readonly #takeovers = this.#counter('takeovers_total', 'Shards taken over from a dead or suspected member');
  readonly #rehydrated = this.#counter('jobs_rehydrated_total', 'Pending jobs read back into memory');
  readonly #casConflicts = this.#counter('cas_conflicts_total', 'Writes refused because another revision stood');
  readonly #incarnations = this.#counter('incarnations_total', 'Lives of this node since the process started');
  readonly #puts = new Histogram({
    name: 'holdfast_put_duration_seconds',
    help: 'Writes to the bucket, from the first try until JetStream has settled them',
    buckets: PUT_BUCKETS_S,
    registers: [this.registry],
  });
  readonly #holdSeconds = new Histogram({
    name: 'holdfast_hold_duration_seconds',
    help: 'From the hold to the end of the attempt',
    labelNames: ['lane'],
    buckets: HOLD_BUCKETS_S,
    registers: [this.registry],
  });

  readonly #acquired = new Histogram({
    name: 'holdfast_shard_acquisition_duration_seconds',
    help: 'From the claim of a shard until it answers here',
    labelNames: ['how'],
    buckets: ACQUIRED_BUCKETS_S,
    registers: [this.registry],
  });

  readonly #legs = new Histogram({
    name: 'holdfast_leg_duration_seconds',
    help: 'Parts of the calls that were completed soon and at the first try, as the owner of the job sees them',
    labelNames: ['leg'],
    buckets: LEG_BUCKETS_MS.map((ms) => ms / 1000),
    registers: [this.registry],
  });
  readonly #legOf = new Map(LEGS.map((leg) => [leg, this.#legs.labels(leg)]));

  constructor() {
    const build = new Gauge({
      name: 'holdfast_build_info',
      help: 'Always 1; the version is in its label',
      labelNames: ['version'],
      registers: [this.registry],
    });
    build.set({ version: productVersion() }, 1);
  }

  /** Adds the process's own figures (memory, CPU, event loop); left out in tests that make many of these. */
  collectProcess(): void {
    // A look at the event loop every 10 ms, as by default, would be a tenth of what a node uses at rest.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 20 });
    new Counter({
      name: 'holdfast_event_loop_busy_seconds_total',
      help: 'How long the event loop was at work',
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(eventLoopBusyMs() / 1000);
      },
    });
  }

  /** To be called once, by whoever runs the node. */
  observe(node: NodeGauges): void {
    registerGauges(this.registry, node, (lane) => this.#lane(lane).name);
  }

  hold(lane: string, answer: ActivationAnswer): void {
    this.#holds.add(this.#lane(lane).name, answer);
  }

  request(lane: string, outcome: RequestOutcome['kind']): void {
    this.#requests.add(this.#lane(lane).name, outcome);
  }

  retried(count: number): void {
    this.#retried.inc(count);
  }

  republished(count: number): void {
    this.#republished.inc(count);
  }

  reply(answer: CountedReply): void {
    this.#replies.add(answer);
  }

  deadLetter(reason: DeadLetterReason): void {
    this.#deadLetters.add(reason);
  }

  batchRefused(): void {
    this.#batchesRefused.inc();
  }

  outcome(lane: string, outcome: Outcome, heldMs: number): void {
    const { name, holdSeconds } = this.#lane(lane);
    this.#outcomes.add(name, outcome);
    holdSeconds.observe(Math.max(0, heldMs) / 1000);
  }

  leg(leg: Leg, ms: number): void {
    this.#legOf.get(leg)?.observe(ms / 1000);
  }

  engineCall(command: EngineCommand, code: EngineAnswer['code']): void {
    this.#engineCalls.add(command, code);
  }

  put(ms: number): void {
    this.#puts.observe(ms / 1000);
  }

  takeover(): void {
    this.#takeovers.inc();
  }

  acquired(how: Acquired, ms: number): void {
    this.#acquired.observe({ how }, ms / 1000);
  }

  rehydrated(jobs: number): void {
    this.#rehydrated.inc(jobs);
  }

  casConflict(): void {
    this.#casConflicts.inc();
  }

  incarnation(): void {
    this.#incarnations.inc();
  }

  #lane(lane: string): CountedLane {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    const name = this.#lanes.size >= CLUSTER_LIMITS.lanes ? OTHER : lane;
    const made = this.#lanes.get(name) ?? { name, holdSeconds: this.#holdSeconds.labels(name) };
    this.#lanes.set(name, made);
    return made;
  }

  #tally<First extends string, Second extends string = never>(
    name: string,
    help: string,
    first: string,
    second?: string,
  ): Tally<First, Second> {
    return new Tally(this.registry, name, help, first, second);
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name: `holdfast_${name}`, help, registers: [this.registry] });
  }
}

/** Lanes beyond the bound. */
const OTHER = 'other';
