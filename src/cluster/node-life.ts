// One incarnation of a node, from taking its name to `lost` or `left`. Everything that must be forgotten together lives
// and ends here: lease, membership, claims, shards, pending jobs, sent watermark, router.
//
// Order at the start: subjects first (whoever asks this incarnation gets an answer before its record names it), then the
// empty watermark, then the record, then the view of the others, then shards. Order at the end (`leave`): shards are handed
// over one by one while everything still works; nothing waits for a timeout.
import { ActorSystem } from '../actors/actor-system.ts';
import { EngineGate } from '../actors/engine-gate.ts';
import type { Incarnation, JobKey, ShardId } from '../actors/ids.ts';
import { LIMITS } from '../actors/limits.ts';
import { ColdStore } from '../actors/pending-job/cold-store.ts';
import type { JobContext } from '../actors/pending-job/effects.ts';
import type { Timer } from '../actors/ports.ts';
import { ProbePace } from '../actors/probe-pace.ts';
import { Aliases } from './aliases.ts';
import { Arrivals } from './arrivals.ts';
import { isClaimedSince, readClaims } from './claim-reads.ts';
import { Claims } from './claims.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { EffectsGate, Lost } from './effects-gate.ts';
import { type Endpoint, EndpointCount } from './endpoint-count.ts';
import { Inventory } from './inventory.ts';
import { takeName } from './join.ts';
import { Lanes } from './lanes.ts';
import { Lease } from './lease.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { type MemberRecord, type MemberReport, parseMember } from './member-record.ts';
import { Membership } from './membership.ts';
import { META_KEY, nodeSubject, parseKey } from './names.ts';
import { OldestOfLanes } from './oldest.ts';
import type { KvEntry } from './ports.ts';
import { Questions } from './questions.ts';
import { Rehydration } from './rehydration.ts';
import { progressByServer, replyProgressMs } from './reply-progress.ts';
import { Room } from './room.ts';
import { Router } from './router.ts';
import { SentWatermark } from './sent-watermark.ts';
import { ShardJobs } from './shard-jobs.ts';
import { ShardLoader } from './shard-loader.ts';
import { Shards } from './shards.ts';
import { Skew } from './skew.ts';
import { commonSnapshotVersion } from './snapshot-version.ts';
import { Store, StoreClosed } from './store.ts';
import { Suspicion } from './suspicion.ts';
import { SystemWatches } from './system-watches.ts';
import { untilAvailable } from './until-available.ts';

/** Why a life ended. `superseded`: another process has our name; this one must exit. */
export type LifeEnd = { readonly kind: 'left' | 'lost' | 'superseded'; readonly reason: string };

export class NodeLife {
  readonly incarnation: Incarnation;
  readonly ended: Promise<LifeEnd>;
  readonly gate: EffectsGate;
  readonly lanes = new Lanes();
  readonly cold = new ColdStore();
  readonly lease: Lease;
  readonly membership: Membership;
  readonly suspicion: Suspicion;
  readonly claims: Claims;
  readonly shards: Shards;
  readonly jobs: ShardJobs;
  readonly watermark: SentWatermark;
  readonly room: Room;
  readonly router: Router;
  readonly aliases: Aliases;
  readonly inventory: Inventory;
  readonly oldest: OldestOfLanes;
  readonly questions: Questions;
  readonly #options: ClusterOptions;
  /** Of snapshots, that this process reads; asked at every write. */
  readonly #newestVersion: number;
  readonly #jobStore: Store;
  readonly #control: Store;
  readonly #engine: EngineGate;
  readonly #pace: ProbePace;
  readonly #system: ActorSystem;
  readonly #loader: ShardLoader;
  readonly #subscriptions: (() => void)[] = [];
  readonly #end: (end: LifeEnd) => void;
  readonly #pings = new EndpointCount();
  readonly #releases = new EndpointCount();
  #bucketId = '';
  readonly #systemWatches: SystemWatches;
  #tick: Timer | undefined;
  readonly #unreadables = new Set<JobKey>();
  #over = false;
  readonly #skew: Skew;
  /** As told last. */
  #skewed = false;

