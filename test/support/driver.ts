// Starts process instances and reads how they end, from the engine itself. The process is a task of the bridge followed
// by a task of ours: an instance whose job of the second task is handed to us has completed the first one, and the job's
// variables are what the engine holds as its result. Unlike an answer to the call that created the instance, that
// survives every restart of the engine. Each instance carries a random token, which the service must give back.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { ZeebeCallError } from '../../src/gateway/zeebe/answers.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { twoTaskProcess } from './bpmn.ts';
import { eventually } from './eventually.ts';

export interface Result {
  readonly atMs: number;
  readonly variables: {
    readonly token?: unknown;
    readonly answer?: { readonly token?: unknown; readonly number?: unknown };
  };
}

export interface StartOptions {
  /** Default 100. */
  readonly perSecond?: number;
  /** Added to the token. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** For whoever writes down what the driver did; a try whose answer was lost may have made an instance all the same. */
export interface DriverWitness {
  creating(token: string): void;
  started(token: string, instanceKey: string): void;
  cancelled?(token: string): void;
  /** May be told again of one and the same job. @param variables as the engine's own text */
  passed(token: string, doneKey: string, variables: string): void;
}

export interface DriverOptions {
  readonly retries?: number;
  readonly witness?: DriverWitness;
  /**
   * Complete the job of the second task too: what the engine handed out and the driver never got is then handed out again
   * soon. Without it the lock lasts as long as any test, and the engine is spared the work.
   */
  readonly finish?: boolean;
  /** Whether the instance is cancelled as soon as it was started; asked once for each. */
  readonly cancels?: (token: string) => boolean;
  /** Added to the token of each instance. */
  readonly variables?: (token: string) => Readonly<Record<string, unknown>>;
}

const CALL_MS = 10_000;
const LOCK_MS = 6 * 3_600_000;
/** A load that was held up for longer does not make up for it. */
const CATCH_UP_MS = 1_000;
const SHORT_LOCK_MS = 5_000;

export class Driver {
  readonly engine: ZeebeClient;
  /** Tokens of the instances that the engine has said it created, with the instance's key. */
  readonly started = new Map<string, string>();
  readonly results = new Map<string, Result>();
  /** Tokens of instances that were cancelled; one that was just ending may have passed all the same. */
  readonly cancelled = new Set<string>();
  readonly #processId: string;
  readonly #options: DriverOptions;
  readonly #over = new AbortController();
  readonly #collecting: Promise<void>;

  private constructor(engine: ZeebeClient, processId: string, options: DriverOptions) {
    this.engine = engine;
    this.#processId = processId;
    this.#options = options;
    this.#collecting = this.#collect();
  }

  /** Deploys a process for the job type. @param zeebeAddress `host:port` */
  static async open(zeebeAddress: string, jobType: string, options: DriverOptions = {}): Promise<Driver> {
    const { retries = 3 } = options;
    const settings = { ZEEBE_GRPC_ADDRESS: `grpc://${zeebeAddress}`, CAMUNDA_AUTH_STRATEGY: 'NONE' } as const;
    const bpmn = twoTaskProcess({ processId: jobType, jobType, retries, thenJobType: collectedBy(jobType) });
    await deployProcesses([{ name: `${jobType}.bpmn`, bpmn }], settings);
    return new Driver(await openZeebe(settings), jobType, options);
  }

  /** Resolves with the tokens when the engine has created all of them; waits while it refuses or is away. */
  async start(count: number, { perSecond = 100, variables = {} }: StartOptions = {}): Promise<string[]> {
    const beginMs = performance.now();
    const creating: Promise<string>[] = [];
    for (let number = 0; number < count; number++) {
      const dueMs = beginMs + (number * 1_000) / perSecond;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      creating.push(this.#create(variables));
    }
    return Promise.all(creating);
  }

  /** Instance after instance until told to stop; that resolves with all their tokens. */
  load(perSecond: number): () => Promise<string[]> {
    let stopped = false;
    const tokens: string[] = [];
    const running = (async () => {
      const creating = new Set<Promise<void>>();
      let dueMs = performance.now();
      while (!stopped) {
        const one = this.#create({}).then((token) => {
          tokens.push(token);
          creating.delete(one);
        });
        creating.add(one);
        dueMs = Math.max(dueMs + 1_000 / perSecond, performance.now() - CATCH_UP_MS);
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await sleep(waitMs);
        while (creating.size >= 50) await Promise.race(creating); // the engine is slow or away
      }
      await Promise.all(creating);
    })();
    return async () => {
      stopped = true;
      await running;
      return tokens;
    };
  }

