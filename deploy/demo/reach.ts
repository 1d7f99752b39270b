// With --keep: how to reach each part of what was left running, as lines to read and commands to copy.
import { bucketName } from '../../src/cluster/nats/bucket.ts';
import { isAlive } from '../local/alive.ts';
import { CLUSTER, REQUEST_TOPIC, type Stage } from './stage.ts';

export type Reached = Pick<Stage, 'nats' | 'kafka' | 'zeebe' | 'nodes' | 'service'>;

export function reachLines({ nats, kafka, zeebe, nodes, service }: Reached): string[] {
  const bucket = bucketName(CLUSTER);
  const alive = nodes.filter((node) => isAlive(node.server.pid));
  const dead = nodes.filter((node) => !alive.includes(node));
  const [first] = alive;
  const server = (name: string, at: string, { pid, logFile }: { pid: number; logFile: string }) =>
    `  ${name.padEnd(10)} ${at.padEnd(28)} pid ${pid}, log ${logFile}`;
  return [
    '',
    'Everything goes on running until Ctrl-C:',
    ...nats.servers.map((one, i) => server(one.name, nats.url.split(',')[i] ?? '', one)),
    server('kafka', kafka.brokers, kafka.server),
    server('zeebe', zeebe.grpcAddress, zeebe.server),
    server('service', `reads ${REQUEST_TOPIC}`, service),
    ...alive.map((node) => server(node.name, node.httpUrl, node.server)),
    ...dead.map(({ name, server: { logFile } }) => `  ${name.padEnd(10)} ${'was killed'.padEnd(28)} log ${logFile}`),
    '',
    'Look:',
    ...alive.map(({ name, apiUrl }) => `  ${apiUrl}/      # the page of ${name}, in a browser`),
    `  npm run holdfast -- status --url ${alive.map(({ apiUrl }) => apiUrl).join(',')}`,
    `  nats --server ${nats.url} kv get ${bucket} 17._owner     # who owns shard 17`,
    `  nats --server ${nats.url} kv watch ${bucket} '_member.*'`,
    `  curl ${first?.httpUrl}/healthz/ready; curl ${first?.httpUrl}/metrics`,
    `  NATS's own monitoring: ${nats.monitorUrls.join(', ')}`,
    'Hurt:',
    ...alive.map(({ name, server: { pid } }) => `  kill -9 ${pid}      # or -STOP and -CONT: ${name}`),
    'Start a node again:',
    ...nodes.map(
      ({ env }) =>
        `  ${Object.entries(env)
          .map(([key, value]) => `${key}=${value}`)
          .join(' ')} npm run holdfast -- start`,
    ),
    '',
  ];
}
