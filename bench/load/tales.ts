// What nodes have told since they were first looked at. Counters begin anew with each process, so a tale is kept for each
// process of a node, and what an earlier one told last is not lost when it is killed.
import { type Sample, sumOf } from '../parts/exposition.ts';

/** Of one process: what it said when it was first looked at, or nothing when it was born later, and what it said last. */
export interface Tale {
  readonly bornS: number;
  readonly from: readonly Sample[];
  readonly to: readonly Sample[];
}

export class NodeTales {
  readonly #byNode = new Map<string, Tale[]>();

  add(node: string, samples: readonly Sample[]): void {
    const bornS = sumOf(samples, 'process_start_time_seconds');
    const tales = this.#byNode.get(node);
    const last = tales?.at(-1);
    if (tales === undefined || last === undefined) this.#byNode.set(node, [{ bornS, from: samples, to: samples }]);
    else if (last.bornS === bornS) tales[tales.length - 1] = { ...last, to: samples };
    else tales.push({ bornS, from: [], to: samples });
  }

  get all(): readonly Tale[] {
    return [...this.#byNode.values()].flat();
  }

  /** By how much a counter has grown, over all nodes. */
  sum(name: string, labels: Sample['labels'] = {}): number {
    return this.all.reduce((sum, { from, to }) => sum + sumOf(to, name, labels) - sumOf(from, name, labels), 0);
  }
}
