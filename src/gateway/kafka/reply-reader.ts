// The shared reply topic, read as one member of the cluster's consumer group: assignments, batches, commits, and a
// consumer that is made anew, for as long as it takes, whenever one ends.
//
// The life of an assignment. *Joined*: Kafka has named our partitions; whatever came before is void, every pause is lifted.
// *Established*: the group's committed offsets were read, each partition was sought to its own, and those without one
// start at the earliest offset. Only then do the handlers hear of it, and batches flow. *Void*: at a rebalance or the
// consumer's end. Positions are kept here as well as in kafkajs, and a batch that was not fetched at ours is not taken: kafkajs
// can deliver a fetch of the old assignment into the new one, and go on behind it. Was something passed over, the assignment
// is established anew.
//
// Commits go one after another, named by member and generation (group.ts), and start positions first: a partition without
// a commit would start at the earliest offset again.
import type { Kafka } from 'kafkajs';
import type { Log } from '../log.ts';
import { type Metrics, NO_METRICS } from '../metrics.ts';
import type { ReplyHandlers, ReplyReader } from '../ports.ts';
import type { Refusal } from './batch-decoding.ts';
import { ConsumerLife, type ConsumerSettings, type FetchedBatch } from './consumer-life.ts';
import { describeError } from './errors.ts';
import { ConsumerGroup } from './group.ts';
import { within } from './renewable.ts';

export interface ReplyReaderOptions extends Partial<Omit<ConsumerSettings, 'topic' | 'groupId'>> {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly groupId: string;
  readonly log: Log;
  /** Default: counts nothing. */
  readonly metrics?: Pick<Metrics, 'batchRefused'>;
  /** The consumer ended, mostly because Kafka does not answer; it is started again. */
  readonly onEnded?: () => void;
}

// A rebalance takes as long as the slowest member needs to hear of it: by a heartbeat, which kafkajs sends between two
// fetches. All the while nobody reads. An empty fetch takes no longer than what lies between two heartbeats, and no less, for each costs
// CPU at rest. What arrives is answered at once.
const DEFAULTS = { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 200, rebalanceTimeoutMs: 5_000, maxWaitMs: 200 };
const COMMIT_DEADLINE_MS = 5_000;
const RESTART_MIN_MS = 250;
const RESTART_MAX_MS = 2_000;

interface Assignment {
  readonly memberId: string;
  /** Ours, rising by one with each assignment. */
  readonly generation: number;
  readonly partitions: readonly number[];
  /** Kafka's, as of the latest heartbeat; undefined before the first one. */
  generationId: number | undefined;
  readonly generationKnown: PromiseWithResolvers<void>;
  readonly established: PromiseWithResolvers<void>;
  /** The handlers have heard of it. */
  announced: boolean;
  /** Next offset to be handed over. Empty until established. */
  readonly positions: Map<number, bigint>;
  /** Not yet committed start positions. */
  readonly starts: Map<number, string>;
  commits: Promise<void>;
}

export class KafkaReplyReader implements ReplyReader {
  readonly #kafka: Kafka;
  readonly #settings: ConsumerSettings;
  readonly #group: ConsumerGroup;
  readonly #log: Log;
  readonly #metrics: Pick<Metrics, 'batchRefused'>;
  readonly #onEnded: (() => void) | undefined;
  #handlers: ReplyHandlers | undefined;
  #life: ConsumerLife | undefined;
  #assignment: Assignment | undefined;
  #generation = 0;
  #failures = 0;
  #restart: NodeJS.Timeout | undefined;
  /** Per partition, where kafkajs passed a gap: believed when it is there again after starting anew. */
  readonly #gaps = new Map<number, string>();
  #stopped = false;

  constructor({ kafka, log, metrics = NO_METRICS, onEnded, ...settings }: ReplyReaderOptions) {
    this.#kafka = kafka;
    this.#settings = { ...DEFAULTS, ...settings };
    this.#group = new ConsumerGroup(kafka, settings.groupId, settings.topic);
    this.#log = log;
    this.#metrics = metrics;
    this.#onEnded = onEnded;
  }

  /** Returns at once: it joins when Kafka is there and the topic exists. */
  start(handlers: ReplyHandlers): Promise<void> {
    this.#handlers = handlers;
    this.#begin();
    return Promise.resolve();
  }

  async commit(generation: number, offsets: ReadonlyMap<number, string>): Promise<void> {
    const assignment = this.#assignment;
    if (assignment?.generation !== generation) return;
    const ours = new Map([...offsets].filter(([partition]) => assignment.positions.has(partition)));
    await this.#commit(assignment, ours);
  }

  pause(partitions: readonly number[]): void {
    this.#life?.pause(partitions);
  }

  resume(partitions: readonly number[]): void {
    this.#life?.resume(partitions);
  }

  endOffsets(): Promise<ReadonlyMap<number, string>> {
    return this.#group.endOffsets();
  }

  evict(memberId: string): Promise<boolean> {
    return this.#group.evict(memberId);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    const life = this.#life;
    this.#life = undefined;
    this.#void();
    if (life !== undefined) await within(10_000, life.stop()).catch(() => undefined);
    await this.#group.close();
  }

