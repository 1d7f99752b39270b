// One incarnation of a node, from taking its name to `lost` or `left`. Everything that must be forgotten together lives
// and ends here: lease, membership, claims, shards, pending jobs, sent watermark, router. Two halves have files of their own:
// this node among the others (member.ts), and the jobs that it holds (holding.ts); here they meet.
//
// Order at the start: subjects first (whoever asks this incarnation gets an answer before its record names it), then the
// empty watermark, then the record, then the view of the others, then shards. Order at the end (`leave`): shards are handed
// over one by one while everything still works; nothing waits for a timeout.
import type { Incarnation, ShardId } from '../actors/ids.ts';
import type { Timer } from '../actors/ports.ts';
import type { Aliases } from './aliases.ts';
import { readClaims } from './claim-reads.ts';
import { Claims } from './claims.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { EffectsGate, Lost } from './effects-gate.ts';
import type { Endpoint } from './endpoint-count.ts';
import { Endpoints } from './endpoints.ts';
import { Holding } from './holding.ts';
import type { Inventory } from './inventory.ts';
import { takeName } from './join.ts';
import type { Lanes } from './lanes.ts';
import type { Lease } from './lease.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { Member } from './member.ts';
import type { MemberRecord } from './member-record.ts';
import type { Membership } from './membership.ts';
import { META_KEY, parseKey } from './names.ts';
import type { OldestOfLanes } from './oldest.ts';
import type { KvEntry } from './ports.ts';
import { Questions } from './questions.ts';
import type { Room } from './room.ts';
import { Router } from './router.ts';
import { SentWatermark } from './sent-watermark.ts';
import type { ShardJobs } from './shard-jobs.ts';
import { Shards } from './shards.ts';
import type { Skew } from './skew.ts';
import { Store, StoreClosed } from './store.ts';
import { SystemWatches } from './system-watches.ts';
import { untilAvailable } from './until-available.ts';

/** Why a life ended. `superseded`: another process has our name; this one must exit. */
export type LifeEnd = { readonly kind: 'left' | 'lost' | 'superseded'; readonly reason: string };

export class NodeLife {
  readonly incarnation: Incarnation;
  readonly ended: Promise<LifeEnd>;
  readonly gate: EffectsGate;
  readonly lanes: Lanes;
  readonly lease: Lease;
  readonly membership: Membership;
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
  readonly #jobStore: Store;
  readonly #control: Store;
  readonly #member: Member;
  readonly #holding: Holding;
  readonly #endpoints: Endpoints;
  readonly #systemWatches: SystemWatches;
  readonly #end: (end: LifeEnd) => void;
  #bucketId = '';
  #forgetConnection: (() => void) | undefined;
  #tick: Timer | undefined;
  #over = false;

