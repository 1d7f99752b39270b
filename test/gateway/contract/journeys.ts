// The modeller's side: process instances with one task of the bridge and one of ours behind it. What is handed to us there
// has passed the first task, with all variables as the engine writes them. Every instance has an order with an id of its own,
// and is cancelled in the end: a job left behind would be taken by the nodes of the next test.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { members } from '../../../src/gateway/json/slices.ts';
import { openZeebe, type ZeebeClient } from '../../../src/gateway/zeebe/client.ts';
import type { ZeebeSettings } from '../../../src/gateway/zeebe/connection.ts';
import { deployProcesses, type ProcessModel } from '../../../src/gateway/zeebe/deploy.ts';

export interface Journey {
  readonly processId: string;
  /** Of its order; in the body of every request that is made from it. */
  readonly id: string;
  /** JSON text of the variable `order`. */
  readonly order: string;
  readonly instance: string;
}

const CALL_MS = 10_000;
const LOCK_MS = 3_600_000;

/** Beyond what a double holds, both ends of what the engine takes, a name twice, nothing, emptiness, and all kinds of text. */
export const EXACT =
  '"z":9007199254740993,"a":-9223372036854775808,"u":18446744073709551615,"f":1.0,"n":null,"t":"é漢 \\"\\\\\\n\\uD83E\\uDD89","e":{},"l":[[],true],"d":{"a":1,"a":2}';

export class Journeys {
  readonly engine: ZeebeClient;
  /** Job type of the task behind. */
  readonly thenJobType: string;
  readonly #settings: ZeebeSettings;
  readonly #passed = new Map<string, string>();
  readonly #started: Journey[] = [];
  readonly #over = new AbortController();
  readonly #collecting: Promise<void>;

  private constructor(engine: ZeebeClient, cluster: string, settings: ZeebeSettings) {
    this.engine = engine;
    this.thenJobType = `${cluster}-passed`;
    this.#settings = settings;
    this.#collecting = this.#collect();
  }

  static async open(zeebeAddress: string, cluster: string): Promise<Journeys> {
    const settings = { ZEEBE_GRPC_ADDRESS: `grpc://${zeebeAddress}`, CAMUNDA_AUTH_STRATEGY: 'NONE' } as const;
    return new Journeys(await openZeebe(settings), cluster, settings);
  }

  async deploy(processes: readonly ProcessModel[]): Promise<void> {
    await deployProcesses(processes, this.#settings);
  }

  /** @param variables besides `order`; @param orderId the order's own id, if it matters */
  async start(processId: string, variables: object = {}, orderId: string = randomUUID()): Promise<Journey> {
    const order = `{"id":"${orderId}",${EXACT}}`;
    const more = JSON.stringify(variables).slice(1, -1);
    const request = { bpmnProcessId: processId, version: -1, variables: `{"order":${order}${more && `,${more}`}}` };
    const { processInstanceKey: instance } = await this.engine.call('CreateProcessInstance', request, CALL_MS);
    const journey = { processId, id: orderId, order, instance };
    this.#started.push(journey);
    return journey;
  }

  async cancel({ instance }: Pick<Journey, 'instance'>): Promise<void> {
    await this.engine.call('CancelProcessInstance', { processInstanceKey: instance }, CALL_MS);
  }

  /** The variables of an instance that has passed its task: each as the engine's text. */
  passed({ instance }: Journey): ReadonlyMap<string, string> | undefined {
    const variables = this.#passed.get(instance);
    return variables === undefined ? undefined : members(variables);
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#collecting;
    await Promise.allSettled(this.#started.map((journey) => this.cancel(journey)));
    this.engine.close();
  }

  async #collect(): Promise<void> {
    const { signal } = this.#over;
    const jobType = this.thenJobType;
    const query = { jobType, worker: 'journeys', lockMs: LOCK_MS, fetchVariables: [], tenantIds: ['<default>'] };
    while (!signal.aborted) {
      try {
        for (const job of await this.engine.activate(query, 100, 2_000, signal)) {
          this.#passed.set(job.processInstanceKey, job.variables);
        }
      } catch {
        await sleep(200); // the engine is busy
      }
    }
  }
}
