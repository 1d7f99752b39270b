// One load run: the subject, the backlog, the starters, and everything that is seen meanwhile, second by second, until the last
// instance has ended or patience has.
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../../src/actors/limits.ts';
import { unlessAborted } from '../../test/support/interruption.ts';
import { Child } from '../parts/child.ts';
import { Latencies } from '../parts/latency.ts';
import { withDescendants } from '../parts/processes.ts';
import { type Stage, setStage } from '../parts/stage.ts';
import { plannedOf, secondsOf } from './arrivals.ts';
import { Backlog } from './backlog.ts';
import { checkServers, checkSubject } from './checks.ts';
import { phaseBegins } from './course.ts';
import { hurt } from './faults.ts';
import { legsOf } from './legs.ts';
import { News, type Second, sumOfTallies } from './news.ts';
import { firstLockS, Observer } from './observer.ts';
import type { LoadResult, LoadTotals } from './result.ts';
import type { Scenario } from './scenario.ts';
import { Lines } from './series-lines.ts';
import type { StarterEnd, StarterOrder, StarterSaid, Tally } from './starter.ts';
import { type Subject, subjectOf } from './subject.ts';
import { machine, versions } from './surroundings.ts';

export interface Listener {
  note(text: string): void;
  second(news: Second): void;
}

/** Half a second after the starters tell, so that each look finds one word of each. */
const LOOK_AFTER_MS = 500;
/** A load process that is later than this in starting instances is what is measured. */
const LATE_MS = 50;
/** After an interruption: what is open then may end. */
const SETTLE_S = 5;

export interface LoadRunEnd {
  readonly result: LoadResult;
  /** What the scenario wanted to happen and did not, such as a server that would not come back. */
  readonly broken: readonly string[];
}

/**
 * @param signal when it is aborted arrivals end, what is open may end for some seconds, and the result is of what was seen
 * @throws ScenarioError before anything is started; when servers or nodes do not come up, or a starter ends by itself;
 * what the signal was aborted with, before there was anything to see. What was made on servers of others is deleted.
 */
export async function runLoad(scenario: Scenario, listener: Listener, signal = NEVER): Promise<LoadRunEnd> {
  checkSubject(scenario);
  await checkServers();
  listener.note('starting what the environment does not name: servers, nodes, the service');
  const stage = await setStage();
  let subject: Subject | undefined;
  try {
    signal.throwIfAborted();
    subject = await subjectOf(scenario, stage);
    await using run = new LoadRun(scenario, stage, subject, listener, signal);
    return { result: await run.run(), broken: run.broken };
  } finally {
    await subject?.stop();
    await stage.stop();
  }
}

const NEVER = new AbortController().signal;

class LoadRun {
  readonly #scenario: Scenario;
  readonly #stage: Stage;
  readonly #subject: Subject;
  readonly #listener: Listener;
  readonly #signal: AbortSignal;
  readonly #lines = new Lines();
  readonly #news = new News(this.#lines);
  readonly #events: { atS: number; what: string }[] = [];
  readonly broken: string[] = [];
  readonly #starters: Child<StarterOrder | StarterEnd, StarterSaid>[] = [];
  readonly #observer: Observer;
  readonly #backlog: Backlog;
  #zeebePids: readonly number[];
  #beginMs = 0;
  #firstLockS: number = LIMITS.activationLockMs / 1_000;
  #interruptedAtS: number | undefined;

  constructor(scenario: Scenario, stage: Stage, subject: Subject, listener: Listener, signal: AbortSignal) {
    this.#scenario = scenario;
    this.#stage = stage;
    this.#subject = subject;
    this.#listener = listener;
    this.#signal = signal;
    this.#zeebePids = stage.zeebePids;
    const { metricsUrls, lane } = subject;
    this.#observer = new Observer({ metricsUrls, lane, processes: () => this.#processes() }, this.#lines);
    this.#backlog = new Backlog(scenario, stage.engine, subject, (text) => listener.note(text));
  }

