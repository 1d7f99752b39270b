// The engine's jobs: one process instance with one service task each, and the table of what is accepted in which state.
//
// The states and answers are those run against real engines (test/gateway/zeebe-edge.servers.test.ts): completing needs no lock and no ownership; a job in
// backoff or incident refuses; one that ended is NOT_FOUND. Locks are looked at once a second. Whatever became activatable is
// offered to `onActivatable`, which pushes it on a stream or leaves it for polls.
import { LIMITS } from '../../src/actors/limits.ts';
import type { EngineAnswer, FailJob, ThrowError } from '../../src/actors/ports.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { type CommandName, failPayload, type History } from './history.ts';

export type JobState = 'activatable' | 'activated' | 'backoff' | 'incident' | 'ended';

export interface Job {
  readonly key: string;
  readonly type: string;
  readonly instanceKey: string;
  readonly variables: string;
  /** Codes that a boundary event catches. */
  readonly catches: readonly string[];
  state: JobState;
  retries: number;
  deadlineMs: number;
  /** Set with the end, or the incident: how, or why. */
  reason: string;
}

const PARTITION_1 = 2n ** 51n;
const LOCKS_SEEN_EVERY_MS = 1_000;
/** Characters that pass; about 2 MiB. */
const MAX_VARIABLES = 2_096_536;

const OK: EngineAnswer = { code: 'ok', unseen: false, message: '' };
const refuse = (code: 'notFound' | 'failedPrecondition' | 'never', message: string): EngineAnswer => ({
  code,
  unseen: false,
  message,
});

export class EngineJobs {
  readonly jobs = new Map<string, Job>();
  onActivatable: (job: Job, timedOut: boolean) => void = () => {};
  readonly #clock: ManualClock;
  readonly #history: History;
  /** By state, in the order in which they came into it; the ended ones are in neither. */
  readonly #activatable = new Set<Job>();
  /** Neither ended nor in an incident. */
  readonly #open = new Set<Job>();
  readonly #locked = new Set<Job>();
  #nextKey = PARTITION_1 + 1n;

  constructor(clock: ManualClock, history: History) {
    this.#clock = clock;
    this.#history = history;
    this.#watchLocks();
  }

  /** Starts an instance; its job can be activated at once. */
  start(type: string, variables: string, retries = 3, catches: readonly string[] = []): Job {
    const instanceKey = String(this.#nextKey++);
    const key = String(this.#nextKey++);
    const job: Job = {
      key,
      type,
      instanceKey,
      variables,
      catches,
      state: 'activatable',
      retries,
      deadlineMs: 0,
      reason: '',
    };
    this.jobs.set(key, job);
    this.#history.add({ kind: 'started', jobKey: key, variables, retries });
    this.#free(job);
    return job;
  }

  /** Those that neither ended nor stand in an incident. */
  get open(): ReadonlySet<Job> {
    return this.#open;
  }

  /** Of this type, longest free first. */
  activatable(type: string, max: number): Job[] {
    const found: Job[] = [];
    for (const job of this.#activatable) {
      if (found.length >= max) break;
      if (job.type === type) found.push(job);
    }
    return found;
  }

  activate(job: Job, lockMs: number, node: string): void {
    this.#enter(job, 'activated');
    job.deadlineMs = this.#clock.wallMs() + lockMs;
    if (lockMs > LIMITS.activationLockMs) this.#history.sight('job locked for longer than as a rule');
    this.#history.add({ kind: 'activated', jobKey: job.key, node, deadlineMs: job.deadlineMs, retries: job.retries });
  }

  /** The instance is cancelled, or a boundary event interrupts its task. */
  cancel(jobKey: string): void {
    const job = this.#living(jobKey);
    if (job !== undefined) this.#end(job, 'cancelled');
  }

  /** The operator sets retries and resolves the incident. */
  resolve(jobKey: string, retries = 1): void {
    const job = this.#living(jobKey);
    if (job?.state !== 'incident') return;
    job.retries = retries;
    job.reason = '';
    this.#free(job);
  }

  complete(jobKey: string, variables: string, node: string): EngineAnswer {
    if (variables.length > MAX_VARIABLES) return refuse('never', '');
    if (!isObject(variables)) return refuse('never', 'Property variables is invalid');
    return this.#accept('complete', jobKey, node, variables, (job) => this.#end(job, 'completed'));
  }

  fail(jobKey: string, { retries, backoffMs, message }: FailJob, node: string): EngineAnswer {
    const payload = failPayload({ retries, backoffMs, message });
    return this.#accept('fail', jobKey, node, payload, (job) => {
      job.retries = retries;
      if (retries <= 0) this.#raise(job, message);
      else if (backoffMs <= 0) this.#free(job);
      else this.#backOff(job, backoffMs);
    });
  }

