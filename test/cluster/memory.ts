// Bucket and bus in memory, at once and without a fault but for those a test asks for: for tests of one part alone.
import type { Incarnation, NodeName, Revision } from '../../src/actors/ids.ts';
import type { MemberRecord } from '../../src/cluster/member-record.ts';
import { memberKey, toJson } from '../../src/cluster/names.ts';
import {
  type Bus,
  type BusAnswer,
  type KvEntry,
  type KvPort,
  KvUnavailable,
  type KvWatchHandler,
} from '../../src/cluster/ports.ts';
import { Store } from '../../src/cluster/store.ts';
import type { ManualClock } from '../support/manual-clock.ts';

export const FIXED = { float: () => 0.5, bytes: (count: number) => new Uint8Array(count) };

export class MemoryKv implements KvPort {
  readonly entries = new Map<string, KvEntry>();
  /** Told of every write. */
  onWrite: (entry: KvEntry) => void = () => {};
  /** False: nothing is answered, and nothing lands. */
  up = true;
  readonly watches: { filters: readonly string[]; readonly handler: KvWatchHandler; stopped: boolean }[] = [];
  #sequence = 0;

  /** The latest watch. */
  get watched() {
    return this.watches.at(-1);
  }

  /** To all watches that are open: nothing is left to be delivered. */
  caughtUp(): void {
    for (const { handler, stopped } of this.watches) if (!stopped) handler.onCaughtUp();
  }

  write(key: string, value: Uint8Array): KvEntry {
    const entry = { key, value, revision: ++this.#sequence as Revision, writtenMs: 0 };
    this.entries.set(key, entry);
    this.onWrite(entry);
    return entry;
  }

  put: KvPort['put'] = async (key, value, expected) => {
    if (!this.up) return { kind: 'inDoubt', reason: 'down' };
    const standing = this.entries.get(key)?.revision ?? 0;
    if (standing !== expected) return { kind: 'refused', revision: standing as Revision };
    return { kind: 'stored', revision: this.write(key, value).revision };
  };

  get: KvPort['get'] = async (key) => {
    if (!this.up) throw new KvUnavailable('down');
    return this.entries.get(key);
  };

  getRevision: KvPort['getRevision'] = async (revision) =>
    [...this.entries.values()].find((entry) => entry.revision === revision);

  bucketId: KvPort['bucketId'] = async () => 'bucket';

  watch: KvPort['watch'] = async (filters, handler) => {
    const watched = { filters, handler, stopped: false };
    this.watches.push(watched);
    return {
      narrow: (fewer) => {
        watched.filters = fewer;
      },
      stop: () => {
        watched.stopped = true;
      },
    };
  };
}

/** Answers pings as told, by subject; who is not named has no responders. */
export class MemoryBus implements Bus {
  readonly answers = new Map<string, BusAnswer['kind']>();
  readonly published: { subject: string; data: Uint8Array }[] = [];
  readonly handlers = new Map<string, Parameters<Bus['subscribe']>[1]>();
  up = true;
  readonly #listeners = new Set<(connected: boolean) => void>();

  connected = (): boolean => this.up;
  onConnection = (listener: (connected: boolean) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  /** The connection goes, or is back, and whoever listens is told. */
  connection(up: boolean): void {
    this.up = up;
    for (const tell of this.#listeners) tell(up);
  }
  publish = (subject: string, data: Uint8Array): void => {
    this.published.push({ subject, data });
  };
  request = async (subject: string): Promise<BusAnswer> => {
    if (!this.up) return { kind: 'silence' };
    const kind = this.answers.get(subject) ?? 'noResponders';
    return kind === 'answer' ? { kind, data: new Uint8Array() } : { kind };
  };
  subscribe = (subject: string, handler: Parameters<Bus['subscribe']>[1]): (() => void) => {
    this.handlers.set(subject, handler);
    return () => this.handlers.delete(subject);
  };
  maxPayloadBytes = (): number => 1_048_576;
}

export function storeOver(kv: KvPort, clock: ManualClock): Store {
  return new Store({ kv, clock, random: FIXED, maxInFlight: 100, onRestored: () => {} });
}

export function writeMember(
  kv: MemoryKv,
  node: string,
  incarnation: string,
  changes: Partial<MemberRecord> = {},
): KvEntry {
  const record = { node, incarnation, state: 'ready', renewal: kv.entries.size, ...changes };
  return kv.write(memberKey(node as NodeName), toJson(record));
}

export const ping = (incarnation: string): string => `holdfast.c.node.${incarnation as Incarnation}.ping`;
