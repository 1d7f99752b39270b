// The jobs that one incarnation holds, and all that holds them: their lanes and the room in these, the cold store of those that only
// wait, mailboxes, the engine's gate and the pace of probes; what brings the jobs of a shard here and away again; and who looks
// at all of them.
//
// What must hold: what a job is told, and what it is decided by, is of this incarnation alone, and ends with it.
import { ActorSystem } from '../actors/actor-system.ts';
import { EngineGate } from '../actors/engine-gate.ts';
import type { Incarnation, JobKey, ShardId } from '../actors/ids.ts';
import { LIMITS } from '../actors/limits.ts';
import { ColdStore } from '../actors/pending-job/cold-store.ts';
import type { JobContext } from '../actors/pending-job/effects.ts';
import { ProbePace } from '../actors/probe-pace.ts';
import { Aliases } from './aliases.ts';
import { Arrivals } from './arrivals.ts';
import { isClaimedSince } from './claim-reads.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { type EffectsGate, Lost } from './effects-gate.ts';
import { Inventory } from './inventory.ts';
import { Lanes } from './lanes.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import type { Member } from './member.ts';
import { OldestOfLanes } from './oldest.ts';
import type { KvEntry } from './ports.ts';
import { Rehydration } from './rehydration.ts';
import { Room } from './room.ts';
import type { SentWatermark } from './sent-watermark.ts';
import { ShardJobs } from './shard-jobs.ts';
import { ShardLoader } from './shard-loader.ts';
import type { Shards } from './shards.ts';
import { commonSnapshotVersion } from './snapshot-version.ts';
import type { Store } from './store.ts';

export interface HoldingSurroundings {
  readonly control: Store;
  readonly jobStore: Store;
  readonly gate: EffectsGate;
  readonly watermark: SentWatermark;
  readonly member: Member;
  readonly shards: Shards;
  onClaim(shard: ShardId, entry: KvEntry): void;
  /** Any entry was delivered. */
  onEntry(entry: KvEntry): void;
  /** A watch was made anew; the bucket as it is now. */
  onReset(bucketId: string): void;
  /** Also told of stores that closed: then this incarnation is over anyway. */
  onFailed(error: unknown): void;
}

export class Holding {
  readonly lanes = new Lanes();
  readonly cold = new ColdStore();
  readonly room: Room;
  readonly aliases: Aliases;
  readonly jobs: ShardJobs;
  readonly inventory: Inventory;
  readonly oldest: OldestOfLanes;
  readonly loader: ShardLoader;
  readonly #options: ClusterOptions;
  readonly #incarnation: Incarnation;
  readonly #around: HoldingSurroundings;
  /** Of snapshots, that this process reads; asked at every write. */
  readonly #newestVersion: number;
  readonly #engine: EngineGate;
  readonly #pace: ProbePace;
  readonly #unreadables = new Set<JobKey>();
  #over = false;

