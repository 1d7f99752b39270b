// Which shards this node should have, and which it has. Placement says what is desired; the lifecycle table
// (shard-lifecycle.ts) what is; one loop reconciles the two: claims what may be taken, asks live owners for what placement
// gives to us, and hands over what others ask for. Members may disagree for a moment; claims settle it.
import { ABSENT, type Incarnation, type NodeName, type Revision, type ShardId } from '../actors/ids.ts';
import type { Clock, Timer } from '../actors/ports.ts';
import { type Claims, claimRecord, mayTake } from './claims.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import type { Membership } from './membership.ts';
import { claimKey, fromJson, nodeSubject, toJson } from './names.ts';
import { place } from './placement.ts';
import type { Bus } from './ports.ts';
import { type ShardEvent, type ShardState, shardTransition } from './shard-lifecycle.ts';
import type { Store } from './store.ts';
import type { Suspicion } from './suspicion.ts';

export interface ShardsOptions {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly control: Store;
  readonly cluster: string;
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  readonly shards: number;
  readonly claims: Claims;
  readonly membership: Membership;
  readonly suspicion: Suspicion;
  /** Claims are acknowledged: open the consumer. `barrierPassed` is called for each once it answers. */
  onAcquired(shards: readonly ShardId[]): void;
  /** Resolves when the shard's mailboxes are empty, nothing is unacknowledged, and the watermark is flushed. */
  drain(shard: ShardId): Promise<void>;
  /** Forget it. */
  onReleased(shard: ShardId): void;
  onTransition(shard: ShardId, from: ShardState, to: ShardState, epoch: Revision): void;
  /** Also told of stores that closed: then this incarnation is over anyway. */
  onFailed(error: unknown): void;
  /** Our claim replaced that of a dead, suspected or superseded incarnation. */
  onTakeover(shard: ShardId, from: Incarnation): void;
}

export class Shards {
  readonly #options: ShardsOptions;
  readonly #states: ShardState[];
  /** The revision of our own claim, while we have one. */
  readonly #epochs: Revision[];
  #placement: readonly NodeName[] = [];
  /** The members it was computed for. */
  #placedFor = '';
  #acknowledged: ShardId[] = [];
  #claimsInFlight = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #leaving = false;
  #stopped = false;

  constructor(options: ShardsOptions) {
    this.#options = options;
    this.#states = new Array<ShardState>(options.shards).fill('released');
    this.#epochs = new Array<Revision>(options.shards).fill(ABSENT);
  }

