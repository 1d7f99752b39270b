// One cluster of the product on real servers, with a service that answers and a driver that starts process instances: all
// that a test of trouble needs, under names of its own. Between nodes and engine stands the demo's proxy, which counts jobs
// that were completed again although their node had been told.
import { randomBytes } from 'node:crypto';
import { type CompleteCall, completedTwice, unanswered } from '../../deploy/demo/complete-calls.ts';
import { EngineProxy } from '../../deploy/demo/engine-proxy.ts';
import { topicsOf } from '../../src/gateway/kafka/topics.ts';
import { Driver } from './driver.ts';
import { eventually } from './eventually.ts';
import { type BridgeNode, Nodes, type Servers } from './nodes.ts';
import { type Behaviour, ExampleService, makeTopics } from './service.ts';

export interface TrialOptions {
  readonly servers: Servers;
  /** Default: a new name. */
  readonly cluster?: string;
  /** Nodes to start, n1, n2, …; default 3. */
  readonly nodes?: number;
  /** Of the job in the model; default 3. */
  readonly retries?: number;
  readonly behaviour?: Behaviour;
  /** Settings of the configuration file besides cluster and routes. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Settings of the route besides job type and request topic. */
  readonly route?: Readonly<Record<string, unknown>>;
  readonly moreRoutes?: readonly Readonly<Record<string, unknown>>[];
  /** Request topics of those routes; they are made, and the service reads them too. */
  readonly moreTopics?: readonly string[];
  /** Largest record of the request topics and, if it is given, of the reply topic. */
  readonly maxRequestBytes?: number;
  readonly maxReplyBytes?: number;
}

interface Pause {
  readonly node: string;
  readonly fromMs: number;
  toMs: number;
}

/** A node that is stopped sooner after an answer has not made use of it. */
const HEARD_AFTER_MS = 1_000;
/**
 * How long before a call's deadline its answer has to have passed the proxy: on a machine that starts many servers at once
 * the node, and the proxy too, stand still for a second and more, and what left the one has not reached the other.
 */
const HEARD_BEFORE_DEADLINE_MS = 2_000;

export class Trial {
  readonly cluster: string;
  readonly jobType: string;
  readonly requestTopic: string;
  readonly nodes: Nodes;
  readonly service: ExampleService;
  readonly driver: Driver;
  readonly #servers: Servers;
  readonly #proxy: EngineProxy;
  readonly #addresses = new Map<string, string>();
  readonly #pauses: Pause[] = [];

  private constructor(cluster: string, nodes: Nodes, service: ExampleService, driver: Driver, servers: Servers) {
    this.cluster = cluster;
    this.jobType = jobTypeOf(cluster);
    this.requestTopic = topicOf(cluster);
    this.nodes = nodes;
    this.service = service;
    this.driver = driver;
    this.#servers = servers;
    this.#proxy = new EngineProxy(servers.zeebeAddress);
  }

  /** Resolves when all nodes are ready. */
  static async start(options: TrialOptions): Promise<Trial> {
    const { servers, cluster = newCluster(), nodes: count = 3, retries, behaviour, settings, route } = options;
    const { moreRoutes = [], moreTopics = [], maxRequestBytes, maxReplyBytes } = options;
    const ownRoute = { jobType: jobTypeOf(cluster), requestTopic: topicOf(cluster), ...route };
    const nodes = await Nodes.create({ cluster, routes: [ownRoute, ...moreRoutes], ...settings });
    const topics = [topicOf(cluster), ...moreTopics];
    await makeTopics(servers.kafkaBrokers, topics, maxRequestBytes === undefined ? {} : { maxBytes: maxRequestBytes });
    if (maxReplyBytes !== undefined) {
      const { replies } = topicsOf(cluster);
      await makeTopics(servers.kafkaBrokers, [replies.name], {
        partitions: replies.partitions,
        maxBytes: maxReplyBytes,
      });
    }
    const service = await ExampleService.start(servers.kafkaBrokers, topics, behaviour);
    const driver = await Driver.open(
      servers.zeebeAddress,
      jobTypeOf(cluster),
      retries === undefined ? {} : { retries },
    );
    const trial = new Trial(cluster, nodes, service, driver, servers);
    try {
      await Promise.all(Array.from({ length: count }, (_, i) => trial.startNode(`n${i + 1}`)));
      await nodes.untilReady();
      if (count > 0) await trial.untilSpread();
      return trial;
    } catch (error) {
      await trial.stop();
      throw error;
    }
  }

