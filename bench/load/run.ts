// One load run: the subject, the backlog, the starters, and everything that is seen meanwhile, second by second, until the last
// instance has ended or patience has.
import { readFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { eventually } from '../../test/support/eventually.ts';
import { Child } from '../parts/child.ts';
import { sumOf } from '../parts/exposition.ts';
import { type Counts, Latencies } from '../parts/latency.ts';
import { type Stage, setStage } from '../parts/stage.ts';
import { arrivalsBy, secondsOf } from './arrivals.ts';
import { startInstances } from './backlog.ts';
import { hurt } from './faults.ts';
import { legsOf } from './legs.ts';
import { Lines, Observer } from './observer.ts';
import type { LoadResult, LoadTotals } from './result.ts';
import type { Scenario } from './scenario.ts';
import type { StarterOrder, StarterSaid, Tally } from './starter.ts';
import { type Subject, subjectOf } from './subject.ts';

export interface Second {
  readonly atS: number;
  readonly started: number;
  readonly completed: number;
  readonly open: number;
  readonly p50: number;
  readonly p99: number;
}

export interface Listener {
  note(text: string): void;
  second(news: Second): void;
}

/** @throws when servers or nodes do not come up, or a starter ends by itself */
export async function runLoad(scenario: Scenario, listener: Listener): Promise<LoadResult> {
  listener.note('starting the servers and nodes that are needed');
  const stage = await setStage();
  let subject: Subject | undefined;
  try {
    subject = await subjectOf(scenario, stage);
    return await new LoadRun(scenario, stage, subject, listener).run();
  } finally {
    await subject?.stop();
    await stage.stop();
  }
}

class LoadRun {
  readonly #scenario: Scenario;
  readonly #stage: Stage;
  readonly #subject: Subject;
  readonly #listener: Listener;
  readonly #lines = new Lines();
  readonly #events: { atS: number; what: string }[] = [];
  readonly #starters: Child<StarterOrder, StarterSaid>[] = [];
  readonly #tallies = new Map<string, Tally>();
  readonly #recent = new Map<string, Counts>();
  #beginMs = 0;
  #before: Tally = { started: 0, refusals: 0, completed: 0, failed: 0 };

  constructor(scenario: Scenario, stage: Stage, subject: Subject, listener: Listener) {
    this.#scenario = scenario;
    this.#stage = stage;
    this.#subject = subject;
    this.#listener = listener;
  }

  async run(): Promise<LoadResult> {
    const { backlog, phases, backlogAnswered } = this.#scenario;
    const startedAt = new Date().toISOString();
    if (backlog > 0) await this.#build(backlog);
    const { metricsUrls } = this.#subject;
    const observer = new Observer({ metricsUrls, processes: () => this.#processes() }, this.#lines);
    for (let share = 0; share < this.#scenario.processes; share++) this.#start(share);
    const done = Promise.all(this.#starters.map((starter) => starter.next('done')));
    done.catch(() => undefined); // awaited below
    await Promise.all(this.#starters.map((starter) => starter.next('measuring')));
    this.#beginMs = performance.now();
    await observer.look(0);
    const before = new Map(observer.said);
    if (backlog > 0) this.#subject.service.tell({ kind: backlogAnswered ? 'release' : 'forget' });
    const watching = this.#watch(observer);
    const hurting = Promise.all(this.#scenario.faults.map((fault) => this.#hurt(fault)));
    const ends = await done;
    await hurting;
    await watching.stop();
    const all = Latencies.of(...ends.map(({ latencies }) => latencies));
    for (const { faults } of ends) for (const fault of faults) this.#listener.note(`an instance failed: ${fault}`);
    const totals = this.#totals(ends.map(({ tally }) => tally));
    return {
      format: 1,
      scenario: this.#scenario.name,
      settings: { ...this.#scenario, arrivals: arrivalsBy(phases, secondsOf({ kind: 'open', phases })) },
      startedAt,
      machine: { cores: cpus().length, memoryMb: Math.round(totalmem() / 2 ** 20), cpu: cpus()[0]?.model ?? '' },
      versions: await versions(),
      totals,
      latencies: [all.asLeg('instance due → ended'), ...legsOf(before, observer.said)],
      series: this.#lines.all(Math.ceil(totals.seconds)),
      events: this.#events,
    };
  }

  async #build(backlog: number): Promise<void> {
    const { payloadBytes } = this.#scenario;
    this.#subject.service.tell({ kind: 'hold' });
    const tell = (started: number) => this.#listener.note(`backlog: ${started} of ${backlog} started`);
    await startInstances(this.#stage.engine, this.#subject.processId, backlog, payloadBytes, tell);
    const observer = new Observer({ metricsUrls: this.#subject.metricsUrls, processes: () => new Map() }, new Lines());
    const held = async () => {
      await observer.look(0);
      const pending = [...observer.said.values()].map((samples) => sumOf(samples, 'holdfast_pending_jobs'));
      return pending.reduce((sum, each) => sum + each, 0) >= backlog;
    };
    await eventually(`${backlog} jobs to be held`, held, { deadlineMs: 60_000 + backlog * 10, everyMs: 500 });
    this.#listener.note(`backlog: ${backlog} held`);
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
    const starter = new Child<StarterOrder, StarterSaid>(name, new URL('starter.ts', import.meta.url), order);
    starter.on((said) => {
      if (said.kind !== 'tick') return;
      this.#tallies.set(name, said.tally);
      this.#recent.set(name, said.latencies);
    });
    this.#starters.push(starter);
  }

  #watch(observer: Observer): { stop(): Promise<void> } {
    let looking: Promise<void> = Promise.resolve();
    let second = 0;
    const timer = setInterval(() => {
      second = Math.floor((performance.now() - this.#beginMs) / 1_000);
      this.#tell(second);
      looking = observer.look(second).catch((error: unknown) => this.#listener.note(`cannot look: ${error}`));
    }, 1_000);
    return {
      stop: async () => {
        clearInterval(timer);
        await looking;
        await observer.look(second + 1);
      },
    };
  }

  #tell(atS: number): void {
    const tally = sum([...this.#tallies.values()]);
    const recent = Latencies.of(...this.#recent.values());
    this.#recent.clear();
    const started = Math.max(0, tally.started - this.#before.started);
    const completed = Math.max(0, tally.completed - this.#before.completed);
    const open = tally.started - tally.completed - tally.failed;
    this.#before = tally;
    this.#lines.put('throughput', 'started', '1/s', atS, started);
    this.#lines.put('throughput', 'completed', '1/s', atS, completed);
    this.#lines.put('pending', 'instances open', 'jobs', atS, open);
    if (recent.count > 0) {
      this.#lines.put('latency', 'p50', 'ms', atS, recent.percentile(50));
      this.#lines.put('latency', 'p99', 'ms', atS, recent.percentile(99));
    }
    this.#listener.second({ atS, started, completed, open, p50: recent.percentile(50), p99: recent.percentile(99) });
  }

  async #hurt(fault: Scenario['faults'][number]): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, fault.atS * 1_000));
    const { nodes, nats } = this.#subject;
    await hurt(fault, { nodes, zeebe: this.#stage.zeebe, nats: nats?.servers ?? [] }, (what) => {
      this.#events.push({ atS: (performance.now() - this.#beginMs) / 1_000, what });
      this.#listener.note(what);
    });
  }

  #processes(): ReadonlyMap<string, readonly number[]> {
    const { nodes, nats, service } = this.#subject;
    const { zeebePids, kafkaPids } = this.#stage;
    return new Map<string, readonly number[]>([
      ...(nodes?.all ?? []).map(({ name, pid }) => [name, [pid]] as const),
      ['nats', nats?.pids ?? []],
      ['engine', zeebePids],
      ['kafka', kafkaPids],
      ['service', [service.pid]],
      ['load', this.#starters.map(({ pid }) => pid)],
    ]);
  }

  #totals(tallies: readonly Tally[]): LoadTotals {
    const { phases } = this.#scenario;
    const { started, refusals, completed, failed } = sum(tallies);
    const seconds = (performance.now() - this.#beginMs) / 1_000;
    const planned = Math.round(arrivalsBy(phases, secondsOf({ kind: 'open', phases })));
    const open = started - completed - failed;
    const completedPerSecond = completed / seconds;
    return { planned, started, refusals, completed, failed, open, seconds, completedPerSecond };
  }
}

function sum(tallies: readonly Tally[]): Tally {
  const total = (of: (tally: Tally) => number) => tallies.reduce((all, tally) => all + of(tally), 0);
  return {
    started: total((tally) => tally.started),
    refusals: total((tally) => tally.refusals),
    completed: total((tally) => tally.completed),
    failed: total((tally) => tally.failed),
  };
}

async function versions(): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return { holdfast: (JSON.parse(text) as { version: string }).version, node: process.version };
}