  /** Those of the tokens whose instance has not passed the task yet. */
  open(tokens: Iterable<string> = this.started.keys()): string[] {
    return [...tokens].filter((token) => !this.results.has(token) && !this.cancelled.has(token));
  }

  /** Every instance has passed the task, with the answer to its own request. */
  async allAnswered(
    tokens: readonly string[] = [...this.started.keys()],
    { deadlineMs = 60_000, diagnose = (): unknown => undefined } = {},
  ): Promise<void> {
    await eventually(`${tokens.length} instances to be answered`, () => this.open(tokens).length === 0, {
      deadlineMs,
      everyMs: 100,
      diagnose: async () => {
        const open = this.open(tokens);
        const instances = open.slice(0, 5).map((token) => `${token} (instance ${this.started.get(token)})`);
        return { open: open.length, instances, more: await diagnose() };
      },
    });
    const wrong = tokens.filter((token) => this.results.get(token)?.variables.answer?.token !== token);
    if (wrong.length > 0) throw new Error(`${wrong.length} instances have the answer to another: ${wrong.slice(0, 5)}`);
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#collecting;
    this.engine.close();
  }

  /** A start that the engine may have made without saying so is not counted, and made again under another token. */
  async #create(variables: Readonly<Record<string, unknown>>): Promise<string> {
    for (;;) {
      const token = randomUUID();
      const request = {
        bpmnProcessId: this.#processId,
        version: -1,
        variables: JSON.stringify({ token, ...this.#options.variables?.(token), ...variables }),
      };
      this.#options.witness?.creating(token);
      try {
        const made = await this.engine.call('CreateProcessInstance', request, CALL_MS);
        this.started.set(token, made.processInstanceKey);
        this.#options.witness?.started(token, made.processInstanceKey);
        if (this.#options.cancels?.(token)) void this.#cancel(token, made.processInstanceKey);
        return token;
      } catch (error) {
        if (!(error instanceof ZeebeCallError) || !AGAIN.includes(error.status)) throw error;
      }
      await sleep(100 + 400 * Math.random());
    }
  }

  /** Until the engine has answered. What is not there at the first try has passed; after a lost answer it may have been us. */
  async #cancel(token: string, processInstanceKey: string): Promise<void> {
    for (let tries = 1; !this.#over.signal.aborted; tries++) {
      try {
        await this.engine.call('CancelProcessInstance', { processInstanceKey }, CALL_MS);
      } catch (error) {
        const gone = error instanceof ZeebeCallError && error.status === status.NOT_FOUND;
        if (gone && tries === 1) return;
        if (!gone) {
          await sleep(200); // the engine is away
          continue;
        }
      }
      this.cancelled.add(token);
      this.#options.witness?.cancelled?.(token);
      return;
    }
  }

  async #collect(): Promise<void> {
    const { signal } = this.#over;
    const query = {
      jobType: collectedBy(this.#processId),
      worker: 'driver',
      lockMs: this.#options.finish ? SHORT_LOCK_MS : LOCK_MS,
      fetchVariables: ['token', 'answer'],
      tenantIds: ['<default>'],
    };
    while (!signal.aborted) {
      try {
        for (const job of await this.engine.activate(query, 500, 2_000, signal)) {
          const variables = JSON.parse(job.variables) as Result['variables'];
          this.results.set(String(variables.token), { atMs: Date.now(), variables });
          this.#options.witness?.passed(String(variables.token), job.key, job.variables);
          if (this.#options.finish) this.#finish(job.key);
        }
      } catch {
        await sleep(200); // the engine is away
      }
    }
  }

  /** What is not taken is handed out again. */
  #finish(jobKey: string): void {
    this.engine.call('CompleteJob', { jobKey, variables: '{}' }, CALL_MS).catch(() => undefined);
  }
}

const AGAIN: readonly number[] = [
  status.RESOURCE_EXHAUSTED,
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.INTERNAL,
  // The gateway lost its connection to the broker.
  status.ABORTED,
];

function collectedBy(jobType: string): string {
  return `${jobType}-done`;
}