  start(): void {
    this.reconcile();
    this.#timer = this.#options.clock.setTimer(CLUSTER_LIMITS.reconcileEveryMs, () => this.start());
    if (this.#stopped) this.#timer.cancel();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  stateOf(shard: ShardId): ShardState {
    return this.#states[shard] ?? 'released';
  }

  /** The revision of our claim; 0 while we have none. */
  epochOf(shard: ShardId): Revision {
    return this.#epochs[shard] ?? ABSENT;
  }

  /** Where placement wants it, as far as is seen from here. */
  targetOf(shard: ShardId): NodeName | undefined {
    return this.#placement[shard];
  }

  owned(): number {
    return this.#states.filter((state) => state === 'owned').length;
  }

  /** Hands every shard over, one by one. Resolves when none is left here, or the deadline has passed. */
  async leave(deadlineMs: number): Promise<void> {
    this.#leaving = true;
    const endMs = this.#options.clock.monotonicMs() + deadlineMs;
    for (const shard of this.#here()) if (this.stateOf(shard) !== 'acquiring') this.#release(shard);
    while (this.#here().length > 0 && !this.#stopped && this.#options.clock.monotonicMs() < endMs) {
      await new Promise<void>((resolve) => this.#options.clock.setTimer(20, resolve));
    }
  }

  /** The shard's jobs are loaded and it answers. */
  barrierPassed(shard: ShardId): void {
    this.#move(shard, 'barrierPassed');
    if (this.#leaving) this.#release(shard);
  }

  /** A claim was seen in a watch (the Claims view is up to date already). */
  claimSeen(shard: ShardId): void {
    this.#checkClaim(shard);
    this.reconcile();
  }

  /** A later claim of somebody else ends ours. While ours is on its way (`acquiring`) its answer is awaited first. */
  #checkClaim(shard: ShardId): void {
    const state = this.stateOf(shard);
    if (state === 'released' || state === 'acquiring') return;
    const claim = this.#options.claims.of(shard);
    const mine = claim.incarnation === this.#options.incarnation;
    if (!mine && claim.revision > this.epochOf(shard)) this.#lose(shard);
  }

  /** Somebody asks for shards (JSON: { node, shards }). Given only if our own placement agrees, so two views cannot play ping-pong. */
  releaseAsked(data: Uint8Array): void {
    const asked = fromJson(data) as { node?: string; shards?: number[] } | undefined;
    if (typeof asked?.node !== 'string' || !Array.isArray(asked.shards)) return;
    this.#place();
    for (const shard of asked.shards as ShardId[]) {
      if (this.#placement[shard] === asked.node && asked.node !== this.#options.node) this.#release(shard);
    }
  }

  reconcile(): void {
    if (this.#stopped || this.#leaving) return;
    this.#place();
    const { claims, membership, suspicion, clock, node } = this.#options;
    const wanted = new Map<Incarnation, ShardId[]>();
    for (let shard = 0 as ShardId; shard < this.#states.length; shard = (shard + 1) as ShardId) {
      if (this.#placement[shard] !== node || this.stateOf(shard) !== 'released') continue;
      const claim = claims.of(shard);
      if (
        claim.incarnation === this.#options.incarnation ||
        mayTake(claim, membership, suspicion, clock.monotonicMs())
      ) {
        void this.#claim(shard);
      } else {
        wanted.set(claim.incarnation, [...(wanted.get(claim.incarnation) ?? []), shard]);
      }
    }
    this.#askFor(wanted);
  }

  #place(): void {
    const { membership, suspicion, node } = this.#options;
    const ready: NodeName[] = membership.state === 'ready' ? [node] : [];
    for (const { record } of membership.peers().values()) {
      const { incarnation, state } = record;
      if (state === 'ready' && !membership.isDead(incarnation) && !suspicion.isSuspected(incarnation))
        ready.push(record.node);
    }
    const members = ready.toSorted().join();
    if (members === this.#placedFor) return;
    this.#placedFor = members;
    this.#placement = ready.length === 0 ? [] : place(ready, this.#states.length);
  }

  async #claim(shard: ShardId): Promise<void> {
    if (this.#claimsInFlight >= CLUSTER_LIMITS.claimsInFlight || !this.#move(shard, 'claim')) return;
    const { control, claims, node, incarnation, clock } = this.#options;
    this.#claimsInFlight += 1;
    const { revision: standing, incarnation: from } = claims.of(shard);
    try {
      const answer = await control.put(
        claimKey(shard),
        claimRecord(node, incarnation, standing, clock.wallMs()),
        standing,
      );
      if (answer.kind === 'stored') {
        this.#epochs[shard] = answer.revision;
        this.#acknowledged.push(shard);
        if (from !== '') this.#options.onTakeover(shard, from);
        this.#move(shard, 'claimAcknowledged');
        this.#checkClaim(shard);
      } else {
        if (answer.kind === 'conflict' && answer.standing === undefined) claims.gone(shard);
        else if (answer.kind === 'conflict' && answer.standing !== undefined) claims.seen(shard, answer.standing);
        this.#move(shard, 'claimRefused');
      }
    } catch {
      return; // the store is closed: this incarnation is over
    } finally {
      this.#claimsInFlight -= 1;
    }
    if (this.#claimsInFlight < CLUSTER_LIMITS.claimsInFlight / 2) this.reconcile();
    if (this.#claimsInFlight === 0 || this.#acknowledged.length >= CLUSTER_LIMITS.shardsPerWave) this.#startWave();
  }

  #startWave(): void {
    const shards = this.#acknowledged.filter((shard) => this.stateOf(shard) === 'rehydrating');
    this.#acknowledged = [];
    if (shards.length > 0 && !this.#stopped) this.#options.onAcquired(shards);
  }

  #askFor(wanted: ReadonlyMap<Incarnation, readonly ShardId[]>): void {
    const { clock, bus, cluster, node } = this.#options;
    if (wanted.size === 0 || clock.monotonicMs() - this.#askedAtMs < CLUSTER_LIMITS.askReleaseEveryMs) return;
    this.#askedAtMs = clock.monotonicMs();
    for (const [incarnation, shards] of wanted) {
      bus.publish(nodeSubject(cluster, incarnation, 'release'), toJson({ node, shards }));
    }
  }

  #release(shard: ShardId): void {
    if (!this.#move(shard, 'release')) return;
    void this.#drainAndRelease(shard).catch(this.#options.onFailed);
  }

  async #drainAndRelease(shard: ShardId): Promise<void> {
    const { control, claims, clock } = this.#options;
    const epoch = this.epochOf(shard);
    // The claim may go, and the shard come back under another, while this is under way: then that one is not given up here.
    const draining = () => this.stateOf(shard) === 'draining' && this.epochOf(shard) === epoch;
    await this.#options.drain(shard);
    if (!draining()) return;
    const answer = await control.put(claimKey(shard), claimRecord('', '', epoch, clock.wallMs()), epoch);
    if (answer.kind === 'stored')
      claims.seen(shard, {
        key: claimKey(shard),
        value: claimRecord('', '', epoch, 0),
        revision: answer.revision,
        writtenMs: 0,
      });
    else if (answer.kind === 'conflict' && answer.standing !== undefined) claims.seen(shard, answer.standing);
    if (draining() && this.#move(shard, 'drained')) this.#forget(shard);
    this.reconcile();
  }

  #lose(shard: ShardId): void {
    if (this.#move(shard, 'claimLost')) this.#forget(shard);
  }

  #forget(shard: ShardId): void {
    this.#epochs[shard] = ABSENT;
    this.#options.onReleased(shard);
  }

  #here(): ShardId[] {
    return [...this.#states.keys()].filter((shard) => this.#states[shard] !== 'released') as ShardId[];
  }

  #move(shard: ShardId, event: ShardEvent): boolean {
    const from = this.stateOf(shard);
    const to = shardTransition(from, event);
    if (to === undefined || this.#stopped) return false;
    this.#states[shard] = to;
    this.#options.onTransition(shard, from, to, this.epochOf(shard));
    return true;
  }
}
