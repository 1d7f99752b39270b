// When a node says that a command left. The proxy sees it later, by as much as a stopped node stands still between the two.
import type { Event } from '../history.ts';
import type { Evidence } from './evidence.ts';

/** A node's log and the proxy do not look at the clock in the same moment. */
const SAME_MOMENT_MS = 100;

type Call = Event<'call'>;

export class Emissions {
  readonly #ofCall = new Map<Call, number>();

  /** A call is told of by the last line before it, and a line tells of one call: what was sent without a line has none. */
  constructor(evidence: Evidence) {
    const lines = Map.groupBy(evidence.of('emitted'), keyOf);
    const used = new Set<Event<'emitted'>>();
    for (const call of evidence.of('call').toSorted((a, b) => a.sentMs - b.sentMs)) {
      const line = lines.get(keyOf(call))?.findLast(({ atMs }) => atMs <= call.sentMs + SAME_MOMENT_MS);
      if (line === undefined || used.has(line)) continue;
      used.add(line);
      this.#ofCall.set(call, line.atMs);
    }
  }

  /** undefined: the node's log does not tell of it. */
  ofMs(call: Call): number | undefined {
    return this.#ofCall.get(call);
  }
}

function keyOf({ node, command, jobKey }: Pick<Call, 'node' | 'command' | 'jobKey'>): string {
  return `${node} ${command} ${jobKey}`;
}
