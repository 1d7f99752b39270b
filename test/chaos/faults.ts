// Each fault, done for real. One that is done says so to the history at its begin and at its end; it ends when what it hurt
// is there again, though not always whole: the cluster is meant to stand the next one meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { isAlive } from '../../deploy/local/alive.ts';
import type { LocalServer } from '../../deploy/local/process.ts';
import { httpOk } from '../../deploy/local/ready.ts';
import { eventually } from '../support/eventually.ts';
import type { BridgeNode } from '../support/nodes.ts';
import type { FaultName, ServerKind } from './history.ts';
import { MORE_NODES, NODES, type PlannedFault } from './schedule.ts';
import { FIRST_VERSION, nodeArgsFor } from './snapshot-patch.ts';
import type { Stage } from './stage.ts';

const PATIENCE = { deadlineMs: 60_000, everyMs: 200 };
/** A node is restarted by an operator who looks whether the one before is ready, and not for ever. */
const READY_WITHIN_MS = 30_000;

export class Faults {
  readonly #stage: Stage;
  readonly #signal: AbortSignal;
  readonly #tell: (line: string) => void;
  /** Nodes that are meant to run. */
  readonly #up = new Set<string>(NODES);
  #version = FIRST_VERSION;

  constructor(stage: Stage, signal: AbortSignal, tell: (line: string) => void) {
    this.#stage = stage;
    this.#signal = signal;
    this.#tell = tell;
  }

