// One ordered push consumer, from its making to the first doubt: in memory, on one server, numbering what it delivers.
// What must hold: entries go out in order and none is skipped. At the first sign that one may be missing (a gap in the
// numbers, a heartbeat that names more than was seen, three heartbeats missing) it says `onBroken`, once, and nothing more;
// whoever owns it makes another one behind the last entry. What comes before `start` waits.
// A heartbeat proves nothing else: the server also sends one when the next entry was overwritten before its turn.
import { createInbox, type Msg, nuid, type Subscription } from '@nats-io/transport-node';
import type { Revision } from '../../actors/ids.ts';
import type { KvEntry } from '../ports.ts';
import { callApi } from './api.ts';
import type { NatsLink } from './connection.ts';
import type { Inbox } from './inbox.ts';

const HEARTBEAT_MS = 500;
const HEARTBEATS_MISSED = 3;
/** Making a consumer over many filters scans the bucket: seconds with millions of keys. */
const CREATE_TIMEOUT_MS = 10_000;
export const INFO_TIMEOUT_MS = 2_000;

/** Where a bucket's entries come from. */
export interface WatchSource {
  readonly link: NatsLink;
  readonly inbox: Inbox;
  readonly stream: string;
  /** Prefix of the bucket's subjects, `$KV.<bucket>.` */
  readonly subjects: string;
}

export interface ConsumerInfo {
  readonly num_pending: number;
  readonly delivered: { readonly consumer_seq: number };
}

export interface PushConsumerHandler {
  onEntry(entry: KvEntry, pending: number): void;
  /** After each message and heartbeat; `idle`: it may be that nothing is left, the server says so or hints at it. */
  onProgress(idle: boolean): void;
  onBroken(): void;
  /** Is there something old to be delivered yet? Then the server may be looking for it, and says nothing meanwhile. */
  isBehind(): boolean;
}

export class PushConsumer {
  readonly #source: WatchSource;
  readonly #handler: PushConsumerHandler;
  readonly #name = `holdfast_${nuid.next()}`;
  readonly #subscription: Subscription;
  readonly #alarm: NodeJS.Timeout;
  #delivered = 0;
  #revision = 0 as Revision;
  #waiting: Msg[] | undefined = [];
  #lastHeardMs = performance.now();
  #stopped = false;
  #inquiring = false;

