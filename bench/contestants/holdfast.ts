// The product, as its users start it: so many nodes over one NATS server, or over three that keep everything three times.
// On servers that are not the measurement's own, what the nodes have made is deleted when they end.
import { auditStreamName } from '../../src/cluster/nats/audit-stream.ts';
import { bucketName } from '../../src/cluster/nats/bucket.ts';
import { topicsOf } from '../../src/gateway/kafka/topics.ts';
import { Nodes } from '../../test/support/nodes.ts';
import { deleteStreams, deleteTopics, warned } from '../parts/clear-away.ts';
import { type Stage, setNats } from '../parts/stage.ts';
import { type Contestant, type ContestOptions, ground, type Running, startService } from './contestant.ts';

export interface HoldfastRunning extends Running {
  readonly service: NonNullable<Running['service']>;
  readonly nodes: Nodes;
}

export interface Holdfast extends Contestant {
  start(stage: Stage, options?: ContestOptions): Promise<HoldfastRunning>;
}

/** Of an engine that the environment names, whatever it says of how one is let in. */
function engineEnv({ zeebe }: Stage, env: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
  const { ZEEBE_GRPC_ADDRESS: address, CAMUNDA_AUTH_STRATEGY: strategy, CAMUNDA_OAUTH_URL: oauthUrl } = env;
  if (zeebe !== undefined || address === undefined) return {};
  return {
    ZEEBE_GRPC_ADDRESS: address,
    CAMUNDA_AUTH_STRATEGY: strategy ?? (oauthUrl === undefined ? 'NONE' : 'OAUTH'),
  };
}

export function holdfast(nodeCount: number, replicas: 1 | 3): Holdfast {
  return {
    name: `holdfast, ${nodeCount} node${nodeCount === 1 ? '' : 's'}, R${replicas}`,
    what: `every job stored before its request leaves, in a JetStream bucket of ${replicas} replica${replicas === 1 ? '' : 's'}`,
    async start(stage, options = {}) {
      const { name, requestTopic } = await ground(stage, 'holdfast', ['requestTopic']);
      const stream = `KV_${bucketName(name)}`;
      await using starting = new AsyncDisposableStack();
      // What ends is disposed of from the last to the first: nodes, then what they used, then what they have made.
      if (stage.kafkaPids.length === 0)
        starting.defer(() => warned(deleteTopics(stage.kafkaBrokers, [requestTopic, ...topicNames(name)])));
      const nats = await setNats(replicas);
      starting.defer(() => nats.stop());
      if (nats.servers.length === 0)
        starting.defer(() => warned(deleteStreams(nats.url, [stream, auditStreamName(name)])));
      const service = await startService(stage, requestTopic, options);
      starting.defer(() => service.stop());
      const route = { jobType: name, requestTopic, ...options.route };
      const nodes = await Nodes.create({ cluster: name, routes: [route] });
      nodes.logLevel = options.logLevel ?? 'info';
      starting.defer(async () => {
        // Killed, Node would write no profile.
        if (options.nodeArgs?.length) await Promise.all(nodes.all.map((node) => node.stop()));
        await nodes.stop();
      });
      const { zeebeAddress, kafkaBrokers } = stage;
      const servers = { natsUrl: nats.url, kafkaBrokers, zeebeAddress, env: engineEnv(stage) };
      await Promise.all(
        Array.from({ length: nodeCount }, (_, i) => {
          const { nodeArgs = [], firstNodeArgs = [] } = options;
          return nodes.start(`n${i + 1}`, servers, i === 0 ? [...nodeArgs, ...firstNodeArgs] : nodeArgs);
        }),
      );
      await nodes.untilReady();
      const running = starting.move();
      return {
        processId: name,
        pids: () => nodes.all.map(({ pid }) => pid),
        nats,
        service,
        nodes,
        metricsUrls: nodes.all.map(({ httpUrl }) => httpUrl),
        stream,
        stop: () => running.disposeAsync(),
      };
    },
  };
}

function topicNames(cluster: string): readonly string[] {
  return Object.values(topicsOf(cluster)).map(({ name }) => name);
}
