// Entries as a wave delivers them, made small at once: a pending job that only waits becomes what memory keeps of it
// (actors/pending-job/cold.ts) before the next entry is looked at. With a million of them there is no room for all as they
// stand in the bucket, and no time to read them all again at the barrier. It is the job itself that is made here, so that
// nothing stands beside it in memory that goes when its shard is taken: the holes would stay.
//
// What must hold: only what owes nothing is made small. Of a hold without a stored "sent" that is known from its writer's
// record, which is read once per wave, after the claims of the wave were acknowledged (see rehydration.ts for why); what such a
// record has said of a hold stays true. Entries that come before their writer's record, or that it does not cover, are kept as
// they are; rehydration.ts asks again.
import type { Incarnation, JobKey, Lane, Revision, ShardId } from '../actors/ids.ts';
import { pack } from '../actors/pending-job/cold.ts';
import type { ColdStore } from '../actors/pending-job/cold-store.ts';
import type { JobContext } from '../actors/pending-job/effects.ts';
import { adopt, emptyState, isPending } from '../actors/pending-job/state.ts';
import { restAgain } from '../actors/pending-job/take-up.ts';
import { type Snapshot, waitsMs } from '../actors/snapshot.ts';
import { decodeSnapshot } from '../actors/snapshot-codec.ts';
import type { Resting } from './kept-job.ts';
import { sentKey } from './names.ts';
import type { PendingJob } from './pending-job.ts';
import type { KvEntry } from './ports.ts';
import { covers, parseSent, type SentRecord } from './sent-record.ts';
import type { SentWatermark } from './sent-watermark.ts';
import type { Store } from './store.ts';

/** As it stands in the bucket, or a pending job that only waits: whoever has that hands it on, or lets it go. */
export type Arrived = KvEntry | PendingJob;

export function isJob(arrived: Arrived): arrived is PendingJob {
  return !('value' in arrived);
}

/** Nobody wants to have it any more. */
export function letGo(arrived: Arrived): void {
  if (isJob(arrived)) arrived.abandon();
}

export interface ArrivalsOptions {
  readonly context: JobContext;
  readonly control: Pick<Store, 'get'>;
  readonly watermark: Pick<SentWatermark, 'outlive'>;
  readonly cold: ColdStore;
  /** A job that is here from the moment on in which it is taken in. */
  resting(shard: ShardId, jobKey: JobKey, resting: Resting): PendingJob;
}

export class Arrivals {
  readonly #options: ArrivalsOptions;
  /** Undefined: asked for. */
  readonly #records = new Map<Incarnation, SentRecord | undefined>();
  /** One string for all jobs of a lane. */
  readonly #lanes = new Map<Lane, Lane>();
  /** Whose records say that the request of one of these jobs is sent. */
  readonly writers = new Set<Incarnation>();

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  arrived(shard: ShardId, jobKey: JobKey, entry: KvEntry): Arrived {
    const { context, watermark, cold } = this.#options;
    const snapshot = readable(entry);
    if (snapshot === undefined) return entry; // whoever reads it again says why
    const owes = owesProof(snapshot);
    if (owes && !this.#isSent(jobKey, entry.revision, snapshot)) return entry;
    const state = emptyState(jobKey);
    adopt(state, snapshot, entry.revision);
    restAgain(state, context);
    const packed = pack(state, cold);
    if (packed === undefined) return entry;
    watermark.outlive(waitsMs(snapshot));
    if (owes) this.writers.add(snapshot.incarnation);
    const lane = isPending(snapshot) ? this.#same(snapshot.lane) : undefined;
    return this.#options.resting(shard, jobKey, { packed, revision: entry.revision, lane });
  }

  #isSent(jobKey: JobKey, revision: Revision, { incarnation, attempt }: Snapshot): boolean {
    const { control, context } = this.#options;
    if (incarnation === context.incarnation) return false; // our own record moves on: asked at the barrier
    const record = this.#records.get(incarnation);
    if (record !== undefined) return covers(record, revision, jobKey, attempt);
    if (!this.#records.has(incarnation)) {
      this.#records.set(incarnation, undefined);
      control.get(sentKey(incarnation)).then(
        (found) => this.#records.set(incarnation, parseSent(found)),
        () => undefined, // the store is closed: this incarnation is over
      );
    }
    return false;
  }

  #same(lane: Lane): Lane {
    const known = this.#lanes.get(lane);
    if (known === undefined) this.#lanes.set(lane, lane);
    return known ?? lane;
  }
}

/** A hold that does not say itself that its request was sent. */
export function owesProof(snapshot: Snapshot): boolean {
  return snapshot.kind === 'held' && snapshot.sentAttempt !== snapshot.attempt;
}

/** Undefined also for kinds that have something to do. */
function readable({ value }: KvEntry): Snapshot | undefined {
  try {
    const snapshot = decodeSnapshot(value);
    return snapshot.kind === 'held' || snapshot.kind === 'parked' ? snapshot : undefined;
  } catch {
    return undefined;
  }
}
