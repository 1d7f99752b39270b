// Where jobs come from: one subscription of the engine, open from construction until `close`.
//
// Jobs come in two ways, and each misses what the other brings. The *stream* pushes jobs the moment they are made, but
// never those that existed before it, and on newer engines none whose lock ran out; the *poll* finds those.
// So: poll at once until nothing is left, only then open the stream, and from then on keep a long poll parked. An
// intake that stands at its limit on top of a backlog thus never registers a stream just to cancel it again.
//
// Modes of the poll:  draining  the last poll found jobs (or this is the start): ask again at once, without waiting at
//                               the gateway
//                     idle      it found nothing: long poll; an empty poll costs the broker 3 ms, and some engines
//                               answer a long poll at once, so two of them start at least half a second apart
//                     backoff   the engine is away or refuses: 200 ms to 5 s, with jitter; then draining
// A stream that ends by itself is opened again with a backoff of its own; one whose lock is not the present one any more is
// ended here, and opened again at once. The poll goes on meanwhile and brings what the stream would have pushed.
//
// Closing cancels the stream and the parked poll instead of pausing them: a paused stream keeps some 65 jobs in buffers
// until their locks run out, a cancelled one leaves all new jobs to others. Jobs already on their way here are still
// handed over afterwards; so a poll that drains is not cancelled but awaited, for it answers at once, and what it has
// activated would be hidden until its lock ends.
import type { Clock, Random, Timer } from '../../actors/ports.ts';
import type { ActivatedJob, EnginePort, JobQuery, JobStream } from '../ports.ts';

/** Jobs of one drain poll: activation is cheapest in batches (0.17 ms of broker CPU a job at 500). */
const DRAIN_JOBS = 200;
/** A parked poll keeps the number it once asked for while the stream uses up the room: it asks for little. */
const IDLE_JOBS = 32;
const LONG_POLL_MS = 10_000;
/** An engine that has not answered a poll that drains by then is away. */
const DRAIN_GRACE_MS = 2_000;
const IDLE_INTERVAL_MS = 1_000;
const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 5_000;

export type SourceEvent =
  | { readonly kind: 'streamOpened' }
  | { readonly kind: 'streamEnded'; readonly reason: string }
  | { readonly kind: 'polled'; readonly jobs: number }
  | { readonly kind: 'pollFailed'; readonly reason: string };

export interface SourceOptions {
  readonly engine: Pick<EnginePort, 'openStream' | 'activate'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Its lock may change; the rest does not. */
  query(): JobQuery;
  /** How many jobs a poll may ask for now; at 0 none is made, and the source waits to be closed. */
  wants(): number;
  onJob(job: ActivatedJob): void;
  onEvent(event: SourceEvent): void;
}

export class JobSource {
  readonly #options: SourceOptions;
  readonly #closing = new AbortController();
  /** Aborted a while after `#closing`: polls that drain are not waited for any longer. */
  readonly #givenUp = new AbortController();
  readonly #polling: Promise<void>;
  #stream: JobStream | undefined;
  #reopening: Timer | undefined;
  #streamFailures = 0;
  #streamOpenedMs = 0;
  #streamLockMs = 0;
  /** The stream is being cancelled, to be opened again with another lock. */
  #renewing: Promise<void> | undefined;
  #draining = true;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#polling = this.#poll();
  }

  /** Resolves when stream and poll have ended and their jobs are handed over. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#reopening?.cancel();
    const patience = this.#options.clock.setTimer(DRAIN_GRACE_MS, () => this.#givenUp.abort());
    await Promise.all([this.#renewing ?? this.#stream?.cancel(), this.#polling]).finally(() => patience.cancel());
  }

  async #poll(): Promise<void> {
    const { engine, clock } = this.#options;
    let failures = 0;
    while (!this.#closing.signal.aborted) {
      const query = this.#options.query();
      this.#renewStream(query);
      const startedMs = clock.monotonicMs();
      const room = Math.floor(this.#options.wants());
      if (room <= 0) {
        await this.#sleep(this.#jittered(BACKOFF_MIN_MS));
        continue;
      }
      try {
        const jobs = this.#draining
          ? await engine.activate(query, Math.min(room, DRAIN_JOBS), -1, this.#givenUp.signal)
          : await engine.activate(query, Math.min(room, IDLE_JOBS), LONG_POLL_MS, this.#closing.signal);
        for (const job of jobs) this.#options.onJob({ ...job, lockMs: query.lockMs });
        if (this.#closing.signal.aborted) return;
        failures = 0;
        this.#draining = jobs.length > 0;
        this.#options.onEvent({ kind: 'polled', jobs: jobs.length });
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#options.onEvent({ kind: 'pollFailed', reason: error instanceof Error ? error.message : String(error) });
        this.#draining = true;
        await this.#sleep(this.#backoff(failures++));
        continue;
      }
      if (this.#draining) continue;
      if (this.#stream === undefined && this.#reopening === undefined) this.#openStream();
      else await this.#sleep(startedMs + this.#jittered(IDLE_INTERVAL_MS) - clock.monotonicMs());
    }
  }

  #openStream(): void {
    this.#reopening = undefined;
    const { engine, clock, onEvent } = this.#options;
    const query = this.#options.query();
    this.#streamOpenedMs = clock.monotonicMs();
    this.#streamLockMs = query.lockMs;
    onEvent({ kind: 'streamOpened' });
    let ended = false;
    const stream = engine.openStream(
      query,
      (job) => this.#options.onJob({ ...job, lockMs: query.lockMs }),
      (reason) => {
        if (ended) return;
        ended = true;
        this.#onStreamEnd(reason);
      },
    );
    if (!ended) this.#stream = stream;
  }

  /** What a stream brings is locked for as long as it asked for when it was opened. */
  #renewStream({ lockMs }: JobQuery): void {
    if (this.#stream === undefined || this.#renewing !== undefined || lockMs === this.#streamLockMs) return;
    this.#renewing = this.#stream.cancel();
  }

  #onStreamEnd(reason: string): void {
    const renewing = this.#renewing !== undefined;
    this.#stream = undefined;
    this.#renewing = undefined;
    this.#options.onEvent({ kind: 'streamEnded', reason });
    if (this.#closing.signal.aborted) return;
    if (renewing) return this.#openStream();
    const livedMs = this.#options.clock.monotonicMs() - this.#streamOpenedMs;
    if (livedMs >= BACKOFF_MAX_MS) this.#streamFailures = 0;
    this.#reopening = this.#options.clock.setTimer(this.#backoff(this.#streamFailures++), () => this.#openStream());
  }

  #backoff(failures: number): number {
    return this.#jittered(Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures, 10)));
  }

  /** From half of `ms` to all of it, so that many nodes do not ask in step. */
  #jittered(ms: number): number {
    return ms * (0.5 + this.#options.random.float() / 2);
  }

  /** Ends early when the source is closed. */
  #sleep(ms: number): Promise<void> {
    if (ms <= 0 || this.#closing.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        timer.cancel();
        this.#closing.signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = this.#options.clock.setTimer(ms, wake);
      this.#closing.signal.addEventListener('abort', wake);
    });
  }
}