  #begin(): void {
    if (this.#stopped) return;
    const mine = (run: () => void) => {
      if (this.#life === life) run();
    };
    const life: ConsumerLife = new ConsumerLife(this.#kafka, this.#settings, {
      onJoin: (memberId, partitions) => mine(() => this.#joined(memberId, partitions)),
      onGeneration: (memberId, generationId) => mine(() => this.#heard(memberId, generationId)),
      onRebalance: () => mine(() => this.#void()),
      onBatch: (batch) => this.#take(life, batch),
      onPassed: (partition, first, last) => mine(() => this.#passed(partition, first, last)),
      onEnd: (reason) => mine(() => this.#ended(reason)),
    });
    this.#life = life;
    life.start();
  }

  #ended(reason: string): void {
    this.#life = undefined;
    this.#void();
    const delayMs = Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#log.warn('the reply consumer ended and is started again', { reason, delayMs: Math.round(delayMs) });
    this.#restart = setTimeout(() => this.#begin(), delayMs);
    this.#onEnded?.();
  }

  #joined(memberId: string, partitions: readonly number[]): void {
    this.#failures = 0;
    this.#assign(memberId, partitions);
  }

  #assign(memberId: string, partitions: readonly number[]): void {
    this.#void();
    this.#generation += 1;
    const assignment: Assignment = {
      memberId,
      generation: this.#generation,
      partitions,
      generationId: undefined,
      generationKnown: Promise.withResolvers(),
      established: Promise.withResolvers(),
      announced: false,
      positions: new Map(),
      starts: new Map(),
      commits: Promise.resolve(),
    };
    this.#assignment = assignment;
    this.#life?.resume(partitions);
    void this.#establish(assignment);
  }

  async #establish(assignment: Assignment): Promise<void> {
    await this.#insist(assignment, async () => {
      const found = await this.#group.positions(assignment.partitions);
      if (this.#assignment !== assignment) return;
      for (const { partition, committed, earliest } of found) {
        const start = committed ?? earliest;
        if (committed === undefined) assignment.starts.set(partition, start);
        assignment.positions.set(partition, BigInt(start));
        this.#life?.seek(partition, start);
      }
      assignment.announced = true;
      this.#handlers?.onAssigned(assignment.memberId, assignment.generation, found);
      assignment.established.resolve();
    });
    await this.#insist(assignment, () => this.#commit(assignment, new Map()));
  }

  /** Tries until it succeeds or the assignment is void. */
  async #insist(assignment: Assignment, run: () => Promise<void>): Promise<void> {
    for (let tries = 0; this.#assignment === assignment; tries++) {
      try {
        await run();
        return;
      } catch (error) {
        this.#log.warn('positions in the reply topic cannot be read or committed yet', {
          reason: describeError(error),
        });
        await new Promise((resolve) => setTimeout(resolve, Math.min(2_000, 100 * 2 ** tries)));
      }
    }
  }

  #heard(memberId: string, generationId: number): void {
    const assignment = this.#assignment;
    if (assignment?.memberId !== memberId) return;
    assignment.generationId = Math.max(assignment.generationId ?? 0, generationId);
    assignment.generationKnown.resolve();
  }

  #void(): void {
    const assignment = this.#assignment;
    if (assignment === undefined) return;
    this.#assignment = undefined;
    assignment.established.resolve();
    assignment.generationKnown.resolve();
    if (assignment.announced) this.#handlers?.onUnassigned();
  }

  async #take(life: ConsumerLife, batch: FetchedBatch): Promise<boolean> {
    const assignment = this.#assignment;
    if (this.#life !== life || assignment === undefined) return false;
    // Kafka has answered the fetch before it answered us: a moment of waiting spares fetching it again and again.
    if (assignment.positions.size === 0) await within(1_000, assignment.established.promise).catch(() => undefined);
    const position = assignment.positions.get(batch.partition);
    if (this.#assignment !== assignment || position === undefined) return false;
    const fetched = BigInt(batch.fetchedOffset);
    if (fetched > position) this.#assign(assignment.memberId, assignment.partitions);
    else if (fetched < position) life.seek(batch.partition, position.toString());
    if (fetched !== position) return false;
    for (const refusal of batch.refused) this.#refused(batch.partition, refusal);
    this.#hand(assignment, batch.partition, batch.records, batch.lastOffset);
    return true;
  }

  #refused(partition: number, { firstOffset, lastOffset, reason }: Refusal): void {
    const { topic } = this.#settings;
    this.#metrics.batchRefused();
    this.#log.error('a batch of replies cannot be read and was skipped', {
      topic,
      partition,
      firstOffset,
      lastOffset,
      reason,
    });
  }

  #passed(partition: number, first: string | null, last: string): void {
    const assignment = this.#assignment;
    const position = assignment?.positions.get(partition);
    if (assignment === undefined || position === undefined || BigInt(last) < position) return;
    const from = first ?? last;
    if (BigInt(from) > position && this.#gaps.get(partition) !== from) {
      this.#gaps.set(partition, from);
      this.#assign(assignment.memberId, assignment.partitions);
      return;
    }
    this.#hand(assignment, partition, [], last);
  }

  #hand(assignment: Assignment, partition: number, records: FetchedBatch['records'], lastOffset: string): void {
    const next = BigInt(lastOffset) + 1n;
    assignment.positions.set(partition, next);
    this.#handlers?.onBatch(partition, records, next.toString());
  }

  #commit(assignment: Assignment, offsets: ReadonlyMap<number, string>): Promise<void> {
    const turn = assignment.commits.then(async () => {
      if (this.#assignment !== assignment) return;
      const all = new Map([...assignment.starts, ...offsets]);
      if (all.size === 0) return;
      await within(COMMIT_DEADLINE_MS, assignment.generationKnown.promise);
      const { generationId } = assignment;
      if (this.#assignment !== assignment || generationId === undefined) return;
      await this.#group.commit({ memberId: assignment.memberId, generationId }, all);
      for (const partition of all.keys()) assignment.starts.delete(partition);
    });
    assignment.commits = turn.catch((error) => {
      this.#log.debug('offsets could not be committed', { reason: describeError(error) });
    });
    return turn;
  }
}
