// One node, put together over ports: engine → intake → cluster → requests → Kafka, and back: Kafka → replies → cluster →
// engine. Nothing here knows which servers, or whether they are real: production (node.ts) and the simulator build the
// same bridge.
import type { JobKey } from '../actors/ids.ts';
import type { Activation, OutgoingRequest, RequestOutcome } from '../actors/messages.ts';
import type { Clock, Random } from '../actors/ports.ts';
import { SNAPSHOT_VERSIONS_READ } from '../actors/snapshot-codec.ts';
import { Cluster, type ClusterEnd } from '../cluster/cluster.ts';
import type { ClusterEvent } from '../cluster/events.ts';
import type { Bus, KvPort, TailPort } from '../cluster/ports.ts';
import { BridgeCounts } from './bridge-counts.ts';
import type { Config } from './config/config.ts';
import { type CallConfig, kindsOf } from './intake/call-kinds.ts';
import type { IntakeAnswer, IntakeEvent } from './intake/intake.ts';
import { type IntakeKind, Intakes } from './intake/intakes.ts';
import type { SizeLimits } from './intake/routes.ts';
import { secretsIn } from './meta.ts';
import { type Metrics, NO_METRICS, type Server } from './metrics.ts';
import { ClusterOperations } from './operations/cluster-operations.ts';
import { Flow } from './operations/flow.ts';
import { NodeAnswers, type NodeAnswersOptions } from './operations/node-answers.ts';
import type { EnginePort, RecordWriter, ReplyReader } from './ports.ts';
import { Acknowledgements } from './replies/acknowledgements.ts';
import { DeadLetters } from './replies/dead-letters.ts';
import { Evictions } from './replies/evictions.ts';
import { interpret } from './replies/interpret.ts';
import { Replies } from './replies/replies.ts';
import type { RepliesEvent } from './replies/replies-options.ts';
import { RequestPublisher } from './requests/requests.ts';
import type { SchemaRegistry } from './schema/registry.ts';
import { Secrets } from './secrets.ts';
import { ShardTimes } from './shard-times.ts';
import type { Tracing } from './tracing.ts';

export interface BridgePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KvPort;
  readonly bus: Bus;
  readonly engine: EnginePort;
  readonly writer: RecordWriter;
  readonly replies: ReplyReader;
  /**
   * The bucket and its `_meta` are there; answers the secrets kept in it. Waits as long as it must; rejects when starting
   * makes no sense (another number of shards).
   */
  prepare(secrets: Secrets): Promise<void>;
  /** undefined: no registry is configured. */
  readonly schemas?: SchemaRegistry | undefined;
  readonly metrics?: Metrics;
  /** The bucket as a log; undefined: nobody looks back. */
  readonly tail?: TailPort;
  /** Of holdfast, for people. */
  readonly version?: string;
  /** What whoever runs the bridge still waits for, besides the bridge itself. */
  waitingFor?(): string[];
  /** This node's runs over dead letters; undefined: nobody can begin one here (yet). */
  redrives?(): ReturnType<NodeAnswersOptions['redrives']>;
  /** undefined: nobody follows single calls. */
  readonly tracing?: Tracing | undefined;
  onEvent?(event: BridgeEvent): void;
}

export type BridgeEvent =
  | { readonly from: 'cluster'; readonly event: ClusterEvent }
  | { readonly from: 'replies'; readonly event: RepliesEvent }
  | { readonly from: 'intake'; readonly jobType: string; readonly event: IntakeEvent };

export type BridgeConfig = Pick<
  Config,
  | 'cluster'
  | 'node'
  | 'routes'
  | 'template'
  | 'leaseTtlMs'
  | 'shards'
  | 'secrets'
  | 'replyTopic'
  | 'deadLetterTopic'
  | 'acknowledgements'
  | 'ackTopic'
  | 'headerNames'
> & {
  readonly sizes: SizeLimits;
  readonly maxReplyBytes: number;
};

/** Committing and leaving the group take less when Kafka is there. */
const REPLIES_STOP_MS = 3_000;
const LOOK_AGAIN_MS = 250;
/** The reply topic may get more partitions; deadlines must not fire before those are read too. */
const PARTITIONS_AGAIN_MS = 30_000;

