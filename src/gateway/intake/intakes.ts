// All intakes of a node: one for each kind of job that it takes. What kinds there are may change while it runs (the
// routes are read again): an intake whose kind is unchanged goes on untouched, one that is gone or different stops taking jobs
// and answers for those in hand, a new one starts.
import type { Activation } from '../../actors/messages.ts';
import type { Clock, Random } from '../../actors/ports.ts';
import type { ActivatedJob, EnginePort } from '../ports.ts';
import { Intake, type IntakeAnswer, type IntakeEvent } from './intake.ts';

/** Jobs handed to their owners and not answered, per kind and node: enough to fill the pipe, little to lose in a crash. */
const MAX_IN_HAND = 256;

/** One kind of job. Two of the same `name` are the same if their `version` is. */
export interface IntakeKind {
  /** Job type and tenants: what no two kinds share. */
  readonly name: string;
  /** Everything that matters about it, as text. */
  readonly version: string;
  readonly jobType: string;
  readonly fetchVariables: readonly string[];
  readonly tenantIds: readonly string[];
  /** Further jobs that this node may take now. */
  admits(): number;
  activationOf(job: ActivatedJob): Activation | Promise<Activation>;
}

export interface IntakesOptions {
  readonly engine: Pick<EnginePort, 'openStream' | 'activate' | 'fail'>;
  readonly clock: Clock;
  readonly random: Random;
  /** For how long the engine is to lock a job that it hands out now. */
  lockMs(): number;
  /** As the engine's operators see this worker. */
  readonly worker: string;
  /** Hands a job to its owner. */
  take(activation: Activation): Promise<IntakeAnswer>;
  onEvent?(jobType: string, event: IntakeEvent): void;
}

interface Running {
  readonly version: string;
  readonly intake: Intake;
}

export class Intakes {
  readonly #options: IntakesOptions;
  readonly #running = new Map<string, Running>();
  readonly #stopping = new Set<Promise<unknown>>();
  #kinds: readonly IntakeKind[];
  #started = false;

  constructor(options: IntakesOptions, kinds: readonly IntakeKind[]) {
    this.#options = options;
    this.#kinds = kinds;
  }

  start(): void {
    this.#started = true;
    this.set(this.#kinds);
  }

  /** From now on these kinds. */
  set(kinds: readonly IntakeKind[]): void {
    this.#kinds = kinds;
    if (!this.#started) return;
    const wanted = new Map(kinds.map((kind) => [kind.name, kind]));
    for (const [name, { version, intake }] of this.#running) {
      if (wanted.get(name)?.version === version) wanted.delete(name);
      else this.#stop(name, intake);
    }
    for (const kind of wanted.values()) this.#start(kind);
  }

  /** Takes no more jobs, and waits for the answers of those in hand. */
  async stop(): Promise<void> {
    this.#started = false;
    for (const [name, { intake }] of this.#running) this.#stop(name, intake);
    await Promise.all(this.#stopping);
  }

  #start(kind: IntakeKind): void {
    const { engine, clock, random, lockMs, worker, take, onEvent } = this.#options;
    const { jobType, fetchVariables, tenantIds } = kind;
    const lanes = new WeakMap<ActivatedJob, string>();
    const intake = new Intake({
      engine,
      clock,
      random,
      query: () => ({ jobType, worker, lockMs: lockMs(), fetchVariables, tenantIds }),
      maxInHand: MAX_IN_HAND,
      take: async (job) => {
        const activation = await kind.activationOf(job);
        const answer = await take(activation);
        if (answer === 'giveBack') lanes.set(job, activation.lane);
        return answer;
      },
      laneOf: (job) => lanes.get(job) ?? '',
      admits: () => kind.admits(),
      onEvent: (event) => onEvent?.(jobType, event),
    });
    this.#running.set(kind.name, { version: kind.version, intake });
    intake.start();
  }

  #stop(name: string, intake: Intake): void {
    this.#running.delete(name);
    const stopping: Promise<unknown> = intake.stop().finally(() => this.#stopping.delete(stopping));
    this.#stopping.add(stopping);
  }
}