  throwError(jobKey: string, error: ThrowError, node: string): EngineAnswer {
    if (error.variables !== '' && !isObject(error.variables)) return refuse('never', 'Property variables is invalid');
    return this.#accept('throwError', jobKey, node, error.code, (job) => {
      if (job.catches.includes(error.code)) this.#end(job, 'errorCaught');
      else this.#raise(job, `unhandled error ${error.code}: ${error.message}`);
    });
  }

  updateTimeout(jobKey: string, timeoutMs: number, node: string): EngineAnswer {
    const job = this.#living(jobKey);
    if (job === undefined) return refuse('notFound', 'no such job was found');
    if (job.state !== 'activated') return refuse('failedPrecondition', 'it is not active');
    job.deadlineMs = this.#clock.wallMs() + timeoutMs;
    this.#history.add({ kind: 'accepted', command: 'updateTimeout', jobKey, node, payload: '' });
    return OK;
  }

  #accept(
    command: CommandName,
    jobKey: string,
    node: string,
    payload: string,
    effect: (job: Job) => void,
  ): EngineAnswer {
    const job = this.#living(jobKey);
    if (job === undefined) return refuse('notFound', 'no such job was found');
    if (job.state === 'backoff' || job.state === 'incident')
      return refuse('failedPrecondition', `it is in state '${job.state}'`);
    this.#history.add({ kind: 'accepted', command, jobKey, node, payload });
    effect(job);
    return OK;
  }

  #living(jobKey: string): Job | undefined {
    const job = this.jobs.get(jobKey);
    return job === undefined || job.state === 'ended' ? undefined : job;
  }

  #end(job: Job, how: 'completed' | 'cancelled' | 'errorCaught'): void {
    this.#enter(job, 'ended');
    job.reason = how;
    this.#history.add({ kind: 'ended', jobKey: job.key, how });
  }

  #raise(job: Job, message: string): void {
    this.#enter(job, 'incident');
    job.reason = message;
    this.#history.add({ kind: 'incident', jobKey: job.key, message });
  }

  #backOff(job: Job, backoffMs: number): void {
    this.#enter(job, 'backoff');
    this.#clock.setTimer(backoffMs, () => {
      if (job.state === 'backoff') this.#free(job);
    });
  }

  #free(job: Job, timedOut = false): void {
    this.#enter(job, 'activatable');
    this.onActivatable(job, timedOut);
  }

  #enter(job: Job, state: JobState): void {
    this.#activatable.delete(job);
    this.#locked.delete(job);
    job.state = state;
    if (state === 'ended' || state === 'incident') this.#open.delete(job);
    else this.#open.add(job);
    if (state === 'activatable') this.#activatable.add(job);
    else if (state === 'activated') this.#locked.add(job);
  }

  #watchLocks(): void {
    this.#clock.setTimer(LOCKS_SEEN_EVERY_MS, () => {
      const nowMs = this.#clock.wallMs();
      for (const job of [...this.#locked]) if (job.deadlineMs <= nowMs) this.#free(job, true);
      this.#watchLocks();
    });
  }
}

/** What the engine takes as variables: an object, null or nothing. */
function isObject(variables: string): boolean {
  if (variables === '') return true;
  try {
    const value: unknown = JSON.parse(variables);
    return typeof value === 'object' && !Array.isArray(value);
  } catch {
    return false;
  }
}
