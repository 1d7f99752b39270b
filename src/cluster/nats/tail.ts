// The bucket read as a log, a stretch of revisions at a time. One ordered consumer from where the stretch begins; it would go on
// to the end of the stream, so it is stopped at the first entry behind the stretch. All subjects of the stream, not those of jobs
// alone: with a filter the server would have to count what fits first.
import type { Revision } from '../../actors/ids.ts';
import { type KvEntry, KvUnavailable, type TailPort } from '../ports.ts';
import { callApi } from './api.ts';
import type { NatsLink } from './connection.ts';
import type { Inbox } from './inbox.ts';
import { type ConsumerInfo, INFO_TIMEOUT_MS, PushConsumer, type WatchSource } from './push-consumer.ts';

/** Nothing was delivered for this long, and the server does not say that nothing is left. */
const PATIENCE_MS = 2_000;

interface Bounds {
  readonly state: { readonly first_seq: number; readonly last_seq: number };
}

export class NatsTail implements TailPort {
  readonly #source: WatchSource;

  constructor(link: NatsLink, inbox: Inbox, bucket: string) {
    this.#source = { link, inbox, stream: `KV_${bucket}`, subjects: `$KV.${bucket}.` };
  }

  async bounds(): Promise<{ first: Revision; last: Revision }> {
    const call = `STREAM.INFO.${this.#source.stream}`;
    const { state } = await unavailable(callApi<Bounds>(this.#source.inbox, call, {}, INFO_TIMEOUT_MS));
    return { first: state.first_seq as Revision, last: state.last_seq as Revision };
  }

  async count(from: Revision): Promise<number> {
    const consumer = new PushConsumer(this.#source, {
      onEntry() {},
      onProgress() {},
      onBroken() {},
      isBehind: () => true,
    });
    try {
      const { num_pending, delivered } = await this.#make(consumer, from);
      return num_pending + delivered.consumer_seq;
    } finally {
      consumer.stop();
    }
  }

  async read(from: Revision, to: Revision, onEntry: (entry: KvEntry) => void): Promise<void> {
    const done = Promise.withResolvers<void>();
    let isOver = false;
    let heardMs = 0;
    const end = (error?: Error): void => {
      isOver = true;
      if (error === undefined) done.resolve();
      else done.reject(error);
    };
    const consumer: PushConsumer = new PushConsumer(this.#source, {
      onEntry: (entry, pending) => {
        heardMs = performance.now();
        if (isOver) return;
        if (entry.revision < to) onEntry(entry);
        if (entry.revision >= to - 1 || pending === 0) end();
      },
      onProgress: (idle) => {
        // A marker is no entry, and the last one may be one; or it was overwritten before its turn.
        if (!isOver && idle) void this.#endIfNothingIsLeft(consumer, end);
      },
      onBroken: () =>
        end(new KvUnavailable('the bucket could not be read to the end: messages were lost on their way')),
      isBehind: () => !isOver,
    });
    let alarm: NodeJS.Timeout | undefined;
    try {
      const made = await this.#make(consumer, from);
      if (made.num_pending === 0 && made.delivered.consumer_seq === 0) return;
      // Not before: making it has a deadline of its own, and until `done` is waited for its rejection would end the process.
      heardMs = performance.now();
      alarm = setInterval(() => {
        if (performance.now() - heardMs > PATIENCE_MS) end(new KvUnavailable('the bucket is not read any further'));
      }, PATIENCE_MS / 4);
      consumer.start();
      await done.promise;
    } finally {
      clearInterval(alarm);
      consumer.stop();
    }
  }

  #make(consumer: PushConsumer, from: Revision): Promise<ConsumerInfo> {
    return unavailable(consumer.make([`${this.#source.subjects}>`], Math.max(0, from - 1) as Revision));
  }

  async #endIfNothingIsLeft(consumer: PushConsumer, end: () => void): Promise<void> {
    const info: ConsumerInfo | undefined = await consumer.info().catch(() => undefined);
    if (info?.num_pending === 0 && info.delivered.consumer_seq <= consumer.delivered) end();
  }
}

/** A refusal by the API (bucket missing, no leader yet) is for readers the same as no answer: ask again. */
async function unavailable<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw error instanceof KvUnavailable ? error : new KvUnavailable((error as Error).message, { cause: error });
  }
}
