// What an operator sees of the cluster, from any of its nodes: this one asks all the others, puts their answers together, and
// names those that did not answer. What stands in the bucket (one job, how jobs ended) it reads there.
import { type JobKey, type NodeName, type ShardId, shardOf } from '../../actors/ids.ts';
import type { Clock } from '../../actors/ports.ts';
import { decodeSnapshot } from '../../actors/snapshot-codec.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import type { JobFilter, Place } from '../../cluster/inventory.ts';
import { jobKeyName } from '../../cluster/names.ts';
import type { NodeLife } from '../../cluster/node-life.ts';
import { type KvPort, KvUnavailable, type TailPort } from '../../cluster/ports.ts';
import type { Answered } from '../../cluster/questions.ts';
import type { Config } from '../config/config.ts';
import { claimsOf, nodesOf, shardView } from './cluster-view.ts';
import { FLOW_SECONDS } from './flow.ts';
import { mergeCounts, mergeJobs, mergeMovements, mergeRoutes } from './merge.ts';
import type { ClusterView, NodeView } from './model/cluster.ts';
import type { RedriveView } from './model/dead-letters.ts';
import type { FlowView, RoutesView } from './model/flow.ts';
import type { JobPage, JobQuery, JobView, OutcomePage, OutcomeQuery } from './model/jobs.ts';
import type { Answers, Question } from './node-questions.ts';
import {
  ActNotDone,
  noMember,
  notDone,
  OperationRefused,
  type Operations,
  OperationUnavailable,
} from './operations.ts';
import { readOutcomes } from './outcomes.ts';
import { askRunner } from './redrive-elsewhere.ts';
import { jobViewOf } from './views.ts';

/** What only looks. */
export type ReadOperations = Pick<Operations, 'cluster' | 'flow' | 'routes' | 'jobs' | 'job' | 'outcomes'>;

export interface ClusterOperationsOptions {
  readonly clock: Clock;
  readonly cluster: Pick<Cluster, 'life'>;
  readonly kv: Pick<KvPort, 'get'>;
  /** undefined: nobody can look back here. */
  readonly tail: TailPort | undefined;
  readonly config: Pick<Config, 'cluster' | 'node' | 'shards'>;
  /** As they are now. */
  calls(): Pick<Config, 'routes' | 'template'>;
  correlationId(jobKey: JobKey, attempt: number): string;
  /** What this node still lacks, for people. */
  waitingFor(): readonly string[];
}

const DEFAULT_LIMIT = 50;
/** Lists at the same time. */
const MOST_LOOKS = 8;

export class ClusterOperations implements ReadOperations {
  readonly #options: ClusterOperationsOptions;
  #looks = 0;

  constructor(options: ClusterOperationsOptions) {
    this.#options = options;
  }

  async cluster(): Promise<ClusterView> {
    const { config, clock } = this.#options;
    const life = this.#life();
    const { answered, missing } = await this.#ask('node', { ask: 'node' });
    const claims = claimsOf(life, config.shards);
    return {
      cluster: config.cluster,
      atMs: clock.wallMs(),
      answeredBy: config.node,
      missing,
      nodes: nodesOf(config.node, life, answered, claims),
      shards: claims.map((claim, shard) => shardView(shard as ShardId, claim, life, answered)),
      movements: mergeMovements(answered),
    };
  }

  /** As `cluster` shows it, and nobody else is asked. undefined: the cluster has none of that name. */
  async node(name: string): Promise<NodeView | undefined> {
    const { config } = this.#options;
    const life = this.#life();
    const { answered } = await this.#ask('node', { ask: 'node' }, name);
    return nodesOf(config.node, life, answered, claimsOf(life, config.shards)).find(({ node }) => node === name);
  }

