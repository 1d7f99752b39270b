// The intake of one subscription (job type, tenants, variables): takes jobs from the engine while there is room for
// them, and hands each to whoever finds its owner.
//
//   stopped ── start ──▶ paused ◀──── no credits ──── taking
//      ▲                    └── a tick finds credits ──▶
//      └──────────────────────── stop ────────────────────┘
//
// *taking*: a `JobSource` is open. *paused*: none is; jobs stay in the engine, where other nodes can have them. Credits
// are asked for after every job and on every tick; only a tick resumes, so that an intake standing at its limit opens
// and closes its source a few times a second at most.
//
// What must hold. No activated job is dropped without need: one that arrives while pausing or stopping is still handed
// over. A job is *in hand* from its arrival until its answer, its give-back, or the end of its lock, whichever is first;
// the same key arriving meanwhile is not handed over twice (8.6 pushes a job again when its lock ran out). A job whose
// lock is over is not handed over: it is a stale copy out of some buffer and comes back from the engine.
//
// Only the owner's explicit "full" gives a job back: FailJob with the activation's own retries, a backoff and a fixed
// message (invariant I3). FailJob is not idempotent, so it is repeated only while it is known to have had no effect, and
// never beyond the lock; a job whose give-back is in doubt just waits for the end of its lock.
import type { JobKey } from '../../actors/ids.ts';
import { PassingMap } from '../../actors/passing-map.ts';
import type { Clock, Random, Timer } from '../../actors/ports.ts';
import type { ActivatedJob, EnginePort, JobQuery } from '../ports.ts';
import { traceIn } from '../trace.ts';
import { GiveBackRest } from './give-back-rest.ts';
import { JobSource, type SourceEvent } from './source.ts';

const TICK_MS = 200;
const GIVE_BACK_CALL_MS = 3_000;
const GIVE_BACK_RETRY_MS = 500;
export const GIVE_BACK_MESSAGE = 'holdfast: lane is full, given back';

/** `done`: its owner has it, or it needs none. `giveBack`: its owner said "full". `dropped`: no owner was found in time. */
export type IntakeAnswer = 'done' | 'giveBack' | 'dropped';

export type IntakeEvent =
  | SourceEvent
  | { readonly kind: 'resumed' }
  | { readonly kind: 'paused'; readonly reason: 'credits' | 'stopped' }
  | ({ readonly kind: 'gaveBack' } & OfJob)
  | ({ readonly kind: 'dropped'; readonly reason: DropReason; readonly detail: string } & OfJob);

/** Of its variables nothing but the trace context: events are written to the log. */
interface OfJob {
  readonly jobKey: string;
  readonly instanceKey: string;
  /** `traceparent`; '' none. */
  readonly trace: string;
}

/** `expired`: the lock is over. `inHand`: the same key waits for its answer. `noOwner`: `take` said so or threw. */
export type DropReason = 'expired' | 'inHand' | 'noOwner' | 'giveBackFailed';

