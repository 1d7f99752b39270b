// Who did what, when, to what, and what came of it. An act is written down before it is done and once more with its result; what
// cannot be written down is not done. One kind of act does not wait for that: to stop something makes things safer, so it is done
// first and written down then, and whoever asked is told when that could not be (`done`).
//
// An act is two records with one id: how it began, and how it ended. Where the second is missing (the node ended in between, or
// JetStream was away for longer than anybody waits) the result is null: not known. Where the first was not acknowledged and may be
// stored all the same, the second says that nothing was done. Records are read backwards from the stream's
// end by sequence, a bounded number for each request; the cursor is a sequence, below which nothing was shown yet.
import type { Clock, Random } from '../../actors/ports.ts';
import type { Log } from '../log.ts';
import { RetryDelay } from '../retry-delay.ts';
import type { ActResult } from './model/acts.ts';
import type { AuditEntry, AuditPage, AuditQuery } from './model/audit.ts';
import { ActNotDone, OperationRefused, type Operations, OperationUnavailable, type Operator } from './operations.ts';

export interface AuditBeginning {
  readonly by: Operator;
  readonly reason: string;
  /** `job.resend`, `node.drain`, `deadLetters.redrive`, … */
  readonly act: string;
  readonly target: string;
  /** In short, without payload. */
  readonly before: string | null;
}

export interface AuditEnd {
  readonly after: string | null;
  readonly result: string;
}

export interface Audit {
  /** Resolves with the audit's id once it is stored. @throws ActNotDone: it must not be done */
  begin(entry: AuditBeginning): Promise<string>;
  /** @throws OperationUnavailable when it could not be stored, though tried several times; it has been logged then */
  end(auditId: string, end: AuditEnd): Promise<void>;
  /**
   * Of what has been done already. Resolves with the audit's id once it is stored; tried for so long as somebody waits for an answer.
   * @throws OperationUnavailable when it could not be stored; it has been logged then
   */
  done(entry: AuditBeginning, end: AuditEnd): Promise<string>;
  /** Newest first. @throws OperationUnavailable; OperationRefused for a cursor that is none, or when too many look */
  page(query: AuditQuery): Promise<AuditPage>;
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

/** The result of an act that surely was not done. */
export const NOT_DONE = 'notDone';

export type AuditKind = 'begin' | 'end';

export interface AuditTrailOptions {
  readonly store: AuditStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: string;
}

interface BeginRecord extends Omit<AuditEntry, 'after' | 'result'> {
  readonly kind: 'begin';
}

interface EndRecord extends AuditEnd {
  readonly kind: 'end';
  readonly id: string;
  readonly atMs: number;
}

const ACK_TIMEOUT_MS = 2_000;
const END_TRIES = 4;
/** With what was done before that, within the time in which a request has to be answered. */
const DONE_WITHIN_MS = 8_000;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 2_000;
const MOST_CHARS = 4_000;
const PAGE_ENTRIES = 50;
const READ_AT_ONCE = 64;
/** A page may be short, or empty, and have a next one. */
const MOST_SCANNED = 2_048;
/** Pages at the same time; each may be some thousand questions to JetStream. */
const MOST_LOOKS = 4;

export class AuditTrail implements Audit {
  readonly #options: AuditTrailOptions;
  #looks = 0;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
  }

  async begin(entry: AuditBeginning): Promise<string> {
    const record = this.#beginning(entry);
    try {
      await this.#append(record);
    } catch (error) {
      const why = `${(error as Error).message}; what cannot be audited is not done`;
      const end: EndRecord = {
        kind: 'end',
        id: record.id,
        atMs: record.atMs,
        ...shortened({ after: why, result: NOT_DONE }),
      };
      void this.#insist(end, END_TRIES, Number.POSITIVE_INFINITY).catch(() => undefined);
      throw new ActNotDone(why, { cause: error });
    }
    this.#logBegun(record);
    return record.id;
  }

