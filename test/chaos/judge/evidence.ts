// A history in an order of its own (whatever order its files were read in), and what a judge may say about it.
import type { Event, Kind } from '../history.ts';

/** What was not as it must be, by name; docs/chaos.md tells each in a sentence (report.ts). */
export type Offence =
  | 'lost'
  | 'unexpected'
  | 'mismatched'
  | 'amountChanged'
  | 'passedTwice'
  | 'saidCancelled'
  | 'completedTwice'
  | 'actedAfterEnd'
  | 'actedWhileCutOff'
  | 'actedWithoutClaim'
  | 'actedBeforeOwned'
  | 'ownedTogether'
  | 'ownedWithoutClaim'
  | 'claimWithoutCas'
  | 'repeatedThoughNoted'
  | 'repeatedUnexplained'
  | 'sentAfterEnd'
  | 'slowRecovery'
  | 'neverSettled'
  | 'shardWithoutOwner'
  | 'alarm'
  | 'died'
  | 'noWitness';

export interface Breach {
  readonly what: Offence;
  /** Wall clock ms. */
  readonly atMs: number;
  readonly message: string;
  readonly jobKey?: string;
  readonly token?: string;
  /** The events that it follows from. */
  readonly events: readonly Event[];
}

/** What one question of the judge came to. A doubt would be a breach, but for something that no witness can tell. */
export interface Finding {
  readonly breaches: readonly Breach[];
  readonly doubts?: readonly Breach[];
}

export class Evidence {
  readonly events: readonly Event[];
  readonly run: Event<'run'>;
  readonly #byKind: ReadonlyMap<Kind, readonly Event[]>;

  /** @throws when the history does not say which run it is of: nothing can then be judged */
  constructor(events: readonly Event[]) {
    const texts = new Map<Event, string>();
    const text = (event: Event) => {
      const known = texts.get(event) ?? canonical(event);
      texts.set(event, known);
      return known;
    };
    this.events = events.toSorted((a, b) => a.atMs - b.atMs || compare(text(a), text(b)));
    this.#byKind = Map.groupBy(this.events, ({ kind }) => kind);
    const [run] = this.of('run');
    if (run === undefined) throw new Error('a history without its run: what it was made with is not known');
    this.run = run;
  }

  /** In the order of their writing. */
  of<K extends Kind>(kind: K): readonly Event<K>[] {
    return (this.#byKind.get(kind) ?? []) as readonly Event<K>[];
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The same text for the same event, in whatever order its fields stand. */
function canonical(event: Event): string {
  return JSON.stringify(Object.entries(event).toSorted(([a], [b]) => compare(a, b)));
}

/** The value below or at which this share of them lies; undefined: there are none. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
