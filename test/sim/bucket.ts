// The bucket as the servers hold it: one stream, one last value per key, compare-and-set on the key's revision.
//
// Revisions are stream sequences: unique and rising over the bucket. An expired record is gone without an event, and a
// write against its revision is refused with 0 (facts measured on the real server). Expiry is judged when someone looks, by
// the true time. Made anew, the bucket has another id and counts from 1 again.
import type { Revision } from '../../src/actors/ids.ts';
import type { KvEntry, KvPutAnswer } from '../../src/cluster/ports.ts';
import { type History, REMADE } from './history.ts';

export interface StoredEntry extends KvEntry {
  /** Infinity: it stays. */
  readonly expiresMs: number;
  /** The key's tokens, for filters. */
  readonly tokens: readonly string[];
}

const MAX_VALUE_BYTES = 1024 * 1024;
/** How long a deposed leader may still answer reads from what it knew. */
const STALE_FOR_MS = 1_000;

export class Bucket {
  /** Called after each write, in order. */
  readonly onWrite = new Set<(entry: StoredEntry) => void>();
  /** Called when the consumers are gone: the bucket was made anew. */
  readonly onGone = new Set<() => void>();
  readonly #nowMs: () => number;
  readonly history: History;
  /** In order of revision: a write moves its key to the end. */
  readonly #entries = new Map<string, StoredEntry>();
  readonly #byRevision = new Map<number, string>();
  readonly #replaced = new Map<string, { entry: StoredEntry | undefined; atMs: number }>();
  #sequence = 0;
  #made = 1;

  /** @param nowMs wall clock of the servers */
  constructor(nowMs: () => number, history: History) {
    this.#nowMs = nowMs;
    this.history = history;
  }

  get id(): string {
    return `bucket-${this.#made}`;
  }

  /** What stands under the key. */
  current(key: string): StoredEntry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresMs > this.#nowMs()) return entry;
    this.#entries.delete(key);
    this.#byRevision.delete(entry.revision);
    return undefined;
  }

  /** What stood there before the last write, if that was a moment ago. */
  stale(key: string): StoredEntry | undefined {
    const replaced = this.#replaced.get(key);
    if (replaced === undefined || this.#nowMs() - replaced.atMs > STALE_FOR_MS) return this.current(key);
    return replaced.entry;
  }

  /** As a replica knows it that is `lagMs` behind: the last write before that, if the bucket still has it. */
  behind(key: string, lagMs: number): StoredEntry | undefined {
    const entry = this.current(key);
    const horizonMs = this.#nowMs() - lagMs;
    if (entry === undefined || entry.writtenMs <= horizonMs) return entry;
    const before = this.#replaced.get(key)?.entry;
    return before !== undefined && before.writtenMs <= horizonMs ? before : undefined;
  }

  atRevision(revision: number): StoredEntry | undefined {
    const key = this.#byRevision.get(revision);
    return key === undefined ? undefined : this.current(key);
  }

  /** All that stands, oldest write first. */
  *all(): Iterable<StoredEntry> {
    for (const key of [...this.#entries.keys()]) {
      const entry = this.current(key);
      if (entry !== undefined) yield entry;
    }
  }

  put(node: string, key: string, value: Uint8Array, expected: number, ttlMs: number | undefined): KvPutAnswer {
    if (value.length > MAX_VALUE_BYTES) return { kind: 'never', reason: 'maximum payload exceeded' };
    const previous = this.current(key);
    const stands = (previous?.revision ?? 0) as Revision;
    if (stands !== expected) return { kind: 'refused', revision: stands };
    const revision = ++this.#sequence as Revision;
    const writtenMs = this.#nowMs();
    const livesMs = ttlMs === undefined ? Infinity : Math.max(1, Math.ceil(ttlMs / 1000)) * 1000;
    const entry: StoredEntry = {
      key,
      value,
      revision,
      writtenMs,
      expiresMs: writtenMs + livesMs,
      tokens: key.split('.'),
    };
    this.#entries.delete(key);
    if (previous !== undefined) this.#byRevision.delete(previous.revision);
    this.#entries.set(key, entry);
    this.#byRevision.set(revision, key);
    this.#replaced.set(key, { entry: previous, atMs: writtenMs });
    this.history.add({ kind: 'stored', node, key, revision, previous: stands, value });
    for (const listener of [...this.onWrite]) listener(entry);
    return { kind: 'stored', revision };
  }

  /** Deleted and made again: empty, under another id, counting from 1. */
  remake(): void {
    this.#made++;
    this.#sequence = 0;
    this.#entries.clear();
    this.#byRevision.clear();
    this.#replaced.clear();
    this.history.add({ kind: 'fault', node: '', what: `${REMADE} as ${this.id}` });
    for (const listener of [...this.onGone]) listener();
  }
}

/** NATS filters over tokens: `*` is one token, `>` one or more at the end. */
export function matches(filter: readonly string[], tokens: readonly string[]): boolean {
  for (let i = 0; i < filter.length; i++) {
    if (filter[i] === '>') return tokens.length > i;
    if (i >= tokens.length || (filter[i] !== '*' && filter[i] !== tokens[i])) return false;
  }
  return filter.length === tokens.length;
}
