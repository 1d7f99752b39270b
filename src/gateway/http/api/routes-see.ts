// What a viewer sees: cluster, flow, routes, jobs, outcomes, audit.
import Type from 'typebox';
import { AuditQuery } from '../../operations/model/audit.ts';
import { JobQuery, OutcomeQuery } from '../../operations/model/jobs.ts';
import { ApiProblem } from './problem.ts';
import { answers, Nothing, named } from './schemas.ts';
import { type Api, needs, type Serving } from './serving.ts';

const FLOW_SECONDS = 60;
const FlowQuery = Type.Object(
  {
    seconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 300, default: FLOW_SECONDS, description: 'How far back' }),
    ),
  },
  { additionalProperties: false },
);
export const JobParams = Type.Object({
  jobKey: Type.String({ pattern: '^[0-9]{1,19}$', description: "The engine's key of the job" }),
});

export function seeRoutes(api: Api, serving: Serving): void {
  const config = needs('viewer');
  const listed = needs('viewer', 'BAD_CURSOR', 'TOO_MANY');

  const whoami = {
    ...{ operationId: 'whoAmI', tags: ['cluster'], summary: 'Who asks, what they may, and which node answers' },
    ...{ querystring: Nothing, response: answers('Who asks', named('WhoAmI')) },
  };
  api.get('/whoami', { config, schema: whoami }, async ({ operator }) => {
    const { name, role } = operator;
    return { name, role, payloads: serving.showsPayloadsTo(operator), ...serving.identity };
  });

  const cluster = {
    ...{ operationId: 'seeCluster', tags: ['cluster'], summary: 'Nodes, shards and their latest movements' },
    ...{ querystring: Nothing, response: answers('The cluster', named('ClusterView')) },
  };
  api.get('/cluster', { config, schema: cluster }, () => serving.ask((operations) => operations.cluster()));

  const flow = {
    ...{ operationId: 'seeFlow', tags: ['cluster'], summary: 'Steps of calls per second' },
    ...{ querystring: FlowQuery, response: answers('Counts per second', named('FlowView')) },
  };
  api.get('/flow', { config, schema: flow }, ({ query }) =>
    serving.ask((operations) => operations.flow(query.seconds ?? FLOW_SECONDS)),
  );

  const routes = {
    ...{ operationId: 'seeRoutes', tags: ['cluster'], summary: 'What is pending, and for how long, by route' },
    ...{ querystring: Nothing, response: answers('The routes', named('RoutesView')) },
  };
  api.get('/routes', { config, schema: routes }, () => serving.ask((operations) => operations.routes()));

  const jobs = {
    ...{ operationId: 'listJobs', tags: ['jobs'], summary: 'Pending jobs, longest held first' },
    ...{ querystring: JobQuery, response: answers('A page of jobs', named('JobPage')) },
  };
  api.get('/jobs', { config: needs('viewer', 'BAD_CURSOR', 'NO_SUCH_NODE', 'TOO_MANY'), schema: jobs }, ({ query }) =>
    serving.ask((operations) => operations.jobs(query)),
  );

  const job = {
    ...{ operationId: 'seeJob', tags: ['jobs'], summary: 'One job with its timeline, pending or ended' },
    ...{ params: JobParams, querystring: Nothing },
    response: answers('The job', named('JobView')),
  };
  api.get(
    '/jobs/:jobKey',
    { config: needs('viewer', 'JOB_ABSENT', 'UNREADABLE'), schema: job },
    async ({ params: { jobKey }, operator }) => {
      const shown = serving.showsPayloadsTo(operator);
      const view = await serving.ask((operations) => operations.job(jobKey, shown));
      if (view === undefined) {
        throw new ApiProblem('JOB_ABSENT', `nothing is known of job ${jobKey}: never held, or its tombstone is gone`);
      }
      // Whoever answers keeps them back already; this is where it must not fail.
      return shown ? view : { ...view, payload: null };
    },
  );

  const outcomes = {
    ...{ operationId: 'listOutcomes', tags: ['jobs'], summary: 'Jobs that have ended, newest first' },
    querystring: OutcomeQuery,
    response: answers('A page of outcomes', named('OutcomePage')),
  };
  api.get('/outcomes', { config: listed, schema: outcomes }, ({ query }) =>
    serving.ask((operations) => operations.outcomes(query)),
  );

  const audit = {
    ...{ operationId: 'listAudit', tags: ['audit'], summary: 'What was done by whom, newest first' },
    ...{ querystring: AuditQuery, response: answers('A page of the audit', named('AuditPage')) },
  };
  api.get('/audit', { config: listed, schema: audit }, ({ query }) =>
    serving.ask((operations) => operations.audit(query)),
  );
}
