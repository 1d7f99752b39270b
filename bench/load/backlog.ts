// Calls that wait before the load begins: instances are started as fast as the engine takes them, while the service holds
// its answers back, until the nodes say that they hold so many. When the load begins they are answered, or never. The run
// is not over before the last of those that are answered has ended, or patience has; an instance that the
// engine did not answer about may be there twice.
//
// What nodes hold is no proof of an end: a job is held no more when its result is on its way to the engine, or waits for one
// that is away. So they have to have counted as many ends as holds, too. What a node has counted since it was looked at last
// is lost when it is killed: then what nodes hold has to do, for long.
// Nodes count jobs and do not say whose they are: what the lane holds before all that, such as what an earlier run left
// unanswered, is subtracted. Others must leave the lane alone from then on.
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { LIMITS } from '../../src/actors/limits.ts';
import { ZeebeCallError } from '../../src/gateway/zeebe/answers.ts';
import { openZeebe } from '../../src/gateway/zeebe/client.ts';
import type { ZeebeSettings } from '../../src/gateway/zeebe/connection.ts';
import { eventually } from '../../test/support/eventually.ts';
import { unlessAborted } from '../../test/support/interruption.ts';
import { firstLockS, Observer, type Seen } from './observer.ts';
import type { Scenario } from './scenario.ts';
import { Lines } from './series-lines.ts';
import type { Subject } from './subject.ts';
import { NodeTales } from './tales.ts';
import { variablesOf } from './variables.ts';

const IN_FLIGHT = 100;
const CALL_MS = 30_000;
const RETRY_MS = 200;
const RETRIED: readonly number[] = [
  status.RESOURCE_EXHAUSTED,
  status.UNAVAILABLE,
  status.ABORTED,
  status.DEADLINE_EXCEEDED,
];
/** Longer than an engine restarts. */
const GIVEN_UP_MS = 120_000;
const NOTE_EVERY_MS = 5_000;
/**
 * Looks at which all nodes answer that one believes: of the most that they held before, and in a row of that they hold no more
 * than the load. A shard that changes hands is held by nobody.
 */
const LOOKS = 3;
/** The same where ends were not counted: longer than a call to the engine takes, or a command to it is tried again after. */
const LOOKS_WITHOUT_COUNTS = 20;
const ANSWERS_MS = 30_000;

export class Backlog {
  readonly #scenario: Scenario;
  readonly #engine: ZeebeSettings;
  readonly #subject: Subject;
  readonly #note: (text: string) => void;
  /** Jobs of the lane that are not this run's. */
  #before = 0;
  /** Of those that are answered, as they were seen last. */
  #left = 0;
  /** In a row: at which nodes held no more than the load, and at which they had counted the ends of all others as well. */
  #looks = 0;
  #countedLooks = 0;
  #loadOpen = 0;
  #toldDrained = false;
  /** Since before the first of them was started. */
  readonly #tales = new NodeTales();

  constructor(scenario: Scenario, engine: ZeebeSettings, subject: Subject, note: (text: string) => void) {
    this.#scenario = scenario;
    this.#engine = engine;
    this.#subject = subject;
    this.#note = note;
  }

