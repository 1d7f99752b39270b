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
import { type Scenario, ScenarioError } from './scenario.ts';

export interface Subject {
  readonly processId: string;
  readonly service: Child<ServiceOrder, ServiceSaid>;
  /** Where each node answers, by its name. */
  readonly metricsUrls: ReadonlyMap<string, string>;
  /** undefined: not ours, and not to be hurt. */
  readonly nodes: Nodes | undefined;
  readonly nats: NatsStage | undefined;
  stop(): Promise<void>;
}

export async function subjectOf(
  scenario: Scenario,
  stage: Stage,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Subject> {
  const { delay, answerBytes, nodes: count, replicas, backlog } = scenario;
  const { HOLDFAST_METRICS_URLS: urls, HOLDFAST_JOB_TYPE: jobType, HOLDFAST_REQUEST_TOPIC: requestTopic } = env;
  if (urls === undefined) {
    const route = { maxPending: Math.max(10_000, backlog + 10_000) };
    const running = await holdfast(count, replicas).start(stage, { delay, answerBytes, route });
    const metricsUrls = new Map(running.nodes.all.map(({ name, httpUrl }) => [name, httpUrl]));
    const { processId, service, nodes, nats, stop } = running;
    return { processId, service, metricsUrls, nodes, nats, stop };
  }
  if (jobType === undefined || requestTopic === undefined) {
    throw new ScenarioError(
      'HOLDFAST_METRICS_URLS names nodes that are there; HOLDFAST_JOB_TYPE and HOLDFAST_REQUEST_TOPIC are needed too',
    );
  }
  if (scenario.faults.some(({ what }) => what !== 'engineOutage' && what !== 'natsOutage')) {
    throw new ScenarioError(`${scenario.name}: it hurts nodes, and only those that a run starts itself may be hurt`);
  }
  const processId = `${jobType}-load`;
  await deployProcesses(
    [{ name: `${processId}.bpmn`, bpmn: serviceTaskProcess({ processId, jobType }) }],
    stage.engine,
  );
  const service = await startService(stage, requestTopic, { delay, answerBytes });
  const metricsUrls = new Map(urls.split(',').map((url, i) => [`node ${i + 1}`, url.replace(/\/metrics$/, '')]));
  return { processId, service, metricsUrls, nodes: undefined, nats: undefined, stop: () => service.stop() };
}
