// The records of the audit, two for each act, and the store that keeps them.
import type { AuditEntry } from './model/audit.ts';
import { OperationUnavailable } from './operations.ts';

export interface AuditEnd {
  readonly after: string | null;
  readonly result: string;
}

/** Where the records are. Everything in it throws when the store is away, with a message for people. */
export interface AuditStore {
  /** Resolves when it is stored; a record of the same `kind` and `id` is stored once. */
  append(kind: AuditKind, id: string, data: Uint8Array, timeoutMs: number): Promise<void>;
  /** Sequences of the oldest and the newest record; `last` below `first`: there is none. */
  bounds(): Promise<{ readonly first: number; readonly last: number }>;
  /** In the order of the sequences; undefined where there is none (any more). */
  read(sequences: readonly number[]): Promise<readonly (Uint8Array | undefined)[]>;
  find(kind: AuditKind, id: string): Promise<Uint8Array | undefined>;
}

export type AuditKind = 'begin' | 'end';

export interface BeginRecord extends Omit<AuditEntry, 'after' | 'result'> {
  readonly kind: 'begin';
}

export interface EndRecord extends AuditEnd {
  readonly kind: 'end';
  readonly id: string;
  readonly atMs: number;
}

const MOST_CHARS = 4_000;

/** @throws OperationUnavailable when the store is away */
export async function withStore<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperationUnavailable(`the audit cannot be reached: ${reason}`, { cause: error });
  }
}

/** What is no record of ours is passed over: who may write to the stream may write anything. */
export function recordIn(data: Uint8Array | undefined): BeginRecord | EndRecord | undefined {
  if (data === undefined) return undefined;
  try {
    const record = JSON.parse(Buffer.from(data).toString()) as Partial<BeginRecord | EndRecord> | null;
    if (typeof record?.id !== 'string' || typeof record.atMs !== 'number') return undefined;
    return record.kind === 'begin' || record.kind === 'end' ? (record as BeginRecord | EndRecord) : undefined;
  } catch {
    return undefined;
  }
}

export function bytesOf(record: BeginRecord | EndRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

export function shortened({ after, result }: AuditEnd): AuditEnd {
  return { after: after === null ? null : short(after), result: short(result) };
}

export function short(text: string): string {
  return (text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS - 1)}…`).toWellFormed();
}
