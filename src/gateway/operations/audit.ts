// Who did what, when, to what, and what came of it. An act is written down before it is done and once more with its result; what
// cannot be written down is not done. One kind of act does not wait for that: to stop something makes things safer, so it is done
// first and written down then, and whoever asked is told when that could not be (`done`).
//
// An act is two records with one id: how it began, and how it ended. Where the second is missing (the node ended in between, or
// JetStream was away for longer than anybody waits) the result is null: not known. Where the first was not acknowledged and may be
// stored all the same, the second says that nothing was done.
import type { Clock, Random } from '../../actors/ports.ts';
import type { Log, LogFields } from '../log.ts';
import { RetryDelay } from '../retry-delay.ts';
import { AuditPages } from './audit-pages.ts';
import {
  type AuditEnd,
  type AuditStore,
  type BeginRecord,
  bytesOf,
  type EndRecord,
  short,
  shortened,
  withStore,
} from './audit-records.ts';
import type { ActResult } from './model/acts.ts';
import type { AuditPage, AuditQuery } from './model/audit.ts';
import { ActNotDone, type Operations, type Operator } from './operations.ts';

export interface AuditBeginning {
  readonly by: Operator;
  readonly reason: string;
  /** `job.resend`, `node.drain`, `deadLetters.redrive`, … */
  readonly act: string;
  readonly target: string;
  /** In short, without payload. */
  readonly before: string | null;
  /** For its lines in the log only: the job that it is done to. */
  readonly logged?: LogFields;
}

export interface Audit {
  /** Resolves with the audit's id once it is stored. @throws ActNotDone: it must not be done */
  begin(entry: AuditBeginning): Promise<string>;
  /**
   * @param logged that of its beginning
   * @throws OperationUnavailable when it could not be stored, though tried several times; it has been logged then
   */
  end(auditId: string, end: AuditEnd, logged?: LogFields): Promise<void>;
  /**
   * Of what has been done already. Resolves with the audit's id once it is stored; tried for so long as somebody waits for an answer.
   * @throws OperationUnavailable when it could not be stored; it has been logged then
   */
  done(entry: AuditBeginning, end: AuditEnd): Promise<string>;
  /** Newest first. @throws OperationUnavailable; OperationRefused for a cursor that is none, or when too many look */
  page(query: AuditQuery): Promise<AuditPage>;
}

/** The result of an act that surely was not done. */
export const NOT_DONE = 'notDone';

export interface AuditTrailOptions {
  readonly store: AuditStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly node: string;
}

const ACK_TIMEOUT_MS = 2_000;
const END_TRIES = 4;
/** With what was done before that, within the time in which a request has to be answered. */
const DONE_WITHIN_MS = 8_000;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 2_000;

export class AuditTrail implements Audit {
  readonly #options: AuditTrailOptions;
  readonly #pages: AuditPages;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
    this.#pages = new AuditPages(options.store);
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
    this.#logBegun(record, entry.logged);
    return record.id;
  }

  async end(auditId: string, end: AuditEnd, logged?: LogFields): Promise<void> {
    await this.#end(auditId, end, END_TRIES, Number.POSITIVE_INFINITY, logged);
  }

  async done(entry: AuditBeginning, end: AuditEnd): Promise<string> {
    const { clock, log } = this.#options;
    const untilMs = clock.monotonicMs() + DONE_WITHIN_MS;
    const record = this.#beginning(entry);
    try {
      await this.#insist(record, Number.POSITIVE_INFINITY, untilMs);
    } catch (error) {
      const { kind: _, id, ...said } = record;
      const fields = { auditId: id, ...said, ...entry.logged, ...shortened(end), err: error };
      log.warn('an act was done and could not be audited', fields);
      throw error;
    }
    this.#logBegun(record, entry.logged);
    await this.#end(record.id, end, Number.POSITIVE_INFINITY, untilMs, entry.logged).catch(() => undefined);
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

  #logBegun({ id, who, role, act, target, reason }: BeginRecord, logged?: LogFields): void {
    this.#options.log.info('act', { auditId: id, ...logged, who, role, act, target, reason });
  }

  async #end(
    auditId: string,
    end: AuditEnd,
    mostTries: number,
    untilMs: number,
    logged: LogFields | undefined,
  ): Promise<void> {
    const { clock, log } = this.#options;
    const said = shortened(end);
    try {
      await this.#insist({ kind: 'end', id: auditId, atMs: clock.wallMs(), ...said }, mostTries, untilMs);
    } catch (error) {
      log.error('the result of an act could not be audited', { auditId, ...logged, ...said, err: error });
      throw error;
    }
    log.info('act ended', { auditId, ...logged, ...said });
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
    const { store } = this.#options;
    return withStore(store.append(record.kind, record.id, bytesOf(record), ACK_TIMEOUT_MS));
  }

  page(query: AuditQuery): Promise<AuditPage> {
    return this.#pages.page(query);
  }
}

/** What `work` says of itself; `after`: what to keep of it, default its `detail`. */
export type Work<R extends ActResult['result']> = (
  auditId: string,
) => Promise<{ readonly result: R; readonly detail: string; readonly after?: string | null }>;

/**
 * Writes the act down, does it, and writes its result down. A result that could not be written is in the log, and the act's answer
 * is the same: it has been done.
 * @throws ActNotDone when it cannot be audited; what `work` throws, which is its result then
 */
export async function audited<R extends ActResult['result']>(
  audit: Audit,
  act: AuditBeginning,
  work: Work<R>,
): Promise<ActResult & { readonly result: R }> {
  const auditId = await audit.begin(act);
  const end = (end: AuditEnd) => audit.end(auditId, end, act.logged).catch(() => undefined);
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
