// What is done by hand, audited: to a job by way of its owner, wherever that is, and to a node by asking it.
//
// The act's id in the audit is its id for the job too: it stands in the job's timeline, and told twice it is done once.
import type { JobKey } from '../../actors/ids.ts';
import type { OperatorAct } from '../../actors/messages.ts';
import type { TraceSource } from '../../actors/ports.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { Lost } from '../../cluster/effects-gate.ts';
import { Untold } from '../../cluster/router.ts';
import type { Config } from '../config/config.ts';
import { traced } from '../traced-line.ts';
import { faultOfVariables } from '../zeebe/variables.ts';
import { type Audit, audited } from './audit.ts';
import type { ClusterOperations } from './cluster-operations.ts';
import type { NodeView } from './model/cluster.ts';
import type { JobView } from './model/jobs.ts';
import {
  type JobAct,
  type NodeActResult,
  notDone,
  type Operations,
  OperationUnavailable,
  type Operator,
} from './operations.ts';

export type ActOperations = Pick<Operations, 'act' | 'drain' | 'resume'>;

export interface ActsOptions {
  readonly cluster: Pick<Cluster, 'operated'>;
  readonly seen: Pick<ClusterOperations, 'job' | 'node' | 'setDrained' | 'checkMayAct'>;
  readonly audit: Audit;
  readonly config: Pick<Config, 'cluster'>;
}

export function actOperations({ cluster, seen, audit, config }: ActsOptions): ActOperations {
  const jobNow = (jobKey: string) => seen.job(jobKey, false).catch(() => undefined);
  const nodeNow = async (node: string) => nodeInShort(await seen.node(node).catch(() => undefined));
  const drained = async (node: string, wanted: boolean, by: Operator, reason: string): Promise<NodeActResult> => {
    const act = wanted ? 'node.drain' : 'node.resume';
    seen.checkMayAct();
    return audited(audit, { by, reason, act, target: node, before: await nodeNow(node) }, async () => {
      const answer = drainAnswer(wanted, await seen.setDrained(node, wanted));
      return { ...answer, after: (await nodeNow(node)) ?? answer.detail };
    });
  };
  return {
    act: async (jobKey, act, by, reason) => {
      seen.checkMayAct();
      const job = await jobNow(jobKey);
      const about = {
        ...{ by, reason, act: `job.${act.act}`, target: jobKey, before: jobInShort(job) },
        logged: traced(config.cluster, job && traceOf(job), { jobKey }),
      };
      return audited(audit, about, async (id) => {
        // A reply is looked at like that too; those nested too deeply would end the engine's gateway, again at each try.
        const fault = 'variables' in act ? faultOfVariables(act.variables) : undefined;
        if (fault !== undefined) return { result: 'refused', detail: `the variables: ${fault}` };
        seen.checkMayAct(); // as it may have been lost while that was written down
        const answer = await asked(cluster.operated(jobKey as JobKey, operatorAct(act, by.name, id)));
        return { ...answer, after: jobInShort(await jobNow(jobKey)) ?? answer.detail };
      });
    },
    drain: (node, by, reason) => drained(node, true, by, reason),
    resume: (node, by, reason) => drained(node, false, by, reason),
  };
}

function drainAnswer(wanted: boolean, changed: boolean): Omit<NodeActResult, 'auditId'> {
  if (!changed) return { result: 'done', detail: wanted ? 'it was drained already' : 'it was not drained' };
  return wanted
    ? { result: 'later', detail: 'its shards go to the nodes that are ready; it takes none until it is resumed' }
    : { result: 'done', detail: 'it takes shards and jobs again' };
}

function operatorAct(act: JobAct, by: string, id: string): OperatorAct {
  return { ...act, by, id };
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Untold) throw notDone(new OperationUnavailable(error.message, { cause: error }));
    if (!(error instanceof Lost)) throw error;
    const then = 'it may have been done: look at the job before you ask again';
    throw new OperationUnavailable(`${error.message}; ${then}`, { cause: error });
  }
}

/** Without anything that a service or a process has said. */
function jobInShort(job: JobView | undefined): string | null {
  if (job === undefined) return null;
  const state = job.outcome ?? job.state;
  const deadline = job.state === 'held' ? `, until ${new Date(job.replyDeadlineMs).toISOString()}` : '';
  return `${state}, attempt ${job.attempt}, ${job.retries} retries${deadline}`;
}

function nodeInShort(node: NodeView | undefined): string | null {
  return node === undefined ? null : `${node.state}, ${node.shardsOwned} shards`;
}

function traceOf({ instanceKey, trace }: JobView): TraceSource {
  return { origin: { instanceKey }, trace: trace ?? '' };
}
