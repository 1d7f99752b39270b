// A small engine in memory for the intake's tests: jobs of one type, locks on a virtual clock, streams that push only
// jobs made after they were opened, and a long poll that waits. It counts what it is asked.
import type { JobKey } from '../../src/actors/ids.ts';
import type { Clock, EngineAnswer, FailJob, TraceSource } from '../../src/actors/ports.ts';
import { type ActivatedJob, type EnginePort, EngineUnavailable, type JobQuery } from '../../src/gateway/ports.ts';

interface Job {
  readonly key: string;
  lockedUntilMs: number;
}

interface Parked {
  readonly maxJobs: number;
  finish(): void;
}

interface OpenStream {
  push(job: ActivatedJob): void;
  end(reason: string): void;
}

export class IntakeEngine implements Pick<EnginePort, 'openStream' | 'activate' | 'fail'> {
  readonly polls: {
    readonly atMs: number;
    readonly maxJobs: number;
    readonly longPollMs: number;
    readonly lockMs: number;
  }[] = [];
  readonly streamsOpenedMs: number[] = [];
  /** What each asked for. */
  readonly streamLocksMs: number[] = [];
  readonly fails: {
    readonly jobKey: string;
    readonly fail: FailJob;
    readonly deadlineMs: number;
    readonly of: TraceSource | undefined;
  }[] = [];
  /** Answers of `fail`, in turn; then `ok`. */
  failAnswers: EngineAnswer[] = [];
  away = false;
  longPolls = true;
  /** A poll that does not wait at the gateway is answered after this; cancelled before, what it activated is lost. */
  answersInMs = 0;
  /** How long a stream takes to close. */
  closesInMs = 0;
  readonly #clock: Clock;
  readonly #query: JobQuery;
  #jobs: Job[] = [];
  #parked: Parked[] = [];
  #streams: OpenStream[] = [];
  #nextKey = 1;

  constructor(clock: Clock, query: JobQuery) {
    this.#clock = clock;
    this.#query = query;
  }

  /** Makes jobs: pushed when a stream is open, else waiting for a poll. */
  create(count: number): void {
    for (let made = 0; made < count; made++) {
      const job: Job = { key: String(this.#nextKey++), lockedUntilMs: 0 };
      this.#jobs.push(job);
      this.#streams[0]?.push(this.#activate(job));
    }
    for (const parked of this.#parked.splice(0)) parked.finish();
  }

  /** Pushes a job as it is, for copies that are stale or come twice. */
  push(job: ActivatedJob): void {
    this.#streams[0]?.push(job);
  }

  breakStreams(): void {
    for (const stream of this.#streams.splice(0)) stream.end('UNAVAILABLE');
  }

  get openStreams(): number {
    return this.#streams.length;
  }

  get parkedPolls(): number {
    return this.#parked.length;
  }

  /** Jobs that nobody holds. */
  get waiting(): number {
    return this.#jobs.filter((job) => job.lockedUntilMs <= this.#clock.wallMs()).length;
  }

  openStream(query: JobQuery, onJob: (job: ActivatedJob) => void, onEnd: (reason: string) => void) {
    this.streamsOpenedMs.push(this.#clock.monotonicMs());
    this.streamLocksMs.push(query.lockMs);
    const stream: OpenStream = { push: onJob, end: onEnd };
    this.#streams.push(stream);
    const cancel = async () => {
      this.#streams = this.#streams.filter((open) => open !== stream);
      const closesInMs = this.closesInMs;
      if (closesInMs > 0) await new Promise<void>((resolve) => this.#clock.setTimer(closesInMs, resolve));
      onEnd('cancelled');
    };
    return { pause: () => {}, resume: () => {}, cancel };
  }

  async activate(
    { lockMs }: JobQuery,
    maxJobs: number,
    longPollMs: number,
    signal?: AbortSignal,
  ): Promise<ActivatedJob[]> {
    this.polls.push({ atMs: this.#clock.monotonicMs(), maxJobs, longPollMs, lockMs });
    if (this.away) throw new EngineUnavailable('away');
    const found = this.#take(maxJobs);
    if (longPollMs <= 0 && this.answersInMs > 0) return this.#onItsWay(found, signal);
    if (found.length > 0 || longPollMs <= 0 || !this.longPolls) return found;
    return new Promise((resolve) => {
      const finish = () => {
        timer.cancel();
        this.#parked = this.#parked.filter((open) => open !== parked);
        resolve(signal?.aborted ? [] : this.#take(maxJobs));
      };
      const parked = { maxJobs, finish };
      const timer = this.#clock.setTimer(longPollMs, finish);
      signal?.addEventListener('abort', finish);
      this.#parked.push(parked);
    });
  }

  #onItsWay(found: ActivatedJob[], signal: AbortSignal | undefined): Promise<ActivatedJob[]> {
    return new Promise((resolve) => {
      this.#clock.setTimer(this.answersInMs, () => resolve(found));
      signal?.addEventListener('abort', () => resolve([]));
    });
  }

  async fail(jobKey: JobKey, fail: FailJob, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer> {
    this.fails.push({ jobKey, fail, deadlineMs, of });
    return this.failAnswers.shift() ?? { code: 'ok', unseen: false, message: '' };
  }

  /** The job as an activation of now. */
  job(key: string): ActivatedJob {
    return {
      key,
      type: this.#query.jobType,
      processInstanceKey: '1',
      bpmnProcessId: 'process',
      processDefinitionVersion: 1,
      processDefinitionKey: '2',
      elementId: 'task',
      elementInstanceKey: '3',
      customHeaders: '{}',
      worker: this.#query.worker,
      retries: 3,
      deadlineMs: this.#clock.wallMs() + this.#query.lockMs,
      variables: '{}',
      tenantId: '<default>',
    };
  }

  #take(maxJobs: number): ActivatedJob[] {
    const free = this.#jobs.filter((job) => job.lockedUntilMs <= this.#clock.wallMs());
    return free.slice(0, maxJobs).map((job) => this.#activate(job));
  }

  #activate(job: Job): ActivatedJob {
    job.lockedUntilMs = this.#clock.wallMs() + this.#query.lockMs;
    return this.job(job.key);
  }
}
