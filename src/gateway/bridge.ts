// One node, put together over ports: engine → intake → cluster → requests → Kafka, and back: Kafka → replies → cluster →
// engine. Nothing here knows which servers, or whether they are real: production (node.ts) and the simulator build the
// same bridge.
import type { JobKey } from '../actors/ids.ts';
import type { Activation, OutgoingRequest, RequestOutcome } from '../actors/messages.ts';
import { SNAPSHOT_VERSIONS_READ } from '../actors/snapshot-codec.ts';
import { Cluster, type ClusterEnd } from '../cluster/cluster.ts';
import { BridgeCounts } from './bridge-counts.ts';
import type { BridgeConfig, BridgePorts } from './bridge-ports.ts';
import type { Config } from './config/config.ts';
import { type CallConfig, kindsOf } from './intake/call-kinds.ts';
import { intakeEngine } from './intake/engine.ts';
import type { IntakeAnswer } from './intake/intake.ts';
import { type IntakeKind, Intakes } from './intake/intakes.ts';
import type { SizeLimits } from './intake/routes.ts';
import { KeysOfOthers } from './keys-of-others.ts';
import { secretsIn } from './meta.ts';
import { type Metrics, NO_METRICS, type Server } from './metrics.ts';
import { ClusterOperations } from './operations/cluster-operations.ts';
import { Flow } from './operations/flow.ts';
import { NodeAnswers } from './operations/node-answers.ts';
import { missingFor, unreachable } from './readiness.ts';
import { Acknowledgements } from './replies/acknowledgements.ts';
import { DeadLetters } from './replies/dead-letters.ts';
import { Evictions } from './replies/evictions.ts';
import { interpret } from './replies/interpret.ts';
import { Replies } from './replies/replies.ts';
import { RequestPublisher } from './requests/requests.ts';
import type { TopicTry } from './requests/topic-queue.ts';
import { TopicTroubles } from './requests/topic-troubles.ts';
import { Secrets } from './secrets.ts';
import { ShardTimes } from './shard-times.ts';

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
  readonly #keysOfOthers: KeysOfOthers;
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
    const hasKeyFiles = config.secrets.some(({ file }) => file !== undefined);
    this.#keysOfOthers = new KeysOfOthers(this.#secrets, hasKeyFiles, () => this.cluster);
    const { clock, random, kv, bus, engine, writer } = ports;
    this.#calls = config;
    const flow = new Flow(clock);
    this.#counts = new BridgeCounts(metrics, flow, new ShardTimes(clock, metrics));
    this.#evictions = new Evictions(clock, ports.replies);
    const mayAct = () => this.cluster.mayAct();
    const correlationId = (jobKey: JobKey, attempt: number) =>
      this.#secrets.sign(jobKey, attempt, this.#keysOfOthers.listed());
    const { replyTopic, cluster, headerNames: names } = config;
    const troubles = new TopicTroubles(clock, (event) => ports.onEvent?.({ from: 'kafka', event }));
    const onTry = (tried: TopicTry) => troubles.tried(tried);
    const { schemas, tracing } = ports;
    this.requests = new RequestPublisher({
      ...{ writer, clock, random, replyTopic, cluster, names, schemas, mayAct },
      ...(tracing && { traceparent: (request) => tracing.traceparent(request) }),
      onTry: (tried) => {
        if (tried.answer === 'transient') metrics.retried(tried.records);
        onTry(tried);
      },
    });
    this.#deadLetters = new DeadLetters({ writer, clock, random, topic: config.deadLetterTopic, mayAct, onTry });
    this.#acknowledgements = config.acknowledgements
      ? new Acknowledgements({ writer, clock, random, topic: config.ackTopic, names, mayAct, onTry })
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
      waitingFor: () => [...waitingFor(), ...unreachable(this.reachable)],
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
      lacksKeys: () => this.#keysOfOthers.mayLack(),
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
    const assignedOnce = this.replies.memberId !== '';
    return missingFor({ cluster: this.cluster, lackingKeys: this.#keysOfOthers.lacking(), assignedOnce });
  }

  async #startReplies(): Promise<void> {
    const { clock } = this.#ports;
    // Not a reply is read before the secrets are known: every one of them would pass for forged.
    await this.#prepared.promise;
    while (!this.#stopping && this.#keysOfOthers.mayLack())
      await new Promise<void>((resolve) => clock.setTimer(LOOK_AGAIN_MS, resolve));
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
        engine: intakeEngine({
          engine,
          mayActForMs: () => this.cluster.mayActForMs(),
          onAnswer: (code) => {
            this.#metrics.engineCall('activate', code);
            this.reachable.set('zeebe', code === 'ok');
          },
        }),
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
}

/** The cluster's consumer group of the reply topic. */
export function groupOf(cluster: string): string {
  return `holdfast.${cluster}`;
}

/** Of all calls that this configuration can make. */
export function longestReplyTimeoutMs({ routes, template }: Pick<Config, 'routes' | 'template'>): number {
  return Math.max(...routes.map((route) => route.replyTimeoutMs), template?.maxReplyTimeoutMs ?? 0);
}
