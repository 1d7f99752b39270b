// A process that starts instances and awaits their ends, for one share of a load. The engine itself answers when an
// instance has ended (CreateProcessInstanceWithResult), so that nothing of what is measured has to tell. What the engine
// does not take for now (its limit of requests, an outage) is started again after a pause, and counts from when it was due.
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { ZeebeCallError } from '../../src/gateway/zeebe/answers.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import type { ZeebeSettings } from '../../src/gateway/zeebe/connection.ts';
import { serve } from '../parts/child.ts';
import { type Counts, Latencies } from '../parts/latency.ts';
import { dueAtSecond, type Plan } from './arrivals.ts';
import { variablesOf } from './variables.ts';

export interface StarterOrder {
  readonly kind: 'start';
  readonly engine: ZeebeSettings;
  readonly processId: string;
  readonly plan: Plan;
  /** Which arrivals are this process's: those of which number mod shares is share. */
  readonly share: number;
  readonly shares: number;
  /** Of the variables that the request carries. */
  readonly payloadBytes: number;
  /** How long after the plan's end open instances are waited for. */
  readonly patienceS: number;
  /** What is before counts for nothing. */
  readonly warmUpS: number;
  /** Only the latest news every so often. */
  readonly tellEveryMs: number;
}

/** No more arrivals; what is open is waited for so long. */
export interface StarterEnd {
  readonly kind: 'end';
  readonly settleS: number;
}

/** Of the warm-up only what failed or is still open. */
export interface Tally {
  readonly started: number;
  readonly refusals: number;
  readonly completed: number;
  readonly failed: number;
  readonly open: number;
}

export type StarterSaid =
  | { readonly kind: 'measuring' }
  /** Since the last one: latencies; in all: the tally. */
  | { readonly kind: 'tick'; readonly atS: number; readonly tally: Tally; readonly latencies: Counts }
  /** The plan is over; what is open is waited for. */
  | { readonly kind: 'measured'; readonly tally: Tally; readonly seconds: number }
  /** `ended`: all instances that ever ended, also those of the warm-up. */
  | {
      readonly kind: 'done';
      readonly tally: Tally;
      readonly ended: number;
      readonly latencies: Counts;
      /** From when arrivals were due to when the engine was asked: what this process itself was late by. */
      readonly lateness: Counts;
      readonly faults: readonly string[];
    };

/** The first pause; each is twice the one before, up to a second: an engine that comes back has enough to do. */
const RETRY_MS = 100;
const MOST_RETRY_MS = 1_000;
/** ABORTED: the gateway lost its broker, or the broker is going. */
const RETRIED: readonly number[] = [status.RESOURCE_EXHAUSTED, status.UNAVAILABLE, status.ABORTED];
/** The gateway wants to know; longer than any run. */
const RESULT_MS = 24 * 3_600_000;
const FAULTS_KEPT = 20;
const ROUNDING_MS = 1e-6;
/** Timers know no better, and are sometimes early by less. */
const LEAST_LATE_MS = 0.1;

let starter: Starter | undefined;

serve<StarterOrder | StarterEnd, StarterSaid>((order, say) => {
  if (order.kind === 'end') return starter?.end(order.settleS);
  starter = new Starter(order, say);
  void starter.run();
});

class Starter {
  readonly #order: StarterOrder;
  readonly #say: (message: StarterSaid) => void;
  readonly #all = new Latencies();
  readonly #recent = new Latencies();
  readonly #lateness = new Latencies();
  readonly #faults: string[] = [];
  readonly #tally = { started: 0, refusals: 0, completed: 0, failed: 0 };
  readonly #variables: (token: string) => string;
  #engine: ZeebeClient | undefined;
  #open = 0;
  #ended = 0;
  #beginMs = 0;
  #measuring = false;
  #over = false;
  #onIdle = () => {};
  /** undefined: the plan goes on. */
  #settleS: number | undefined;
  readonly #ending = Promise.withResolvers<number>();
  readonly #sleepers = new Set<() => void>();

  constructor(order: StarterOrder, say: (message: StarterSaid) => void) {
    this.#order = order;
    this.#say = say;
    this.#variables = variablesOf(order.payloadBytes);
  }

