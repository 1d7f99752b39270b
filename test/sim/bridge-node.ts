// The product as a node of the simulated world: the same bridge as in production, over the world's ports.
import type { JobKey, NodeName, ShardId } from '../../src/actors/ids.ts';
import type { OperatorAct } from '../../src/actors/messages.ts';
import { Bridge } from '../../src/gateway/bridge.ts';
import type { BridgeEvent } from '../../src/gateway/bridge-ports.ts';
import type { Config, Route } from '../../src/gateway/config/config.ts';
import { DEFAULT_HEADER_NAMES } from '../../src/gateway/header-names.ts';
import { ensureMeta } from '../../src/gateway/meta.ts';
import { type Metrics, NO_METRICS } from '../../src/gateway/metrics.ts';
import { logEvent } from '../../src/gateway/node-log.ts';
import type { Tracing } from '../../src/gateway/tracing.ts';
import type { Faults } from './faults.ts';
import type { SeededRandom } from './random.ts';
import { JOB_TYPE, NAMES, type NodeFactory, type NodePorts, type SimNode } from './world.ts';

export interface BridgeNodeOptions {
  readonly leaseTtlMs: number;
  readonly shards: number;
  readonly route: Partial<Route>;
  /** Besides that one. */
  readonly moreRoutes: readonly Partial<Route>[];
  readonly acknowledgements: boolean;
  /** For how long the engine is to lock what it hands out; default: as the product has it, whose reason no storm is large enough for. */
  firstLockMs?(): number;
  /** A node's own. */
  metrics?(): Metrics;
  tracing?(ports: NodePorts): Tracing;
  onEvent?(node: string, event: BridgeEvent): void;
}

export const DEFAULT_BRIDGE: BridgeNodeOptions = {
  leaseTtlMs: 5_000,
  shards: 16,
  route: {},
  moreRoutes: [],
  acknowledgements: false,
};

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

/** Settings drawn for one seed: timeouts short and long, all ways to end, a lane with much and with little room. */
export function roughRoute(random: SeededRandom, { service }: Faults): Partial<Route> {
  const short = random.pick([3_000, 8_000, 20_000]);
  return {
    replyTimeoutMs: service.never > 0 ? short : random.pick([short, ROUTE.replyTimeoutMs]),
    onReplyTimeout: random.pick(['incident', 'fail', 'error']),
    timeoutErrorCode: random.pick(['TIMED_OUT', 'UNHEARD_OF']),
    retryBackoffMs: random.pick([200, 1_000, 5_000]),
    maxPending: random.pick([ROUTE.maxPending, 4]),
    heartbeatTimeoutMs: random.pick(service.heartbeats > 0 ? [0, 3_000, 8_000] : [0, 0, 0, 8_000]),
    onLate: random.pick(['dlq', 'publishMessage', 'drop']),
    lateMessageName: 'late',
    cancelRecord: random.chance(0.5),
    correlationKey: random.pick(['', '', 'claim']),
  };
}

export function bridgeNodes(options: Partial<BridgeNodeOptions> = {}): NodeFactory {
  const all = { ...DEFAULT_BRIDGE, ...options };
  return (ports) => new BridgeNode(ports, all);
}

class BridgeNode implements SimNode {
  readonly leaseTtlMs: number;
  readonly #bridge: Bridge;
  readonly #shards: number;

  constructor(ports: NodePorts, options: BridgeNodeOptions) {
    const { leaseTtlMs, shards, route, moreRoutes, acknowledgements, firstLockMs, metrics, tracing, onEvent } = options;
    this.leaseTtlMs = leaseTtlMs;
    this.#shards = shards;
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
      acknowledgements,
      ackTopic: NAMES.ackTopic,
      headerNames: DEFAULT_HEADER_NAMES,
      sizes: { maxRecordBytes: 1_048_588, maxPayloadBytes: 1_048_576 },
      maxReplyBytes: 1_000_000,
    };
    this.#bridge = new Bridge(
      {
        ...ports,
        metrics: {
          ...(metrics?.() ?? NO_METRICS),
          hold: (_, answer) => {
            if (answer === 'full') ports.toldFull();
          },
        },
        tracing: tracing?.(ports),
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
          logEvent(ports.log, config.cluster, event);
          onEvent?.(ports.name, event);
          if (event.from === 'cluster' && event.event.kind === 'lost' && event.event.alarm)
            ports.alarmed(event.event.reason);
        },
      },
      config,
    );
    if (firstLockMs !== undefined) this.#bridge.cluster.firstLockMs = firstLockMs;
  }

  async start(): Promise<void> {
    this.#bridge.start();
    const end = await this.#bridge.finished;
    if (end.kind !== 'left') throw new Error(end.reason);
  }

  stop(): Promise<void> {
    return this.#bridge.stop();
  }

  operate(jobKey: string, act: OperatorAct): void {
    this.#bridge.cluster.operated(jobKey as JobKey, act).catch(() => undefined);
  }

  drain(drained: boolean): void {
    if (drained) this.#bridge.cluster.drain();
    else this.#bridge.cluster.resume();
  }

  serves(): readonly boolean[] {
    const shards = this.#bridge.cluster.life?.shards;
    return Array.from({ length: this.#shards }, (_, shard) => shards?.stateOf(shard as ShardId) === 'owned');
  }
}
