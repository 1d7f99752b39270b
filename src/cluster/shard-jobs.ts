// The pending jobs of the shards that this node owns. Tombstones are not kept in memory: an activation finds one by its
// CAS being refused, a reply by a leader read. What is here: jobs that wait, parked replies, and ended ones of which an
// answer of the engine was never seen.
import type { ActorSystem } from '../actors/actor-system.ts';
import { flat } from '../actors/flat-text.ts';
import { ABSENT, type JobKey, type Revision, type ShardId } from '../actors/ids.ts';
import type { ActAnswer, Activation, ActivationAnswer, OperatorAct, Reply, ReplyAnswer } from '../actors/messages.ts';
import type { Command, CommandAnswer } from '../actors/pending-job/decide.ts';
import { hearAgain } from '../actors/pending-job/heartbeat.ts';
import { adopt } from '../actors/pending-job/state.ts';
import type { Clock } from '../actors/ports.ts';
import type { Snapshot } from '../actors/snapshot.ts';
import { decodeSnapshot } from '../actors/snapshot-codec.ts';
import { byArrival } from './by-arrival.ts';
import { Departed } from './departed.ts';
import { Doors } from './doors.ts';
import type { Resting } from './kept-job.ts';
import { type JobSurroundings, PendingJob } from './pending-job.ts';
import type { KvEntry } from './ports.ts';
import type { HostAnswer } from './routed.ts';
import { Upkeep } from './upkeep.ts';

/**
 * A command is under way until it is decided, however slow the engine: a job that was forgotten or packed before that
 * would be decided twice at once. Whoever asked asks again by himself.
 */
const AS_LONG_AS_IT_TAKES_MS = Number.POSITIVE_INFINITY;

export class ShardJobs {
  readonly #clock: Clock;
  readonly #system: ActorSystem;
  readonly #around: JobSurroundings;
  readonly #shards = new Map<ShardId, Map<JobKey, PendingJob>>();
  readonly #closed = new Set<ShardId>();
  readonly #replies = new Map<string, Promise<HostAnswer<ReplyAnswer>>>();
  readonly #departed = new Departed();
  readonly #upkeep: Upkeep;
  readonly #doors: Doors;
  #commands = new Map<ShardId, number>();