export class Bridge {
  readonly cluster: Cluster;
  readonly replies: Replies;
  readonly requests: RequestPublisher;
  /** What is pending where, and how it goes: of the whole cluster. */
  readonly operations: ClusterOperations;
  /** Did it answer when it was asked last? */
  readonly reachable = new Map<Server, boolean>();
  readonly #ports: BridgePorts;
  readonly #config: BridgeConfig;
  readonly #metrics: Metrics;
  readonly #counts: BridgeCounts;
  readonly #secrets: Secrets;
  readonly #deadLetters: DeadLetters;
  readonly #acknowledgements: Acknowledgements | undefined;
  readonly #intakes: Intakes;
  readonly #evictions: Evictions;
  /** The secrets are known. */
  readonly #prepared = Promise.withResolvers<void>();
  /** As they are now. */
  #calls: CallConfig;
  #replyPartitions = 0;
  #stopping = false;
  #run: Promise<ClusterEnd> | undefined;

  constructor(ports: BridgePorts, config: BridgeConfig) {
    this.#ports = ports;
    this.#config = config;
    const metrics = ports.metrics ?? NO_METRICS;
    this.#metrics = metrics;
    this.#secrets = new Secrets(config.cluster, config.secrets);
    const { clock, random, kv, bus, engine, writer } = ports;
    this.#calls = config;
    const flow = new Flow(clock);
    this.#counts = new BridgeCounts(metrics, flow, new ShardTimes(clock, metrics));
    this.#evictions = new Evictions(clock, ports.replies);
    const mayAct = () => this.cluster.mayAct();
    const correlationId = (jobKey: JobKey, attempt: number) =>
      this.#secrets.sign(jobKey, attempt, this.#secretsOfOthers());
    const { replyTopic, cluster, headerNames: names } = config;
    const { schemas, tracing } = ports;
    this.requests = new RequestPublisher({
      ...{ writer, clock, random, replyTopic, cluster, names, schemas, mayAct },
      ...(tracing && { traceparent: (request) => tracing.traceparent(request) }),
      onTry: ({ answer, records }) => {
        if (answer === 'transient') metrics.retried(records);
      },
    });
    this.#deadLetters = new DeadLetters({ writer, clock, random, topic: config.deadLetterTopic, mayAct });
    this.#acknowledgements = config.acknowledgements
      ? new Acknowledgements({ writer, clock, random, topic: config.ackTopic, names, mayAct })
      : undefined;
    this.cluster = new Cluster({
      clock,
      random,
      kv,
      bus,
      engine,
      requests: {
        publish: (request, settled) => this.#publish(request, settled),
        withdraw: (jobKey, attempt) => this.requests.withdraw(jobKey, attempt),
        cancel: (record) => this.requests.cancel(record),
        giveUp: (jobKey, attempt) => this.requests.giveUp(jobKey, attempt),
        discardAll: () => this.requests.discardAll(),
      },
      cluster: config.cluster,
      node: config.node,
      shards: config.shards,
      leaseTtlMs: config.leaseTtlMs,
      longestReplyTimeoutMs: longestReplyTimeoutMs(config),
      prepare: async () => {
        await ports.prepare(this.#secrets);
        this.#prepared.resolve();
      },
      report: () => ({
        consumerMemberId: this.replies.memberId,
        replyProgress: Object.fromEntries(this.replies.progress()),
        secrets: this.#secrets.ids,
        snapshotVersions: SNAPSHOT_VERSIONS_READ,
      }),
      correlationId,
      interpret,
      assignedOnce: () => this.replies.memberId !== '',
      replyPartitions: () => this.#replyPartitions,
      onGone: ({ consumerMemberId }) => void this.#evictions.evict(consumerMemberId),
      // Another node may add a secret at any time; until it is known here, replies under it would count as forged.
      onMeta: (value) => this.#secrets.learn(secretsIn(value)),
      onEvent: (event) => {
        this.#counts.clusterEvent(event);
        ports.onEvent?.({ from: 'cluster', event });
      },
      onEngineAnswer: (command, { code, backpressure }) => {
        metrics.engineCall(command, code);
        this.reachable.set('zeebe', code !== 'transient' || backpressure === true);
      },
      onLeg: (leg, ms) => metrics.leg(leg, ms),
      onPut: (ms) => metrics.put(ms),
      ...(tracing && { onStep: (step) => tracing.step(step) }),
      onQuestion: (question, withinMs, mostBytes) => answers.answer(question, withinMs, mostBytes),
    });
    const waitingFor = () => [...(ports.waitingFor?.() ?? []), ...this.waitingFor()];
    const answers = new NodeAnswers({
      ...{ clock, cluster: this.cluster, flow, correlationId },
      ...{ node: config.node, shards: config.shards },
      version: ports.version ?? 'unknown',
      startedAtMs: clock.wallMs(),
      waitingFor: () => [...waitingFor(), ...this.#unreachable()],
      redrives: () => ports.redrives?.(),
    });
    this.operations = new ClusterOperations({
      ...{ clock, cluster: this.cluster, kv, tail: ports.tail, config, correlationId },
      calls: () => this.#calls,
      waitingFor,
    });
    this.replies = new Replies({
      reader: ports.replies,
      deadLetters: this.#deadLetters,
      acknowledgements: this.#acknowledgements,
      clock,
      random,
      topic: config.replyTopic,
      group: groupOf(config.cluster),
      verify: (correlationId) => this.#secrets.verify(correlationId),
      lacksKeys: () => this.#hasKeyFiles && !this.#knowsKeysOfOthers(),
      names,
      schemas,
      deliver: (reply) => this.cluster.replied(reply),
      jobOf: (businessKey) => this.cluster.jobOfBusinessKey(businessKey),
      limits: { maxReplyBytes: config.maxReplyBytes },
      followed: tracing !== undefined,
      onEvent: (event) => {
        this.#counts.repliesEvent(event);
        ports.onEvent?.({ from: 'replies', event });
      },
      onLogEnd: (answered) => this.reachable.set('kafka', answered),
    });
    this.#intakes = this.#newIntakes();
  }

  /** What the file of a configured secret holds now, the newest last; the other nodes hear of it with the next renewal. */
  rereadKeys(id: string, keys: readonly Uint8Array[]): void {
    this.#secrets.reread(id, keys);
  }

  /** Everything starts; each part waits for its own servers. `finished` tells when and why it ended. */
  start(): void {
    this.#run = this.cluster.run();
    void this.#startReplies();
    this.#intakes.start();
  }

  get finished(): Promise<ClusterEnd> {
    return this.#run ?? Promise.reject(new Error('the bridge was not started'));
  }

  /**
   * From now on these routes and this template. Jobs that are held keep what they were held with. (The longest reply timeout
   * of the sent watermark's life follows the jobs themselves.)
   */
  setCalls(calls: CallConfig, sizes: SizeLimits): void {
    this.#calls = calls;
    if (!this.#stopping) this.#intakes.set(this.#kinds(calls, sizes));
  }

  /** SIGTERM: no new jobs, no more replies, then every shard is handed over, then the connections are closed. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#intakes.stop();
    // Kafka may be away: its offsets are then read again by others, and the shards do not wait for that to be found out.
    const repliesStopped = this.replies.stop().catch(() => undefined);
    const patience = new Promise<void>((resolve) => this.#ports.clock.setTimer(REPLIES_STOP_MS, resolve));
    await Promise.race([repliesStopped, patience]);
    await this.cluster.leave();
    await repliesStopped;
    await this.requests.close();
    await this.#deadLetters.close();
    await this.#acknowledgements?.close();
  }

  /** What is still missing before this node does its work, for people. */
  waitingFor(): string[] {
    const missing: string[] = [];
    const life = this.cluster.life;
    if (life === undefined) missing.push('membership: the NATS bucket, or a place in it');
    else if (!this.cluster.mayAct()) missing.push('JetStream: no lease, or writes go unanswered');
    if (life !== undefined && !life.skew.within) {
      const { ms } = life.skew;
      missing.push(
        ms === undefined
          ? "the clock: not compared with the NATS server's yet"
          : `the clock: ${Math.round(ms)} ms away from the NATS server's; set both by NTP`,
      );
    }
    if (this.cluster.drained) missing.push('an operator: he has drained this node (resume it, or restart it)');
    const lacking = this.#secrets.lacking(this.#secretsOfOthers());
    for (const id of lacking)
      missing.push(`the keyFile of secret ${id}: all other nodes have a newer key; bring this file up to date`);
    if (this.replies.memberId === '' && lacking.length === 0)
      missing.push('Kafka: no assignment of the reply topic yet');
    return missing;
  }

  /** A node is ready without them, for it holds what there is to hold; its operator wants to know. */
  #unreachable(): string[] {
    const away = [...this.reachable].filter(([, reachable]) => !reachable);
    return away.map(([server]) => `${server === 'kafka' ? 'Kafka' : 'Zeebe'}: it does not answer`);
  }

  async #startReplies(): Promise<void> {
    const { clock } = this.#ports;
    // Not a reply is read before the secrets are known: every one of them would pass for forged.
    await this.#prepared.promise;
    await this.#keysOfOthers();
    if (this.#stopping) return;
    void this.replies.assignedOnce.then(() => this.requests.open());
    await this.replies.start();
    while (!this.#stopping) {
      const ends = await this.#ports.replies.endOffsets().catch(() => undefined);
      this.reachable.set('kafka', ends !== undefined);
      if (ends !== undefined) this.#replyPartitions = ends.size;
      const againMs = this.#replyPartitions === 0 ? 1_000 : PARTITIONS_AGAIN_MS;
      await new Promise<void>((resolve) => clock.setTimer(againMs, resolve));
    }
  }

  /**
   * A node may come back with files of keys as they were before a rotation, and what the others have signed since would pass for
   * forged: it reads no replies before it knows those keys.
   */
  async #keysOfOthers(): Promise<void> {
    if (!this.#hasKeyFiles) return;
    const { clock } = this.#ports;
    while (!this.#stopping && !this.#knowsKeysOfOthers())
      await new Promise<void>((resolve) => clock.setTimer(LOOK_AGAIN_MS, resolve));
  }

  get #hasKeyFiles(): boolean {
    return this.#config.secrets.some(({ file }) => file !== undefined);
  }

  /** While it is no member it knows nobody. */
  #knowsKeysOfOthers(): boolean {
    return this.cluster.life !== undefined && this.#secrets.lacking(this.#secretsOfOthers()).length === 0;
  }

  #publish(request: OutgoingRequest, settled: (outcome: RequestOutcome) => void): void {
    const { tracing, clock } = this.#ports;
    const fromMs = tracing === undefined ? 0 : clock.wallMs();
    this.requests.publish(request, (outcome) => {
      this.#counts.request(request.lane, outcome.kind);
      tracing?.sent(request, outcome, fromMs);
      settled(outcome);
    });
  }

