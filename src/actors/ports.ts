// What the kernel and the pending job need from outside, so that the same code runs in production and in virtual time.
// Nothing in src/actors or src/cluster, and no logic in src/gateway, reads a clock or a random source by itself.
import type { JobKey } from './ids.ts';

/** A timer that was set; cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, ms since the epoch: compared with the engine's deadlines and stored in snapshots. */
  wallMs(): number;
  /** Monotonic clock, ms since any start: for durations and leases. */
  monotonicMs(): number;
  /** Runs `run` once after `delayMs`. Never keeps the process alive by itself. */
  setTimer(delayMs: number, run: () => void): Timer;
}

export interface Random {
  /** A number in [0, 1). */
  float(): number;
  /** Unpredictable bytes: names of incarnations, secrets. */
  bytes(count: number): Uint8Array;
}

/**
 * What the engine said, reduced to what decides. The mapping from gRPC codes is in gateway/zeebe; its source are the
 * runs against real engines (docs/design.md §7).
 *  - `ok`, `notFound`, `failedPrecondition`: answers of the engine.
 *  - `never`: this command can never succeed (too big, invalid); the job is untouched.
 *  - `transient`: try again; `unseen` says whether the command may have had its effect all the same.
 */
export interface EngineAnswer {
  readonly code: 'ok' | 'notFound' | 'failedPrecondition' | 'never' | 'transient';
  /** Only with `transient`: the command left this process and its answer was not seen. */
  readonly unseen: boolean;
  /** The engine's own words, for logs and incidents; '' when it said nothing. */
  readonly message: string;
  /** Only with `transient`: the engine has more to do than it can. */
  readonly backpressure?: boolean;
}

/** Where the trace of a call comes from, for the logs; a snapshot has it. */
export interface TraceSource {
  /** '' where it is not known. */
  readonly origin: { readonly instanceKey: string };
  /** `traceparent` of the process; '' when it has none. */
  readonly trace: string;
}

/**
 * The commands of the engine's hot path. They never throw; every one has a deadline (`deadlineMs`, a duration). `of` is for the
 * logs only; undefined: of that job nothing but its key is known.
 */
export interface EngineCommands {
  /** `variables` is JSON text of an object and is passed on byte for byte. */
  complete(jobKey: JobKey, variables: string, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer>;
  /** `retries` is set absolutely; 0 raises an incident with `message`. */
  fail(jobKey: JobKey, fail: FailJob, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer>;
  throwError(jobKey: JobKey, error: ThrowError, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer>;
  /** A late reply for whoever catches it; the same `messageId` is taken once within `timeToLiveMs`. */
  publishMessage(message: PublishMessage, deadlineMs: number): Promise<EngineAnswer>;
  /** Sets the lock to now + `timeoutMs` on the engine's clock; also the probe that tells whether a job lives. */
  updateTimeout(jobKey: JobKey, timeoutMs: number, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer>;
}

export interface FailJob {
  readonly retries: number;
  readonly backoffMs: number;
  readonly message: string;
  /** JSON text of an object; absent or '': none. */
  readonly variables?: string;
}

export interface ThrowError {
  readonly code: string;
  readonly message: string;
  /** JSON text of an object. */
  readonly variables: string;
}

export interface PublishMessage {
  readonly name: string;
  readonly correlationKey: string;
  readonly messageId: string;
  readonly timeToLiveMs: number;
  readonly tenantId: string;
  /** JSON text of an object. */
  readonly variables: string;
}