  async end(auditId: string, end: AuditEnd): Promise<void> {
    await this.#end(auditId, end, END_TRIES, Number.POSITIVE_INFINITY);
  }

  async done(entry: AuditBeginning, end: AuditEnd): Promise<string> {
    const { clock, log } = this.#options;
    const untilMs = clock.monotonicMs() + DONE_WITHIN_MS;
    const record = this.#beginning(entry);
    try {
      await this.#insist(record, Number.POSITIVE_INFINITY, untilMs);
    } catch (error) {
      const { kind: _, id, ...said } = record;
      log.warn('an act was done and could not be audited', { auditId: id, ...said, ...shortened(end), err: error });
      throw error;
    }
    this.#logBegun(record);
    await this.#end(record.id, end, Number.POSITIVE_INFINITY, untilMs).catch(() => undefined);
    return record.id;
  }

  #beginning({ by, reason, act, target, before }: AuditBeginning): BeginRecord {
    const { clock, random, node } = this.#options;
    const atMs = clock.wallMs();
    const id = `${atMs.toString(36)}${Buffer.from(random.bytes(6)).toString('hex')}`;
    return {
      kind: 'begin',
      id,
      atMs,
      who: short(by.name),
      role: by.role,
      node,
      act,
      target: short(target),
      reason: short(reason),
      before: before === null ? null : short(before),
    };
  }

  #logBegun({ id, who, role, act, target, reason }: BeginRecord): void {
    this.#options.log.info('act', { auditId: id, who, role, act, target, reason });
  }

  async #end(auditId: string, end: AuditEnd, mostTries: number, untilMs: number): Promise<void> {
    const { clock, log } = this.#options;
    const said = shortened(end);
    try {
      await this.#insist({ kind: 'end', id: auditId, atMs: clock.wallMs(), ...said }, mostTries, untilMs);
    } catch (error) {
      log.error('the result of an act could not be audited', { auditId, ...said, err: error });
      throw error;
    }
    log.info('act ended', { auditId, ...said });
  }

  /** Sent again it is stored once. @param untilMs on the monotonic clock; no try begins that could be answered later */
  async #insist(record: BeginRecord | EndRecord, mostTries: number, untilMs: number): Promise<void> {
    const { clock, random } = this.#options;
    const delay = new RetryDelay(RETRY_MIN_MS, RETRY_MAX_MS, random);
    for (let tries = 1; ; tries++) {
      try {
        return await this.#append(record);
      } catch (error) {
        const delayMs = delay.next();
        if (tries >= mostTries || clock.monotonicMs() + delayMs + ACK_TIMEOUT_MS > untilMs) throw error;
        await new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
      }
    }
  }

  #append(record: BeginRecord | EndRecord): Promise<void> {
    return this.#store((store) => store.append(record.kind, record.id, bytesOf(record), ACK_TIMEOUT_MS));
  }

  async page(query: AuditQuery): Promise<AuditPage> {
    if (this.#looks >= MOST_LOOKS)
      throw new OperationRefused('TOO_MANY', `${MOST_LOOKS} others look through the audit by this node now; ask again`);
    this.#looks += 1;
    try {
      return await this.#page(query);
    } finally {
      this.#looks -= 1;
    }
  }

  async #page({ target, limit = PAGE_ENTRIES, after }: AuditQuery): Promise<AuditPage> {
    const { first, last } = await this.#store((store) => store.bounds());
    let below = after === undefined ? last + 1 : Math.min(sequenceIn(after), last + 1);
    const lowest = Math.max(first, below - MOST_SCANNED);
    const begun: BeginRecord[] = [];
    const ends = new Map<string, EndRecord>();
    while (begun.length < limit && below > lowest) {
      const sequences = Array.from({ length: Math.min(READ_AT_ONCE, below - lowest) }, (_, i) => below - 1 - i);
      const found = await this.#store((store) => store.read(sequences));
      for (const data of found) {
        below -= 1;
        const record = recordIn(data);
        if (record?.kind === 'end') ends.set(record.id, record);
        if (record?.kind === 'begin' && isAbout(record, target)) begun.push(record);
        if (begun.length >= limit) break;
      }
    }
    const entries = await Promise.all(begun.map(async (record) => entryOf(record, await this.#endOf(record.id, ends))));
    return { entries, next: below > first ? String(below) : null };
  }

  /** Read on the way already, on a page before, or never written. */
  async #endOf(id: string, ends: ReadonlyMap<string, EndRecord>): Promise<EndRecord | undefined> {
    const read = ends.get(id);
    if (read !== undefined) return read;
    const found = recordIn(await this.#store((store) => store.find('end', id)));
    return found?.kind === 'end' ? found : undefined;
  }

  async #store<T>(use: (store: AuditStore) => Promise<T>): Promise<T> {
    try {
      return await use(this.#options.store);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new OperationUnavailable(`the audit cannot be reached: ${reason}`, { cause: error });
    }
  }
}

/** What `work` says of itself; `after`: what to keep of it, default its `detail`. */
export type Work = (auditId: string) => Promise<Omit<ActResult, 'auditId'> & { readonly after?: string | null }>;

/**
 * Writes the act down, does it, and writes its result down. A result that could not be written is in the log, and the act's answer
 * is the same: it has been done.
 * @throws ActNotDone when it cannot be audited; what `work` throws, which is its result then
 */
export async function audited(audit: Audit, act: AuditBeginning, work: Work): Promise<ActResult> {
  const auditId = await audit.begin(act);
  const end = (end: AuditEnd) => audit.end(auditId, end).catch(() => undefined);
  try {
    const { result, detail, after = detail } = await work(auditId);
    await end({ after, result });
    return { auditId, result, detail };
  } catch (error) {
    await end(endByError(error));
    throw error;
  }
}

/** With `error` it may have been done, in part or whole. */
export function endByError(error: unknown): AuditEnd {
  const after = error instanceof Error ? error.message : String(error);
  return { after, result: error instanceof ActNotDone ? NOT_DONE : 'error' };
}

export function auditOperations(audit: Audit): Pick<Operations, 'audit'> {
  return { audit: (query) => audit.page(query) };
}

function entryOf({ kind: _, ...record }: BeginRecord, end: EndRecord | undefined): AuditEntry {
  return { ...record, after: end?.after ?? null, result: end?.result ?? null };
}

/** A job key, a node's name or the id of a run; of what a filter says whole words. */
function isAbout(record: BeginRecord, target: string | undefined): boolean {
  return target === undefined || ` ${record.target} `.replaceAll(/[,:]/g, '').includes(` ${target} `);
}

/** What is no record of ours is passed over: who may write to the stream may write anything. */
function recordIn(data: Uint8Array | undefined): BeginRecord | EndRecord | undefined {
  if (data === undefined) return undefined;
  try {
    const record = JSON.parse(Buffer.from(data).toString()) as Partial<BeginRecord | EndRecord> | null;
    if (typeof record?.id !== 'string' || typeof record.atMs !== 'number') return undefined;
    return record.kind === 'begin' || record.kind === 'end' ? (record as BeginRecord | EndRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws OperationRefused */
function sequenceIn(cursor: string): number {
  if (/^[1-9]\d{0,15}$/.test(cursor)) return Number(cursor);
  throw new OperationRefused(
    'BAD_CURSOR',
    `after is ${JSON.stringify(cursor.slice(0, 40))}; allowed is what stood in \`next\` of the page before`,
  );
}

function bytesOf(record: BeginRecord | EndRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

function shortened({ after, result }: AuditEnd): AuditEnd {
  return { after: after === null ? null : short(after), result: short(result) };
}

function short(text: string): string {
  return (text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS - 1)}…`).toWellFormed();
}