  /** Until the shards have stopped moving: one that moves with a job takes away the knowledge of who held it all along. */
  async untilSpread(shards = 128): Promise<void> {
    const owned = () => Promise.all(this.nodes.all.map((node) => node.metric('holdfast_shards_owned')));
    const most = Math.ceil(shards / this.nodes.all.length);
    await eventually(
      'the shards to be spread over the nodes',
      async () => {
        const counts = await owned();
        return counts.reduce((sum, count) => sum + count, 0) === shards && counts.every((count) => count <= most);
      },
      { deadlineMs: 60_000, diagnose: owned },
    );
  }

  /** What service and nodes say, for a test that waits in vain. */
  async diagnose(): Promise<unknown> {
    return [this.service.diagnose(), ...(await Promise.all(this.nodes.all.map((node) => node.diagnose())))];
  }

  /** @param name with an address of its own at the proxy; a restart keeps it */
  async startNode(name: string): Promise<BridgeNode> {
    return this.nodes.start(name, await this.serversFor(name));
  }

  async serversFor(name: string): Promise<Servers> {
    const zeebeAddress = this.#addresses.get(name) ?? (await this.#proxy.listen(name));
    this.#addresses.set(name, zeebeAddress);
    return { ...this.#servers, zeebeAddress };
  }

  node(name: string): BridgeNode {
    const found = this.nodes.all.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** SIGSTOP; what the engine answers from now on the node does not hear. */
  pause(name: string): void {
    this.#pauses.push({ node: name, fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY });
    this.node(name).pause();
  }

  resume(name: string): void {
    this.node(name).resume();
    for (const pause of this.#pauses) if (pause.node === name) pause.toMs = Math.min(pause.toMs, Date.now());
  }

  /**
   * JetStream was away in between. A completion that the engine answered right before could not be written down: the node
   * forgets it with its lease, the reply is delivered again, and the engine's NOT_FOUND then counts as completed.
   */
  withoutJetStream(fromMs: number, toMs: number): void {
    for (const { name } of this.nodes.all) this.#pauses.push({ node: name, fromMs, toMs });
  }

  /**
   * The bucket was deleted. As without JetStream, but for each node only until it lives anew on the new one: what it is told
   * from then on it can write down.
   */
  async withoutBucket(fromMs: number): Promise<void> {
    for (const node of this.nodes.all) {
      const joined = async () => {
        const lines = (await node.log()).filter(({ message }) => message === 'cluster: joined');
        return lines.map(({ time }) => Date.parse(time)).find((atMs) => atMs > fromMs);
      };
      const diagnose = () => node.diagnose();
      const toMs = await eventually(`${node.name} to live on the new bucket`, joined, { diagnose });
      this.#pauses.push({ node: node.name, fromMs, toMs });
    }
  }

  /** The calls of each job that was completed again although an earlier answer had been heard. */
  completedTwice(): readonly (readonly CompleteCall[])[] {
    const calls = this.#proxy.completeCalls.map((call) => (this.#heard(call) ? call : unanswered(call)));
    const jobs = Map.groupBy(calls, ({ jobKey }) => jobKey);
    return [...jobs.values()].filter(
      (calls) => completedTwice(calls, (id) => this.#proxy.connections[id]?.closedMs).size > 0,
    );
  }

  /** By a node that ran, and in good time before it gave the call up: on a busy machine it may not look in time. */
  #heard({ node, sentMs, timeoutMs = Number.POSITIVE_INFINITY, answeredMs }: CompleteCall): boolean {
    if (answeredMs === undefined || answeredMs > sentMs + timeoutMs - HEARD_BEFORE_DEADLINE_MS) return false;
    const during = (pause: Pause) => answeredMs > pause.fromMs - HEARD_AFTER_MS && answeredMs < pause.toMs;
    return !this.#pauses.some((pause) => pause.node === node && during(pause));
  }

  async stop(): Promise<void> {
    await this.nodes.stop();
    await Promise.all([this.service.stop(), this.driver.close()]);
    this.#proxy.close();
  }
}

/** A name that no other test uses. */
export function newCluster(): string {
  return `trial-${randomBytes(4).toString('hex')}`;
}

function jobTypeOf(cluster: string): string {
  return `${cluster}-call`;
}

function topicOf(cluster: string): string {
  return `${cluster}.requests`;
}
