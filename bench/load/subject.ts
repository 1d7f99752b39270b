// What a load run is against: nodes that it starts itself (over servers of its own, or those that the environment names), or a
// cluster that is there already. Of the latter it only needs a job type that a route of it serves and the topic of that
// route, whose service it plays.

import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { serviceTaskProcess } from '../../test/support/bpmn.ts';
import type { Nodes } from '../../test/support/nodes.ts';
import { startService } from '../contestants/contestant.ts';
import { holdfast } from '../contestants/holdfast.ts';
import type { Child } from '../parts/child.ts';
import type { ServiceOrder, ServiceSaid } from '../parts/service.ts';
import type { NatsStage, Stage } from '../parts/stage.ts';
import { nodeUrls } from './checks.ts';
import { inOrder } from './faults.ts';
import type { Scenario } from './scenario.ts';

export interface Subject {
  /** In a word, for who compares results. */
  readonly what: string;
  readonly processId: string;
  /** The nodes' word for the jobs of this run: their type. */
  readonly lane: string;
  readonly service: Child<ServiceOrder, ServiceSaid>;
  /** Where each node answers, by its name. */
  readonly metricsUrls: ReadonlyMap<string, string>;
  /** undefined: not ours, and not to be hurt. */
  readonly nodes: Nodes | undefined;
  readonly nats: NatsStage | undefined;
  stop(): Promise<void>;
}

type Env = NodeJS.ProcessEnv;

/** Jobs that a node holds besides the backlog, and what a route may ask for at most. */
const ROOM = 10_000;
const MOST_PENDING = 1_000_000;

/** After checkSubject and checkServers. */
export async function subjectOf(scenario: Scenario, stage: Stage, env: Env = process.env): Promise<Subject> {
  const { delay, answerBytes, nodes: count, replicas, backlog } = scenario;
  const { HOLDFAST_METRICS_URLS: urls, HOLDFAST_JOB_TYPE: jobType = '', HOLDFAST_REQUEST_TOPIC: topic = '' } = env;
  if (urls === undefined) {
    const route = { maxPending: Math.min(backlog + ROOM, MOST_PENDING), replyTimeout: 'P1D' };
    const running = await holdfast(count, replicas).start(stage, { delay, answerBytes, route });
    const metricsUrls = new Map(inOrder(running.nodes).map(({ name, httpUrl }) => [name, httpUrl]));
    const { processId, service, nodes, nats, stop } = running;
    return { what: 'nodes of the run', processId, lane: processId, service, metricsUrls, nodes, nats, stop };
  }
  const processId = `${jobType}-load`;
  await deployProcesses(
    [{ name: `${processId}.bpmn`, bpmn: serviceTaskProcess({ processId, jobType }) }],
    stage.engine,
  );
  const service = await startService(stage, topic, { delay, answerBytes });
  const metricsUrls = new Map(nodeUrls(env).map((url, i) => [`node ${i + 1}`, url]));
  const what = `${metricsUrls.size} nodes that were there`;
  const stop = () => service.stop();
  return { what, processId, lane: jobType, service, metricsUrls, nodes: undefined, nats: undefined, stop };
}
