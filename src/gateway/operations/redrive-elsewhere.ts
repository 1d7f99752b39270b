// A run over dead letters of any node: the node that its id names is asked.
import type { NodeName } from '../../actors/ids.ts';
import type { Questions } from '../../cluster/questions.ts';
import type { RedriveView } from './model/dead-letters.ts';
import type { Answers, NodeAnswer, Question } from './node-questions.ts';
import { OperationRefused, OperationUnavailable } from './operations.ts';
import { nodeOfRun } from './redrive-runs.ts';

type Asking = Pick<Questions, 'ask'>;

/** undefined: that node does not know it. @throws OperationRefused when it is no member now; OperationUnavailable when it does not answer */
export async function askRunner(
  questions: Asking,
  id: string,
  question: Extract<Question, { ask: 'redrive' | 'redriveStopped' }>,
): Promise<RedriveView | undefined> {
  const node = nodeOfRun(id) as NodeName | undefined;
  if (node === undefined) return undefined;
  const { answered, silent } = await questions.ask(question, node);
  const said = answered[0]?.answer as Answers[typeof question.ask] | undefined;
  if (said !== undefined) return said.view ?? undefined;
  if (silent.length > 0) throw new OperationUnavailable(await whySilent(questions, id, node));
  // It may have lost its lease or its link to NATS only: nobody here can tell.
  throw new OperationRefused(
    'NO_SUCH_NODE',
    `redrive ${id}: node "${node}", on which it was begun, is no member now; while its process lives its run may go on, and ` +
      'that node itself stops it; the audit has what is known of it',
  );
}

/** What an older version does not know it leaves unanswered: other questions it answers. */
async function whySilent(questions: Asking, id: string, node: NodeName): Promise<string> {
  const question: Extract<Question, { ask: 'node' }> = { ask: 'node' };
  const { answered } = await questions.ask(question, node);
  const said = answered[0]?.answer as NodeAnswer | undefined;
  if (said === undefined) return `node ${node}, which ran ${id}, does not answer; ask again`;
  return (
    `node ${node}, which ran ${id}, does not answer this, and answers other questions: it is busy (ask again), or its ` +
    `version, ${said.version}, does not know the question yet (ask that node itself)`
  );
}