  #newIntakes(): Intakes {
    const { engine, clock, random } = this.#ports;
    return new Intakes(
      {
        engine: {
          openStream: (...stream) => engine.openStream(...stream),
          activate: async (...query) => {
            const answered = (code: 'ok' | 'transient') => {
              this.#metrics.engineCall('activate', code);
              this.reachable.set('zeebe', code === 'ok');
            };
            const jobs = await engine.activate(...query).catch((error: unknown) => {
              answered('transient');
              throw error;
            });
            answered('ok');
            return jobs;
          },
          // A give-back is an effect like any other: not while cut off, and over before the lease is.
          fail: async (jobKey, fail, deadlineMs, of) => {
            const forMs = this.cluster.mayActForMs();
            return forMs > 0
              ? engine.fail(jobKey, fail, Math.min(deadlineMs, forMs), of)
              : { code: 'transient', unseen: false, message: 'this node may not act now' };
          },
        },
        clock,
        random,
        lockMs: () => this.cluster.firstLockMs(),
        worker: `holdfast-${this.#config.cluster}`,
        take: (activation) => this.#take(activation),
        onEvent: (jobType, event) => this.#ports.onEvent?.({ from: 'intake', jobType, event }),
      },
      this.#kinds(this.#config, this.#config.sizes),
    );
  }

  #kinds(calls: CallConfig, sizes: SizeLimits): IntakeKind[] {
    return kindsOf(calls, {
      sizes,
      schemas: this.#ports.schemas,
      ready: () => this.cluster.mayAct() && this.cluster.ready(),
      room: (lane, maxPending) => this.cluster.room(lane, maxPending),
    });
  }

  async #take(activation: Activation): Promise<IntakeAnswer> {
    const answer = await this.cluster.activated(activation);
    this.#counts.hold(activation.lane, answer);
    if (answer === 'full') return 'giveBack';
    return answer === 'stale' ? 'dropped' : 'done';
  }

  #secretsOfOthers(): (readonly string[])[] {
    const life = this.cluster.life;
    const live = [...(life?.membership.peers().values() ?? [])].filter(
      ({ record }) => record.state !== 'left' && !life?.membership.isDead(record.incarnation),
    );
    return live.map(({ record }) => record.secrets);
  }
}

/** The cluster's consumer group of the reply topic. */
export function groupOf(cluster: string): string {
  return `holdfast.${cluster}`;
}

/** Of all calls that this configuration can make. */
export function longestReplyTimeoutMs({ routes, template }: Pick<Config, 'routes' | 'template'>): number {
  return Math.max(...routes.map((route) => route.replyTimeoutMs), template?.maxReplyTimeoutMs ?? 0);
}