  async run(): Promise<LoadResult> {
    const { phases, warmUpS } = this.#scenario;
    const { name, ...settings } = this.#scenario;
    const startedAt = new Date().toISOString();
    await this.#backlog.build(this.#signal);
    if (warmUpS > 0) this.#listener.note(`warming up for ${warmUpS} s, which count for nothing`);
    for (let share = 0; share < this.#scenario.processes; share++) this.#start(share);
    const done = Promise.all(this.#starters.map((starter) => starter.next('done')));
    done.catch(() => undefined); // awaited below
    await unlessAborted(this.#signal, Promise.all(this.#starters.map((starter) => starter.next('measuring'))));
    this.#beginMs = performance.now();
    await this.#observer.look(0);
    if (this.#backlog.release()) this.#note('the backlog is answered');
    const watching = this.#watch();
    this.#endWhenAborted();
    const happening = Promise.all([
      ...this.#scenario.faults.map((fault) => this.#hurt(fault)),
      ...phaseBegins(phases).map(({ atS, what }) => this.#noteAt(atS, what)),
      this.#noteAt(secondsOf(phases), 'the last arrival'),
    ]);
    happening.catch(() => undefined);
    const ends = await done;
    await happening;
    await this.#backlog.drained(this.#signal);
    await watching.stop();
    for (const { faults } of ends) for (const fault of faults) this.#listener.note(`an instance failed: ${fault}`);
    const lateness = Latencies.of(...ends.map((end) => end.lateness)).asLeg('instance due → engine asked');
    if (lateness.p99 > LATE_MS)
      this.#listener.note(`the load itself was late, p99 ${lateness.p99.toFixed(0)} ms: try more --processes`);
    const totals = await this.#totals(ends.map(({ tally }) => tally));
    return {
      format: 1,
      scenario: name,
      settings: { ...settings, arrivals: plannedOf(phases), against: this.#subject.what },
      startedAt,
      ...(this.#interruptedAtS !== undefined && { interruptedAtS: this.#interruptedAtS }),
      machine: machine(),
      versions: await versions(),
      totals,
      latencies: [
        Latencies.of(...ends.map(({ latencies }) => latencies)).asLeg('instance due → ended'),
        lateness,
        ...legsOf(this.#observer.tales),
      ],
      series: this.#lines.all(Math.ceil(totals.seconds)),
      events: this.#events.toSorted((a, b) => a.atS - b.atS),
    };
  }

  #start(share: number): void {
    const { phases, processes: shares, payloadBytes, patienceS, warmUpS } = this.#scenario;
    const order: StarterOrder = {
      kind: 'start',
      engine: this.#stage.engine,
      processId: this.#subject.processId,
      plan: { kind: 'open', phases },
      share,
      shares,
      payloadBytes,
      patienceS,
      warmUpS,
      tellEveryMs: 1_000,
    };
    const name = `load ${share + 1}`;
    const starter = new Child<StarterOrder | StarterEnd, StarterSaid>(
      name,
      new URL('starter.ts', import.meta.url),
      order,
    );
    starter.on((said) => {
      if (said.kind === 'tick') this.#news.hear(name, said);
    });
    this.#starters.push(starter);
  }

  #watch(): { stop(): Promise<void> } {
    let looking: Promise<void> = Promise.resolve();
    let last = 0;
    const look = () => {
      const second = Math.floor(this.#second());
      if (second === last) return;
      last = second;
      this.#listener.second(this.#news.second(second));
      looking = this.#look(second).catch((error: unknown) => this.#listener.note(`cannot look: ${error}`));
    };
    let timer = setTimeout(() => {
      look();
      timer = setInterval(look, 1_000);
    }, LOOK_AFTER_MS);
    return {
      stop: async () => {
        clearInterval(timer);
        await looking;
        await this.#look(last + 1);
      },
    };
  }

  async #look(second: number): Promise<void> {
    const seen = await this.#observer.look(second);
    if (seen === undefined) return;
    const atS = Math.min(seen.atS, this.#second());
    if (seen.takenOver > 0) this.#note(`${seen.takenOver} shards taken over`, atS);
    const lockS = firstLockS(seen);
    if (lockS > 0 && lockS !== this.#firstLockS) this.#note(`the first lock is ${lockS} s`, atS);
    if (lockS > 0) this.#firstLockS = lockS;
    const drained = this.#backlog.saw(seen, this.#news.open);
    if (drained !== undefined) this.#note(drained, atS);
  }

  #endWhenAborted(): void {
    const end = () => {
      this.#interruptedAtS = this.#second();
      this.#note('interrupted: nothing arrives any more');
      for (const starter of this.#starters) starter.tell({ kind: 'end', settleS: SETTLE_S });
    };
    this.#signal.addEventListener('abort', end, { once: true });
    if (this.#signal.aborted) end();
  }

  async #hurt(fault: Scenario['faults'][number]): Promise<void> {
    if (!(await this.#sleptUntil(fault.atS))) return;
    const { nodes, nats } = this.#subject;
    const { zeebe } = this.#stage;
    try {
      await hurt(fault, { nodes, zeebe, nats: nats?.servers ?? [] }, (what) => this.#note(what), this.#signal);
    } catch (error) {
      // It stays as it is, for the run's servers end now.
      if (this.#signal.aborted) return;
      // What was seen until then is worth having.
      this.broken.push(`${fault.what}: ${error instanceof Error ? error.message : error}`);
      return this.#note(`${fault.what}: failed`);
    }
    if (fault.what === 'engineOutage' && zeebe !== undefined) this.#zeebePids = await withDescendants([zeebe.pid]);
  }

  async #noteAt(atS: number, what: string): Promise<void> {
    if (await this.#sleptUntil(atS)) this.#note(what);
  }

  /** False: it was interrupted first. */
  async #sleptUntil(atS: number): Promise<boolean> {
    const leftMs = Math.max(0, (atS - this.#second()) * 1_000);
    await sleep(leftMs, undefined, { signal: this.#signal }).catch(() => undefined);
    return !this.#signal.aborted;
  }

  #second(): number {
    return (performance.now() - this.#beginMs) / 1_000;
  }

  #note(what: string, atS = this.#second()): void {
    this.#events.push({ atS, what });
    this.#listener.note(what);
  }

  #processes(): ReadonlyMap<string, readonly number[]> {
    const { nodes, nats, service, metricsUrls } = this.#subject;
    const pidOf = (name: string) => nodes?.all.filter((node) => node.name === name).map(({ pid }) => pid) ?? [];
    return new Map<string, readonly number[]>([
      ...[...metricsUrls.keys()].map((name) => [name, pidOf(name)] as const),
      ['nats', (nats?.servers ?? []).map(({ pid }) => pid)],
      ['engine', this.#zeebePids],
      ['kafka', this.#stage.kafkaPids],
      ['service', [service.pid]],
      ['load', [process.pid, ...this.#starters.map(({ pid }) => pid)]],
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#starters.map((starter) => starter.stop()));
  }

  async #totals(tallies: readonly Tally[]): Promise<LoadTotals> {
    const { service } = this.#subject;
    const counted = service.next('counted');
    service.tell({ kind: 'count' });
    const { unanswered } = await counted;
    const { started, refusals, completed, failed, open } = sumOfTallies(tallies);
    const seconds = this.#second();
    return {
      planned: Math.round(plannedOf(this.#scenario.phases)),
      ...{ started, refusals, completed, failed },
      open: open + this.#backlog.open,
      ...(unanswered > 0 && { unanswered }),
      seconds,
      completedPerSecond: completed / seconds,
    };
  }
}
