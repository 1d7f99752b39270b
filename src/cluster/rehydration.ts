// From entries to pending jobs. For each hold without a stored "sent", the record of the incarnation that wrote it says
// whether its request reached Kafka. That record is read after our own claim was acknowledged: a live writer that lost
// the shard cannot have moved past what its CAS still allows. Its time to live is renewed, since we now rely on it; never for
// less than it had, for others rely on it for jobs that we do not see. Shards that come together mostly have the same writer: one
// renewal for as long as any of them needs is enough, and never are two of them on their way.
import type { Incarnation, JobKey, Revision, ShardId } from '../actors/ids.ts';
import { type Snapshot, waitsMs } from '../actors/snapshot.ts';
import { decodeSnapshot } from '../actors/snapshot-codec.ts';
import { type Arrived, isJob, owesProof } from './arrivals.ts';
import { sentKey } from './names.ts';
import type { KvEntry } from './ports.ts';
import { covers, keptFor, keptForMs, parseSent, type SentRecord } from './sent-record.ts';
import type { SentWatermark } from './sent-watermark.ts';
import type { Store } from './store.ts';

export interface Rehydrated {
  readonly jobKey: JobKey;
  readonly snapshot: Snapshot;
  readonly revision: Revision;
  readonly covered: boolean;
}

export interface RehydrationOptions {
  readonly control: Store;
  readonly incarnation: Incarnation;
  /** Our own. */
  readonly watermark: Pick<SentWatermark, 'current' | 'outlive' | 'ttlMs'>;
  onUnreadable(shard: ShardId, jobKey: JobKey, error: unknown): void;
}

/** On its way, for this time. */
interface Renewal {
  readonly ttlMs: number;
  readonly over: Promise<void>;
}

export class Rehydration {
  readonly #options: RehydrationOptions;
  readonly #renewing = new Map<string, Renewal>();
  #renewals = 0;

  constructor(options: RehydrationOptions) {
    this.#options = options;
  }

  /**
   * Live jobs among the entries, but for those that only wait.
   * @param speaking whose records speak for these: they are kept too
   * @throws StoreClosed
   */
  async read(
    shard: ShardId,
    entries: ReadonlyMap<JobKey, Arrived>,
    speaking: Iterable<Incarnation> = [],
  ): Promise<Rehydrated[]> {
    const live: { jobKey: JobKey; snapshot: Snapshot; revision: Revision }[] = [];
    const writers = new Set(speaking);
    for (const [jobKey, entry] of entries) {
      if (isJob(entry)) continue;
      try {
        const snapshot = decodeSnapshot(entry.value);
        if (snapshot.kind !== 'ended') live.push({ jobKey, snapshot, revision: entry.revision });
      } catch (error) {
        this.#options.onUnreadable(shard, jobKey, error); // one damaged job stops no shard
      }
    }
    for (const { snapshot } of live) this.#options.watermark.outlive(waitsMs(snapshot));
    for (const { snapshot } of live) if (owesProof(snapshot)) writers.add(snapshot.incarnation);
    const records = new Map<Incarnation, SentRecord>();
    await Promise.all([...writers].map(async (writer) => records.set(writer, await this.#recordOf(writer))));
    return live.map(({ jobKey, snapshot, revision }) => {
      const record = records.get(snapshot.incarnation);
      const covered = record === undefined || covers(record, revision, jobKey, snapshot.attempt);
      return { jobKey, snapshot, revision, covered };
    });
  }

  async #recordOf(writer: Incarnation): Promise<SentRecord> {
    const { control, incarnation, watermark } = this.#options;
    if (writer === incarnation) return watermark.current();
    const entry = await control.get(sentKey(writer));
    if (entry !== undefined) void this.#keep(entry).catch(() => undefined); // the store is closed: this incarnation is over
    return parseSent(entry);
  }

  async #keep(entry: KvEntry): Promise<void> {
    const ttlMs = Math.max(this.#options.watermark.ttlMs, keptForMs(entry));
    for (let underWay = this.#renewing.get(entry.key); underWay !== undefined; ) {
      if (underWay.ttlMs >= ttlMs) return;
      await underWay.over;
      underWay = this.#renewing.get(entry.key);
    }
    const over = this.#renew(entry, ttlMs).finally(() => this.#renewing.delete(entry.key));
    this.#renewing.set(entry.key, { ttlMs, over });
    await over;
  }

  /** By CAS: a refusal means that its writer lives, or that somebody renewed it just now, perhaps for less than we need. */
  async #renew(entry: KvEntry, atLeastMs: number): Promise<void> {
    const { control, incarnation } = this.#options;
    let standing: KvEntry | undefined = entry;
    while (standing !== undefined) {
      const ttlMs = Math.max(atLeastMs, keptForMs(standing));
      this.#renewals += 1;
      const value = keptFor(standing, ttlMs, `${incarnation} ${this.#renewals}`);
      const answer = await control.put(standing.key, value, standing.revision, { ttlMs });
      if (answer.kind !== 'conflict' || keptForMs(answer.standing) >= ttlMs) return;
      standing = answer.standing;
    }
  }
}