  constructor(options: ClusterOptions, incarnation: Incarnation, around: HoldingSurroundings) {
    this.#options = options;
    this.#incarnation = incarnation;
    this.#around = around;
    this.#newestVersion = Math.max(...options.report().snapshotVersions);
    const { clock, shards: shardCount } = options;
    const { watermark, member } = around;
    this.#pace = new ProbePace(clock, () => member.members());
    this.#engine = new EngineGate({
      engine: options.engine,
      inFlight: CLUSTER_LIMITS.engineInFlight,
      awayAfter: CLUSTER_LIMITS.engineAwayAfter,
      onBack: () => this.jobs.engineIsBack(),
      onAnswer: (command, answer) => {
        this.#pace.heard(answer);
        options.onEngineAnswer?.(command, answer);
      },
    });
    this.room = new Room(this.lanes, watermark);
    this.aliases = new Aliases({ store: around.jobStore, clock, incarnation, shards: shardCount });
    const context = this.#context();
    this.jobs = this.#newJobs(context);
    this.inventory = new Inventory(clock, this.jobs);
    this.oldest = new OldestOfLanes(clock, this.jobs, this.lanes);
    this.loader = this.#newLoader(context);
  }

  /** Nothing is told to the engine any more; `stop` follows. */
  close(): void {
    this.#over = true;
    this.#engine.close(new Lost('this incarnation is over'));
  }

  stop(): void {
    this.jobs.stop();
    this.loader.stop();
  }

  #context(): JobContext {
    const { clock, random, node, correlationId, interpret } = this.#options;
    return {
      clock,
      random,
      node,
      incarnation: this.#incarnation,
      correlationId,
      interpret,
      engineHealthy: () => this.#engine.healthy(),
      probeEveryMs: () => this.#pace.everyMs(this.lanes.total),
      admits: (lane, maxPending) => this.room.admits(lane, maxPending),
      replyProgressMs: () => this.#around.member.replyProgressMs(),
    };
  }

  #newJobs(context: JobContext): ShardJobs {
    const options = this.#options;
    const incarnation = this.#incarnation;
    const { control, jobStore, gate, watermark, member } = this.#around;
    const system = new ActorSystem(options.clock, {
      mailboxLimit: LIMITS.mailbox,
      askTimeoutMs: LIMITS.askMs,
      onFailure: ({ actor, error }) => {
        if (!this.#over) options.onEvent?.({ kind: 'commandFailed', actor, error });
      },
    });
    return new ShardJobs(options.clock, system, {
      context,
      jobs: jobStore,
      engine: this.#engine,
      pace: this.#pace,
      requests: options.requests,
      gate,
      watermark,
      lanes: this.lanes,
      aliases: this.aliases,
      cold: this.cold,
      snapshotVersion: () => commonSnapshotVersion(this.#newestVersion, member.membership, options.clock.monotonicMs()),
      confirmOwner: (shard, since) => isClaimedSince(control, shard, incarnation, since),
      requestSettled: (job, attempt, outcome) =>
        this.jobs.requestSettled(job, { type: 'requestSettled', attempt, outcome }),
      onStored: (job, snapshot) =>
        options.onEvent?.({ kind: 'stored', shard: job.shard, jobKey: job.jobKey, snapshot }),
      onLeg: (leg, ms) => options.onLeg?.(leg, ms),
      onStep: options.onStep && ((step) => options.onStep?.(step)),
      onConflict: ({ shard, jobKey }, snapshot) => options.onEvent?.({ kind: 'conflict', shard, jobKey, snapshot }),
      onUnreadable: (job, error) => this.#unreadable(job.shard, job.jobKey, error),
    });
  }

  #newLoader(context: JobContext): ShardLoader {
    const options = this.#options;
    const { clock, kv, requests, shards: shardCount } = options;
    const incarnation = this.#incarnation;
    const { control, watermark, shards, onClaim, onEntry, onReset, onFailed } = this.#around;
    const onUnreadable = (shard: ShardId, jobKey: JobKey, error: unknown) => this.#unreadable(shard, jobKey, error);
    return new ShardLoader({
      clock,
      kv,
      incarnation,
      shardCount,
      jobs: this.jobs,
      rehydration: new Rehydration({ control, incarnation, watermark, onUnreadable }),
      requests,
      watermark,
      arrivals: () =>
        new Arrivals({
          ...{ context, control, watermark, cold: this.cold },
          resting: (shard, jobKey, resting) => this.jobs.resting(shard, jobKey, resting),
        }),
      epochOf: (shard) => shards.epochOf(shard),
      isRehydrating: (shard) => shards.stateOf(shard) === 'rehydrating',
      barrierPassed: (shard) => shards.barrierPassed(shard),
      onClaim,
      onEntry,
      onReset,
      onEvent: (event) => {
        if (event.kind === 'rehydrated') this.oldest.came();
        options.onEvent?.(event);
      },
      onUnreadable,
      onFailed,
    });
  }

  /** An alarm, so once per job: its activations and replies come again and again. */
  #unreadable(shard: ShardId, jobKey: JobKey, error: unknown): void {
    if (this.#over || this.#unreadables.has(jobKey)) return;
    if (this.#unreadables.size >= CLUSTER_LIMITS.unreadableNamed) this.#unreadables.clear();
    this.#unreadables.add(jobKey);
    this.#options.onEvent?.({ kind: 'unreadable', shard, jobKey, error });
  }
}
