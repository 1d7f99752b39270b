// The pending jobs of the shards that this node owns. Tombstones are not kept in memory: an activation finds one by its
// CAS being refused, a reply by a leader read. What is here: jobs that wait, parked replies, and ended ones of which an
// answer of the engine was never seen.
import type { ActorSystem } from '../actors/actor-system.ts';
import { FirstLock } from '../actors/first-lock.ts';
import { flat } from '../actors/flat-text.ts';
import { ABSENT, type JobKey, type Revision, type ShardId } from '../actors/ids.ts';
import { LIMITS } from '../actors/limits.ts';
import type { ActAnswer, Activation, ActivationAnswer, OperatorAct, Reply, ReplyAnswer } from '../actors/messages.ts';
import type { Command, CommandAnswer } from '../actors/pending-job/decide.ts';
import { nextDueMs, probeIsDue, probeUrgentUntilMs } from '../actors/pending-job/due.ts';
import { hearAgain } from '../actors/pending-job/heartbeat.ts';
import { adopt, type JobState, mayBeReopened } from '../actors/pending-job/state.ts';
import type { Clock, Timer } from '../actors/ports.ts';
import { ProbeQueue } from '../actors/probe-queue.ts';
import type { Snapshot } from '../actors/snapshot.ts';
import { decodeSnapshot } from '../actors/snapshot-codec.ts';
import { TimerWheel } from '../actors/timer-wheel.ts';
import { byArrival } from './by-arrival.ts';
import { Doors } from './doors.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { type JobSurroundings, PendingJob, type Resting } from './pending-job.ts';
import type { KvEntry } from './ports.ts';
import type { HostAnswer } from './routed.ts';

/**
 * A command is under way until it is decided, however slow the engine: a job that was forgotten or packed before that
 * would be decided twice at once. Whoever asked asks again by himself.
 */
const AS_LONG_AS_IT_TAKES_MS = Number.POSITIVE_INFINITY;

/** Of the state of a job that has ended and was forgotten (state.ts). */
type Ended = Pick<JobState, 'unbrokenAt' | 'handedOutMs'>;

export class ShardJobs {
  readonly #clock: Clock;
  readonly #system: ActorSystem;
  readonly #around: JobSurroundings;
  readonly #shards = new Map<ShardId, Map<JobKey, PendingJob>>();
  readonly #closed = new Set<ShardId>();
  /** Jobs that left memory, by the revision last known, until the watch has passed it. */
  readonly #forgotten = new Map<ShardId, Map<JobKey, Revision>>();
  /** What is still to be known of jobs that may be opened again, of which memory keeps no tombstone: the latest of each shard. */
  readonly #ended = new Map<ShardId, Map<JobKey, Ended>>();
  /** How far the watch of a shard has come. */
  readonly #delivered = new Map<ShardId, Revision>();
  readonly #replies = new Map<string, Promise<HostAnswer<ReplyAnswer>>>();
  readonly #wheel: TimerWheel<PendingJob>;
  readonly #probes: ProbeQueue<PendingJob>;
  readonly #firstLock: FirstLock;
  readonly #doors: Doors;
  #commands = new Map<ShardId, number>();
  #warm = new Set<PendingJob>();
  #cooling = new Set<PendingJob>();
  #cooler: Timer | undefined;

