// What is done by hand, audited: to a job by way of its owner, wherever that is, and to a node by asking it.
//
// The act's id in the audit is its id for the job too: it stands in the job's timeline, and told twice it is done once.
import type { JobKey } from '../../actors/ids.ts';
import type { OperatorAct } from '../../actors/messages.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { Lost } from '../../cluster/effects-gate.ts';
import { Untold } from '../../cluster/router.ts';
import { faultOfVariables } from '../zeebe/variables.ts';
import { type Audit, audited } from './audit.ts';
import type { ClusterOperations } from './cluster-operations.ts';
import type { ActResult } from './model/acts.ts';
import type { JobView } from './model/jobs.ts';
import { type JobAct, notDone, type Operations, OperationUnavailable, type Operator } from './operations.ts';

export type ActOperations = Pick<Operations, 'act' | 'drain' | 'resume'>;

export interface ActsOptions {
  readonly cluster: Pick<Cluster, 'operated'>;
  readonly seen: Pick<ClusterOperations, 'job' | 'setDrained' | 'checkMayAct'>;
  readonly audit: Audit;
}

export function actOperations({ cluster, seen, audit }: ActsOptions): ActOperations {
  const drained = async (node: string, wanted: boolean, by: Operator, reason: string): Promise<ActResult> => {
    const act = wanted ? 'node.drain' : 'node.resume';
    seen.checkMayAct();
    return audited(audit, { by, reason, act, target: node, before: null }, async () => {
      const changed = await seen.setDrained(node, wanted);
      if (!changed) return { result: 'done', detail: wanted ? 'it was drained already' : 'it was not drained' };
      return wanted
        ? { result: 'later', detail: 'its shards go to the nodes that are ready; it takes none until it is resumed' }
        : { result: 'done', detail: 'it takes shards and jobs again' };
    });
  };
  return {
    act: async (jobKey, act, by, reason) => {
      seen.checkMayAct();
      const before = inShort(await seen.job(jobKey, false).catch(() => undefined));
      const about = { by, reason, act: `job.${act.act}`, target: jobKey, before };
      return audited(audit, about, async (id) => {
        // A reply is looked at like that too; those nested too deeply would end the engine's gateway, again at each try.
        const fault = 'variables' in act ? faultOfVariables(act.variables) : undefined;
        if (fault !== undefined) return { result: 'refused', detail: `the variables: ${fault}` };
        seen.checkMayAct(); // as it may have been lost while that was written down
        const answer = await asked(cluster.operated(jobKey as JobKey, operatorAct(act, by.name, id)));
        return { ...answer, after: inShort(await seen.job(jobKey, false).catch(() => undefined)) ?? answer.detail };
      });
    },
    drain: (node, by, reason) => drained(node, true, by, reason),
    resume: (node, by, reason) => drained(node, false, by, reason),
  };
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
function inShort(job: JobView | undefined): string | null {
  if (job === undefined) return null;
  const state = job.outcome ?? job.state;
  const deadline = job.state === 'held' ? `, until ${new Date(job.replyDeadlineMs).toISOString()}` : '';
  return `${state}, attempt ${job.attempt}, ${job.retries} retries${deadline}`;
}
