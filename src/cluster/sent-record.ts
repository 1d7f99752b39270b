// The record of what one incarnation has sent, as it stands in the bucket (sent-watermark.ts says what must hold of it), for whoever
// writes it, renews it, or asks it about a hold.
import type { JobKey, Revision } from '../actors/ids.ts';
import { fromJson, toJson } from './names.ts';
import type { KvEntry } from './ports.ts';

export interface SentRecord {
  readonly upTo: number;
  readonly except: readonly (readonly [jobKey: string, attempt: number])[];
}

export const NOTHING_SENT: SentRecord = { upTo: 0, except: [] };

/** An absent or unreadable record counts as 0: publish again rather than never. */
export function parseSent(entry: KvEntry | undefined): SentRecord {
  const value = entry === undefined ? undefined : (fromJson(entry.value) as Partial<SentRecord> | undefined);
  if (typeof value?.upTo !== 'number' || !Array.isArray(value.except)) return NOTHING_SENT;
  return { upTo: value.upTo, except: value.except };
}

/** For how long the record was written, ms; 0 when it does not say. */
export function keptForMs(entry: KvEntry | undefined): number {
  const value = entry === undefined ? undefined : (fromJson(entry.value) as { ttlMs?: unknown } | undefined);
  return typeof value?.ttlMs === 'number' ? value.ttlMs : 0;
}

/**
 * The same record, to be kept for this long from now on.
 * @param by says whose renewal it is, and which: a write in doubt is known by its bytes, and the same record may be renewed for
 *   the same time by another node, or by the same one again. Such a write taken for ours, and older than what we knew when we
 *   sent ours, would say that the bucket had gone back in time.
 */
export function keptFor(entry: KvEntry, ttlMs: number, by: string): Uint8Array {
  return toJson({ ...(fromJson(entry.value) as object | undefined), ttlMs, keptBy: by });
}

/** Did Kafka acknowledge the request of this hold, as far as its writer's record says? */
export function covers(record: SentRecord, revision: Revision, jobKey: JobKey, attempt: number): boolean {
  if (revision > record.upTo) return false;
  return !record.except.some(([key, number]) => key === jobKey && number === attempt);
}
