// The play itself: instances start, the service answers, the node that holds most is killed, the others go on. It ends when
// every instance has ended and nothing more is to come, with the facts for the verdict.
import { setTimeout as sleep } from 'node:timers/promises';
import { shardOf } from '../../src/actors/ids.ts';
import { isAlive } from '../local/alive.ts';
import { tailOf } from '../local/process.ts';
import type { BridgeNode } from './bridge-nodes.ts';
import { Instances } from './instances.ts';
import type { DemoOptions } from './options.ts';
import type { Progress } from './progress.ts';
import type { RequestFacts } from './service-ledger.ts';
import type { Pace, Stage } from './stage.ts';
import type { Facts, KillFacts } from './verdict.ts';

const STARTS_PER_SECOND = 100;
/** Instances started whose request the service has not seen: on a slow machine the engine must not drown in starts. */
const AHEAD = 60;
const LOOK_EVERY_MS = 40;
const TAKEOVER_WAIT_MS = 60_000;
/** After the last result: a repeat or a second completion would show by then. */
const SETTLE_MS = 3_000;

/**
 * The service begins when two thirds of the requests are there, so that starting and the kill overlap; then it answers
 * so fast that of the jobs of any node (1 of `nodes`) a twelfth of all instances is answered each second: more than must
 * arrive in a takeover that is over in a second.
 */
export function paceOf({ instances, nodes }: Pick<DemoOptions, 'instances' | 'nodes'>): Pace {
  return {
    firstAnswerAtRequest: Math.ceil((instances * 2) / 3),
    answersPerSecond: (instances * nodes) / 12,
  };
}

/** @throws when a process that should live does not */
export async function play(stage: Stage, options: DemoOptions, progress: Progress): Promise<Facts> {
  const { watch, proxy } = stage;
  const instances = new Instances(stage.engine, stage.processId);
  const withinMs = 120_000 + options.instances * 30;
  let victim: BridgeNode | undefined;
  const running = instances.run(options.instances, {
    perSecond: STARTS_PER_SECOND,
    mayStart: () => instances.all.length - watch.ledger.requested < AHEAD,
    withinMs,
  });
  progress.tell(`starting ${options.instances} instances`);
  progress.live(() => {
    const { requested, answered } = watch.ledger;
    const nodes = stage.nodes.map(({ name }) =>
      name === victim?.name ? `${name} killed` : `${name} holds ${holds(stage, name).length}`,
    );
    const done = `${instances.all.length} started, ${requested} requested, ${answered} answered`;
    return `${done}, ${instances.completed} completed | ${nodes.join(' | ')}`;
  });
  const health = new AbortController();
  const killed = (node: BridgeNode) => {
    victim = node;
  };
  try {
    const kill = await Promise.race([
      (async () => {
        const facts = options.kill ? await killOne(stage, options, progress, killed) : undefined;
        await running;
        await sleep(SETTLE_MS);
        return facts;
      })(),
      alarm(stage, options, () => victim, health.signal),
    ]);
    await watch.catchUp();
    return {
      wanted: options.instances,
      instances: instances.all,
      requests: [...watch.ledger.requests()],
      completeCalls: proxy.completeCalls,
      closedMs: (connection) => proxy.connections[connection]?.closedMs,
      kill,
      killWanted: options.kill,
    };
  } finally {
    health.abort();
    progress.still();
  }
}

/** Unanswered requests to jobs whose shard the node owns. */
function holds({ watch, shards }: Stage, node: string): RequestFacts[] {
  return [...watch.ledger.requests()].filter(
    ({ jobKey, answeredMs }) => answeredMs === undefined && watch.ownership.ownerOf(shardOf(jobKey, shards)) === node,
  );
}

/** Kills the node that holds most once the service answers, and waits until others do all that it did. */
async function killOne(
  stage: Stage,
  { instances }: DemoOptions,
  progress: Progress,
  onKilled: (victim: BridgeNode) => void,
): Promise<KillFacts | undefined> {
  const { watch, nodes } = stage;
  const enough = instances / 10 + Math.max(3, instances / 50);
  let victim: BridgeNode | undefined;
  while (victim === undefined) {
    const { answered } = watch.ledger;
    if (answered >= instances) return undefined;
    const most = nodes
      .map((node) => ({ node, held: holds(stage, node.name).length }))
      .sort((a, b) => b.held - a.held)[0];
    if (answered >= instances / 20 && most !== undefined && most.held >= enough) victim = most.node;
    else await sleep(LOOK_EVERY_MS);
  }
  const { name, server } = victim;
  const had = watch.ownership.of(name);
  const atMs = Date.now();
  const gone = server.kill();
  onKilled(victim);
  progress.tell(`SIGKILL for ${name}, with ${had.shards.length} shards and ${had.partitions.length} reply partitions`);
  await gone;

  const survivors = nodes.filter((node) => node !== victim).map((node) => node.name);
  let takenOverMs: number | undefined;
  while (takenOverMs === undefined && Date.now() - atMs < TAKEOVER_WAIT_MS) {
    takenOverMs = watch.ownership.servedSince(had, survivors);
    if (takenOverMs === undefined) await sleep(LOOK_EVERY_MS);
  }
  if (takenOverMs !== undefined) progress.tell(`all of it is served again, ${takenOverMs - atMs} ms after the kill`);
  const shards = new Set(had.shards);
  const ofVictim = ({ jobKey }: RequestFacts) => shards.has(shardOf(jobKey, stage.shards));
  return { victim: name, atMs, ofVictim, takenOverMs, waitedMs: TAKEOVER_WAIT_MS };
}

/** Never resolves. With --keep people kill nodes by hand, and that is no alarm. @throws when a process is gone */
async function alarm(
  { nodes, service, watch }: Stage,
  { keep }: DemoOptions,
  victim: () => BridgeNode | undefined,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    await sleep(500, undefined, { signal });
    if (watch.ledger.failure !== undefined) throw new Error(`the service gave up: ${watch.ledger.failure}`);
    const mustLive = [service, ...nodes.filter((node) => !keep && node !== victim()).map((node) => node.server)];
    for (const { name, pid, logFile } of mustLive) {
      if (!isAlive(pid)) throw new Error(`${name} has ended by itself; ${await tailOf(logFile, 10)}`);
    }
  }
}
