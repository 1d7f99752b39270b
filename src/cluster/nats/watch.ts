// An ordered watch over the bucket that outlives its consumers: whenever one breaks, or the connection does, another one
// takes over behind the last entry delivered, or (`afresh`) from the beginning.
// What must hold
//  - `onReset` comes before any entry of a new consumer. The bucket's identity is read after the consumer was made, so
//    that a bucket deleted and made again in between shows. Such a bucket is read from scratch.
//  - `onCaughtUp` once for each consumer that lives so long, and only when the consumer's own state says so. "0 pending" on
//    a message is a hint, for it lags behind overwrites; and it never comes when the last entry expires before its turn. So
//    a hint, and every heartbeat until then, leads to a question: is nothing pending after message n? And then n must have
//    been delivered here.
import { ABSENT, type Revision } from '../../actors/ids.ts';
import { type KvEntry, KvUnavailable, type KvWatch, type KvWatchHandler } from '../ports.ts';
import { callApi } from './api.ts';
import { type ConsumerInfo, INFO_TIMEOUT_MS, PushConsumer, type WatchSource } from './push-consumer.ts';

const RETRY_MS = 250;
/** A new leader may not have applied all it has: "less than was delivered" is believed when said this often. */
const REWOUND_AFTER_TRIES = 8;

export interface StreamInfo {
  readonly created: string;
  readonly state: { readonly last_seq: number };
}

/** A bucket is told from its successor of the same name by when it was made. */
export function readBucketId(info: StreamInfo): string {
  return info.created;
}

/** @throws KvUnavailable, JsApiError when the first consumer cannot be made. */
export async function openWatch(
  source: WatchSource,
  filters: readonly string[],
  handler: KvWatchHandler,
  afresh: boolean,
) {
  const watch = new Watch(source, filters, handler, afresh);
  try {
    await watch.open();
  } catch (error) {
    watch.stop();
    throw error;
  }
  return watch;
}

class Watch implements KvWatch {
  readonly #source: WatchSource;
  #filters: readonly string[];
  readonly #handler: KvWatchHandler;
  readonly #afresh: boolean;
  readonly #endListening: () => void;
  #consumer: PushConsumer | undefined;
  /** Revision of the last entry that any of the consumers delivered. */
  #cursor: Revision = ABSENT;
  #bucketId: string | undefined;
  #rewound = '';
  #rewoundTries = 0;
  /** A consumer is being made; whoever finds it broken meanwhile asks for another round by `#again`. */
  #opening = false;
  #again = false;
  #caughtUp = false;
  /** Nothing was left after this many messages of the present consumer; undefined: not known. */
  #caughtUpAt: number | undefined;
  #asking = false;
  #stopped = false;

  constructor(source: WatchSource, filters: readonly string[], handler: KvWatchHandler, afresh: boolean) {
    this.#afresh = afresh;
    this.#source = source;
    this.#filters = this.#subjectsOf(filters);
    this.#handler = handler;
    this.#endListening = source.link.onConnection((connected) => {
      if (connected) this.#replace();
    });
  }

  narrow(filters: readonly string[]): void {
    if (this.#stopped) return;
    this.#filters = this.#subjectsOf(filters);
    this.#replace();
  }

  stop(): void {
    this.#stopped = true;
    this.#endListening();
    this.#consumer?.stop();
  }

  async open(): Promise<void> {
    this.#opening = true;
    const { consumer, made } = await this.#make();
    this.#opening = false;
    if (consumer.stopped) throw new KvUnavailable('the connection broke while the watch was opened');
    // Whoever opens it has it in hand before the first entry comes.
    setImmediate(() => {
      if (!consumer.stopped) this.#start(consumer, made);
    });
  }

  #subjectsOf(filters: readonly string[]): string[] {
    return filters.map((filter) => this.#source.subjects + filter);
  }

  #replace(): void {
    this.#consumer?.stop();
    this.#again = true;
    if (!this.#opening) void this.#reopen();
  }

  async #reopen(): Promise<void> {
    this.#opening = true;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        const { consumer, made } = await this.#make();
        if (consumer.stopped) continue;
        const bucketId = `${this.#bucketId}${this.#rewound}`;
        this.#source.link.guarded('watch', () => this.#handler.onReset(bucketId));
        this.#caughtUp = false;
        this.#start(consumer, made);
      } catch {
        this.#again = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
    this.#opening = false;
  }

  /** One consumer behind the cursor; when the bucket turns out to be another one, one from scratch. */
  async #make(): Promise<{ consumer: PushConsumer; made: ConsumerInfo }> {
    const { inbox, stream } = this.#source;
    for (;;) {
      this.#consumer?.stop();
      const consumer = new PushConsumer(this.#source, {
        onEntry: (entry, pending) => this.#pass(entry, pending),
        onProgress: (idle) => this.#advance(consumer, idle),
        onBroken: () => this.#replace(),
        isBehind: () => !this.#caughtUp,
      });
      this.#consumer = consumer;
      const made = await consumer.make(this.#filters, this.#afresh ? ABSENT : this.#cursor);
      const info = await callApi<StreamInfo>(inbox, `STREAM.INFO.${stream}`, {}, INFO_TIMEOUT_MS);
      if (this.#isSameBucket(info)) return { consumer, made };
      this.#cursor = ABSENT;
    }
  }

  #isSameBucket(info: StreamInfo): boolean {
    const bucketId = readBucketId(info);
    const same = this.#bucketId === undefined || this.#bucketId === bucketId;
    this.#bucketId = bucketId;
    if (!same) this.#rewound = '';
    if (!same || info.state.last_seq >= this.#cursor) {
      this.#rewoundTries = 0;
      return same;
    }
    if (++this.#rewoundTries < REWOUND_AFTER_TRIES)
      throw new KvUnavailable('the bucket ends before what was delivered');
    // An older copy of the bucket was put back under the same creation time: for a watcher that is another bucket.
    this.#rewound = ` rewound to ${info.state.last_seq}`;
    return false;
  }

  #start(consumer: PushConsumer, made: ConsumerInfo): void {
    this.#caughtUpAt = made.num_pending === 0 ? made.delivered.consumer_seq : undefined;
    consumer.start();
    this.#advance(consumer, false);
  }

  #pass(entry: KvEntry, pending: number): void {
    this.#source.link.guarded('watch', () => this.#handler.onEntry(entry, pending));
  }

  #advance(consumer: PushConsumer, idle: boolean): void {
    if (consumer.revision > this.#cursor) this.#cursor = consumer.revision;
    if (this.#caughtUp || this.#stopped || consumer !== this.#consumer) return;
    if (this.#caughtUpAt === undefined) {
      if (idle) void this.#askWhetherCaughtUp(consumer);
    } else if (consumer.delivered >= this.#caughtUpAt) {
      this.#caughtUp = true;
      this.#source.link.guarded('watch', () => this.#handler.onCaughtUp());
    }
  }

  async #askWhetherCaughtUp(consumer: PushConsumer): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const info = await consumer.info();
      if (info.num_pending > 0 || consumer !== this.#consumer || consumer.stopped) return;
      this.#caughtUpAt = info.delivered.consumer_seq;
      this.#advance(consumer, false);
    } catch {
      // the next heartbeat asks again
    } finally {
      this.#asking = false;
    }
  }
}