  constructor(options: ClusterOptions, incarnation: Incarnation) {
    this.#options = options;
    this.#newestVersion = Math.max(...options.report().snapshotVersions);
    this.incarnation = incarnation;
    const { clock, random, bus, kv, cluster, node, leaseTtlMs, shards } = options;
    const ended = Promise.withResolvers<LifeEnd>();
    this.ended = ended.promise;
    this.#end = ended.resolve;
    const onRestored = (reason: string) => this.lose(reason, true);
    const onSettled = (tookMs: number) => options.onPut?.(tookMs);
    const store = { kv, clock, random, maxInFlight: CLUSTER_LIMITS.putsInFlight, onRestored, onSettled };
    this.#jobStore = new Store(store);
    this.#control = new Store(store);
    this.lease = new Lease(clock, leaseTtlMs, Math.min(CLUSTER_LIMITS.leaseMarginMs, leaseTtlMs / 5));
    this.gate = new EffectsGate(clock, this.lease, bus, [this.#jobStore, this.#control]);
    this.claims = new Claims(shards);
    this.#skew = new Skew(clock);
    this.#pace = new ProbePace(clock, () => this.#members());
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
    // Something that should not be: better to begin anew, with an alarm, than to go on with a part that has stopped.
    const onFailed = (error: unknown) => {
      if (!(error instanceof StoreClosed))
        this.lose(`unexpected: ${error instanceof Error ? error.stack : error}`, true);
    };
    const control = this.#control;
    const changed = () => this.#changed();
    this.membership = new Membership({
      clock,
      control,
      lease: this.lease,
      node,
      incarnation,
      leaseTtlMs,
      report: () => this.#report(),
      ready: () => this.ready(),
      onChange: changed,
      onSuperseded: (by) => this.#finish({ kind: 'superseded', reason: `node ${node} now lives as ${by}` }),
      onDead: (record) => this.#gone('dead', record),
    });
    this.suspicion = new Suspicion({
      clock,
      bus,
      control,
      cluster,
      leaseTtlMs,
      membership: this.membership,
      onChange: changed,
      onSuspected: ({ record }) => this.#gone('suspected', record),
    });
    const { longestReplyTimeoutMs } = options;
    const jobs = this.#jobStore;
    this.watermark = new SentWatermark({ clock, control, jobs, incarnation, longestReplyTimeoutMs, onFailed });
    this.room = new Room(this.lanes, this.watermark);
    this.#systemWatches = new SystemWatches({
      clock,
      kv,
      onEntry: (entry) => this.#systemEntry(entry),
      onReset: (bucketId) => this.#sameBucket(bucketId),
    });
    this.#system = new ActorSystem(clock, {
      mailboxLimit: LIMITS.mailbox,
      askTimeoutMs: LIMITS.askMs,
      onFailure: ({ actor, error }) => {
        if (!this.#over) options.onEvent?.({ kind: 'commandFailed', actor, error });
      },
    });
    this.aliases = new Aliases({ store: this.#jobStore, clock, incarnation, shards });
    const context = this.#context();
    this.jobs = new ShardJobs(clock, this.#system, {
      context,
      jobs: this.#jobStore,
      engine: this.#engine,
      pace: this.#pace,
      requests: options.requests,
      gate: this.gate,
      watermark: this.watermark,
      lanes: this.lanes,
      aliases: this.aliases,
      cold: this.cold,
      snapshotVersion: () => commonSnapshotVersion(this.#newestVersion, this.membership, clock.monotonicMs()),
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
    this.inventory = new Inventory(clock, this.jobs);
    this.oldest = new OldestOfLanes(clock, this.jobs, this.lanes);
    this.questions = new Questions({
      bus,
      cluster,
      node,
      incarnation,
      membership: this.membership,
      answer: async (question, withinMs, mostBytes) => options.onQuestion?.(question, withinMs, mostBytes),
    });
    const rehydration = new Rehydration({
      control,
      incarnation,
      watermark: this.watermark,
      onUnreadable: (shard, jobKey, error) => this.#unreadable(shard, jobKey, error),
    });
    this.shards = new Shards({
      clock,
      bus,
      control,
      cluster,
      node,
      incarnation,
      shards,
      claims: this.claims,
      membership: this.membership,
      suspicion: this.suspicion,
      onAcquired: (acquired) => void this.#loader.acquire(acquired),
      drain: (shard) => this.#loader.drain(shard),
      onReleased: (shard) => this.#loader.released(shard),
      onFailed,
      onTakeover: (shard, from) => options.onEvent?.({ kind: 'takeover', shard, from }),
      onTransition: (shard, from, to, epoch) => {
        if (to === 'rehydrating') this.jobs.expect(shard);
        options.onEvent?.({ kind: 'shard', shard, from, to, epoch });
      },
    });
    this.#loader = new ShardLoader({
      clock,
      kv,
      incarnation,
      shardCount: shards,
      jobs: this.jobs,
      rehydration,
      requests: options.requests,
      watermark: this.watermark,
      arrivals: () =>
        new Arrivals({
          ...{ context, control, watermark: this.watermark, cold: this.cold },
          resting: (shard, jobKey, resting) => this.jobs.resting(shard, jobKey, resting),
        }),
      epochOf: (shard) => this.shards.epochOf(shard),
      isRehydrating: (shard) => this.shards.stateOf(shard) === 'rehydrating',
      barrierPassed: (shard) => this.shards.barrierPassed(shard),
      onClaim: (shard, entry) => this.#claimEntry(shard, entry),
      onEntry: (entry) => this.#note(entry),
      onReset: (bucketId) => this.#sameBucket(bucketId),
      onEvent: (event) => {
        if (event.kind === 'rehydrated') this.oldest.came();
        options.onEvent?.(event);
      },
      onUnreadable: (shard, jobKey, error) => this.#unreadable(shard, jobKey, error),
      onFailed,
    });
    this.router = new Router({
      clock,
      random,
      bus,
      cluster,
      incarnation,
      shards,
      claims: this.claims,
      host: this.jobs,
    });
  }

  /** Resolves when this node is a member and sees the others. @throws NodeNameTaken; StoreClosed, Lost, KvUnavailable once it is over */
  async start(own: ReadonlySet<Incarnation>): Promise<void> {
    const { clock, bus, kv, cluster, node, leaseTtlMs } = this.#options;
    this.#bucketId = await untilAvailable(
      clock,
      () => kv.bucketId(),
      () => this.#over,
    );
    const name = await takeName({ clock, bus, control: this.#control, cluster, node, leaseTtlMs, own });
    this.#checkNotOver();
    this.#subscriptions.push(
      bus.subscribe(nodeSubject(cluster, this.incarnation, 'ping'), () => {
        this.#pings.requests += 1;
        return new Uint8Array();
      }),
      bus.subscribe(nodeSubject(cluster, this.incarnation, 'release'), (message) => {
        this.#releases.requests += 1;
        this.shards.releaseAsked(message.data);
        return undefined;
      }),
      bus.onConnection((connected) => {
        if (connected) void this.gate.holdWhile(() => this.#readClaimsAgain()).catch(() => undefined);
      }),
    );
    this.router.start();
    this.questions.start();
    await this.watermark.start();
    await this.membership.start(name.revision, own);
    if (name.replaced !== undefined) this.#options.onGone(name.replaced);
    await this.#systemWatches.start();
    this.#checkNotOver();
    this.suspicion.start();
    this.shards.start();
    this.#onTick();
  }

  /** SIGTERM: hand over, then go. Intake has stopped already. */
  async leave(): Promise<void> {
    try {
      await this.membership.announce('draining');
      await this.shards.leave(CLUSTER_LIMITS.drainMs);
      await this.watermark.flush();
      await this.membership.announce('left');
    } catch (error) {
      if (!(error instanceof StoreClosed)) throw error;
    }
    this.#finish({ kind: 'left', reason: 'asked to leave' });
  }

  /** Everything is forgotten and nothing answered; the old watermark is never written again. */
  lose(reason: string, alarm = false): void {
    if (this.#over) return;
    this.#options.onEvent?.({ kind: 'lost', incarnation: this.incarnation, reason, alarm });
    this.#finish({ kind: 'lost', reason });
  }

  /** The subjects of this incarnation, and what they were asked. */
  endpoints(): readonly Endpoint[] {
    const counts = {
      commands: this.router.commands,
      answers: this.router.answers,
      ping: this.#pings,
      release: this.#releases,
    };
    return (['commands', 'answers', 'ping', 'release'] as const).map((name) => ({
      name,
      subject: nodeSubject(this.#options.cluster, this.incarnation, name),
      count: counts[name],
    }));
  }

  /** Entries of its shards that JetStream has yet to deliver. */
  get watchLag(): number {
    return this.#loader.behind;
  }

  get putsInDoubt(): number {
    return this.#jobStore.inDoubt + this.#control.inDoubt;
  }

  /** Takes jobs, and is a target of placement. */
  ready(): boolean {
    return this.#skew.within && this.#options.assignedOnce() && this.#options.drained?.() !== true;
  }

  get skew(): Pick<Skew, 'ms' | 'within'> {
    return this.#skew;
  }

  #finish(end: LifeEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.gate.lose();
    this.lease.revoke();
    this.#tick?.cancel();
    const { membership, suspicion, shards, watermark, router, questions, jobs } = this;
    this.#engine.close(new Lost('this incarnation is over'));
    for (const part of [membership, suspicion, shards, watermark, router, questions, jobs, this.#loader]) part.stop();
    this.#systemWatches.stop();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#jobStore.close();
    this.#control.close();
    this.#options.requests.discardAll();
    this.#end(end);
  }

  #onTick(): void {
    if (this.#over) return;
    if (!this.lease.valid()) return this.lose('the lease is over');
    this.membership.judge();
    this.#lookAtClock();
    this.membership.tellNews();
    this.#tick = this.#options.clock.setTimer(CLUSTER_LIMITS.tickMs, () => this.#onTick());
  }

  /** What is opened after the end would be closed by nobody. */
  #checkNotOver(): void {
    if (this.#over) throw new Lost('this incarnation is over');
  }

  #systemEntry(entry: KvEntry): void {
    if (this.#over) return;
    this.#note(entry);
    if (entry.key === META_KEY) this.#options.onMeta?.(entry.value);
    const name = parseKey(entry.key);
    if (name.kind === 'claim') this.#claimEntry(name.shard, entry);
    if (name.kind !== 'member') return;
    if (name.node === this.#options.node) this.#measureSkew(entry);
    this.membership.seen(entry);
    if (!this.#over) this.suspicion.cleared(name.node);
  }

  #claimEntry(shard: ShardId, entry: KvEntry): void {
    if (this.#over || !this.claims.seen(shard, entry)) return;
    this.shards.claimSeen(shard);
    this.router.ownerChanged(shard);
  }

  #measureSkew(entry: KvEntry): void {
    const record = parseMember(entry.value);
    if (record?.incarnation !== this.incarnation) return;
    const sentMs = this.membership.sentWallMs(record.renewal);
    if (sentMs !== undefined) this.#skew.measure(entry.writtenMs, sentMs);
  }

  #lookAtClock(): void {
    const { ms, within } = this.#skew;
    if (ms === undefined || within !== this.#skewed) return;
    this.#skewed = !within;
    this.#options.onEvent?.({ kind: 'skew', ms });
  }

  #note(entry: KvEntry): void {
    this.#jobStore.noteDelivered(entry.revision);
    this.#control.noteDelivered(entry.revision);
  }

  /** An alarm, so once per job: its activations and replies come again and again. */
  #unreadable(shard: ShardId, jobKey: JobKey, error: unknown): void {
    if (this.#over || this.#unreadables.has(jobKey)) return;
    if (this.#unreadables.size >= CLUSTER_LIMITS.unreadableNamed) this.#unreadables.clear();
    this.#unreadables.add(jobKey);
    this.#options.onEvent?.({ kind: 'unreadable', shard, jobKey, error });
  }

  #sameBucket(bucketId: string): void {
    if (bucketId !== this.#bucketId) this.lose('the bucket was deleted and made again', true);
  }

  #changed(): void {
    if (!this.#over) this.shards.reconcile();
  }

  #gone(kind: 'dead' | 'suspected', record: MemberRecord): void {
    if (this.#over) return;
    this.#options.onEvent?.({ kind, node: record.node, incarnation: record.incarnation });
    this.#options.onGone(record);
  }

  async #readClaimsAgain(): Promise<void> {
    const mine: ShardId[] = [];
    for (let shard = 0 as ShardId; shard < this.#options.shards; shard = (shard + 1) as ShardId) {
      if (this.shards.stateOf(shard) !== 'released') mine.push(shard);
    }
    await readClaims(this.#control, mine, (shard, entry) => this.#claimEntry(shard, entry));
  }

  #context(): JobContext {
    const { clock, random, node, correlationId, interpret } = this.#options;
    return {
      clock,
      random,
      node,
      incarnation: this.incarnation,
      correlationId,
      interpret,
      engineHealthy: () => this.#engine.healthy(),
      probeEveryMs: () => this.#pace.everyMs(this.lanes.total),
      admits: (lane, maxPending) => this.room.admits(lane, maxPending),
      replyProgressMs: () => this.#replyProgressMs(),
    };
  }

  /** Those that hold jobs, as far as is known here. */
  #members(): number {
    const peers = [...this.membership.peers().values()].map(({ record }) => record);
    return (
      1 + peers.filter(({ state, incarnation }) => state !== 'left' && !this.membership.isDead(incarnation)).length
    );
  }

  #report(): MemberReport {
    const report = this.#options.report();
    const replyProgress = progressByServer(report.replyProgress, this.#skew);
    return { ...report, replyProgress, room: this.room.perLane() };
  }

  #replyProgressMs(): number {
    const peers = [...this.membership.peers().values()].map(({ record }) => record.replyProgress);
    return replyProgressMs(this.#options.replyPartitions(), [this.#report().replyProgress, ...peers]);
  }
}
