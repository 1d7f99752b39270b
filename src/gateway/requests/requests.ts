// Requests on their way to the services. A request is owed from the moment its job's hold is stored until Kafka has
// acknowledged it, so it is tried without end (topic-queue.ts: batches of one topic, backoff, lease and connection
// asked before each try); what ends it otherwise is Kafka's refusal for good, its deadline (`withdraw`), its job's end or
// removal (`giveUp`), or the end of this incarnation (`discardAll`, `close`).
//
// There is no limit here: each request is one that the sent watermark counts (cluster/sent-watermark.ts), and that stops the
// intake of the lane which owes too many.
//
// Nothing is published before `open`: the reply consumer must have had its assignment once. Start positions are committed
// right after that, and requests do not wait for it: where none is committed a partition is read from its earliest offset, so
// a reply that is written sooner is found all the same.
import type { JobKey } from '../../actors/ids.ts';
import type { CancelRecord, OutgoingRequest, RequestOutcome } from '../../actors/messages.ts';
import { PassingMap } from '../../actors/passing-map.ts';
import type { Clock, Random } from '../../actors/ports.ts';
import type { HeaderNames } from '../header-names.ts';
import type { OutgoingRecord, RecordWriter } from '../ports.ts';
import { RetryDelay } from '../retry-delay.ts';
import { RegistryUnavailable } from '../schema/errors.ts';
import type { SchemaRegistry } from '../schema/registry.ts';
import { traceparentOf } from '../trace.ts';
import { cancelRecord, requestRecord } from './profiles.ts';
import {
  DEFAULT_TOPIC_QUEUE_LIMITS,
  type QueuedRecord,
  TopicQueue,
  type TopicQueueLimits,
  type TopicTry,
} from './topic-queue.ts';

export interface RequestPublisherOptions {
  readonly writer: RecordWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly replyTopic: string;
  /** Shown to services as the source of CloudEvents. */
  readonly cluster: string;
  readonly names: HeaderNames;
  /** Writes bodies that have a schema; undefined: no registry is configured. */
  readonly schemas?: Pick<SchemaRegistry, 'encodeWith'> | undefined;
  /** Lease valid and connected, at this moment. */
  readonly mayAct: () => boolean;
  /** What the service sees as its parent. Default: the trace context of the process, else a computed one. */
  readonly traceparent?: (request: OutgoingRequest) => string;
  readonly limits?: Partial<TopicQueueLimits>;
  readonly onTry?: (event: TopicTry) => void;
}

const KEPT_TOPICS = 100;

interface Owed {
  readonly topic: string;
  settled: (outcome: RequestOutcome) => void;
  /** Undefined while its body is not written in its schema yet. */
  sending: { readonly queue: TopicQueue; readonly record: QueuedRecord } | undefined;
}

type Schema = NonNullable<OutgoingRequest['content']['schema']>;

export class RequestPublisher {
  readonly #options: RequestPublisherOptions;
  readonly #limits: TopicQueueLimits;
  readonly #queues = new Map<string, TopicQueue>();
  readonly #owed = new PassingMap<string, Owed>();
  #open = false;

