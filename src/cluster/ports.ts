// Storage and messaging as the cluster needs them. The adapters are in cluster/nats, the simulator has its own.
import type { Revision } from '../actors/ids.ts';

export interface KvEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: Revision;
  /** The server's timestamp of the write, wall clock ms. */
  readonly writtenMs: number;
}

/**
 * One try of a compare-and-set write.
 *  - `stored`: acknowledged under this revision.
 *  - `refused`: another revision stands (0: nothing does, also after an expiry).
 *  - `inDoubt`: it may land, now or later; only a further CAS write to the same key settles it (design §5).
 *  - `never`: refused for good (larger than the server takes, no permission); `reason` is for people.
 */
export type KvPutAnswer =
  | { readonly kind: 'stored'; readonly revision: Revision }
  | { readonly kind: 'refused'; readonly revision: Revision }
  | { readonly kind: 'inDoubt'; readonly reason: string }
  /** There is no connection: surely not written. */
  | { readonly kind: 'notSent'; readonly reason: string }
  | { readonly kind: 'never'; readonly reason: string };

export interface KvPutOptions {
  /** Message TTL; rounded up to whole seconds, at least 1 s. Without it the record stays. */
  readonly ttlMs?: number;
}

export interface KvWatchHandler {
  /**
   * The last entry of each key, then every write. `pending`: how many more the server already has to deliver. Its value may be a
   * view of something larger: what is kept for long is copied.
   */
  onEntry(entry: KvEntry, pending: number): void;
  /** Nothing (more) is there to be delivered, also when no key matched: called once, and once more after each reset. */
  onCaughtUp(): void;
  /** The watch was made anew after a gap; entries may be delivered again. `bucketId` as of now. */
  onReset(bucketId: string): void;
}

export interface KvWatch {
  /**
   * From now on only these filters, which are a part of those so far: made anew behind the last entry delivered, so `onReset`
   * comes, entries may come again, and none of what is still watched is left out.
   */
  narrow(filters: readonly string[]): void;
  stop(): void;
}

export interface KvWatchOptions {
  /**
   * After a break all that stands comes again, instead of what is newer. For few keys that are seldom written: behind the last of
   * them there may be millions of other writes, which a server would go through.
   */
  readonly afresh?: boolean;
}

/** Thrown by reads: no answer, or one that says "later". Reads can be repeated. */
export class KvUnavailable extends Error {
  readonly code = 'KV_UNAVAILABLE';
  readonly retryable = true;
}

/** One bucket: linearizable compare-and-set per key, revisions unique and rising over the whole bucket. */
export interface KvPort {
  /** Answers within the adapter's write timeout (1 s); never throws. `expected` 0 means: create. */
  put(key: string, value: Uint8Array, expected: Revision, options?: KvPutOptions): Promise<KvPutAnswer>;
  /** Leader read of what stands under the key. @throws KvUnavailable */
  get(key: string): Promise<KvEntry | undefined>;
  /** Leader read of one revision; undefined when it was overwritten or expired. @throws KvUnavailable */
  getRevision(revision: Revision): Promise<KvEntry | undefined>;
  /** Names this bucket as made (its creation time): a bucket deleted and made again has another. @throws KvUnavailable */
  bucketId(): Promise<string>;
  /** Ordered watch over key filters such as `17.>` or `*._owner`. @throws KvUnavailable when it cannot be opened */
  watch(filters: readonly string[], handler: KvWatchHandler, options?: KvWatchOptions): Promise<KvWatch>;
}

export interface BusMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Where an answer goes; '' when none is wanted. */
  readonly reply: string;
}

/**
 * Outcome of asking: an answer, an explicit "nobody listens there" (no responders), or nothing.
 */
export type BusAnswer =
  | { readonly kind: 'answer'; readonly data: Uint8Array }
  | { readonly kind: 'noResponders' }
  | { readonly kind: 'silence' };

/** Core NATS: at most once, no order between subjects. Subjects are complete (`holdfast.<cluster>.…`). */
export interface Bus {
  /** False while disconnected; then `publish` drops and `request` answers `silence`. */
  connected(): boolean;
  /** Called on every change of `connected()`. Returns a function that ends the subscription. */
  onConnection(listener: (connected: boolean) => void): () => void;
  publish(subject: string, data: Uint8Array): void;
  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<BusAnswer>;
  /** The handler's result, when there is one and the sender wants an answer, is sent back. */
  subscribe(subject: string, handler: (message: BusMessage) => Uint8Array | undefined): () => void;
  /** Largest payload in bytes that the server takes. */
  maxPayloadBytes(): number;
}

/** The bucket as a log, for people who look back: what stands, in the order in which it was written. */
export interface TailPort {
  /** The first and the last revision of the bucket; what lies between may have been overwritten. @throws KvUnavailable */
  bounds(): Promise<{ readonly first: Revision; readonly last: Revision }>;
  /** How many entries stand at or above `from`. @throws KvUnavailable */
  count(from: Revision): Promise<number>;
  /** Every entry that stands at or above `from` and below `to`, in order. @throws KvUnavailable */
  read(from: Revision, to: Revision, onEntry: (entry: KvEntry) => void): Promise<void>;
}
