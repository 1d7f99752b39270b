// The bridge alone: what one call costs the bridge itself, with real Kafka and NATS. THE ENGINE IS A DOUBLE (engine-double.ts),
// a gRPC server in its own process: the figure is the bridge's, and no engine's. Both ways of calling the engine are measured
// beside each other, each by a node and a cluster of its own on the same servers, in turn: round by round.
import { freePorts } from '../../deploy/local/ports.ts';
import { UNARY_TRANSPORTS, type UnaryTransport } from '../../src/gateway/zeebe/gateway-calls.ts';
import type { BridgeNode } from '../../test/support/nodes.ts';
import { inspectArgs, NodeProfile } from '../parts/node-profile.ts';
import { type Spread, spreadOf } from '../parts/spread.ts';
import { PARTIES, type Party, type Round, Rounds } from './rounds.ts';
import { jobTypeOf, routeOf, type Stage, setStage } from './stage.ts';

export interface AloneOptions {
  readonly clients: readonly UnaryTransport[];
  readonly inFlight: number;
  readonly warmUp: number;
  /** Of each round. */
  readonly calls: number;
  readonly rounds: number;
  /** Bytes of a job's variables, which are the request's body. */
  readonly bodyBytes: number;
  /** Where CPU profiles go, of each bridge in a round that does not count; '': none are made. */
  readonly profile: string;
  onRound?(client: UnaryTransport, round: Round, number: number): void;
}

export const ALONE_DEFAULTS: AloneOptions = {
  clients: UNARY_TRANSPORTS,
  inFlight: 200,
  warmUp: 10_000,
  calls: 10_000,
  rounds: 5,
  bodyBytes: 300,
  profile: '',
};

export interface SideFigures {
  readonly rounds: readonly Round[];
  readonly cpuMsPerCall: Readonly<Record<Party, Spread>>;
  readonly callsPerSecond: Spread;
  readonly writesPerCall: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
}

export interface AloneFigures {
  readonly engine: 'double';
  readonly options: Omit<AloneOptions, 'onRound'>;
  /** By who makes the calls to the engine; only those that were asked for. */
  readonly sides: Readonly<Partial<Record<UnaryTransport, SideFigures>>>;
}

interface Side {
  readonly client: UnaryTransport;
  readonly cluster: string;
  readonly node: BridgeNode;
  /** Of its inspector. */
  readonly port: number;
  readonly load: Rounds;
  readonly rounds: Round[];
}

/** @throws when a server does not start, calls do not come, or the engine double refused a command */
export async function measureAlone(asked: Partial<AloneOptions> = {}): Promise<AloneFigures> {
  const { onRound, ...options } = { ...ALONE_DEFAULTS, ...asked };
  await using stack = new AsyncDisposableStack();
  const variables = bodyOf(options.bodyBytes);
  const clusters = options.clients.map(clusterOf);
  const stage = await setStage({ clusters, variables, answer: '{"answer":{"charged":12.5}}' }, stack);
  const sides: Side[] = [];
  for (const client of options.clients) sides.push(await sideOf(stage, client, options.profile));
  for (let number = 0; number <= options.rounds; number++) {
    for (const { client, load, rounds } of number % 2 === 0 ? sides : sides.toReversed()) {
      await load.keep(options.inFlight);
      // The first one is the warm-up.
      const round = await load.run(number === 0 ? options.warmUp : options.calls);
      await load.keep(0);
      if (number === 0) continue;
      rounds.push(round);
      onRound?.(client, round, number);
    }
  }
  if (options.profile !== '') for (const side of sides) await profiled(side, options);
  const { commands, loads } = await stage.double.figures();
  const refused = Object.entries(commands).filter(([answer]) => !answer.endsWith(' ok'));
  if (refused.length > 0) throw new Error(`the engine double refused: ${JSON.stringify(refused)}`);
  for (const { node, cluster } of sides) await mustAgree(node, loads[jobTypeOf(cluster)]?.completed ?? 0);
  const figures = sides.map(({ client, rounds }) => [client, { rounds, ...spreads(rounds) }] as const);
  return { engine: 'double', options, sides: Object.fromEntries(figures) };
}

const clusterOf = (client: UnaryTransport) => `alone-${client}`;

async function sideOf(stage: Stage, client: UnaryTransport, profile: string): Promise<Side> {
  const cluster = clusterOf(client);
  const env = { HOLDFAST_ENGINE_TRANSPORT: client };
  const [port = 0] = await freePorts(1);
  const args = profile === '' ? [] : inspectArgs(port);
  const node = await stage.startNode({ cluster, routes: [routeOf(cluster)] }, { args, env });
  await node.untilReady();
  return { client, cluster, node, port, load: new Rounds(stage, node, cluster), rounds: [] };
}

async function profiled({ client, port, load }: Side, { profile: dir, inFlight, calls }: AloneOptions): Promise<void> {
  const profile = await NodeProfile.open(port, dir);
  try {
    await load.keep(inFlight);
    await profile.during(client, () => load.run(calls));
    await load.keep(0);
  } finally {
    profile.close();
  }
}

/** What the node counts is what the double counts, or one of the two is not to be believed. */
async function mustAgree(node: BridgeNode, completed: number): Promise<void> {
  const counted = await node.metric('holdfast_outcomes_total', { outcome: 'completed' });
  if (counted !== completed) throw new Error(`the engine double saw ${completed} jobs completed, the node ${counted}`);
}

/** JSON text of so many bytes. */
export function bodyOf(bytes: number): string {
  const body = (note: string) => JSON.stringify({ account: 4711, total: 12.5, note });
  return body('x'.repeat(Math.max(0, bytes - body('').length)));
}

export function spreads(rounds: readonly Round[]): Omit<SideFigures, 'rounds'> {
  const of = (value: (round: Round) => number) => {
    const spread = spreadOf(rounds.map(value));
    if (spread === undefined) throw new RangeError('there are no rounds');
    return spread;
  };
  const cpu = PARTIES.map((party) => [party, of(({ cpuMsPerCall }) => cpuMsPerCall[party])] as const);
  return {
    cpuMsPerCall: Object.fromEntries(cpu) as Record<Party, Spread>,
    callsPerSecond: of(({ callsPerSecond }) => callsPerSecond),
    writesPerCall: of(({ writesPerCall }) => writesPerCall),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
  };
}