  constructor(options: RequestPublisherOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_TOPIC_QUEUE_LIMITS, ...options.limits };
  }

  /** Requests neither acknowledged nor refused nor withdrawn. */
  get size(): number {
    return this.#owed.size;
  }

  /** From now on requests are published; called once, when the reply consumer has had its first assignment. */
  open(): void {
    this.#open = true;
    this.kick();
  }

  /** Lease or connection came back: try now instead of at the next asking. */
  kick(): void {
    for (const queue of this.#queues.values()) queue.kick();
  }

  /**
   * `settled` is called once, never from within this call, and not at all after `withdraw` or `discardAll`. The same
   * (jobKey, attempt) published again while it is owed, or in flight though given up, is the same request: the newer
   * callback counts.
   */
  publish(request: OutgoingRequest, settled: (outcome: RequestOutcome) => void): void {
    const name = nameOf(request.jobKey, request.attempt);
    const known = this.#owed.get(name);
    if (known !== undefined) {
      known.settled = settled;
      known.sending?.queue.keep(known.sending.record);
      return;
    }
    const { topic, schema } = request.content;
    const owed: Owed = { topic, settled, sending: undefined };
    this.#owed.set(name, owed);
    if (schema === undefined) this.#queue(name, owed, this.#recordOf(request, request.content.body));
    else void this.#encode(name, owed, request, schema);
  }

  /** Like Kafka away: tried again without an end. What the schema refuses after all is refused for good. */
  async #encode(name: string, owed: Owed, request: OutgoingRequest, schema: Schema): Promise<void> {
    const { schemas, clock, random } = this.#options;
    const delay = new RetryDelay(this.#limits.retryMinMs, this.#limits.retryMaxMs, random);
    await undefined; // nobody is called back from within `publish`
    while (this.#owed.get(name) === owed) {
      try {
        if (schemas === undefined) throw new Error('the request has a schema, and SCHEMA_REGISTRY_URL is not set');
        const value = await schemas.encodeWith(schema.id, request.content.body, schema.message);
        if (this.#owed.get(name) === owed) this.#queue(name, owed, this.#recordOf(request, value));
        return;
      } catch (error) {
        if (!(error instanceof RegistryUnavailable)) return this.#refuse(name, owed, error);
        await new Promise<void>((resolve) => clock.setTimer(delay.next(), resolve));
      }
    }
  }

  #refuse(name: string, owed: Owed, error: unknown): void {
    if (this.#owed.get(name) !== owed) return;
    this.#owed.delete(name);
    owed.settled({ kind: 'refused', reason: error instanceof Error ? error.message : String(error) });
  }

  #queue(name: string, owed: Owed, record: OutgoingRecord): void {
    const queue = this.#queueOf(owed.topic);
    const queued = queue.add(record, (outcome) => {
      if (this.#owed.get(name) !== owed) return;
      this.#owed.delete(name);
      this.#forgetIdle(owed.topic, queue);
      if (outcome.kind !== 'dropped') owed.settled(outcome);
    });
    owed.sending = { queue, record: queued };
  }

  /**
   *  - `withdrawn`: it will not be tried (again); only a try whose answer was never seen may have been written.
   *  - `inFlight`: Kafka is being asked right now; ask again, or wait for `settled`.
   *  - `unknown`: no such request is owed here.
   */
  withdraw(jobKey: JobKey, attempt: number): 'withdrawn' | 'inFlight' | 'unknown' {
    const name = nameOf(jobKey, attempt);
    const owed = this.#owed.get(name);
    if (owed === undefined) return 'unknown';
    const { sending } = owed;
    if (sending?.queue.takeBack(sending.record) === false) return 'inFlight';
    this.#owed.delete(name);
    if (sending !== undefined) this.#forgetIdle(owed.topic, sending.queue);
    return 'withdrawn';
  }

  /** Nobody waits for this reply any more: sent like a request, once it can be, and owed to nobody. */
  cancel(record: CancelRecord): void {
    const queue = this.#queueOf(record.topic);
    queue.add(this.#cancelRecordOf(record), () => this.#forgetIdle(record.topic, queue));
  }

  /** See Requests. What is in flight stays owed until that try is over, then it is forgotten, or settled. */
  giveUp(jobKey: JobKey, attempt: number): void {
    const owed = this.#owed.get(nameOf(jobKey, attempt));
    if (owed === undefined || this.withdraw(jobKey, attempt) !== 'inFlight') return;
    owed.sending?.queue.drop(owed.sending.record);
  }

  /** The incarnation is lost: forget everything, call nobody back. New requests may come, of the next incarnation. */
  discardAll(): void {
    this.#owed.clear();
    for (const queue of this.#queues.values()) void queue.close();
    this.#queues.clear();
  }

  /** Drops what waits and lets what is in flight settle. Whoever wants to lose nothing waits for `size` 0 first. */
  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    this.discardAll();
  }

  #queueOf(topic: string): TopicQueue {
    const known = this.#queues.get(topic);
    if (known !== undefined) return known;
    const { writer, clock, random, mayAct, onTry } = this.#options;
    const queue = new TopicQueue({
      topic,
      writer,
      clock,
      random,
      mayAct: () => this.#open && mayAct(),
      limits: this.#limits,
      ...(onTry && { onTry }),
    });
    this.#queues.set(topic, queue);
    return queue;
  }

  /** Topics may come from the model, without a bound; of those with nothing to send only so many are kept, for their pace. */
  #forgetIdle(topic: string, queue: TopicQueue): void {
    if (queue.idle && this.#queues.size > KEPT_TOPICS && this.#queues.get(topic) === queue) this.#queues.delete(topic);
  }

  #recordOf(request: OutgoingRequest, value: string | Uint8Array): OutgoingRecord {
    const { names, cluster, replyTopic, traceparent } = this.#options;
    const { content, origin, jobKey, profile, correlationId, attempt, replyDeadlineMs } = request;
    const trace = traceparent?.(request) ?? traceparentOf(cluster, request);
    const { processId, elementId } = origin;
    const { key, headers } = content;
    const call = { profile, key, correlationId, jobId: jobKey, attempt, cluster, processId, elementId, trace };
    return requestRecord({ ...call, body: value, headers, replyTopic, replyDeadlineMs }, names);
  }

  #cancelRecordOf({ profile, correlationId, jobKey, attempt, origin, reason }: CancelRecord): OutgoingRecord {
    const { names, cluster } = this.#options;
    const { processId, elementId } = origin;
    const call = { profile, key: '', correlationId, jobId: jobKey, attempt, cluster, processId, elementId, trace: '' };
    return cancelRecord(call, reason, names);
  }
}

function nameOf(jobKey: JobKey, attempt: number): string {
  return `${jobKey}/${attempt}`;
}
