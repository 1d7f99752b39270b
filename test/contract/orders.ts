// The modeller's side of the contract tests: one process for each service, in which a card is charged and a declined card
// is caught by a boundary event. An order that has passed the task is handed to us as a job of the task behind it, with
// all variables as the engine holds them.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseExact, stringifyExact } from '../../deploy/demo/exact-json.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { catchingProcess } from '../support/bpmn.ts';

export interface Order {
  /** In its variables, to tell it from others. */
  readonly token: string;
  readonly instance: string;
}

/** Beyond what a double holds, and beyond ASCII, quotes and the characters that JavaScript once could not have in a string. */
export const AMOUNT = 9_223_372_036_854_775_807n;
export const NOTE = 'Grüße, 漢字 🦉 "\\ \u2028 \u0001';
export const DECLINED = 'CARD_DECLINED';

const CALL_MS = 10_000;
const LOCK_MS = 3_600_000;

export class Orders {
  readonly #engine: ZeebeClient;
  readonly #passed = new Map<string, unknown>();
  readonly #over = new AbortController();
  readonly #collecting: Promise<void>;

  private constructor(engine: ZeebeClient, thenJobType: string) {
    this.#engine = engine;
    this.#collecting = this.#collect(thenJobType);
  }

  /** Deploys a process of the same name for each job type. @param zeebeAddress `host:port` */
  static async open(zeebeAddress: string, cluster: string, jobTypes: readonly string[]): Promise<Orders> {
    const settings = { ZEEBE_GRPC_ADDRESS: `grpc://${zeebeAddress}`, CAMUNDA_AUTH_STRATEGY: 'NONE' } as const;
    const thenJobType = `${cluster}-passed`;
    const models = jobTypes.map((jobType) => ({
      name: `${jobType}.bpmn`,
      bpmn: catchingProcess({ processId: jobType, jobType, errorCode: DECLINED, outputs: ['limit'], thenJobType }),
    }));
    await deployProcesses(models, settings);
    return new Orders(await openZeebe(settings), thenJobType);
  }

  /** What the card does, the service knows. */
  async start(jobType: string, card: string): Promise<Order> {
    const token = randomUUID();
    const variables = stringifyExact({ token, card, amount: AMOUNT, note: NOTE });
    const request = { bpmnProcessId: jobType, version: -1, variables };
    const { processInstanceKey } = await this.#engine.call('CreateProcessInstance', request, CALL_MS);
    return { token, instance: processInstanceKey };
  }

  /** As somebody does who mends an order by hand. */
  async change({ instance }: Order, variables: Readonly<Record<string, unknown>>): Promise<void> {
    const request = { elementInstanceKey: instance, variables: stringifyExact(variables), local: false };
    await this.#engine.call('SetVariables', request, CALL_MS);
  }

  /** All variables of an order that has passed the task, its large integers as BigInt. */
  passed({ token }: Order): unknown {
    return this.#passed.get(token);
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#collecting;
    this.#engine.close();
  }

  async #collect(jobType: string): Promise<void> {
    const { signal } = this.#over;
    const query = { jobType, worker: 'orders', lockMs: LOCK_MS, fetchVariables: [], tenantIds: ['<default>'] };
    while (!signal.aborted) {
      try {
        for (const job of await this.#engine.activate(query, 100, 2_000, signal)) {
          const variables = parseExact(job.variables) as { readonly token: string };
          this.#passed.set(variables.token, variables);
        }
      } catch {
        await sleep(200); // the engine is busy
      }
    }
  }
}
