// Looks once a second at what everybody does: nodes at /metrics, and the CPU and memory of the processes of this machine.
// A look ends with its last node, and one that is paused takes its time: looks overlap, and may end out of order.
import { type Sample, scrape, sumOf } from '../parts/exposition.ts';
import { cpuMs, rssBytes } from '../parts/processes.ts';
import type { Lines } from './series-lines.ts';
import { NodeTales } from './tales.ts';

export interface Watched {
  readonly metricsUrls: ReadonlyMap<string, string>;
  /** Of the jobs that are this run's. */
  readonly lane: string;
  /** By name; asked for each time, because a node that is started again is another process. */
  processes(): ReadonlyMap<string, readonly number[]>;
}

export interface Seen {
  /** When it was looked for; a node that is paused keeps a look waiting. */
  readonly atS: number;
  /** By the nodes that answered. */
  readonly pending: number;
  readonly allAnswered: boolean;
  /** Since the look before. */
  readonly takenOver: number;
  /** What each that answered said, by its name. */
  readonly said: ReadonlyMap<string, readonly Sample[]>;
}

/** For how long nodes have jobs locked that they are handed now, s: the longest of them; 0 when none has told. */
export function firstLockS({ said }: Seen): number {
  return Math.max(0, ...[...said.values()].map((samples) => sumOf(samples, 'holdfast_first_lock_seconds')));
}

export class Observer {
  readonly #watched: Watched;
  readonly #lines: Lines;
  readonly #cpu = new Map<string, { readonly pids: string; readonly ms: number; readonly atMs: number }>();
  readonly #tales = new NodeTales();
  /** Number of the look that was begun last, and of that which was used last. */
  #begun = 0;
  #used = 0;

  constructor(watched: Watched, lines: Lines) {
    this.#watched = watched;
    this.#lines = lines;
  }

  get tales(): NodeTales {
    return this.#tales;
  }

  /** undefined: one that was begun later has ended already, and what nodes told this one is old. */
  async look(second: number): Promise<Seen | undefined> {
    const [seen] = await Promise.all([this.#lookAtNodes(second), this.#lookAtProcesses(second)]);
    return seen;
  }

  async #lookAtNodes(second: number): Promise<Seen | undefined> {
    const { metricsUrls, lane } = this.#watched;
    const number = ++this.#begun;
    const all = await Promise.all(
      [...metricsUrls].map(async ([name, url]) => [name, await scrape(url).catch(() => undefined)] as const),
    );
    if (number < this.#used) return undefined;
    this.#used = number;
    const answered = all.filter((one): one is readonly [string, Sample[]] => one[1] !== undefined);
    const takenOverBefore = this.#tales.sum('holdfast_takeovers_total');
    let pending = 0;
    for (const [name, samples] of answered) {
      this.#tales.add(name, samples);
      pending += sumOf(samples, 'holdfast_pending_jobs', { lane });
      this.#lines.put('cluster', name, 'shards', second, sumOf(samples, 'holdfast_shards_owned'));
    }
    const takenOver = this.#tales.sum('holdfast_takeovers_total') - takenOverBefore;
    if (answered.length > 0) {
      this.#lines.put('pending', 'held by holdfast', 'jobs', second, pending);
      this.#lines.put('takeovers', 'taken over', 'shards', second, takenOver);
    }
    return { atS: second, pending, takenOver, allAnswered: answered.length === all.length, said: new Map(answered) };
  }

  async #lookAtProcesses(second: number): Promise<void> {
    for (const [name, pids] of this.#watched.processes()) {
      if (pids.length === 0) continue;
      const now = { pids: pids.join(), ms: await cpuMs(pids), atMs: performance.now() };
      const before = this.#cpu.get(name);
      this.#cpu.set(name, now);
      if (before?.pids === now.pids && now.ms >= before.ms) {
        this.#lines.put('cpu', name, 'cores', second, (now.ms - before.ms) / (now.atMs - before.atMs));
      }
      const bytes = (await Promise.all(pids.map(rssBytes))).reduce((sum, each) => sum + each, 0);
      // None: there is no such process, for now.
      if (bytes > 0) this.#lines.put('memory', name, 'MiB', second, bytes / 2 ** 20);
    }
  }
}
