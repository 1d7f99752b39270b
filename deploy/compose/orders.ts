// Starts process instances whose service task goes over Kafka, and says whether each came back with the answer to its own
// order. For deploy/compose.yaml: the engine is where the SDK's variables say. Exit code 0: all of them did.
import { readFile } from 'node:fs/promises';
import { openZeebe } from '../../src/gateway/zeebe/client.ts';
import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { type Answer, type InstanceFacts, Instances } from '../demo/instances.ts';

const PER_SECOND = 20;
const WITHIN_MS = 180_000;

const count = Number(process.env.ORDERS ?? 100);
const model = 'charge-card.bpmn';
const bpmn = await readFile(new URL(`../demo/${model}`, import.meta.url), 'utf8');
const [deployed] = await deployProcesses([{ name: model, bpmn }]);
const engine = await openZeebe();
try {
  const instances = new Instances(engine, deployed?.bpmnProcessId ?? '');
  await instances.run(count, { perSecond: PER_SECOND, mayStart: () => true, withinMs: WITHIN_MS });
  const right = instances.all.filter(isRight).length;
  const failure = instances.all.find((instance) => instance.failure !== undefined)?.failure;
  process.stdout.write(`orders: started=${count} completed=${instances.completed} withOwnAnswer=${right}\n`);
  if (failure !== undefined) process.stderr.write(`orders: one did not complete: ${failure}\n`);
  process.exitCode = right === count ? 0 : 1;
} finally {
  engine.close();
}

function isRight({ order, answer }: InstanceFacts): boolean {
  return answer !== undefined && answer.token === order.token && isCharged(answer, order.order.total);
}

function isCharged({ charged }: Answer, total: number): boolean {
  return charged === total;
}