  async run(): Promise<void> {
    const { engine, plan, warmUpS, patienceS, tellEveryMs } = this.#order;
    this.#engine = await openZeebe(engine);
    this.#beginMs = performance.now();
    const telling = setInterval(() => this.#tick(), tellEveryMs);
    const warm = this.#sleepUntil(warmUpS).then(() => this.#begin());
    if (plan.kind === 'closed') await this.#closed(plan.inFlight, warmUpS + plan.seconds);
    else await this.#arrive(plan.phases);
    await warm;
    this.#say({ kind: 'measured', tally: this.#told(), seconds: this.#second() - warmUpS });
    this.#over = true;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#open === 0) resolve();
    });
    const settled = this.#ending.promise.then((settleS) => sleep(settleS * 1_000));
    await Promise.race([idle, settled, sleep(patienceS * 1_000)]);
    clearInterval(telling);
    this.#tick();
    this.#say({
      kind: 'done',
      tally: this.#told(),
      ended: this.#ended,
      latencies: this.#all.counts(),
      lateness: this.#lateness.counts(),
      faults: this.#faults,
    });
  }

  end(settleS: number): void {
    this.#settleS = settleS;
    this.#ending.resolve(settleS);
    for (const wake of this.#sleepers) wake();
  }

  #begin(): void {
    this.#measuring = true;
    // What is measured of an open loop is what was due, and that is counted already (#one).
    if (this.#order.plan.kind === 'closed')
      Object.assign(this.#tally, { started: this.#open, refusals: 0, completed: 0, failed: 0 });
    this.#tally.refusals = 0;
    this.#recent.reset();
    this.#say({ kind: 'measuring' });
  }

  #tick(): void {
    const latencies = this.#recent.counts();
    this.#recent.reset();
    this.#say({ kind: 'tick', atS: this.#second(), tally: this.#told(), latencies });
  }

  async #closed(inFlight: number, seconds: number): Promise<void> {
    const { share, shares } = this.#order;
    const mine = Math.floor((inFlight + shares - 1 - share) / shares);
    const worker = async () => {
      while (this.#second() < seconds) await this.#one(performance.now());
    };
    for (let number = 0; number < mine; number++) void worker();
    await this.#sleepUntil(seconds);
  }

  /** By a timer every so many ms at most: what has become due meanwhile goes at once. */
  async #arrive(phases: readonly { seconds: number; fromPerSecond: number; toPerSecond: number }[]): Promise<void> {
    const { share, shares, warmUpS } = this.#order;
    const [first] = phases;
    // The warm-up goes at the plan's first rate.
    const warm = { seconds: warmUpS, fromPerSecond: first?.fromPerSecond ?? 0, toPerSecond: first?.fromPerSecond ?? 0 };
    const all = warmUpS > 0 ? [warm, ...phases] : phases;
    for (let number = share; ; number += shares) {
      const dueS = dueAtSecond(all, number);
      if (dueS === undefined) break;
      if (dueS > this.#second()) await this.#sleepUntil(dueS);
      if (this.#settleS !== undefined) return;
      void this.#one(this.#beginMs + dueS * 1_000);
    }
    await this.#sleepUntil(all.reduce((sum, { seconds }) => sum + seconds, 0));
  }

  async #one(dueMs: number): Promise<void> {
    const { plan, warmUpS } = this.#order;
    const closed = plan.kind === 'closed';
    const counts = closed ? this.#measuring || warmUpS === 0 : dueMs - this.#beginMs >= warmUpS * 1_000 - ROUNDING_MS;
    this.#open += 1;
    if (counts || closed) this.#tally.started += 1;
    if (counts) this.#lateness.record(Math.max(LEAST_LATE_MS, performance.now() - dueMs));
    try {
      await this.#complete();
      if (counts || closed) this.#tally.completed += 1;
      this.#ended += 1;
      const tookMs = performance.now() - dueMs;
      if (counts && !(closed && this.#over)) {
        this.#all.record(tookMs);
        this.#recent.record(tookMs);
      }
    } catch (error) {
      this.#tally.failed += 1;
      if (this.#faults.length < FAULTS_KEPT) this.#faults.push(String(error));
    }
    this.#open -= 1;
    if (this.#open === 0) this.#onIdle();
  }

  async #complete(): Promise<void> {
    const { processId } = this.#order;
    const token = crypto.randomUUID();
    const request = {
      request: { bpmnProcessId: processId, version: -1, variables: this.#variables(token) },
      requestTimeout: String(RESULT_MS),
      fetchVariables: ['answer'],
    };
    for (let tries = 0; ; tries++) {
      try {
        const { variables } = (await this.#engine?.call('CreateProcessInstanceWithResult', request, RESULT_MS)) ?? {};
        const { answer } = JSON.parse(variables ?? '{}') as { answer?: { token?: string } };
        if (answer?.token !== token) throw new Error(`the answer of another: ${answer?.token} instead of ${token}`);
        return;
      } catch (error) {
        if (!(error instanceof ZeebeCallError) || !RETRIED.includes(error.status)) throw error;
        this.#tally.refusals += 1;
      }
      const pauseMs = Math.min(MOST_RETRY_MS, RETRY_MS * 2 ** tries);
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }

  #told(): Tally {
    return { ...this.#tally, open: this.#open };
  }

  #second(): number {
    return (performance.now() - this.#beginMs) / 1_000;
  }

  /** Or until the end, if that is sooner. */
  async #sleepUntil(second: number): Promise<void> {
    if (this.#settleS !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(0, (second - this.#second()) * 1_000));
    this.#sleepers.add(resolve);
    await promise;
    this.#sleepers.delete(resolve);
    clearTimeout(timer);
  }
}
