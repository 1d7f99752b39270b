// A node's part in the cluster: one life after another. `lost` ends a life and begins the next under a new incarnation;
// only leaving, or another process under our name, ends them all. The edges talk to this face and never to a life.
import type { Incarnation, JobKey, Lane } from '../actors/ids.ts';
import { LIMITS } from '../actors/limits.ts';
import type { ActAnswer, Activation, ActivationAnswer, OperatorAct, Reply, ReplyAnswer } from '../actors/messages.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { Lost } from './effects-gate.ts';
import type { ClusterEvent } from './events.ts';
import { NodeNameTaken } from './join.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { Movements } from './movements.ts';
import { NodeLife } from './node-life.ts';
import type { Oldest } from './oldest.ts';
import { KvUnavailable } from './ports.ts';
import { Untold } from './router.ts';
import { StoreClosed } from './store.ts';

/** Why `run` ended: `left` in order, or a reason to exit with an error. */
export interface ClusterEnd {
  readonly kind: 'left' | 'superseded' | 'failed';
  readonly reason: string;
}

/** What a start that was cut short by the end of its life rejects with. */
const ENDS_A_LIFE = [StoreClosed, Lost, KvUnavailable];

export class Cluster {
  /** Shards that came here lately. */
  readonly movements: Movements;
  readonly #options: ClusterOptions;
  readonly #own = new Set<Incarnation>();
  #life: NodeLife | undefined;
  /** Set once the present life is a member. */
  #joined = false;
  #leaving = false;
  #drained = false;

  constructor(options: ClusterOptions) {
    this.movements = new Movements(options.clock);
    const onEvent = (event: ClusterEvent) => {
      this.movements.heard(event, this.#life?.claims);
      options.onEvent?.(event);
    };
    this.#options = { ...options, onEvent, drained: () => this.#drained };
  }

  /** Lives until it has left, or must not go on. Never rejects. */
  async run(): Promise<ClusterEnd> {
    for (;;) {
      if (this.#leaving) return { kind: 'left', reason: 'asked to leave' };
      try {
        await this.#options.prepare();
        if (this.#leaving) continue;
        const end = await this.#live();
        if (end.kind !== 'lost') return { kind: end.kind, reason: end.reason };
      } catch (error) {
        if (error instanceof NodeNameTaken || !ENDS_A_LIFE.some((kind) => error instanceof kind)) {
          return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
        }
      } finally {
        this.#joined = false;
        this.#life = undefined;
      }
      await new Promise<void>((resolve) => this.#options.clock.setTimer(CLUSTER_LIMITS.tickMs, resolve));
    }
  }

  /** Hands over everything and ends `run`. */
  async leave(): Promise<void> {
    this.#leaving = true;
    if (this.#joined) await this.#life?.leave();
    else this.#life?.lose('asked to leave before it had joined');
  }

  /**
   * Its shards go to the others, one by one, as to nodes that are new; it takes no more jobs and goes on running. As long as nobody
   * else is ready it keeps what it has. Holds for all lives of this process, until `resume`.
   */
  drain(): void {
    this.#drained = true;
  }

  resume(): void {
    this.#drained = false;
  }

  get drained(): boolean {
    return this.#drained;
  }

  get life(): NodeLife | undefined {
    return this.#joined ? this.#life : undefined;
  }

  /** The longest held job of each lane of this node, as known now. */
  oldest(): readonly Oldest[] {
    return this.life?.oldest.now() ?? [];
  }

  /** For how long the engine is to lock a job that it hands to this node now, ms. */
  firstLockMs(): number {
    return this.life?.jobs.firstLockMs() ?? LIMITS.activationLockMs;
  }

  /** Is this node a member that may act? */
  mayAct(): boolean {
    return this.mayActForMs() > 0;
  }

  /** ms that an effect started now may take; 0 when it must not start. */
  mayActForMs(): number {
    return this.life?.gate.mayActForMs() ?? 0;
  }

  /** Is this node a member that may be given work: its clock is right, and its requests may be published? */
  ready(): boolean {
    return this.life?.ready() ?? false;
  }

  /** `stale` also when this node lost its place meanwhile: the job comes back from the engine. */
  async activated(activation: Activation): Promise<ActivationAnswer> {
    try {
      return (await this.life?.router.activated(activation)) ?? 'stale';
    } catch (error) {
      if (error instanceof Lost) return 'stale';
      throw error;
    }
  }

  /** @throws Lost: nobody was told, or the answer is not known; deliver it again. */
  async replied(reply: Reply): Promise<ReplyAnswer> {
    const life = this.life;
    if (life === undefined) throw new Lost('this node is not a member now');
    return life.router.replied(reply);
  }

  /** @throws Untold: surely not done; Lost: the answer is not known; it may have been done. Told again under the same `id` it is done once. */
  async operated(jobKey: JobKey, act: OperatorAct): Promise<ActAnswer> {
    const life = this.life;
    if (life === undefined) throw new Untold('this node is not a member now');
    return life.router.operated(jobKey, act, this.#options.clock.wallMs() + CLUSTER_LIMITS.actMs);
  }

  /** The job that a business key leads to. @throws Lost: it is not known now; ask again. */
  async jobOfBusinessKey(businessKey: string): Promise<JobKey | undefined> {
    const life = this.life;
    if (life === undefined) throw new Lost('this node is not a member now');
    return life.aliases.jobOf(businessKey);
  }

  /** Further holds of the lane that each ready member admits, the least of them; `unlimited` where nobody has said. */
  room(lane: Lane, unlimited: number): number {
    const life = this.life;
    if (life === undefined) return 0;
    let room = Math.min(unlimited, life.room.of(lane) ?? unlimited);
    for (const { record } of life.membership.peers().values()) {
      if (record.state === 'ready' && !life.membership.isDead(record.incarnation)) {
        room = Math.min(room, record.room[lane] ?? unlimited);
      }
    }
    return room;
  }

  async #live(): Promise<{ kind: 'left' | 'lost' | 'superseded'; reason: string }> {
    const { node, random, onEvent } = this.#options;
    const incarnation = `${node.slice(0, 48)}-${Buffer.from(random.bytes(6)).toString('hex')}` as Incarnation;
    const life = new NodeLife(this.#options, incarnation);
    this.#life = life;
    onEvent?.({ kind: 'joining', incarnation });
    // A bucket deleted right after `prepare` would be asked for without an end: another life makes it anew.
    const limitMs = Math.max(CLUSTER_LIMITS.joinMs, 4 * this.#options.leaseTtlMs);
    const limit = this.#options.clock.setTimer(limitMs, () => life.lose(`it did not join within ${limitMs} ms`));
    const started = life.start(this.#own).then(() => {
      limit.cancel();
      this.#joined = true;
      onEvent?.({ kind: 'joined', incarnation });
    });
    this.#own.add(incarnation);
    started.catch((error: unknown) => life.lose(`it could not join: ${String(error)}`));
    const end = await life.ended;
    limit.cancel();
    if (end.kind === 'lost') await started; // a name that is taken is told to whoever runs us
    onEvent?.({ kind: 'left', incarnation });
    return end;
  }
}