  constructor(clock: Clock, system: ActorSystem, around: JobSurroundings) {
    this.#clock = clock;
    this.#system = system;
    this.#around = around;
    this.#upkeep = new Upkeep({
      clock,
      context: around.context,
      pace: around.pace,
      isOpen: (job) => this.#isOpen(job),
      tell: (job, command) => void this.#tell(job, command),
      forget: (job) => this.#forget(job),
    });
    this.#doors = new Doors(clock);
  }

  /** The shard's claim is ours; `open` follows, or `drop`. */
  expect(shard: ShardId): void {
    this.#doors.expect(shard);
  }

  /** The shard passed its barrier: from here on it answers. */
  open(shard: ShardId): void {
    if (!this.#shards.has(shard)) this.#shards.set(shard, new Map());
    this.#closed.delete(shard);
    this.#doors.open(shard);
  }

  /** No new commands; those under way finish. */
  close(shard: ShardId): void {
    this.#closed.add(shard);
  }

  /** Forgets the shard. A command under way starts no further effect; what it started ends on its own against CAS. */
  drop(shard: ShardId): void {
    for (const job of this.#shards.get(shard)?.values() ?? []) {
      this.#upkeep.cancel(job);
      job.count(undefined);
      job.abandon();
    }
    if (this.#shards.delete(shard)) this.#around.watermark.left(shard);
    this.#departed.drop(shard);
    this.#closed.delete(shard);
    this.#doors.open(shard);
  }

  stop(): void {
    this.#upkeep.stop();
    this.#doors.stop();
    this.#around.cold.close();
    for (const shard of [...this.#shards.keys()]) this.drop(shard);
    this.#around.cold.clear();
  }

  get size(): number {
    let size = 0;
    for (const jobs of this.#shards.values()) size += jobs.size;
    return size;
  }

  find(shard: ShardId, jobKey: JobKey): PendingJob | undefined {
    return this.#resident(shard, jobKey);
  }

  /** Every job that is here, or those of one shard. Whoever takes his time over it may miss those that come meanwhile. */
  all(only?: ShardId): Generator<PendingJob> {
    const asked = [...this.#shards].filter(([shard]) => only === undefined || shard === only);
    return byArrival(
      asked.map(([shard, jobs]) => ({ jobs: jobs.values(), isHere: () => this.#shards.get(shard) === jobs })),
    );
  }

  /** For how long the engine is to lock a job that it hands out now, ms. */
  firstLockMs(): number {
    return this.#upkeep.firstLockMs();
  }

  /** Commands of a shard that are not answered yet. */
  commands(shard: ShardId): number {
    return this.#commands.get(shard) ?? 0;
  }

  /** Jobs of a shard whose request is neither acknowledged nor withdrawn. */
  unsent(shard: ShardId): PendingJob[] {
    const jobs = [...(this.#shards.get(shard)?.values() ?? [])].filter((job) => !job.packed);
    return jobs.filter(({ state }) => state.snapshot?.kind === 'held' && state.ackedAttempt !== state.snapshot.attempt);
  }

  /** Of a shard's jobs, as far as memory knows them. */
  highestRevision(shard: ShardId): Revision {
    let highest: Revision = ABSENT;
    for (const { revision } of this.#shards.get(shard)?.values() ?? []) if (revision > highest) highest = revision;
    return highest;
  }

  activated(shard: ShardId, activation: Activation): Promise<HostAnswer<ActivationAnswer>> {
    this.#around.pace.did();
    return this.#ask(shard, activation.jobKey, { type: 'activated', activation }) as Promise<
      HostAnswer<ActivationAnswer>
    >;
  }

  /** The same record delivered again while it is being decided joins the pending answer. */
  replied(shard: ShardId, reply: Reply): Promise<HostAnswer<ReplyAnswer>> {
    const key = `${reply.jobKey}/${reply.position.partition}/${reply.position.offset}`;
    const pending = this.#replies.get(key);
    if (pending !== undefined) return pending;
    const answer = this.#ask(shard, reply.jobKey, { type: 'replied', reply }) as Promise<HostAnswer<ReplyAnswer>>;
    this.#replies.set(key, answer);
    void answer.finally(() => this.#replies.delete(key)).catch(() => undefined);
    return answer;
  }

  /** What a person does by hand; told twice it is done once (actors/pending-job/operated.ts). */
  operated(shard: ShardId, jobKey: JobKey, act: OperatorAct): Promise<HostAnswer<ActAnswer>> {
    return this.#ask(shard, jobKey, { type: 'operated', act }) as Promise<HostAnswer<ActAnswer>>;
  }

  requestSettled(job: PendingJob, command: Extract<Command, { type: 'requestSettled' }>): void {
    if (this.#resident(job.shard, job.jobKey) === job) void this.#tell(job, command);
  }

  /**
   * Takes a job in as it stands in the bucket; at rehydration, or when a foreign write shows one that memory lacks.
   * `covered`: the writer's sent watermark covers its request.
   */
  load(shard: ShardId, jobKey: JobKey, snapshot: Snapshot, revision: Revision, covered: boolean): void {
    if (snapshot.kind === 'ended') return;
    const known = this.#resident(shard, jobKey);
    if (known !== undefined) {
      // Something is under way there, and must not find another state under its feet.
      if (known.revision < revision) this.#reload(known, snapshot, revision);
      return;
    }
    const job = this.#spawn(shard, jobKey);
    if (job === undefined) return;
    adopt(job.state, snapshot, revision);
    job.count(snapshot);
    void this.#tell(job, { type: 'rehydrated', covered });
  }

  /** All that stood of the shard at this revision was taken in. */
  loaded(shard: ShardId, known: Revision): void {
    this.#around.watermark.back(shard, known, (jobKey, attempt) => {
      const snapshot = this.#resident(shard, jobKey)?.peek().snapshot;
      return snapshot?.kind === 'held' && snapshot.attempt === attempt;
    });
  }

  /** A job that only waits, and is not here yet: `rest` takes it in, or it is let go (`abandon`). */
  resting(shard: ShardId, jobKey: JobKey, resting: Resting): PendingJob {
    return new PendingJob(shard, jobKey, this.#around, resting);
  }

  /** Takes in a job that only waits, as it is to be kept: nothing is decided, and nothing of it is unpacked. */
  rest(job: PendingJob): void {
    const { shard, jobKey } = job;
    const jobs = this.#shards.get(shard);
    if (jobs === undefined || jobs.has(jobKey)) {
      const { snapshot, revision } = job.peek();
      job.abandon();
      if (snapshot !== undefined) this.load(shard, jobKey, snapshot, revision, true);
      return;
    }
    jobs.set(jobKey, job);
    const attempt = job.rests();
    this.#around.watermark.settled(jobKey, attempt); // of an earlier time here it may still name the request
    if (job.times.heartbeatDeadlineMs > 0) {
      hearAgain(job.state, this.#around.context);
      job.pack();
    }
    this.#upkeep.plan(job);
  }

  /**
   * A write under a job's key was delivered. Not newer than memory, or ours with a put in flight: nothing. Any other
   * reloads the job into the same mailbox. Answers true when the job is live and not in memory: the caller loads it.
   */
  delivered(shard: ShardId, jobKey: JobKey, entry: KvEntry): boolean {
    if (!this.#shards.has(shard)) return false;
    this.#departed.delivered(shard, entry.revision);
    const job = this.#resident(shard, jobKey);
    const wasForgotten = this.#departed.wasForgotten(shard, jobKey, entry.revision);
    if (job === undefined ? wasForgotten : entry.revision <= job.revision) return false;
    // Delivered before it is acknowledged, as most of ours are: need not be read to be known.
    if (job?.inFlight !== undefined && Buffer.compare(job.inFlight, entry.value) === 0) return false;
    const snapshot = decodeSnapshot(entry.value);
    if (job?.inFlight !== undefined && snapshot.incarnation === this.#around.context.incarnation) return false;
    if (job === undefined) return snapshot.kind !== 'ended';
    this.#reload(job, snapshot, entry.revision);
    return false;
  }

  #reload(job: PendingJob, snapshot: Snapshot, revision: Revision): void {
    job.hearOf(revision);
    void this.#tell(job, { type: 'reloaded', standing: { snapshot, revision } });
  }

  /**
   * The engine answers again: stored results and intentions go now, in the order in which they were stored. Those of a shard
   * that is being handed over are left to its next owner: nobody waits any more for a call that begins now.
   */
  engineIsBack(): void {
    const waiting: PendingJob[] = [];
    for (const [shard, jobs] of this.#shards) {
      if (this.#closed.has(shard)) continue;
      for (const job of jobs.values()) {
        if (job.packed) continue;
        const kind = job.state.snapshot?.kind;
        // No tries: it waits for an activation, not for the engine.
        if ((kind === 'replied' || kind === 'failing') && job.state.engineTries > 0) waiting.push(job);
      }
    }
    waiting.sort((a, b) => a.revision - b.revision);
    for (const job of waiting) {
      job.state.engineAtMs = this.#clock.wallMs();
      void this.#tell(job, { type: 'due' });
    }
  }

  #isOpen(job: PendingJob): boolean {
    return this.#resident(job.shard, job.jobKey) === job && !this.#closed.has(job.shard);
  }

  async #ask(shard: ShardId, jobKey: JobKey, command: Command): Promise<HostAnswer<CommandAnswer>> {
    const door = this.#shards.has(shard) ? undefined : this.#doors.wait(shard);
    if (door !== undefined) await door;
    if (!this.#shards.has(shard) || this.#closed.has(shard)) return 'notOwner';
    const job = this.#resident(shard, jobKey) ?? this.#spawn(shard, jobKey);
    return job === undefined ? 'notOwner' : this.#tell(job, command);
  }

  /** Every command of a job goes through here: counted, and the job looked after when it is done. Never rejects. */
  async #tell(job: PendingJob, command: Command): Promise<CommandAnswer | 'retry'> {
    job.commands += 1;
    this.#commands.set(job.shard, this.commands(job.shard) + 1);
    try {
      job.ref ??= this.#system.host(job.jobKey, job);
      return await job.ref.ask(command, AS_LONG_AS_IT_TAKES_MS);
    } catch {
      return 'retry'; // told to the system's onFailure already; whoever asked asks again
    } finally {
      job.commands -= 1;
      const left = this.commands(job.shard) - 1;
      if (left > 0) this.#commands.set(job.shard, left);
      else this.#commands.delete(job.shard);
      this.#lookAfter(job, command.type === 'due');
    }
  }

  #lookAfter(job: PendingJob, afterDue: boolean): void {
    if (this.#resident(job.shard, job.jobKey) !== job || job.commands > 0) return;
    const { snapshot, completeUnseen, otherUnseen } = job.state;
    if (snapshot === undefined || (snapshot.kind === 'ended' && !completeUnseen && !otherUnseen)) {
      return this.#forget(job);
    }
    this.#upkeep.planAgain(job, afterDue);
  }

  #forget(job: PendingJob): void {
    this.#departed.leaves(job);
    this.#upkeep.forget(job);
    job.forget();
    this.#shards.get(job.shard)?.delete(job.jobKey);
  }

  #resident(shard: ShardId, jobKey: JobKey): PendingJob | undefined {
    return this.#shards.get(shard)?.get(jobKey);
  }

  #spawn(shard: ShardId, jobKey: JobKey): PendingJob | undefined {
    const jobs = this.#shards.get(shard);
    if (jobs === undefined) return undefined;
    const key = flat(jobKey); // it may have come in a batch of another node
    const job = new PendingJob(shard, key, this.#around);
    Object.assign(job.state, this.#departed.endedOf(shard, key));
    jobs.set(key, job);
    return job;
  }
}