  constructor(source: WatchSource, handler: PushConsumerHandler) {
    this.#source = source;
    this.#handler = handler;
    this.#subscription = source.link.nc.subscribe(createInbox(source.link.inboxPrefix), {
      callback: (error, message) => {
        if (error !== null) return; // refused by the server: the link reports it
        this.#lastHeardMs = performance.now();
        if (this.#waiting === undefined) this.#take(message);
        else this.#waiting.push(message);
      },
    });
    this.#alarm = setInterval(() => this.#checkHeartbeat(), HEARTBEAT_MS).unref();
  }

  /** How many messages it has delivered, by its own count. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Revision of the last entry delivered; 0: none yet. */
  get revision(): Revision {
    return this.#revision;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Makes it on the server: the last entry of each key, or with `after` all entries behind that revision.
   * @throws KvUnavailable, JsApiError
   */
  make(filters: readonly string[], after: Revision): Promise<ConsumerInfo> {
    const { stream, link } = this.#source;
    // A key has one entry, so the last of each key of the whole bucket is all that there is; and without a filter the server
    // neither searches nor compares.
    const all = filters.length === 1 && filters[0] === `${this.#source.subjects}>`;
    const from =
      after === 0
        ? { deliver_policy: all ? 'all' : 'last_per_subject' }
        : { deliver_policy: 'by_start_sequence', opt_start_seq: after + 1 };
    const config = {
      name: this.#name,
      description: `a watch of ${link.name}`,
      deliver_subject: this.#subscription.getSubject(),
      ...from,
      filter_subjects: all ? [] : filters,
      ack_policy: 'none',
      max_deliver: 1,
      replay_policy: 'instant',
      mem_storage: true,
      num_replicas: 1,
      flow_control: true,
      idle_heartbeat: HEARTBEAT_MS * 1e6,
      inactive_threshold: 10 * 1e9,
    };
    const request = { stream_name: stream, config, action: 'create' };
    return callApi<ConsumerInfo>(
      this.#source.inbox,
      `CONSUMER.CREATE.${stream}.${this.#name}`,
      request,
      CREATE_TIMEOUT_MS,
    );
  }

  /** Hands on what waited, and from now on all as it comes. */
  start(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#lastHeardMs = performance.now();
    for (const message of waiting) this.#take(message);
  }

  /** @throws KvUnavailable, JsApiError */
  info(timeoutMs = INFO_TIMEOUT_MS): Promise<ConsumerInfo> {
    const call = `CONSUMER.INFO.${this.#source.stream}.${this.#name}`;
    return callApi<ConsumerInfo>(this.#source.inbox, call, {}, timeoutMs);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#alarm);
    this.#subscription.unsubscribe();
    // Only to be tidy: the server deletes it by itself when nobody listens for a while.
    void callApi(this.#source.inbox, `CONSUMER.DELETE.${this.#source.stream}.${this.#name}`, {}, INFO_TIMEOUT_MS).catch(
      () => undefined,
    );
  }

  #take(message: Msg): void {
    if (this.#stopped) return;
    const at = readPosition(message.reply ?? '');
    if (at === undefined) {
      this.#takeControl(message);
    } else if (at.count !== this.#delivered + 1) {
      this.#break();
    } else {
      this.#delivered = at.count;
      this.#revision = at.revision;
      if (!isMarker(message)) {
        const key = message.subject.slice(this.#source.subjects.length);
        // A view of what the socket read, which it keeps alive: whoever keeps an entry for long copies it (ports.ts).
        const value = message.data;
        this.#handler.onEntry({ key, value, revision: at.revision, writtenMs: at.writtenMs }, at.pending);
      }
      this.#handler.onProgress(at.pending === 0);
    }
  }

  /** Heartbeats and flow control; a stalled consumer goes on when its flow control subject is answered. */
  #takeControl(message: Msg): void {
    const resume = message.reply || message.headers?.get('Nats-Consumer-Stalled');
    if (resume && this.#source.link.connected()) this.#source.link.nc.publish(resume);
    const last = message.headers?.get('Nats-Last-Consumer');
    if (!last) return;
    if (Number(last) > this.#delivered) this.#break();
    else this.#handler.onProgress(true);
  }

  #checkHeartbeat(): void {
    if (this.#waiting !== undefined || !this.#source.link.connected()) return;
    const silent = () => performance.now() - this.#lastHeardMs > HEARTBEAT_MS * HEARTBEATS_MISSED;
    // After a pause of this process its timers run before its sockets are read: look again after that.
    if (silent()) setImmediate(() => silent() && void this.#suspect());
  }

  /**
   * A server that goes through millions of entries for the next one that fits sends no heartbeats, and made anew the consumer
   * would begin its search again, for ever. So as long as there is something to be found it is asked whether it is there.
   */
  async #suspect(): Promise<void> {
    if (!this.#handler.isBehind()) return this.#break();
    if (this.#inquiring) return;
    this.#inquiring = true;
    try {
      await this.info(CREATE_TIMEOUT_MS);
      this.#lastHeardMs = performance.now();
    } catch {
      this.#break();
    } finally {
      this.#inquiring = false;
    }
  }

  #break(): void {
    if (this.#stopped) return;
    this.stop();
    this.#handler.onBroken();
  }
}

/** `$JS.ACK[.<domain>.<account>].<stream>.<consumer>.<tries>.<revision>.<count>.<time ns>.<pending>[.<token>]` (ADR-15). */
export function readPosition(reply: string) {
  if (!reply.startsWith('$JS.ACK.')) return undefined;
  let dots = 0;
  for (let at = reply.indexOf('.'); at >= 0; at = reply.indexOf('.', at + 1)) ends[dots++] = at;
  ends[dots] = reply.length;
  const first = dots === 8 ? 5 : 7;
  // Of a million messages in a row: parts are cut out only where they are needed.
  const number = (token: number) => Number(reply.slice(ends[token - 1]! + 1, ends[token]));
  return {
    revision: number(first) as Revision,
    count: number(first + 1),
    writtenMs: Math.floor(number(first + 2) / 1e6),
    pending: number(first + 3),
  };
}

/** Where each token of the subject under the eyes of `readPosition` ends. */
const ends: number[] = [];

/** A deletion by hand. Headers are only looked at where there is no value, for reading them costs most of all. */
function isMarker(message: Msg): boolean {
  if (message.data.length > 0 || message.headers === undefined) return false;
  return message.headers.has('KV-Operation') || message.headers.has('Nats-Marker-Reason');
}
