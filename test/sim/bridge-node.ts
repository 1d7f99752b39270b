// The production bridge as a node of the world: the same composition that runs on real servers, over the simulated ports.
import type { NodeName } from '../../src/actors/ids.ts';
import { KvUnavailable } from '../../src/cluster/ports.ts';
import { Bridge, type BridgeConfig } from '../../src/gateway/bridge.ts';
import { Secret } from '../../src/gateway/config.ts';
import { ensureMeta } from '../../src/gateway/meta.ts';
import type { Secrets } from '../../src/gateway/secrets.ts';
import { JOB_TYPE, NAMES, type NodeFactory, type NodePorts } from './world.ts';

const MINUTE_MS = 60_000;

export const SIM_CONFIG: Omit<BridgeConfig, 'node'> = {
  cluster: 'sim',
  routes: [
    {
      jobType: JOB_TYPE,
      requestTopic: NAMES.requestTopic,
      replyTimeoutMs: 60 * MINUTE_MS,
      onReplyTimeout: 'incident',
      retryBackoffMs: 1_000,
      lateWindowMs: 10 * MINUTE_MS,
      incidentWindowMs: 60 * MINUTE_MS,
      maxPending: 10_000,
      fetchVariables: [],
      tenantIds: ['<default>'],
    },
  ],
  leaseTtlMs: 15_000,
  shards: 16,
  secrets: [new Secret('sim', new TextEncoder().encode('a secret of the simulated world'))],
  replyTopic: NAMES.replyTopic,
  deadLetterTopic: NAMES.deadLetterTopic,
  sizes: { maxRecordBytes: 1024 * 1024, maxPayloadBytes: 1024 * 1024 },
  maxReplyBytes: 900 * 1024,
};

export function bridgeNodes(config: Omit<BridgeConfig, 'node'> = SIM_CONFIG): NodeFactory {
  return (ports) => {
    const { name, log } = ports;
    const bridge = new Bridge(
      {
        ...ports,
        prepare: (secrets) => prepare(ports, config, secrets),
        onEvent: ({ from, event }) => log.info(`${from} ${event.kind}`, event),
      },
      { ...config, node: name as NodeName },
    );
    return {
      start: async () => {
        bridge.start();
        const end = await bridge.finished;
        if (end.kind !== 'left') throw new Error(`${end.kind}: ${end.reason}`);
      },
      stop: () => bridge.stop(),
    };
  };
}

async function prepare(
  { kv, random, clock }: NodePorts,
  config: Omit<BridgeConfig, 'node'>,
  secrets: Secrets,
): Promise<void> {
  for (;;) {
    try {
      secrets.learn((await ensureMeta(kv, config, random, secrets.kept)).secrets);
      return;
    } catch (error) {
      if (!(error instanceof KvUnavailable)) throw error;
      await new Promise<void>((resolve) => clock.setTimer(500, resolve));
    }
  }
}
