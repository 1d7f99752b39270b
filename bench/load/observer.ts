// Looks once a second at what everybody does: nodes at /metrics, and the CPU and memory of the processes of this machine.

import { type Sample, scrape, sumOf } from '../parts/exposition.ts';
import { cpuMs, rssBytes } from '../parts/processes.ts';
import type { Series, SeriesGroup } from './result.ts';

/** One named line; seconds without a value stay null. */
export class Lines {
  readonly #lines = new Map<string, { group: SeriesGroup; unit: string; values: (number | null)[] }>();

  put(group: SeriesGroup, name: string, unit: string, second: number, value: number): void {
    const key = `${group}/${name}`;
    const line = this.#lines.get(key) ?? { group, unit, values: [] };
    this.#lines.set(key, line);
    while (line.values.length <= second) line.values.push(null);
    line.values[second] = value;
  }

  all(seconds: number): Series[] {
    return [...this.#lines].map(([key, { group, unit, values }]) => ({
      group,
      name: key.slice(group.length + 1),
      unit,
      values: Array.from({ length: seconds }, (_, second) => values[second] ?? null),
    }));
  }
}

export interface Watched {
  readonly metricsUrls: ReadonlyMap<string, string>;
  /** By name; asked for each time, because a node that is started again is another process. */
  processes(): ReadonlyMap<string, readonly number[]>;
}

export class Observer {
  readonly #watched: Watched;
  readonly #lines: Lines;
  readonly #cpu = new Map<string, { readonly pids: string; readonly ms: number; readonly atMs: number }>();
  #takeovers = 0;
  /** The last that each node said. */
  readonly said = new Map<string, readonly Sample[]>();

  constructor(watched: Watched, lines: Lines) {
    this.#watched = watched;
    this.#lines = lines;
  }

  async look(second: number): Promise<void> {
    await Promise.all([this.#lookAtNodes(second), this.#lookAtProcesses(second)]);
  }

  async #lookAtNodes(second: number): Promise<void> {
    const { metricsUrls } = this.#watched;
    const all = await Promise.all(
      [...metricsUrls].map(async ([name, url]) => [name, await scrape(url).catch(() => undefined)] as const),
    );
    let pending = 0;
    let takeovers = 0;
    for (const [name, samples] of all) {
      if (samples === undefined) continue;
      this.said.set(name, samples);
      pending += sumOf(samples, 'holdfast_pending_jobs');
      takeovers += sumOf(samples, 'holdfast_takeovers_total');
      this.#lines.put('cluster', `shards of ${name}`, 'shards', second, sumOf(samples, 'holdfast_shards_owned'));
    }
    this.#lines.put('pending', 'held by holdfast', 'jobs', second, pending);
    // A node that is started again counts from 0.
    if (takeovers > this.#takeovers)
      this.#lines.put('cluster', 'shards taken over', 'shards', second, takeovers - this.#takeovers);
    this.#takeovers = takeovers;
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
      const bytes = await Promise.all(pids.map(rssBytes));
      this.#lines.put('memory', name, 'MB', second, bytes.reduce((sum, each) => sum + each, 0) / 2 ** 20);
    }
  }
}