  /**
   * @param signal ends it, and what was started stays
   * @throws when a node does not tell what it holds, the engine refuses instances, or nodes do not hold them in time
   */
  async build(signal: AbortSignal): Promise<void> {
    const { backlog, payloadBytes, backlogAnswered } = this.#scenario;
    if (backlog === 0) return;
    this.#subject.service.tell({ kind: backlogAnswered ? 'hold' : 'ignore' });
    const { metricsUrls, lane, processId } = this.#subject;
    const observer = new Observer({ metricsUrls, lane, processes: () => new Map() }, new Lines());
    this.#before = await unlessAborted(
      signal,
      heldBefore(observer, (seen) => this.#hear(seen)),
    );
    if (this.#before > 0) this.#note(`${lane}: ${this.#before} jobs are held already, and are not counted`);
    const readBefore = await this.#requestsRead();
    let [started, held, lockS] = [0, 0, 0];
    const look = async () => {
      const seen = await observer.look(0);
      if (seen === undefined) return false;
      this.#hear(seen);
      held = seen.pending - this.#before;
      lockS = firstLockS(seen);
      return held >= backlog;
    };
    const telling = setInterval(async () => {
      await look();
      const lock = lockS * 1_000 > LIMITS.activationLockMs ? `, the first lock is ${lockS} s` : '';
      this.#note(`backlog: ${started} of ${backlog} started, ${held} held${lock}`);
    }, NOTE_EVERY_MS);
    try {
      const onStarted = () => {
        started += 1;
      };
      await unlessAborted(signal, startInstances(this.#engine, processId, backlog, payloadBytes, onStarted, signal));
      const patience = { deadlineMs: 60_000 + backlog * 10, everyMs: 500 };
      await unlessAborted(signal, eventually(`${backlog} jobs to be held`, look, patience));
      const areRead = async () => (await this.#requestsRead()) - readBefore >= backlog;
      await unlessAborted(signal, eventually(`the service to have read ${backlog} requests`, areRead, patience));
    } finally {
      clearInterval(telling);
    }
    this.#note(`backlog: ${held} held`);
    // Those of the warm-up are answered already.
    if (!backlogAnswered) this.#subject.service.tell({ kind: 'release' });
  }

  async #requestsRead(): Promise<number> {
    const { service } = this.#subject;
    const counted = service.next('counted');
    service.tell({ kind: 'count' });
    return (await counted).requests;
  }

  /** Whether there is one, and it is answered from now on. */
  release(): boolean {
    const { backlog, backlogAnswered } = this.#scenario;
    if (backlog === 0 || !backlogAnswered) return false;
    this.#subject.service.tell({ kind: 'release' });
    this.#left = backlog;
    return true;
  }

  /** Jobs of it that did not end. */
  get open(): number {
    return this.#toldDrained && this.#loadOpen > 0 ? 0 : this.#left;
  }

  /**
   * While instances of the load are open nobody knows how many of them are held: that it has drained is told then, but settled only
   * by looks at which all of the load has ended.
   * @param loadOpen instances of the load itself
   * @returns when it has drained just now, by all that is known: what is to be told of it
   */
  saw(seen: Seen, loadOpen: number): string | undefined {
    if (this.#left === 0) return undefined;
    this.#hear(seen);
    if (!seen.allAnswered) return undefined;
    if (loadOpen === 0 && this.#loadOpen > 0) [this.#looks, this.#countedLooks] = [0, 0];
    this.#loadOpen = loadOpen;
    const held = seen.pending - this.#before - loadOpen;
    const more = Math.max(held, this.#uncounted() - loadOpen);
    this.#looks = held <= 0 ? this.#looks + 1 : 0;
    this.#countedLooks = more <= 0 ? this.#countedLooks + 1 : 0;
    this.#left = Math.max(1, more);
    if (this.#countedLooks < LOOKS && this.#looks < LOOKS_WITHOUT_COUNTS) return undefined;
    if (loadOpen === 0) this.#left = 0;
    if (this.#toldDrained) return undefined;
    this.#toldDrained = true;
    return `the backlog has drained${more > 0 ? `, by what nodes hold: ${more} ends were not counted` : ''}`;
  }

  #hear({ said }: Seen): void {
    for (const [node, samples] of said) this.#tales.add(node, samples);
  }

  /** Holds without an end, of the load too, by what nodes have counted. */
  #uncounted(): number {
    const { lane } = this.#subject;
    const holds = this.#tales.sum('holdfast_holds_total', { lane, answer: 'held' });
    return holds - this.#tales.sum('holdfast_outcomes_total', { lane });
  }

  /** Resolves when it has drained, or with the end of patience, or when nobody wants to wait any more. */
  async drained(signal: AbortSignal): Promise<void> {
    const giveUpMs = performance.now() + this.#scenario.patienceS * 1_000;
    while (this.#left > 0 && performance.now() < giveUpMs && !signal.aborted) await sleep(200);
  }
}

async function heldBefore(observer: Observer, hear: (seen: Seen) => void): Promise<number> {
  const pending: number[] = [];
  const look = async () => {
    const seen = await observer.look(0);
    if (seen === undefined) return false;
    hear(seen);
    if (seen.allAnswered) pending.push(seen.pending);
    return pending.length === LOOKS;
  };
  await eventually('every node to say how many jobs it holds', look, { deadlineMs: ANSWERS_MS, everyMs: 200 });
  return Math.max(...pending);
}

/**
 * Resolves when the engine has so many more instances.
 * @throws ZeebeCallError when the engine refuses them, or takes none for minutes
 */
async function startInstances(
  settings: ZeebeSettings,
  processId: string,
  count: number,
  payloadBytes: number,
  onStarted: () => void,
  signal: AbortSignal,
): Promise<void> {
  const engine = await openZeebe(settings);
  const variablesWith = variablesOf(payloadBytes);
  let [asked, lastMs] = [0, performance.now()];
  const one = async () => {
    while (asked < count && !signal.aborted) {
      asked += 1;
      const variables = variablesWith(crypto.randomUUID());
      for (let made = false; !made; ) {
        try {
          await engine.call('CreateProcessInstance', { bpmnProcessId: processId, version: -1, variables }, CALL_MS);
          made = true;
        } catch (error) {
          if (!(error instanceof ZeebeCallError) || !RETRIED.includes(error.status)) throw error;
          if (performance.now() - lastMs > GIVEN_UP_MS || signal.aborted) throw error;
          await sleep(RETRY_MS * (0.5 + Math.random()));
        }
      }
      onStarted();
      lastMs = performance.now();
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, one));
  } finally {
    engine.close();
  }
}
