// What is wrong with a run's surroundings, told before anything is started: of the variables that name servers and nodes, those
// that somebody would stumble over later, and faults that would hurt what is not the run's own.
import { readFileSync } from 'node:fs';
import { readEnv } from '../../src/gateway/config/env.ts';
import { type Fault as ConfigFault, show } from '../../src/gateway/config/faults.ts';
import { openZeebe } from '../../src/gateway/zeebe/client.ts';
import { configureConnection } from '../../src/gateway/zeebe/connection.ts';
import { nodeEnv } from '../../test/support/nodes.ts';
import { scrape } from '../parts/exposition.ts';
import { topicsOf } from '../parts/kafka-client.ts';
import { type Fault, type Scenario, ScenarioError } from './scenario.ts';

type Env = NodeJS.ProcessEnv;

const ENGINE_MS = 5_000;
const NODE_URL = /^https?:\/\/[^\s/@]+(\/metrics)?\/?$/;

/** What can be known without asking anybody. @throws ScenarioError with all of it */
export function checkSubject({ name, faults }: Scenario, env: Env = process.env): void {
  const { HOLDFAST_METRICS_URLS: urls } = env;
  const wrong = [...faultsOf(env)];
  if (urls !== undefined) {
    const needed = ['HOLDFAST_JOB_TYPE', 'HOLDFAST_REQUEST_TOPIC', 'ZEEBE_GRPC_ADDRESS', 'KAFKA_BOOTSTRAP_SERVERS'];
    const missing = needed.filter((variable) => !env[variable]);
    if (missing.length > 0)
      wrong.push(`HOLDFAST_METRICS_URLS names nodes that are there; of these are needed too: ${missing.join(', ')}`);
    const allowed = 'URLs as http://node-1:8090, without a login, separated by commas';
    for (const url of urls.split(',').filter((one) => !NODE_URL.test(one.trim())))
      wrong.push(`HOLDFAST_METRICS_URLS: found ${show(url)}; allowed: ${allowed}`);
  }
  const ownerOf = (what: Fault['what']): readonly string[] => {
    if (what === 'engineOutage') return ['ZEEBE_GRPC_ADDRESS'];
    return what === 'natsOutage' ? ['NATS_URL', 'HOLDFAST_METRICS_URLS'] : ['HOLDFAST_METRICS_URLS'];
  };
  for (const { what, atS } of faults) {
    const others = ownerOf(what).filter((variable) => env[variable] !== undefined);
    if (others.length === 0) continue;
    wrong.push(
      `${name}: faults: ${what} at ${atS} s would hurt what ${others.join(' and ')} names, and is not this run's own`,
    );
  }
  if (wrong.length > 0) throw new ScenarioError(wrong.join('\n'));
}

/**
 * Whether the nodes that are there answer as nodes do, the engine answers, and brokers answer and know the topic whose service
 * the run plays. After checkSubject.
 * @throws ScenarioError with all that is wrong
 */
export async function checkServers(env: Env = process.env): Promise<void> {
  const wrong = (await Promise.all([nodeFaults(env), engineFaults(env), kafkaFaults(env)])).flat();
  if (wrong.length > 0) throw new ScenarioError(wrong.join('\n'));
}

async function nodeFaults(env: Env): Promise<readonly string[]> {
  const urls = nodeUrls(env);
  const looks = await Promise.allSettled(urls.map(scrape));
  return looks.flatMap((look, i) =>
    look.status === 'fulfilled'
      ? []
      : [`HOLDFAST_METRICS_URLS: found ${show(urls[i])}, which is no node that answers: ${reasonOf(look.reason)}`],
  );
}

/** The SDK reads the environment itself. */
async function engineFaults({ ZEEBE_GRPC_ADDRESS: address }: Env): Promise<readonly string[]> {
  if (address === undefined) return [];
  try {
    await configureConnection(() => ({}));
  } catch (error) {
    return [`the engine: ${reasonOf(error)}`];
  }
  const engine = await openZeebe({});
  try {
    await engine.call('Topology', {}, ENGINE_MS);
    return [];
  } catch (error) {
    return [`ZEEBE_GRPC_ADDRESS: found ${show(address)}, where no engine answers: ${reasonOf(error)}`];
  } finally {
    engine.close();
  }
}

async function kafkaFaults(env: Env): Promise<readonly string[]> {
  const { KAFKA_BOOTSTRAP_SERVERS: brokers, HOLDFAST_METRICS_URLS: nodes, HOLDFAST_REQUEST_TOPIC: topic = '' } = env;
  if (brokers === undefined) return [];
  try {
    const known = await topicsOf(brokers, env);
    if (nodes === undefined || known.includes(topic)) return [];
    return [
      `HOLDFAST_REQUEST_TOPIC: found ${show(topic)}, a topic that these brokers do not have; allowed: the route's`,
    ];
  } catch (error) {
    return [`KAFKA_BOOTSTRAP_SERVERS: found ${show(brokers)}, where no broker answers: ${reasonOf(error)}`];
  }
}

/** Of the nodes that are there; `/metrics` is below each. */
export function nodeUrls({ HOLDFAST_METRICS_URLS: urls }: Env): readonly string[] {
  return urls?.split(',').map((url) => url.trim().replace(/(\/metrics)?\/?$/, '')) ?? [];
}

/** What nodes of this run would not start with; beside a cluster that is there, what the service would not. */
function faultsOf(env: Env): readonly string[] {
  const faults: ConfigFault[] = [];
  const { NATS_URL: natsUrl = 'nats://127.0.0.1', KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers = '127.0.0.1:9092' } = env;
  const asNode = nodeEnv({ natsUrl, kafkaBrokers, zeebeAddress: '' }, 'n1', '', 8090);
  readEnv({ ...env, ...asNode }, '', faults, (path) => readFileSync(path, 'utf8'));
  const ownNodes = env.HOLDFAST_METRICS_URLS === undefined;
  return faults
    .filter(({ setting }) => ownNodes || setting.startsWith('KAFKA_'))
    .map(({ setting, found, allowed }) => `${setting}: found ${found}; allowed: ${allowed}`);
}

/** What `fetch` says itself is only that it failed. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
