// Whoever stands between the engine and the service: started anew for each round, with a process model, topics and names of
// its own, so that nothing of an earlier round is in its way.
import { randomBytes } from 'node:crypto';
import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { serviceTaskProcess } from '../../test/support/bpmn.ts';
import { makeTopics } from '../../test/support/service.ts';
import { Child } from '../parts/child.ts';
import type { Delay } from '../parts/delays.ts';
import type { ServiceOrder, ServiceSaid } from '../parts/service.ts';
import type { NatsStage, Stage } from '../parts/stage.ts';

export interface Contestant {
  readonly name: string;
  /** In one line, for whoever reads the figures. */
  readonly what: string;
  start(stage: Stage, options?: ContestOptions): Promise<Running>;
}

export interface ContestOptions {
  /** Default: answers at once. */
  readonly delay?: Delay;
  readonly answerBytes?: number;
  /** Of the engine on its jobs, where the contestant can be told. */
  readonly lockMs?: number;
  /** Settings of the route, where there is one. */
  readonly route?: Readonly<Record<string, unknown>>;
  /** Of the product's nodes; default `info`. */
  readonly logLevel?: 'debug' | 'info';
}

export interface Running {
  /** Whose instances are to be started. */
  readonly processId: string;
  /** The contestant's own processes, as they are now. */
  pids(): readonly number[];
  readonly nats: NatsStage | undefined;
  readonly service: Child<ServiceOrder, ServiceSaid> | undefined;
  stop(): Promise<void>;
}

/** What all have: a name, a deployed process of one task, and topics. */
export interface Ground {
  /** Job type, process id, and beginning of every other name. */
  readonly name: string;
  readonly requestTopic: string;
  readonly replyTopic: string;
}

export const AT_ONCE: Delay = { kind: 'constant', ms: 0 };

export async function ground({ zeebeAddress, kafkaBrokers }: Stage, kind: string): Promise<Ground> {
  const name = `bench-${kind}-${randomBytes(3).toString('hex')}`;
  const bpmn = serviceTaskProcess({ processId: name, jobType: name });
  const settings = { ZEEBE_GRPC_ADDRESS: `grpc://${zeebeAddress}`, CAMUNDA_AUTH_STRATEGY: 'NONE' } as const;
  const requestTopic = `${name}.requests`;
  const replyTopic = `${name}.replies`;
  await Promise.all([
    deployProcesses([{ name: `${name}.bpmn`, bpmn }], settings),
    makeTopics(kafkaBrokers, [requestTopic, replyTopic]),
  ]);
  return { name, requestTopic, replyTopic };
}

export async function startService(
  { kafkaBrokers }: Stage,
  topic: string,
  { delay = AT_ONCE, answerBytes = 0 }: ContestOptions,
): Promise<Child<ServiceOrder, ServiceSaid>> {
  const order: ServiceOrder = { kind: 'start', brokers: kafkaBrokers, topic, delay, answerBytes };
  const service = new Child<ServiceOrder, ServiceSaid>(
    'service',
    new URL('../parts/service.ts', import.meta.url),
    order,
  );
  await service.next('ready', 60_000);
  return service;
}
