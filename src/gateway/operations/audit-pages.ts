// Pages of the audit, newest first: its records are read backwards from the stream's end by sequence, a bounded number for each
// request; the cursor is a sequence, below which nothing was shown yet.
import { type AuditStore, type BeginRecord, type EndRecord, recordIn, withStore } from './audit-records.ts';
import type { AuditEntry, AuditPage, AuditQuery } from './model/audit.ts';
import { OperationRefused } from './operations.ts';

const PAGE_ENTRIES = 50;
const READ_AT_ONCE = 64;
/** A page may be short, or empty, and have a next one. */
const MOST_SCANNED = 2_048;
/** Pages at the same time; each may be some thousand questions to JetStream. */
const MOST_LOOKS = 4;

export class AuditPages {
  readonly #store: AuditStore;
  #looks = 0;

  constructor(store: AuditStore) {
    this.#store = store;
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
    const { first, last } = await withStore(this.#store.bounds());
    let below = after === undefined ? last + 1 : Math.min(sequenceIn(after), last + 1);
    const lowest = Math.max(first, below - MOST_SCANNED);
    const begun: BeginRecord[] = [];
    const ends = new Map<string, EndRecord>();
    while (begun.length < limit && below > lowest) {
      const sequences = Array.from({ length: Math.min(READ_AT_ONCE, below - lowest) }, (_, i) => below - 1 - i);
      const found = await withStore(this.#store.read(sequences));
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
    const found = recordIn(await withStore(this.#store.find('end', id)));
    return found?.kind === 'end' ? found : undefined;
  }
}

function entryOf({ kind: _, ...record }: BeginRecord, end: EndRecord | undefined): AuditEntry {
  return { ...record, after: end?.after ?? null, result: end?.result ?? null };
}

/** A job key, a node's name or the id of a run; of what a filter says whole words. */
function isAbout(record: BeginRecord, target: string | undefined): boolean {
  return target === undefined || ` ${record.target} `.replaceAll(/[,:]/g, '').includes(` ${target} `);
}

/** @throws OperationRefused */
function sequenceIn(cursor: string): number {
  if (/^[1-9]\d{0,15}$/.test(cursor)) return Number(cursor);
  throw new OperationRefused(
    'BAD_CURSOR',
    `after is ${JSON.stringify(cursor.slice(0, 40))}; allowed is what stood in \`next\` of the page before`,
  );
}
