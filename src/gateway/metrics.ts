// What the node counts, in Prometheus form. Names end in their unit or in `_total`; labels come from small fixed sets
// or are lanes, never a key: the number of series is bounded by MAX_LANES (lanes beyond share the label `other`).
//
// Counters are told as things happen (`Metrics`); what has a present value (`NodeGauges`) is asked for when somebody
// scrapes, so that keeping it costs nothing in between and a stuck node cannot show a stale lease as alive.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ActivationAnswer, DeadLetterReason, RequestOutcome } from '../actors/messages.ts';
import type { EngineAnswer, EngineCommands } from '../actors/ports.ts';
import type { Outcome } from '../actors/snapshot.ts';
import { LEGS, type Leg } from '../cluster/legs.ts';
import { MAX_LANES } from './routes.ts';

/** `late`: for the dead letters; else by what the settings of its job say. */
export type CountedReply =
  | 'applied'
  | 'duplicate'
  | 'late'
  | 'latePublished'
  | 'lateDropped'
  | 'unknown'
  | 'forged'
  | 'unreadable'
  | 'malformed';
export type EngineCommand = keyof EngineCommands | 'activate';

/** Everything that happens and is counted. Each call costs well under a microsecond or two; none throws. */
export interface Metrics {
  hold(lane: string, answer: ActivationAnswer): void;
  request(lane: string, outcome: RequestOutcome['kind'] | 'retried'): void;
  /** Requests published again after a takeover. */
  republished(count: number): void;
  reply(answer: CountedReply): void;
  deadLetter(reason: DeadLetterReason): void;
  /** A batch of the reply topic that could not be read. */
  batchRefused(): void;
  /** `heldMs`: from the hold to the end of the attempt. */
  outcome(lane: string, outcome: Outcome, heldMs: number): void;
  /** A part of a call that was completed at the first try (cluster/legs.ts). */
  leg(leg: Leg, ms: number): void;
  engineCall(command: EngineCommand, code: EngineAnswer['code']): void;
  takeover(): void;
  casConflict(): void;
  incarnation(): void;
}

/** What has a value at any moment. */
export interface NodeGauges {
  pendingByLane(): Iterable<readonly [lane: string, pending: number]>;
  shardsOwned(): number;
  putsInDoubt(): number;
  /** 0 when the lease is void. */
  leaseRemainingMs(): number;
}

/** Counts nothing. */
export const NO_METRICS: Metrics = {
  hold() {},
  request() {},
  republished() {},
  reply() {},
  deadLetter() {},
  batchRefused() {},
  outcome() {},
  leg() {},
  engineCall() {},
  takeover() {},
  casConflict() {},
  incarnation() {},
};

/** From a few milliseconds (a fast service) to a week (a person). */
const HOLD_BUCKETS_S = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400, 604800,
];

/** Close together where a call spends its time, for a percentile is only as fine as these. */
const LEG_BUCKETS_MS = [
  0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 250, 500, 1_000, 2_500,
  5_000, 10_000,
];

export class PrometheusMetrics implements Metrics {
  readonly registry = new Registry();
  readonly #lanes = new Set<string>();
  readonly #holds = this.#counter('holds_total', 'Activations by the answer of the owner', ['lane', 'answer']);
  readonly #requests = this.#counter('requests_total', 'Requests by what became of them in Kafka', ['lane', 'outcome']);
  readonly #republished = this.#counter('requests_republished_total', 'Requests published again after a takeover');
  readonly #replies = this.#counter('replies_total', 'Reply records by answer', ['answer']);
  readonly #deadLetters = this.#counter('dead_letters_total', 'Replies put on the dead-letter topic', ['reason']);
  readonly #batchesRefused = this.#counter('reply_batches_skipped_total', 'Batches of replies that cannot be read');
  readonly #outcomes = this.#counter('outcomes_total', 'Attempts by how they ended', ['lane', 'outcome']);
  readonly #engineCalls = this.#counter('engine_calls_total', 'Commands to the engine by answer', ['command', 'code']);
  readonly #takeovers = this.#counter('takeovers_total', 'Shards taken over from a dead or suspected member');
  readonly #casConflicts = this.#counter('cas_conflicts_total', 'Writes refused because another revision stood');
  readonly #incarnations = this.#counter('incarnations_total', 'Lives of this node since the process started');
  readonly #holdSeconds = new Histogram({
    name: 'holdfast_hold_duration_seconds',
    help: 'From the hold to the end of the attempt',
    labelNames: ['lane'],
    buckets: HOLD_BUCKETS_S,
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

  /** Adds the process's own figures (memory, CPU, event loop delay); left out in tests that make many of these. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** To be called once, by whoever runs the node. */
  observe(node: NodeGauges): void {
    const lane = (name: string): string => this.#lane(name);
    new Gauge({
      name: 'holdfast_pending_jobs',
      help: 'Jobs held by this node that wait for a reply',
      labelNames: ['lane'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [name, pending] of node.pendingByLane()) this.inc({ lane: lane(name) }, pending);
      },
    });
    this.#gauge('shards_owned', 'Shards owned by this node', () => node.shardsOwned());
    this.#gauge('puts_in_doubt', 'Writes whose fate is not known yet', () => node.putsInDoubt());
    this.#gauge('lease_remaining_seconds', 'How long this node may still act', () => node.leaseRemainingMs() / 1000);
  }

  hold(lane: string, answer: ActivationAnswer): void {
    this.#holds.inc({ lane: this.#lane(lane), answer });
  }

  request(lane: string, outcome: RequestOutcome['kind'] | 'retried'): void {
    this.#requests.inc({ lane: this.#lane(lane), outcome });
  }

  republished(count: number): void {
    this.#republished.inc(count);
  }

  reply(answer: CountedReply): void {
    this.#replies.inc({ answer });
  }

  deadLetter(reason: DeadLetterReason): void {
    this.#deadLetters.inc({ reason });
  }

  batchRefused(): void {
    this.#batchesRefused.inc();
  }

  outcome(lane: string, outcome: Outcome, heldMs: number): void {
    this.#outcomes.inc({ lane: this.#lane(lane), outcome });
    this.#holdSeconds.observe({ lane: this.#lane(lane) }, Math.max(0, heldMs) / 1000);
  }

  leg(leg: Leg, ms: number): void {
    this.#legOf.get(leg)?.observe(ms / 1000);
  }

  engineCall(command: EngineCommand, code: EngineAnswer['code']): void {
    this.#engineCalls.inc({ command, code });
  }

  takeover(): void {
    this.#takeovers.inc();
  }

  casConflict(): void {
    this.#casConflicts.inc();
  }

  incarnation(): void {
    this.#incarnations.inc();
  }

  #lane(lane: string): string {
    if (this.#lanes.has(lane)) return lane;
    if (this.#lanes.size >= MAX_LANES) return 'other';
    this.#lanes.add(lane);
    return lane;
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `holdfast_${name}`, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name: `holdfast_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }
}
