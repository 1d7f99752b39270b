// What many pending jobs have in common, kept once for all of those that only wait: who wrote them, their lane, process and
// element, and the settings of their route. That is most of a snapshot, and a million jobs have a few dozen of it. So each job
// is a number and what is its own (cold.ts); to be unpacked it needs less; and whoever searches a million jobs asks for most of
// what is searched once for each of these, not once for each job (cluster/inventory.ts).
//
// What must hold: what a job is given back is what it was put with, to the last field. The number of parts is bounded: beyond
// that jobs share nothing, and keep all of it themselves.
import type { CallSettings, JobOrigin } from '../messages.ts';
import type { Snapshot } from '../snapshot.ts';

export interface Shared {
  readonly kind: Snapshot['kind'];
  readonly incarnation: Snapshot['incarnation'];
  readonly lane: Snapshot['lane'];
  /** Without the keys. */
  readonly origin: Omit<JobOrigin, 'instanceKey' | 'elementInstanceKey'>;
  readonly settings: CallSettings;
  /** Of each of its jobs the names that are searched are digits alone: two keys, and no business key. */
  readonly onlyDigits: boolean;
  /** Words of the timeline of the first of its jobs; others have the same ones, as a rule. */
  readonly words: readonly string[];
}

/** Names what is shared; NOTHING_SHARED: nothing is. */
export type Part = number;
export const NOTHING_SHARED: Part = 0;

/** A route times its elements, process versions and writers; each takes about two kilobytes. */
const PARTS_MOST = 10_000;
/** Looked at one after another, which is cheap: most differ in the first thing that is compared. */
const LATEST_MOST = 32;

interface Counted {
  readonly key: string;
  readonly shared: Shared;
  jobs: number;
}

const DIGITS = /^\d*$/;

export class SharedParts {
  readonly #byKey = new Map<string, Part>();
  readonly #parts: (Counted | undefined)[] = [undefined];
  readonly #free: Part[] = [];
  /** The latest few of each element: most jobs have one of these, and that is seen sooner than a key of all of it is made. */
  readonly #latest = new Map<string, Part[]>();

  get size(): number {
    return this.#byKey.size;
  }

  /** For one job more; `release` follows. */
  take(snapshot: Snapshot): Part {
    const shared = sharedOf(snapshot);
    const { elementId } = shared.origin;
    const latest = this.#latest.get(elementId) ?? [];
    for (const part of latest) {
      const counted = this.#parts[part]!;
      if (!isSame(counted.shared, shared)) continue;
      counted.jobs += 1;
      return part;
    }
    const part = this.#find(shared, snapshot);
    // By a text of its own, as in the part: this one may have been cut out of a batch.
    const own = this.#parts[part]?.shared.origin.elementId;
    if (own !== undefined) this.#latest.set(own, [part, ...latest.slice(0, LATEST_MOST - 1)]);
    return part;
  }

  #find(shared: Shared, { timeline }: Snapshot): Part {
    const key = JSON.stringify(shared);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      this.#parts[known]!.jobs += 1;
      return known;
    }
    if (this.#byKey.size >= PARTS_MOST) return NOTHING_SHARED;
    const part = this.#free.pop() ?? this.#parts.length;
    const words = timeline.flatMap(({ what, node }) => [what, node]);
    this.#parts[part] = { key, shared: ownTexts({ ...shared, words }), jobs: 1 };
    this.#byKey.set(key, part);
    return part;
  }

  release(part: Part): void {
    const counted = this.#parts[part];
    if (counted === undefined) return;
    counted.jobs -= 1;
    if (counted.jobs > 0) return;
    this.#byKey.delete(counted.key);
    const { elementId } = counted.shared.origin;
    const latest = this.#latest.get(elementId)?.filter((other) => other !== part) ?? [];
    if (latest.length > 0) this.#latest.set(elementId, latest);
    else this.#latest.delete(elementId);
    this.#parts[part] = undefined;
    this.#free.push(part);
  }

  /** undefined of NOTHING_SHARED. */
  at(part: Part): Shared | undefined {
    return this.#parts[part]?.shared;
  }

  clear(): void {
    this.#byKey.clear();
    this.#latest.clear();
    this.#parts.length = 1;
    this.#free.length = 0;
  }
}

/** What a snapshot may share, without words. */
export function sharedOf({ kind, incarnation, lane, settings, alias, origin: whole }: Snapshot): Shared {
  const { instanceKey, elementInstanceKey, ...origin } = whole;
  const onlyDigits = alias === '' && DIGITS.test(instanceKey) && DIGITS.test(elementInstanceKey);
  return { kind, incarnation, lane, origin, settings, onlyDigits, words: [] };
}

function isSame(one: Shared, other: Shared): boolean {
  return (
    one.kind === other.kind &&
    one.onlyDigits === other.onlyDigits &&
    one.incarnation === other.incarnation &&
    one.lane === other.lane &&
    hasSameFields(one.origin, other.origin) &&
    hasSameFields(one.settings, other.settings)
  );
}

/** Of two of the same type, with plain values. */
function hasSameFields<T extends object>(one: T, other: T): boolean {
  for (const field in one) if (one[field] !== other[field]) return false;
  return true;
}

/** Its texts may have been cut out of a batch, which they would keep: these are texts of their own. */
function ownTexts(shared: Shared): Shared {
  return JSON.parse(JSON.stringify(shared)) as Shared;
}