export interface IntakeOptions {
  /** Its `fail` is the only effect; the lease guards it as it guards every command. */
  readonly engine: Pick<EnginePort, 'openStream' | 'activate' | 'fail'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Asked at each poll and each look at the stream: its lock may change. */
  query(): JobQuery;
  /** The most jobs without an answer at a time. A stream may overshoot it by what is on its way. */
  readonly maxInHand: number;
  /** Hands a job over; answers when its owner has. */
  take(job: ActivatedJob): Promise<IntakeAnswer>;
  /** How many jobs there is room for now, those in hand included; 0 stops the intake until it rises again. */
  admits(): number;
  /** The lane of a job that was handed to `take`. Default: all are of one. */
  laneOf?(job: ActivatedJob): string;
  onEvent?(event: IntakeEvent): void;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #rest: GiveBackRest;
  readonly #inHand = new PassingMap<string, ActivatedJob>();
  #source: JobSource | undefined;
  #closed: Promise<void> = Promise.resolve();
  #tick: Timer | undefined;
  #started = false;
  #onEmpty: (() => void)[] = [];

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#rest = new GiveBackRest(options.clock, options.random);
  }

  /** Jobs handed over and not answered yet. */
  get inHand(): number {
    return this.#inHand.size;
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#onTick();
  }

  /** Takes no more jobs at once, then waits up to `waitMs` for the answers of those in hand; returns how many lack one. */
  async stop(waitMs = 10_000): Promise<number> {
    this.#started = false;
    this.#pause('stopped');
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(waitMs, resolve);
      const drained = this.#closed.then(() => this.#empty());
      void drained.then(() => timer.cancel()).then(resolve);
    });
    if (!this.#started) this.#tick?.cancel();
    return this.#inHand.size;
  }

  #empty(): Promise<void> {
    if (this.#inHand.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  #credits(): number {
    return Math.min(this.#options.admits(), this.#options.maxInHand) - this.#inHand.size;
  }

  /** Goes on while stopping, so that jobs whose owner never answers leave the hand when their lock is over. */
  #onTick(): void {
    this.#tick?.cancel();
    const { clock, random } = this.#options;
    for (const job of this.#inHand.values()) {
      if (job.deadlineMs <= clock.wallMs()) this.#drop(job, 'expired', 'no answer before the end of its lock');
    }
    if (this.#started && this.#source === undefined && this.#credits() > 0) this.#resume();
    this.#pauseWithoutCredits();
    this.#tick = clock.setTimer(TICK_MS * (0.75 + random.float() / 2), () => this.#onTick());
  }

  #resume(): void {
    const { engine, clock, random, query } = this.#options;
    this.#emit({ kind: 'resumed' });
    this.#source = new JobSource({
      engine,
      clock,
      random,
      query,
      wants: () => this.#credits(),
      onJob: (job) => this.#accept(job),
      onEvent: (event) => this.#emit(event),
    });
  }

  #pause(reason: 'credits' | 'stopped'): void {
    if (this.#source === undefined) return;
    const source = this.#source;
    this.#source = undefined;
    this.#closed = Promise.all([this.#closed, source.close()]).then(() => undefined);
    this.#emit({ kind: 'paused', reason });
  }

  #pauseWithoutCredits(): void {
    if (this.#source !== undefined && this.#credits() <= 0) this.#pause('credits');
  }

  #accept(job: ActivatedJob): void {
    const { clock } = this.#options;
    if (this.#inHand.has(job.key)) {
      this.#emit({ kind: 'dropped', ...ofJob(job), reason: 'inHand', detail: 'activated again before its answer' });
    } else if (job.deadlineMs <= clock.wallMs()) {
      this.#drop(job, 'expired', `its lock ended ${clock.wallMs() - job.deadlineMs} ms before it arrived`);
    } else {
      this.#inHand.set(job.key, job);
      void this.#handOver(job);
      this.#pauseWithoutCredits();
    }
  }

  async #handOver(job: ActivatedJob): Promise<void> {
    let answer: IntakeAnswer;
    let detail = '';
    try {
      answer = await this.#options.take(job);
    } catch (error) {
      answer = 'dropped';
      detail = String(error);
    }
    if (!this.#holds(job)) return;
    if (answer === 'done') this.#release(job);
    else if (answer === 'dropped') this.#drop(job, 'noOwner', detail);
    else await this.#giveBack(job);
  }

  async #giveBack(job: ActivatedJob): Promise<void> {
    const { engine, clock, random, laneOf } = this.#options;
    const told = ofJob(job);
    const of = { origin: { instanceKey: told.instanceKey }, trace: told.trace };
    while (this.#holds(job)) {
      const leftMs = job.deadlineMs - clock.wallMs();
      if (leftMs <= 0) return this.#drop(job, 'expired', 'its lock ended before it was given back');
      const backoffMs = this.#rest.nextMs(laneOf?.(job) ?? '');
      const fail = { retries: job.retries, backoffMs, message: GIVE_BACK_MESSAGE };
      const answer = await engine.fail(job.key as JobKey, fail, Math.min(GIVE_BACK_CALL_MS, leftMs), of);
      if (answer.code === 'ok') this.#emit({ kind: 'gaveBack', ...told });
      if (answer.code === 'ok') return this.#release(job);
      if (answer.code !== 'transient' || answer.unseen) return this.#drop(job, 'giveBackFailed', answer.message);
      await new Promise<void>((resolve) => clock.setTimer(GIVE_BACK_RETRY_MS * (0.5 + random.float()), resolve));
    }
  }

  #holds(job: ActivatedJob): boolean {
    return this.#inHand.get(job.key) === job;
  }

  #drop(job: ActivatedJob, reason: DropReason, detail: string): void {
    this.#emit({ kind: 'dropped', ...ofJob(job), reason, detail });
    this.#release(job);
  }

  #release(job: ActivatedJob): void {
    if (this.#holds(job)) this.#inHand.delete(job.key);
    if (this.#inHand.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  #emit(event: IntakeEvent): void {
    this.#options.onEvent?.(event);
  }
}

function ofJob({ key, processInstanceKey, variables }: ActivatedJob): OfJob {
  return { jobKey: key, instanceKey: processInstanceKey, trace: traceIn(variables) };
}
