// Whoever stands between the engine and the service: started anew for each round, with a process model, topics and names of
// its own, so that nothing of an earlier round is in its way.
import { randomBytes } from 'node:crypto';
import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { serviceTaskProcess } from '../../test/support/bpmn.ts';
import { Child } from '../parts/child.ts';
import { deleteTopics, warned } from '../parts/clear-away.ts';
import type { Contract } from '../parts/contract.ts';
import type { Delay } from '../parts/delays.ts';
import { makeTopics } from '../parts/kafka-client.ts';
import type { ServiceOrder, ServiceSaid } from '../parts/service.ts';
import type { NatsStage, Stage } from '../parts/stage.ts';

export interface Contestant {
  readonly name: string;
  /** In one line, for whoever reads the figures. */
  readonly what: string;
  /** At least so long before it is measured at full load, where it needs longer than others to be what it can be. */
  readonly warmUpS?: number;
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
  /** Options of Node for the nodes of the product. */
  readonly nodeArgs?: readonly string[];
  /** Of the first of them alone. */
  readonly firstNodeArgs?: readonly string[];
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
  /** Where its nodes tell their metrics. */
  readonly metricsUrls?: readonly string[];
  /** Where it stores its jobs: the stream. */
  readonly stream?: string;
  stop(): Promise<void>;
}

/** What all have: a name, a deployed process, and the topics that they ask for. */
export interface Ground {
  /** Job type, process id, and beginning of every other name. */
  readonly name: string;
  readonly requestTopic: string;
  readonly replyTopic: string;
}

export const AT_ONCE: Delay = { kind: 'constant', ms: 0 };

/**
 * @param topics that are made; what a contestant has no use for would only be left behind
 * @param model the process as BPMN, of this id; default: one service task
 */
export async function ground(
  { engine, kafkaBrokers }: Stage,
  kind: string,
  topics: readonly ('requestTopic' | 'replyTopic')[],
  model: (ground: Ground) => string = ({ name }) => serviceTaskProcess({ processId: name, jobType: name }),
): Promise<Ground> {
  const name = `bench-${kind}-${randomBytes(3).toString('hex')}`;
  const requestTopic = `${name}.requests`;
  const replyTopic = `${name}.replies`;
  const made = { name, requestTopic, replyTopic };
  const bpmn = model(made);
  await Promise.all([
    deployProcesses([{ name: `${name}.bpmn`, bpmn }], engine),
    makeTopics(
      kafkaBrokers,
      topics.map((topic) => made[topic]),
    ),
  ]);
  return made;
}

/** Its topics, on brokers that are not the measurement's own. */
export async function clearGround(
  { kafkaBrokers, kafkaPids }: Stage,
  { requestTopic, replyTopic }: Ground,
): Promise<void> {
  if (kafkaPids.length === 0) await warned(deleteTopics(kafkaBrokers, [requestTopic, replyTopic]));
}

export async function startService(
  { kafkaBrokers }: Stage,
  topic: string,
  { delay = AT_ONCE, answerBytes = 0 }: ContestOptions,
  contract: Contract = { kind: 'headers' },
): Promise<Child<ServiceOrder, ServiceSaid>> {
  const order: ServiceOrder = { kind: 'start', brokers: kafkaBrokers, topic, delay, answerBytes, contract };
  const service = new Child<ServiceOrder, ServiceSaid>(
    'service',
    new URL('../parts/service.ts', import.meta.url),
    order,
  );
  await service.next('ready', 60_000);
  return service;
}
