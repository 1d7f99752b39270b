// A pending job as memory keeps it; what it does is told in pending-job.ts. While it only waits it is packed: its bytes are in the
// cold store (actors/pending-job/cold.ts), and all that stands here is where, and the little that most who look at jobs ask for.
// It is warm while something happens to it, or did lately: then it has a state in the open, a mailbox, and what is under way.
//
// What must hold: it never has both, its bytes in the store and a state; whoever only looks leaves it packed; and it counts in its
// lane, in no other and once, as long as it is pending and its shard is here. It has no closures of its own: there may be a
// million.
import { Actor, type ActorRef } from '../actors/actor.ts';
import { ABSENT, type JobKey, type Lane, type Revision, type ShardId } from '../actors/ids.ts';
import { attemptOf, heldAtMsOf, pack, timesOf, unpack, type WaitingTimes } from '../actors/pending-job/cold.ts';
import type { Shared } from '../actors/pending-job/cold-shared.ts';
import type { ColdStore, Handle, Packed } from '../actors/pending-job/cold-store.ts';
import type { Command, CommandAnswer } from '../actors/pending-job/decide.ts';
import { emptyState, isPending, type JobState } from '../actors/pending-job/state.ts';
import type { Snapshot } from '../actors/snapshot.ts';
import type { Lanes } from './lanes.ts';
import type { Legs } from './legs.ts';

/** Where all jobs of an incarnation are kept, and counted. */
export interface Keeping {
  readonly lanes: Lanes;
  /** Keeps those that only wait. */
  readonly cold: ColdStore;
}

/** A job that only waits, as it was found. */
export interface Resting {
  readonly packed: Handle;
  readonly revision: Revision;
  /** Undefined: it counts in none. */
  readonly lane: Lane | undefined;
}

/** What a job needs only while something happens to it, or did lately. */
class Warm {
  state: JobState | undefined;
  ref: ActorRef<Command, CommandAnswer> | undefined;
  commands = 0;
  inFlight: Uint8Array | undefined;
  /** The attempt whose request the publisher was given and Kafka has not acknowledged; 0: none. */
  requested = 0;
  /** The newest write of others that the watch has told of; it may still be in the mailbox. */
  heardOf: Revision = ABSENT;
  /** As of which interruption (effects-gate.ts) its intention was seen to stand, by a write. */
  intendedAfter = -1;
  legs: Legs | undefined;
}

export abstract class KeptJob<A extends Keeping = Keeping> extends Actor<Command, CommandAnswer> {
  readonly shard: ShardId;
  readonly jobKey: JobKey;
  protected readonly around: A;
  /** Undefined: it is packed, and nothing is under way. */
  protected warm: Warm | undefined;
  /** Instead of a state, while it only waits (cold.ts). */
  #packed: Handle | undefined;
  #packedRevision: Revision = ABSENT;
  /** Since when it is held, s, as its bytes say it in ms: most who ask need no more, and have not to go there. */
  #packedHeldAtS = 0;
  #countedIn: Lane | undefined;
  /** Its shard is not here any more. */
  protected abandoned = false;

  /** @param resting as it was found, when it only waits; it counts in no lane before `rests` */
  constructor(shard: ShardId, jobKey: JobKey, around: A, resting?: Resting) {
    super();
    this.shard = shard;
    this.jobKey = jobKey;
    this.around = around;
    if (resting === undefined) {
      this.warmUp().state = emptyState(jobKey);
    } else {
      this.keep(resting.packed, resting.revision);
      this.#countedIn = resting.lane;
    }
  }

