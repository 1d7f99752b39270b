// Starts the process instances and reads their results, both from the engine itself and not through the proxy: each
// instance is one CreateProcessInstanceWithResult, which answers when the instance has ended.
//
// The engine refuses bursts (RESOURCE_EXHAUSTED); such a start is tried again. Every other failure is the instance's end.
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { ZeebeCallError } from '../../src/gateway/zeebe/answers.ts';
import type { ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import { parseExact, stringifyExact } from './exact-json.ts';
import { makeOrder, type OrderVariables } from './orders.ts';

/** What the service answered, as the engine has it. */
export interface Answer {
  readonly token: unknown;
  readonly number: unknown;
  readonly account: unknown;
  readonly charged: unknown;
}

/** One process instance. Times are wall clock ms. */
export interface InstanceFacts {
  readonly order: OrderVariables;
  /** When the engine was asked the last time. */
  startedMs: number;
  completedMs?: number;
  answer?: Answer | undefined;
  /** Why it did not complete, as the engine said it. */
  failure?: string;
}

export interface StartOptions {
  readonly perSecond: number;
  /** False: not now. */
  readonly mayStart: () => boolean;
  /** All of them; those that have not completed by then have failed. */
  readonly withinMs: number;
}

const LOOK_EVERY_MS = 5;

export class Instances {
  readonly all: InstanceFacts[] = [];
  readonly #engine: ZeebeClient;
  readonly #processId: string;
  refusals = 0;

  constructor(engine: ZeebeClient, processId: string) {
    this.#engine = engine;
    this.#processId = processId;
  }

  get completed(): number {
    return this.all.filter(({ completedMs }) => completedMs !== undefined).length;
  }

  /** Resolves when each has completed or failed. */
  async run(count: number, { perSecond, mayStart, withinMs }: StartOptions): Promise<void> {
    const beginMs = performance.now();
    const running: Promise<void>[] = [];
    for (let number = 0; number < count; number++) {
      const dueMs = beginMs + (number * 1_000) / perSecond;
      const leftMs = () => withinMs - (performance.now() - beginMs);
      while (performance.now() < dueMs || (!mayStart() && leftMs() > 0)) await sleep(LOOK_EVERY_MS);
      running.push(this.#one(number, Math.max(0, leftMs())));
    }
    await Promise.all(running);
  }

  async #one(number: number, withinMs: number): Promise<void> {
    const order = makeOrder(number);
    const facts: InstanceFacts = { order, startedMs: Date.now() };
    this.all.push(facts);
    const request = { bpmnProcessId: this.#processId, version: -1, variables: stringifyExact(order) };
    const endMs = Date.now() + withinMs;
    for (;;) {
      facts.startedMs = Date.now();
      const leftMs = endMs - facts.startedMs;
      try {
        const { variables } = await this.#engine.call(
          'CreateProcessInstanceWithResult',
          { request, requestTimeout: String(Math.ceil(leftMs) + 1_000), fetchVariables: ['answer'] },
          leftMs,
        );
        facts.completedMs = Date.now();
        facts.answer = (parseExact(variables) as { answer?: Answer }).answer;
        return;
      } catch (error) {
        if (!(error instanceof ZeebeCallError) || error.status !== status.RESOURCE_EXHAUSTED || leftMs < 1_000) {
          facts.failure = error instanceof Error ? error.message : String(error);
          return;
        }
        this.refusals += 1;
        await sleep(randomInt(50, 250));
      }
    }
  }
}

/** Is it the service's answer to this very order? @param numbers the answers that the service gave under its token */
export function isOwnAnswer({ order, answer }: InstanceFacts, numbers: ReadonlySet<number>): boolean {
  return (
    answer !== undefined &&
    answer.token === order.token &&
    answer.account === order.customer.account &&
    answer.charged === order.order.total &&
    numbers.has(Number(answer.number))
  );
}
