// The jobs of the engine double, and what it answers about each. Not an engine: no processes, no broker, nothing on disk.
// It is as strict as an engine where a bridge node would notice: a job that has ended is NOT_FOUND for ever, one in backoff or
// in an incident takes nothing, one whose lock is over is handed out again.
//
//   activatable ── activate ──▶ activated ── complete ──▶ (gone)
//        ▲                         │  └── fail, retries 0; throw ──▶ incident
//        └── lock or backoff over ─┴── fail, retries > 0 ──▶ backoff
//
// Besides, there may be *seeded* jobs: keys that follow a rule instead of standing in a table, for there may be a million. They
// are activated, their locks never end, and each ends once like any other.

export type JobCode = 'ok' | 'notFound' | 'failedPrecondition';

/** Every `step`th key from `first` on, `count` of them. */
export interface SeededKeys {
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

interface Job {
  readonly type: string;
  readonly createdMs: number;
  state: 'activatable' | 'activated' | 'backoff' | 'incident';
  retries: number;
  /** Of its lock or backoff. */
  untilMs: number;
}

export interface EndedJob {
  readonly type: string;
  readonly createdMs: number;
}

/** As of partition 1. Zeebe's keys have the partition in their upper bits; all that are made here fit a number. */
export const FIRST_KEY = 2 ** 51 + 1;
/** Far above any seeded key. */
const FIRST_CREATED_KEY = FIRST_KEY + 2 ** 40;
const RETRIES = 3;

export class JobTable {
  readonly #jobs = new Map<number, Job>();
  readonly #activatable = new Map<string, Set<number>>();
  readonly #seeded: SeededKeys | undefined;
  readonly #seededEnded = new Set<number>();
  #nextKey = FIRST_CREATED_KEY;

  constructor(seeded?: SeededKeys) {
    this.#seeded = seeded;
  }

  /** Jobs that have not ended, without the seeded ones. */
  get size(): number {
    return this.#jobs.size;
  }

  create(type: string, nowMs: number): number {
    const key = this.#nextKey++;
    this.#jobs.set(key, { type, createdMs: nowMs, state: 'activatable', retries: RETRIES, untilMs: 0 });
    this.#queueOf(type).add(key);
    return key;
  }

  retriesOf(key: number): number {
    return this.#jobs.get(key)?.retries ?? RETRIES;
  }

  /** The oldest of this type that may be handed out, locked from now on; undefined: there is none. */
  activate(type: string, nowMs: number, lockMs: number): number | undefined {
    const queue = this.#queueOf(type);
    for (const key of queue) {
      queue.delete(key);
      const job = this.#jobs.get(key);
      if (job?.state !== 'activatable') continue; // it ended meanwhile
      job.state = 'activated';
      job.untilMs = nowMs + lockMs;
      return key;
    }
    return undefined;
  }

  /** `ended`: what it was, when this ended it. */
  complete(key: number): { readonly code: JobCode; readonly ended?: EndedJob } {
    const job = this.#jobs.get(key);
    if (job === undefined) return { code: this.#endSeeded(key) };
    if (job.state === 'backoff' || job.state === 'incident') return { code: 'failedPrecondition' };
    this.#jobs.delete(key);
    return { code: 'ok', ended: job };
  }

  fail(key: number, retries: number, backoffMs: number, nowMs: number): JobCode {
    return this.#change(key, (job) => {
      job.retries = retries;
      if (retries <= 0) job.state = 'incident';
      else if (backoffMs > 0) Object.assign(job, { state: 'backoff', untilMs: nowMs + backoffMs });
      else this.#release(key, job);
    });
  }

  /** Nobody catches it. */
  throwError(key: number): JobCode {
    return this.#change(key, (job) => {
      job.state = 'incident';
    });
  }

  updateTimeout(key: number, timeoutMs: number, nowMs: number): JobCode {
    const job = this.#jobs.get(key);
    if (job === undefined) return this.#isSeeded(key) ? 'ok' : 'notFound';
    if (job.state !== 'activated') return 'failedPrecondition';
    job.untilMs = nowMs + timeoutMs;
    return 'ok';
  }

  /** Jobs whose lock or backoff is over may be handed out again; answers the types that have such. */
  lapse(nowMs: number): ReadonlySet<string> {
    const types = new Set<string>();
    for (const [key, job] of this.#jobs) {
      if ((job.state !== 'activated' && job.state !== 'backoff') || job.untilMs > nowMs) continue;
      this.#release(key, job);
      types.add(job.type);
    }
    return types;
  }

  #release(key: number, job: Job): void {
    job.state = 'activatable';
    this.#queueOf(job.type).add(key);
  }

  #change(key: number, change: (job: Job) => void): JobCode {
    const job = this.#jobs.get(key);
    if (job === undefined) return this.#endSeeded(key);
    if (job.state === 'backoff' || job.state === 'incident') return 'failedPrecondition';
    change(job);
    return 'ok';
  }

  #endSeeded(key: number): JobCode {
    if (!this.#isSeeded(key)) return 'notFound';
    this.#seededEnded.add(key);
    return 'ok';
  }

  #isSeeded(key: number): boolean {
    if (this.#seeded === undefined || this.#seededEnded.has(key)) return false;
    const { first, step, count } = this.#seeded;
    const index = (key - first) / step;
    return Number.isInteger(index) && index >= 0 && index < count;
  }

  #queueOf(type: string): Set<number> {
    const known = this.#activatable.get(type);
    if (known !== undefined) return known;
    const queue = new Set<number>();
    this.#activatable.set(type, queue);
    return queue;
  }
}
