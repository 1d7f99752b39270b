// The product as a node of the simulated world: the same bridge as in production, over the world's ports.
import type { NodeName } from '../../src/actors/ids.ts';
import { Bridge, type BridgeEvent } from '../../src/gateway/bridge.ts';
import type { Config, Route } from '../../src/gateway/config.ts';
import { DEFAULT_HEADER_NAMES } from '../../src/gateway/header-names.ts';
import { ensureMeta } from '../../src/gateway/meta.ts';
import { logEvent } from '../../src/gateway/node-log.ts';
import { JOB_TYPE, NAMES, type NodeFactory, type NodePorts, type SimNode } from './world.ts';

export interface BridgeNodeOptions {
  readonly leaseTtlMs: number;
  readonly shards: number;
  readonly route: Partial<Route>;
  /** Besides that one. */
  readonly moreRoutes: readonly Partial<Route>[];
  onEvent?(node: string, event: BridgeEvent): void;
}

export const DEFAULT_BRIDGE: BridgeNodeOptions = { leaseTtlMs: 5_000, shards: 16, route: {}, moreRoutes: [] };

export const ROUTE: Route = {
  jobType: JOB_TYPE,
  requestTopic: NAMES.requestTopic,
  ...{ replyTimeoutMs: 600_000, onReplyTimeout: 'incident', timeoutErrorCode: '', heartbeatTimeoutMs: 0 },
  ...{ onLate: 'dlq', lateMessageName: '', cancelRecord: false, profile: 'spring' },
  ...{ resultVariable: '', resultExpression: '', errorExpression: '' },
  ...{ key: '', correlationKey: '', headers: [], requestSchema: undefined },
  retryBackoffMs: 5_000,
  lateWindowMs: 600_000,
  incidentWindowMs: 7 * 24 * 3_600_000,
  maxPending: 10_000,
  fetchVariables: [],
  tenantIds: ['<default>'],
};

export function bridgeNodes(options: Partial<BridgeNodeOptions> = {}): NodeFactory {
  const all = { ...DEFAULT_BRIDGE, ...options };
  return (ports) => new BridgeNode(ports, all);
}

class BridgeNode implements SimNode {
  readonly leaseTtlMs: number;
  readonly #bridge: Bridge;

  constructor(ports: NodePorts, { leaseTtlMs, shards, route, moreRoutes, onEvent }: BridgeNodeOptions) {
    this.leaseTtlMs = leaseTtlMs;
    const config = {
      cluster: 'sim',
      node: ports.name as NodeName,
      routes: [route, ...moreRoutes].map((changes) => ({ ...ROUTE, ...changes })),
      template: undefined,
      leaseTtlMs,
      shards,
      secrets: [] as Config['secrets'],
      replyTopic: NAMES.replyTopic,
      deadLetterTopic: NAMES.deadLetterTopic,
      acknowledgements: false,
      ackTopic: '',
      headerNames: DEFAULT_HEADER_NAMES,
      sizes: { maxRecordBytes: 1_048_588, maxPayloadBytes: 1_048_576 },
      maxReplyBytes: 1_000_000,
    };
    this.#bridge = new Bridge(
      {
        ...ports,
        prepare: async (secrets) => {
          for (;;) {
            try {
              const meta = await ensureMeta(ports.kv, config, ports.random, secrets.kept);
              return secrets.learn(meta.secrets);
            } catch {
              await new Promise<void>((resolve) => ports.clock.setTimer(500, resolve));
            }
          }
        },
        onEvent: (event) => {
          logEvent(ports.log, event);
          onEvent?.(ports.name, event);
        },
      },
      config,
    );
  }

  async start(): Promise<void> {
    this.#bridge.start();
    const end = await this.#bridge.finished;
    if (end.kind !== 'left') throw new Error(end.reason);
  }

  stop(): Promise<void> {
    return this.#bridge.stop();
  }
}