  async flow(seconds: number): Promise<FlowView> {
    const endSecond = Math.floor(this.#options.clock.wallMs() / 1000);
    const count = Math.max(1, Math.min(FLOW_SECONDS, Math.floor(seconds)));
    const { answered, missing } = await this.#ask('flow', { ask: 'flow', endSecond, seconds: count });
    const perSecond = mergeCounts(
      answered.map(({ answer }) => answer),
      count,
    );
    return { atMs: endSecond * 1000, missing, perSecond };
  }

  async routes(): Promise<RoutesView> {
    const { answered, missing } = await this.#ask('lanes', { ask: 'lanes' });
    const said = answered.map(({ answer }) => answer);
    return { missing, routes: mergeRoutes(said, this.#options.calls()) };
  }

  jobs(query: JobQuery): Promise<JobPage> {
    return this.#looking(() => this.#jobs(query));
  }

  async #jobs({ node, limit = DEFAULT_LIMIT, after, olderThanMs, ...filter }: JobQuery): Promise<JobPage> {
    const heldBeforeMs = olderThanMs === undefined ? undefined : this.#options.clock.wallMs() - olderThanMs;
    const place = after === undefined ? null : placeOf(after);
    const wanted = withoutUndefined({ ...filter, heldBeforeMs }) as JobFilter;
    if (node !== undefined) this.#checkNode(node);
    const { answered, missing } = await this.#ask('jobs', { ask: 'jobs', filter: wanted, limit, after: place }, node);
    const loading = answered.filter(({ answer }) => answer.loading).map(({ node }) => node);
    const { jobs, more } = mergeJobs(
      answered.map(({ answer }) => answer),
      limit,
    );
    const last = jobs.at(-1);
    const next = more && last !== undefined ? `${last.heldAtMs}-${last.jobKey}` : null;
    return { missing: names([...missing, ...loading]), jobs, next };
  }

  async job(key: string, withPayload: boolean): Promise<JobView | undefined> {
    if (!/^[1-9]\d{0,18}$/.test(key)) return undefined;
    const { config, kv, correlationId } = this.#options;
    const life = this.#life();
    const jobKey = key as JobKey;
    const shard = shardOf(jobKey, config.shards);
    const owner = life.claims.of(shard);
    const [entry, asked] = await Promise.all([
      available(kv.get(jobKeyName(shard, jobKey))),
      owner.node === '' ? undefined : this.#ask('job', { ask: 'job', jobKey }, owner.node),
    ]);
    if (entry === undefined) return undefined;
    const memory = asked?.answered[0]?.answer ?? undefined;
    const snapshot = readable(jobKey, entry.value);
    return jobViewOf(snapshot, {
      jobKey,
      shard,
      correlationId: snapshot.alias || correlationId(jobKey, snapshot.attempt),
      revision: entry.revision,
      node: owner.node === '' ? null : owner.node,
      // What has not been written belongs to the snapshot that it follows.
      memory: memory && { ...memory, timeline: memory.revision === entry.revision ? memory.timeline : [] },
      withPayload,
    });
  }

  outcomes(query: OutcomeQuery): Promise<OutcomePage> {
    return this.#looking(() => this.#outcomes(query));
  }

  /** A look goes through all jobs of all nodes, or thousands of entries of the bucket: not many of them at a time. */
  async #looking<T>(look: () => Promise<T>): Promise<T> {
    if (this.#looks >= MOST_LOOKS)
      throw new OperationRefused('TOO_MANY', `${MOST_LOOKS} lists are put together through this node now; ask again`);
    this.#looks += 1;
    try {
      return await look();
    } finally {
      this.#looks -= 1;
    }
  }

  async #outcomes(query: OutcomeQuery): Promise<OutcomePage> {
    const { clock, tail, correlationId } = this.#options;
    if (tail === undefined) throw new OperationUnavailable('this node cannot look back in the bucket');
    this.#life();
    return available(readOutcomes({ clock, tail, correlationId }, query));
  }

  /** Right before an act that needs the cluster. @throws ActNotDone while this node is no member */
  checkMayAct(): void {
    const { cluster, config, waitingFor } = this.#options;
    if (cluster.life === undefined) throw notDone(noMember(config.node, waitingFor()));
  }

  /**
   * Answers whether that changed anything.
   * @throws OperationRefused; ActNotDone: it was not even asked; OperationUnavailable: it may have heard it
   */
  async setDrained(node: string, drained: boolean): Promise<boolean> {
    this.checkMayAct();
    this.#checkNode(node);
    const question: Extract<Question, { ask: 'drained' }> = { ask: 'drained', drained };
    const { answered, silent } = await this.#life().questions.ask(question, node as NodeName);
    const said = answered[0]?.answer as Answers['drained'] | undefined;
    if (said !== undefined) return said.changed;
    if (silent.length > 0)
      throw new OperationUnavailable(
        `node ${node} does not answer; it may have heard it all the same, so look before you ask again, or end it by a signal`,
      );
    throw new ActNotDone(
      `node ${node} is no member now (it is dead, or has left), so it was not asked; nothing was done`,
    );
  }

  /** A run over dead letters, as the node says that its id names. undefined: that node does not know it. */
  async redriveState(id: string): Promise<RedriveView | undefined> {
    return askRunner(this.#life().questions, id, { ask: 'redrive', id });
  }

  /** @param by who, in words. @throws also ActNotDone */
  async stopRedrive(id: string, by: string): Promise<RedriveView | undefined> {
    this.checkMayAct();
    return askRunner(this.#life().questions, id, { ask: 'redriveStopped', id, by });
  }

  #life(): NodeLife {
    const { cluster, config, waitingFor } = this.#options;
    if (cluster.life === undefined) throw noMember(config.node, waitingFor());
    return cluster.life;
  }

  #checkNode(node: string): void {
    const { config } = this.#options;
    const known = [config.node, ...this.#life().membership.peers().keys()];
    if (known.includes(node as NodeName)) return;
    throw new OperationRefused('NO_SUCH_NODE', `node: "${node}" is none of the cluster's: ${names(known).join(', ')}`);
  }

  /**
   * All nodes, or only one. Missing is also who owns shards by his claims and is not there to be asked; and whoever got a shard
   * just now, or is to get it: its jobs may have been nowhere when they were asked for.
   */
  async #ask<Ask extends Question['ask']>(
    _ask: Ask,
    question: Extract<Question, { ask: Ask }>,
    only?: string,
  ): Promise<{ answered: (Answered & { readonly answer: Answers[Ask] })[]; missing: string[] }> {
    const life = this.#life();
    const before = claimsOf(life, this.#options.config.shards);
    const { answered, silent } = await life.questions.ask(question, only as NodeName | undefined);
    const heard = new Set(answered.map(({ incarnation }) => incarnation));
    const missing = new Set<string | undefined>(silent);
    for (const [shard, claim] of claimsOf(life, this.#options.config.shards).entries()) {
      const owners = [before[shard] ?? claim, claim].filter(({ incarnation }) => incarnation !== '');
      for (const { node, incarnation } of owners) if (!heard.has(incarnation)) missing.add(node);
      const moved = claim.revision !== before[shard]?.revision || (claim.incarnation === '' && claim.revision > 0);
      if (moved) missing.add(claim.node || life.shards.targetOf(shard as ShardId));
    }
    const known = [...missing].filter((node) => node !== undefined && (only === undefined || only === node));
    return { answered: answered as (Answered & { answer: Answers[Ask] })[], missing: names(known as string[]) };
  }
}

function readable(jobKey: JobKey, bytes: Uint8Array) {
  try {
    return decodeSnapshot(bytes);
  } catch (error) {
    throw new OperationRefused('UNREADABLE', `job ${jobKey}: ${(error as Error).message}`);
  }
}

function placeOf(after: string): Place {
  const [, heldAtMs, jobKey] = /^(\d{1,15}(?:\.\d{1,6})?)-(\d{1,19})$/.exec(after) ?? [];
  if (heldAtMs !== undefined && jobKey !== undefined) return { heldAtMs: Number(heldAtMs), jobKey };
  throw new OperationRefused('BAD_CURSOR', `after: "${after}" is not the next of a page of jobs`);
}

/** Reads of the bucket may fail for want of a server: ask again. */
async function available<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof KvUnavailable)) throw error;
    throw new OperationUnavailable(`the bucket cannot be read now: ${error.message}`, { cause: error });
  }
}

function names(nodes: Iterable<string>): string[] {
  return [...new Set(nodes)].sort();
}

/** It goes to other nodes, and nothing is what is left out there. */
function withoutUndefined<T extends object>(filter: T): T {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as T;
}