  constructor(clock: Clock, system: ActorSystem, around: JobSurroundings) {
    this.#clock = clock;
    this.#system = system;
    this.#around = around;
    this.#wheel = new TimerWheel<PendingJob>(clock, (jobs) => this.#due(jobs));
    this.#probes = new ProbeQueue<PendingJob>(clock, around.pace, (jobs) => this.#probe(jobs));
    this.#firstLock = new FirstLock({
      clock,
      waitMs: () => around.pace.secondsFor(this.#probes.urgentTurns) * 1_000,
      probeEveryMs: () => around.context.probeEveryMs(),
    });
    this.#doors = new Doors(clock);
    this.#cool();
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
      this.#wheel.cancel(job);
      this.#probes.cancel(job);
      job.count(undefined);
      job.abandon();
    }
    this.#shards.delete(shard);
    this.#forgotten.delete(shard);
    this.#ended.delete(shard);
    this.#delivered.delete(shard);
    this.#closed.delete(shard);
    this.#doors.open(shard);
  }

  stop(): void {
    this.#wheel.clear();
    this.#probes.clear();
    this.#cooler?.cancel();
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
    return this.#firstLock.ms();
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
      if (known.revision < revision) void this.#tell(known, { type: 'reloaded', standing: { snapshot, revision } });
      return;
    }
    const job = this.#spawn(shard, jobKey);
    if (job === undefined) return;
    adopt(job.state, snapshot, revision);
    job.count(snapshot);
    void this.#tell(job, { type: 'rehydrated', covered });
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
    this.#wantProbe(job, this.#clock.wallMs());
    this.#plan(job, false);
  }

  /**
   * A write under a job's key was delivered. Not newer than memory, or ours with a put in flight: nothing. Any other
   * reloads the job into the same mailbox. Answers true when the job is live and not in memory: the caller loads it.
   */
  delivered(shard: ShardId, jobKey: JobKey, entry: KvEntry): boolean {
    if (!this.#shards.has(shard)) return false;
    this.#delivered.set(shard, entry.revision);
    const job = this.#resident(shard, jobKey);
    if (job !== undefined && entry.revision <= job.revision) return false;
    if (job === undefined && this.#wasForgotten(shard, jobKey, entry.revision)) return false;
    // Delivered before it is acknowledged, as most of ours are: need not be read to be known.
    if (job?.inFlight !== undefined && Buffer.compare(job.inFlight, entry.value) === 0) return false;
    const snapshot = decodeSnapshot(entry.value);
    if (job?.inFlight !== undefined && snapshot.incarnation === this.#around.context.incarnation) return false;
    if (job === undefined) return snapshot.kind !== 'ended';
    void this.#tell(job, { type: 'reloaded', standing: { snapshot, revision: entry.revision } });
    return false;
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

  #due(jobs: readonly PendingJob[]): void {
    const nowMs = this.#clock.wallMs();
    for (const job of jobs) {
      if (!this.#isOpen(job)) continue;
      if (this.#wantProbe(job, nowMs)) {
        if (job.commands === 0) this.#plan(job, false);
        if ((nextDueMs(job.times, true) ?? Number.POSITIVE_INFINITY) > nowMs) continue;
      }
      void this.#tell(job, { type: 'due', mayProbe: false });
    }
  }

  #wantProbe(job: PendingJob, nowMs: number): boolean {
    const { times } = job;
    const isDue = probeIsDue(times, nowMs);
    if (isDue) this.#probes.want(job, probeUrgentUntilMs(times, nowMs, this.#around.context.probeEveryMs()));
    return isDue;
  }

  /** Their turn has come. */
  #probe(jobs: readonly PendingJob[]): void {
    for (const job of jobs) if (this.#isOpen(job)) void this.#tell(job, { type: 'due' });
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
    if (!probeIsDue(job.state, this.#clock.wallMs())) this.#probes.cancel(job);
    this.#plan(job, afterDue);
  }

  /** When it is looked at next; it may be packed until then. */
  #plan(job: PendingJob, afterDue: boolean): void {
    if (!job.packed) this.#warm.add(job);
    const { times } = job;
    const dueMs = nextDueMs(times, this.#probes.has(job));
    if (dueMs === undefined) return this.#wheel.cancel(job);
    const nowMs = this.#clock.wallMs();
    if (times.snapshot?.kind === 'ended' && dueMs <= nowMs) return this.#forget(job);
    this.#wheel.schedule(afterDue ? Math.max(dueMs, nowMs + LIMITS.lookAgainMs) : dueMs, job);
  }

  #forget(job: PendingJob): void {
    const { jobKey, shard, revision } = job;
    if (revision > (this.#delivered.get(shard) ?? ABSENT)) {
      const forgotten = this.#forgotten.get(shard) ?? new Map<JobKey, Revision>();
      this.#forgotten.set(shard, forgotten.set(jobKey, revision));
    }
    if (mayBeReopened(job.state.snapshot?.outcome)) this.#remember(job);
    else this.#ended.get(shard)?.delete(jobKey);
    this.#wheel.cancel(job);
    this.#probes.cancel(job);
    job.forget();
    this.#warm.delete(job);
    this.#cooling.delete(job);
    this.#shards.get(shard)?.delete(jobKey);
  }

  #remember({ shard, jobKey, revision, state }: PendingJob): void {
    const known = this.#ended.get(shard) ?? new Map<JobKey, Ended>();
    this.#ended.set(shard, known);
    known.delete(jobKey);
    known.set(jobKey, { unbrokenAt: state.unbroken ? revision : ABSENT, handedOutMs: state.handedOutMs });
    const [oldest] = known.keys();
    if (known.size > CLUSTER_LIMITS.endedPerShard && oldest !== undefined) known.delete(oldest);
  }

  /** Jobs to which nothing has happened between two rounds are packed: most replies come sooner, and cost nothing extra. */
  #cool(): void {
    for (const job of this.#cooling) if (!this.#warm.has(job)) job.pack();
    this.#cooling = this.#warm;
    this.#warm = new Set();
    this.#cooler = this.#clock.setTimer(LIMITS.coolAfterMs, () => this.#cool());
  }

  /** The watch may be behind: writes up to the last one before a job was forgotten are no news. */
  #wasForgotten(shard: ShardId, jobKey: JobKey, revision: Revision): boolean {
    const forgotten = this.#forgotten.get(shard);
    const last = forgotten?.get(jobKey);
    if (last === undefined) return false;
    if (revision >= last) forgotten?.delete(jobKey);
    return revision <= last;
  }

  #resident(shard: ShardId, jobKey: JobKey): PendingJob | undefined {
    return this.#shards.get(shard)?.get(jobKey);
  }

  #spawn(shard: ShardId, jobKey: JobKey): PendingJob | undefined {
    const jobs = this.#shards.get(shard);
    if (jobs === undefined) return undefined;
    const key = flat(jobKey); // it may have come in a batch of another node
    const job = new PendingJob(shard, key, this.#around);
    Object.assign(job.state, this.#ended.get(shard)?.get(key));
    jobs.set(key, job);
    return job;
  }
}