  /** It is taken in: from now on it counts in its lane. Answers which attempt waits. */
  rests(): number {
    if (this.#countedIn !== undefined) this.#countedIn = this.around.lanes.add(this.#countedIn);
    return attemptOf(this.around.cold.at(this.#packed!));
  }

  protected warmUp(): Warm {
    this.warm ??= new Warm();
    return this.warm;
  }

  /** Its mailbox, while there is something in it or was lately. */
  get ref(): ActorRef<Command, CommandAnswer> | undefined {
    return this.warm?.ref;
  }

  set ref(ref: ActorRef<Command, CommandAnswer>) {
    this.warmUp().ref = ref;
  }

  /** Commands told and not yet answered: a job is forgotten only when there are none. */
  get commands(): number {
    return this.warm?.commands ?? 0;
  }

  set commands(commands: number) {
    this.warmUp().commands = commands;
  }

  /** What a put that is under way writes. */
  get inFlight(): Uint8Array | undefined {
    return this.warm?.inFlight;
  }

  /** Others have written: what is decided by now is decided by what was, until the mailbox comes to it. */
  hearOf(revision: Revision): void {
    const warm = this.warmUp();
    if (revision > warm.heardOf) warm.heardOf = revision;
  }

  /** Unpacks it; whoever only wants to know whether it waits asks `packed`. */
  get state(): JobState {
    const warm = this.warmUp();
    if (warm.state === undefined) {
      warm.state = this.peek();
      this.release();
    }
    return warm.state;
  }

  /** When it wants to be looked at; without unpacking it. */
  get times(): JobState | WaitingTimes {
    const { bytes } = this;
    return bytes === undefined ? this.state : timesOf(bytes);
  }

  /** As the others, but for who only looks: what is packed stays packed. Of a job that was packed and has left nothing stands. */
  peek(): JobState {
    if (this.warm?.state !== undefined) return this.warm.state;
    const { bytes } = this;
    return bytes === undefined ? emptyState(this.jobKey) : unpack(this.jobKey, this.#packedRevision, bytes);
  }

  /** Since when it waits, wall ms; 0: nothing of it stands yet. */
  get heldAtMs(): number {
    const { bytes } = this;
    return bytes === undefined ? (this.warm?.state?.snapshot?.heldAtMs ?? 0) : heldAtMsOf(bytes);
  }

  /** The same in whole seconds, rounded down: known without a look at its bytes. */
  get heldAtS(): number {
    return this.#packed === undefined ? Math.floor(this.heldAtMs / 1_000) : this.#packedHeldAtS;
  }

  /** What it counts in; undefined: it does not. */
  get lane(): Lane | undefined {
    return this.#countedIn;
  }

  get revision(): Revision {
    return this.warm?.state?.revision ?? this.#packedRevision;
  }

  /** Held with its request sent, or parked, and nothing under way. */
  get packed(): boolean {
    return this.#packed !== undefined;
  }

  /** While it is packed, what it has in common with others; known without a look at its bytes. undefined: it keeps all itself. */
  get shared(): Shared | undefined {
    return this.#packed === undefined ? undefined : this.around.cold.sharedAt(this.#packed);
  }

  /** As it is kept while it is packed. */
  get bytes(): Packed | undefined {
    return this.#packed === undefined ? undefined : this.around.cold.at(this.#packed);
  }

  /** Makes it small, if it only waits. */
  pack(): void {
    const warm = this.warm;
    if (warm?.state === undefined || warm.commands > 0 || warm.requested !== 0 || this.abandoned) return;
    const packed = pack(warm.state, this.around.cold);
    if (packed === undefined) return;
    this.keep(packed, warm.state.revision);
    this.warm = undefined;
  }

  /** No #method: for these every job bears a mark of the class, 8 bytes. */
  private keep(packed: Handle, revision: Revision): void {
    this.#packed = packed;
    this.#packedRevision = revision;
    this.#packedHeldAtS = Math.floor(this.heldAtMs / 1_000);
  }

  protected release(): void {
    if (this.#packed !== undefined) this.around.cold.free(this.#packed);
    this.#packed = undefined;
  }

  /** It has ended and is not looked for any more. Its shard's table may go on leading here (passing-map.ts). */
  forget(): void {
    this.count(undefined);
    this.release();
    this.warm = undefined;
  }

  /** Keeps the lane's count in step with what this job is, or is about to be. */
  count(snapshot: Snapshot | undefined): void {
    if (this.abandoned) return;
    const lane = snapshot !== undefined && isPending(snapshot) ? snapshot.lane : undefined;
    if (lane === this.#countedIn) return;
    if (this.#countedIn !== undefined) this.around.lanes.remove(this.#countedIn);
    this.#countedIn = lane === undefined ? undefined : this.around.lanes.add(lane);
  }
}
