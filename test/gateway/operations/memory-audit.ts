// The store of the audit in memory: a stream that forgets when a test says so, and is away when a test throws.
import type { AuditKind, AuditStore } from '../../../src/gateway/operations/audit-records.ts';

export class MemoryStore implements AuditStore {
  readonly records: { readonly subject: string; readonly data: Uint8Array }[] = [];
  /** Sequences below are gone. */
  first = 1;
  beforeAppend: (kind: AuditKind) => void = () => undefined;
  reads = 0;

  async append(kind: AuditKind, id: string, data: Uint8Array): Promise<void> {
    this.beforeAppend(kind);
    this.records.push({ subject: `${kind}.${id}`, data });
  }

  async bounds() {
    return { first: this.first, last: this.records.length };
  }

  async read(sequences: readonly number[]) {
    this.reads += sequences.length;
    return sequences.map((seq) => (seq < this.first ? undefined : this.records[seq - 1]?.data));
  }

  async find(kind: AuditKind, id: string) {
    return this.records.findLast(({ subject }, i) => i >= this.first - 1 && subject === `${kind}.${id}`)?.data;
  }
}