  /** Resolves when it is over. */
  async make(fault: PlannedFault): Promise<void> {
    const { kind, node, forMs, delayMs } = fault;
    const [what, server] = kind.split('-') as [FaultName, ServerKind | undefined];
    if (server !== undefined) {
      const state = what === 'cut' ? 'cut' : what === 'slow' ? 'slow' : 'silent';
      return this.#during(what, node, server, async () => {
        this.#stage.links.set(node, server, state === 'slow' ? { kind: state, delayMs } : { kind: state });
        await this.#sleep(forMs);
        this.#stage.links.set(node, server, { kind: 'pass' });
      });
    }
    switch (what) {
      case 'kill':
        return this.#during(what, node, undefined, () => this.#away(node, forMs, (victim) => victim.kill()));
      case 'term':
        return this.#during(what, node, undefined, () => this.#away(node, forMs, (victim) => victim.stop()));
      case 'stopHalf':
      case 'stopOneAndHalf':
      case 'stopFour':
        return this.#during(what, node, undefined, async () => {
          this.#node(node).pause();
          try {
            await this.#sleep(forMs);
          } finally {
            this.#node(node).resume();
          }
        });
      case 'roll':
        return this.#roll(what);
      case 'upgrade':
        this.#version += 1;
        return this.#roll(what);
      case 'scale':
        return this.#during(what, '', undefined, () => this.#scale(node, forMs));
      case 'leaderKill':
        return this.#leaderKill(forMs);
      case 'natsRestart':
        for (const { name } of this.#stage.nats.servers) await this.#natsRestart(name, fault.orderly);
        return;
      case 'kafkaRestart':
        return this.#during(what, 'kafka', undefined, () => this.#restart(this.#stage.kafka?.server, fault));
      case 'zeebeRestart':
        return this.#during(what, 'zeebe', undefined, () => this.#restart(this.#stage.zeebe?.server, fault));
      case 'diskFull':
        return this.#diskFull(forMs);
      default:
        throw new Error(`nobody knows how to make ${kind}`);
    }
  }

  /** Whatever was hurt is mended: links, and processes that stand still. */
  heal(): void {
    this.#stage.links.heal();
    for (const node of this.#stage.nodes.all) node.resume();
  }

  /** Nodes that have ended although nobody wanted them to; they are started again, as by whatever runs them. */
  async lookAfterNodes(): Promise<string[]> {
    const died: string[] = [];
    for (const name of this.#up) {
      const node = this.#node(name);
      if (isAlive(node.pid)) continue;
      died.push(name);
      this.#stage.nodesHistory.writer.write({ kind: 'died', node: name });
      this.#up.delete(name);
      await node.restart();
      this.#up.add(name);
    }
    return died;
  }

  async #during(
    what: FaultName,
    target: string,
    server: ServerKind | undefined,
    work: () => Promise<void>,
  ): Promise<void> {
    const where = [target, server].filter(Boolean).join('-');
    this.#tell(`${what} ${where}`);
    this.#stage.runner.write({ kind: 'fault', what, target, server, phase: 'begin' });
    try {
      await work();
    } finally {
      this.#stage.runner.write({ kind: 'fault', what, target, server, phase: 'end' });
      this.#tell(`${what} ${where} is over`);
    }
  }

  async #away(name: string, forMs: number, end: (node: BridgeNode) => Promise<void>): Promise<void> {
    const node = this.#node(name);
    this.#up.delete(name);
    await end(node);
    await this.#sleep(forMs);
    await this.#start(name);
  }

  /** Of the present version. */
  async #start(name: string): Promise<BridgeNode> {
    const { nodes, links, nodesHistory } = this.#stage;
    const known = nodes.all.some((node) => node.name === name);
    const node = await nodes.start(name, links.of(name), nodeArgsFor(this.#version));
    if (!known) nodesHistory.follow(name, node.logFile);
    this.#up.add(name);
    return node;
  }

  async #untilReady(node: BridgeNode): Promise<void> {
    await node
      .untilReady(READY_WITHIN_MS)
      .catch(() => this.#tell(`${node.name} is not ready after ${READY_WITHIN_MS} ms`));
  }

  async #roll(what: 'roll' | 'upgrade'): Promise<void> {
    await this.#during(what, '', undefined, async () => {
      for (const name of NODES) {
        await this.#away(name, 0, (node) => node.stop());
        await this.#untilReady(this.#node(name));
      }
      if (what === 'roll') return;
      const upgraded = () => NODES.every((name) => this.#stage.watched.versions.get(name)?.at(-1) === this.#version);
      const diagnose = () => this.#stage.watched.versions;
      await eventually(`all nodes to read version ${this.#version}`, upgraded, { ...PATIENCE, diagnose });
    });
  }

  /** 3 → 5 → 2 → 3 */
  async #scale(spare: string, forMs: number): Promise<void> {
    const scaled = () => this.#stage.runner.write({ kind: 'scaled', nodes: this.#up.size });
    const more = await Promise.all(MORE_NODES.map((name) => this.#start(name)));
    await Promise.all(more.map((node) => this.#untilReady(node)));
    scaled();
    await this.#sleep(forMs);
    for (const name of [...MORE_NODES, spare]) this.#up.delete(name);
    await Promise.all([...MORE_NODES, spare].map((name) => this.#node(name).stop()));
    scaled();
    await this.#sleep(forMs);
    await this.#untilReady(await this.#start(spare));
    scaled();
  }

  async #leaderKill(forMs: number): Promise<void> {
    const leader = await this.#untilNatsWhole();
    const server = this.#stage.nats.servers.find(({ name }) => name === leader);
    await this.#during('leaderKill', leader, undefined, async () => {
      await server?.kill();
      await this.#sleep(forMs);
      await server?.restart();
      await this.#untilNatsWhole();
    });
  }

  async #natsRestart(name: string, orderly: boolean): Promise<void> {
    await this.#untilNatsWhole();
    await this.#during('natsRestart', name, undefined, async () => {
      const server = this.#stage.nats.servers.find((one) => one.name === name);
      await this.#restart(server, { forMs: 0, orderly });
      await this.#untilNatsWhole();
    });
  }

  async #restart(
    server: LocalServer | undefined,
    { forMs, orderly }: Pick<PlannedFault, 'forMs' | 'orderly'>,
  ): Promise<void> {
    if (server === undefined) throw new Error('a server that is not ours is not to be restarted');
    await (orderly ? server.stop() : server.kill());
    await this.#sleep(forMs);
    await server.restart();
  }

  /** The bucket may grow no further: every write is refused, with an error. */
  async #diskFull(forMs: number): Promise<void> {
    await this.#untilNatsWhole();
    const { bucket } = this.#stage;
    const setLimit = async (bytes: number) => {
      const { streams } = await jetstreamManager(bucket.connection, { timeout: 5_000 });
      await streams.update(bucket.stream, { max_bytes: bytes });
    };
    await this.#during('diskFull', 'nats', undefined, async () => {
      try {
        await setLimit(1);
        await this.#sleep(forMs);
      } finally {
        await eventually('the limit to be lifted', async () => setLimit(-1).then(() => true), PATIENCE);
      }
    });
  }

  /** All servers well and all replicas of the bucket current, so that one may go. Answers the bucket's leader. */
  async #untilNatsWhole(): Promise<string> {
    const { bucket, nats } = this.#stage;
    const cluster = async () => {
      const { streams } = await jetstreamManager(bucket.connection, { timeout: 2_000 });
      return (await streams.info(bucket.stream)).cluster;
    };
    const whole = async () => {
      this.#signal.throwIfAborted();
      for (const url of nats.monitorUrls) if (!(await httpOk(`${url}/healthz`))) return undefined;
      const { leader, replicas = [] } = (await cluster()) ?? {};
      return replicas.length === 2 && replicas.every(({ current }) => current) ? leader : undefined;
    };
    return eventually('the NATS cluster to be whole', whole, { ...PATIENCE, diagnose: cluster });
  }

  #node(name: string): BridgeNode {
    const node = this.#stage.nodes.all.find((one) => one.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** How long a thing is broken is what is tested. */
  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal });
  }
}