  constructor(options: ClusterOptions, incarnation: Incarnation) {
    this.#options = options;
    this.incarnation = incarnation;
    const { clock, random, bus, kv, cluster, node, longestReplyTimeoutMs, shards } = options;
    const ended = Promise.withResolvers<LifeEnd>();
    this.ended = ended.promise;
    this.#end = ended.resolve;
    const onRestored = (reason: string) => this.lose(reason, true);
    const onSettled = (tookMs: number) => options.onPut?.(tookMs);
    const store = { kv, clock, random, maxInFlight: CLUSTER_LIMITS.putsInFlight, onRestored, onSettled };
    this.#jobStore = new Store(store);
    this.#control = new Store(store);
    const [jobStore, control] = [this.#jobStore, this.#control];
    this.#member = new Member(options, incarnation, {
      control,
      roomPerLane: () => this.room.perLane(),
      onChange: () => this.#changed(),
      onGone: (kind, record) => this.#gone(kind, record),
      onSuperseded: (by) => this.#finish({ kind: 'superseded', reason: `node ${node} now lives as ${by}` }),
    });
    const { lease, membership, suspicion } = this.#member;
    this.lease = lease;
    this.membership = membership;
    this.gate = new EffectsGate(clock, lease, bus, [jobStore, control]);
    this.claims = new Claims(shards);
    // Something that should not be: better to begin anew, with an alarm, than to go on with a part that has stopped.
    const onFailed = (error: unknown) => {
      if (!(error instanceof StoreClosed))
        this.lose(`unexpected: ${error instanceof Error ? error.stack : error}`, true);
    };
    this.watermark = new SentWatermark({
      clock,
      control,
      jobs: jobStore,
      incarnation,
      longestReplyTimeoutMs,
      onFailed,
    });
    this.#systemWatches = new SystemWatches({
      clock,
      kv,
      onEntry: (entry) => this.#systemEntry(entry),
      onReset: (bucketId) => this.#sameBucket(bucketId),
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
      membership,
      suspicion,
      onAcquired: (acquired) => void this.#holding.loader.acquire(acquired),
      drain: (shard) => this.#holding.loader.drain(shard),
      onReleased: (shard) => this.#holding.loader.released(shard),
      onFailed,
      onTakeover: (shard, from) => options.onEvent?.({ kind: 'takeover', shard, from }),
      onTransition: (shard, from, to, epoch) => {
        if (to === 'rehydrating') this.jobs.expect(shard);
        options.onEvent?.({ kind: 'shard', shard, from, to, epoch });
      },
    });
    this.#holding = new Holding(options, incarnation, {
      ...{ control, jobStore, gate: this.gate, watermark: this.watermark, member: this.#member, shards: this.shards },
      onClaim: (shard, entry) => this.#claimEntry(shard, entry),
      onEntry: (entry) => this.#note(entry),
      onReset: (bucketId) => this.#sameBucket(bucketId),
      onFailed,
    });
    const { lanes, room, aliases, jobs, inventory, oldest } = this.#holding;
    this.lanes = lanes;
    this.room = room;
    this.aliases = aliases;
    this.jobs = jobs;
    this.inventory = inventory;
    this.oldest = oldest;
    this.questions = new Questions({
      bus,
      cluster,
      node,
      incarnation,
      membership,
      answer: async (question, withinMs, mostBytes) => options.onQuestion?.(question, withinMs, mostBytes),
    });
    this.router = new Router({
      clock,
      random,
      bus,
      cluster,
      incarnation,
      shards,
      claims: this.claims,
      host: jobs,
    });
    this.#endpoints = new Endpoints({
      ...{ bus, cluster, incarnation, router: this.router },
      onRelease: (data) => this.shards.releaseAsked(data),
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
    this.#endpoints.start();
    this.#forgetConnection = bus.onConnection((connected) => {
      if (connected) void this.gate.holdWhile(() => this.#catchUp()).catch(() => undefined);
    });
    this.router.start();
    this.questions.start();
    await this.watermark.start();
    await this.membership.start(name.revision, own);
    if (name.replaced !== undefined) this.#options.onGone(name.replaced);
    await this.#systemWatches.start();
    this.#checkNotOver();
    this.#member.suspicion.start();
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
    return this.#endpoints.list();
  }

  /** Entries of its shards that JetStream has yet to deliver. */
  get watchLag(): number {
    return this.#holding.loader.behind;
  }

  get putsInDoubt(): number {
    return this.#jobStore.inDoubt + this.#control.inDoubt;
  }

  /** Takes jobs, and is a target of placement. */
  ready(): boolean {
    return this.#member.ready();
  }

  get skew(): Pick<Skew, 'ms' | 'within'> {
    return this.#member.skew;
  }

  #finish(end: LifeEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.gate.lose();
    this.lease.revoke();
    this.#tick?.cancel();
    this.#holding.close();
    const { shards, watermark, router, questions } = this;
    for (const part of [this.#member, shards, watermark, router, questions, this.#holding]) part.stop();
    this.#systemWatches.stop();
    this.#endpoints.stop();
    this.#forgetConnection?.();
    this.#jobStore.close();
    this.#control.close();
    this.#options.requests.discardAll();
    this.#end(end);
  }

  #onTick(): void {
    if (this.#over) return;
    if (!this.lease.valid()) return this.lose('the lease is over');
    this.#member.tick();
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
    if (name.kind === 'member') this.#member.seen(name.node, entry);
  }

  #claimEntry(shard: ShardId, entry: KvEntry): void {
    if (this.#over || !this.claims.seen(shard, entry)) return;
    this.shards.claimSeen(shard);
    this.router.ownerChanged(shard);
  }

  #note(entry: KvEntry): void {
    this.#jobStore.noteDelivered(entry.revision);
    this.#control.noteDelivered(entry.revision);
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

  /** What was missed while there was no connection: whose the shards are, and what became of the jobs. */
  async #catchUp(): Promise<void> {
    const heard = this.#holding.loader.caughtUpAgain();
    await this.#readClaimsAgain();
    await heard;
  }

  async #readClaimsAgain(): Promise<void> {
    const mine: ShardId[] = [];
    for (let shard = 0 as ShardId; shard < this.#options.shards; shard = (shard + 1) as ShardId) {
      if (this.shards.stateOf(shard) !== 'released') mine.push(shard);
    }
    await readClaims(this.#control, mine, (shard, entry) => this.#claimEntry(shard, entry));
  }
}
