// What is done with a job when nobody asks: it is looked at when its next deadline comes (timer-wheel.ts), its probe has its
// turn (probe-queue.ts), and it is made small when nothing has happened to it for a while.
//
// What must hold: each job that is here and waits for something stands in the wheel for its next time, or in the queue; nothing
// is told to a job that is not here any more, or that is being handed over; and who waits for the turn of its probe is not in
// its mailbox meanwhile, but is still looked at for whatever else comes first.
import { FirstLock } from '../actors/first-lock.ts';
import { LIMITS } from '../actors/limits.ts';
import type { Command } from '../actors/pending-job/decide.ts';
import { nextDueMs, probeIsDue, probeUrgentUntilMs, waitsForReplies } from '../actors/pending-job/due.ts';
import type { JobContext } from '../actors/pending-job/effects.ts';
import type { Clock, Timer } from '../actors/ports.ts';
import type { ProbePace } from '../actors/probe-pace.ts';
import { ProbeQueue } from '../actors/probe-queue.ts';
import { TimerWheel } from '../actors/timer-wheel.ts';
import type { PendingJob } from './pending-job.ts';

export interface UpkeepOptions {
  readonly clock: Clock;
  readonly context: Pick<JobContext, 'probeEveryMs' | 'replyProgressMs'>;
  readonly pace: Pick<ProbePace, 'perSecond' | 'secondsFor'>;
  /** Is it here, and its shard not being handed over? */
  isOpen(job: PendingJob): boolean;
  /** Its time or its turn has come. `planAgain` follows once that is done. */
  tell(job: PendingJob, command: Extract<Command, { type: 'due' }>): void;
  /** It has ended, and nothing is to be known of it any more. */
  forget(job: PendingJob): void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel<PendingJob>;
  readonly #probes: ProbeQueue<PendingJob>;
  readonly #firstLock: FirstLock;
  #warm = new Set<PendingJob>();
  #cooling = new Set<PendingJob>();
  #cooler: Timer | undefined;

  constructor(options: UpkeepOptions) {
    const { clock, context, pace } = options;
    this.#options = options;
    this.#clock = clock;
    this.#wheel = new TimerWheel<PendingJob>(clock, (jobs) => this.#due(jobs));
    this.#probes = new ProbeQueue<PendingJob>(clock, pace, (jobs) => this.#probe(jobs));
    this.#firstLock = new FirstLock({
      clock,
      waitMs: () => pace.secondsFor(this.#probes.urgentTurns) * 1_000,
      probeEveryMs: () => context.probeEveryMs(),
    });
    this.#cool();
  }

  stop(): void {
    this.#wheel.clear();
    this.#probes.clear();
    this.#cooler?.cancel();
  }

  /** For how long the engine is to lock a job that it hands out now, ms. */
  firstLockMs(): number {
    return this.#firstLock.ms();
  }

  /** A job that only waits has come. */
  plan(job: PendingJob): void {
    this.#wantProbe(job, this.#clock.wallMs());
    this.#plan(job, false);
  }

  /** Something has happened to it, and nothing is under way. */
  planAgain(job: PendingJob, afterDue: boolean): void {
    if (!probeIsDue(job.state, this.#clock.wallMs())) this.#probes.cancel(job);
    this.#plan(job, afterDue);
  }

  /** Its shard is not here any more. */
  cancel(job: PendingJob): void {
    this.#wheel.cancel(job);
    this.#probes.cancel(job);
  }

  /** It has left memory. */
  forget(job: PendingJob): void {
    this.cancel(job);
    this.#warm.delete(job);
    this.#cooling.delete(job);
  }

  #due(jobs: readonly PendingJob[]): void {
    const nowMs = this.#clock.wallMs();
    let read: number | undefined;
    const readMs = () => {
      read ??= this.#options.context.replyProgressMs();
      return read;
    };
    for (const job of jobs) {
      if (!this.#options.isOpen(job)) continue;
      if (this.#wantProbe(job, nowMs)) {
        if (job.commands === 0) this.#plan(job, false);
        if ((nextDueMs(job.times, true) ?? Number.POSITIVE_INFINITY) > nowMs) continue;
      }
      if (job.commands === 0 && waitsForReplies(job.times, nowMs, readMs)) {
        this.#wheel.schedule(nowMs + LIMITS.lookAgainMs, job); // left as it is: packed, and asked for nothing
        continue;
      }
      this.#options.tell(job, { type: 'due', mayProbe: false });
    }
  }

  #wantProbe(job: PendingJob, nowMs: number): boolean {
    const { times } = job;
    const isDue = probeIsDue(times, nowMs);
    if (isDue) this.#probes.want(job, probeUrgentUntilMs(times, nowMs, this.#options.context.probeEveryMs()));
    return isDue;
  }

  /** Their turn has come. */
  #probe(jobs: readonly PendingJob[]): void {
    for (const job of jobs) if (this.#options.isOpen(job)) this.#options.tell(job, { type: 'due' });
  }

  /** When it is looked at next; it may be packed until then. */
  #plan(job: PendingJob, afterDue: boolean): void {
    if (!job.packed) this.#warm.add(job);
    const { times } = job;
    const dueMs = nextDueMs(times, this.#probes.has(job));
    if (dueMs === undefined) return this.#wheel.cancel(job);
    const nowMs = this.#clock.wallMs();
    if (times.snapshot?.kind === 'ended' && dueMs <= nowMs) return this.#options.forget(job);
    this.#wheel.schedule(afterDue ? Math.max(dueMs, nowMs + LIMITS.lookAgainMs) : dueMs, job);
  }

  /** Jobs to which nothing has happened between two rounds are packed: most replies come sooner, and cost nothing extra. */
  #cool(): void {
    for (const job of this.#cooling) if (!this.#warm.has(job)) job.pack();
    this.#cooling = this.#warm;
    this.#warm = new Set();
    this.#cooler = this.#clock.setTimer(LIMITS.coolAfterMs, () => this.#cool());
  }
}
