// When a node says that a command left. The proxy sees it later, by as much as a stopped node stands still between the two.
import type { Event } from '../history.ts';
import type { Evidence } from './evidence.ts';

/** A node's log and the proxy do not look at the clock in the same moment. */
const SAME_MOMENT_MS = 100;

export class Emissions {
  readonly #atMs = new Map<string, number[]>();

  constructor(evidence: Evidence) {
    for (const { node, command, jobKey, atMs } of evidence.of('emitted')) {
      const key = `${node} ${command} ${jobKey}`;
      const known = this.#atMs.get(key);
      if (known === undefined) this.#atMs.set(key, [atMs]);
      else known.push(atMs);
    }
  }

  /** The last one that this call can be; undefined: the node's log does not tell of it. */
  ofMs({ node, command, jobKey, sentMs }: Event<'call'>): number | undefined {
    return this.#atMs.get(`${node} ${command} ${jobKey}`)?.findLast((atMs) => atMs <= sentMs + SAME_MOMENT_MS);
  }
}
