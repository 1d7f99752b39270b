// What an operator does to a job, and an admin to a node. Each act has a reason, and what it answers is also in the audit.
import Type from 'typebox';
import { members } from '../../json/slices.ts';
import type { ActResult, ActResultName, JobActName } from '../../operations/model/acts.ts';
import type { JobAct, Operator } from '../../operations/operations.ts';
import { ApiProblem, type ProblemCode } from './problem.ts';
import { JobParams } from './routes-see.ts';
import { answers, Nothing, named } from './schemas.ts';
import { ACT_PROBLEMS, type Api, needs, type Serving } from './serving.ts';

const NodeParams = Type.Object({ node: Type.String({ minLength: 1, maxLength: 64, description: 'Its name' }) });

export function actRoutes(api: Api, serving: Serving): void {
  const config = needs('operator', ...Object.values(CODES), ...ACT_PROBLEMS);
  const response = answers('It was done, or will be by itself', named('ActResult'));
  const about = (act: JobActName, summary: string) => ({
    ...{ operationId: `${act}Job`, tags: ['jobs'], summary, params: JobParams, querystring: Nothing, response },
  });
  const act = async (jobKey: string, what: JobAct, by: Operator, reason: string) =>
    done(await serving.act((operations) => operations.act(jobKey, what, by, reason)));

  const resend = {
    ...about('resend', 'Publish the request once more, as a new attempt of the engine'),
    ...{ body: named('ResendBody') },
  };
  api.post('/jobs/:jobKey/resend', { config, schema: resend }, ({ params, body, operator }) =>
    act(params.jobKey, { act: 'resend' }, operator, body.reason),
  );

  const extend = { ...about('extend', 'Wait longer for the reply'), body: named('ExtendBody') };
  api.post('/jobs/:jobKey/extend', { config, schema: extend }, ({ params, body, operator }) =>
    act(params.jobKey, { act: 'extend', replyTimeoutMs: body.replyTimeoutMs }, operator, body.reason),
  );

  const complete = { ...about('complete', 'Complete it by hand, with these variables'), body: named('CompleteBody') };
  api.post('/jobs/:jobKey/complete', { config, schema: complete }, ({ params, body, operator, bodyText }) =>
    act(params.jobKey, { act: 'complete', variables: variablesIn(bodyText) }, operator, body.reason),
  );

  const fail = {
    ...about('fail', 'Fail it: a retry less, or as many as are given; an incident at none'),
    body: named('FailBody'),
  };
  api.post('/jobs/:jobKey/fail', { config, schema: fail }, ({ params, body, operator }) => {
    const { message, retries, backoffMs, reason } = body;
    return act(params.jobKey, { act: 'fail', message, retries, backoffMs }, operator, reason);
  });

  const throwError = { ...about('throw', 'End it by a BPMN error'), body: named('ThrowBody') };
  api.post('/jobs/:jobKey/throw', { config, schema: throwError }, ({ params, body, operator, bodyText }) => {
    const { errorCode, message = '', reason } = body;
    return act(params.jobKey, { act: 'throw', errorCode, message, variables: variablesIn(bodyText) }, operator, reason);
  });

  const drop = {
    ...about('drop', 'Give the hold up: the engine hands the job out again'),
    ...{ body: named('DropBody') },
  };
  api.post('/jobs/:jobKey/drop', { config, schema: drop }, ({ params, body, operator }) =>
    act(params.jobKey, { act: 'drop' }, operator, body.reason),
  );

  nodeRoutes(api, serving);
}

function nodeRoutes(api: Api, serving: Serving): void {
  const config = needs('admin', 'NO_SUCH_NODE', ...ACT_PROBLEMS);
  const response = answers('It was done, or will be by itself', named('ActResult'));
  const common = { tags: ['nodes'], params: NodeParams, querystring: Nothing, body: named('DrainBody'), response };

  const drain = { ...common, operationId: 'drainNode', summary: 'It gives its shards away and takes none' };
  api.post('/nodes/:node/drain', { config, schema: drain }, ({ params: { node }, body, operator }) =>
    serving.act((operations) => operations.drain(node, operator, body.reason)),
  );

  const resume = { ...common, operationId: 'resumeNode', summary: 'It takes shards again' };
  api.post('/nodes/:node/resume', { config, schema: resume }, ({ params: { node }, body, operator }) =>
    serving.act((operations) => operations.resume(node, operator, body.reason)),
  );
}

type Undone = Exclude<ActResultName, 'done' | 'later'>;
const CODES: Readonly<Record<Undone, ProblemCode>> = {
  absent: 'JOB_ABSENT',
  gone: 'JOB_GONE',
  wrongState: 'JOB_WRONG_STATE',
  refused: 'ACT_REFUSED',
};

/** @throws ApiProblem when it was not done */
function done(answer: ActResult): ActResult {
  const { auditId, detail } = answer;
  const result = answer.result as ActResultName;
  if (result === 'done' || result === 'later') return answer;
  throw new ApiProblem(CODES[result], detail, { members: { auditId, result } });
}

/** As they were written: a number that a double does not hold stays as it is. */
function variablesIn(bodyText: string): string {
  return members(bodyText).get('variables') ?? '{}';
}
