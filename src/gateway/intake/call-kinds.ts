// The kinds of jobs that a node takes, from its configuration: one for each route, and one for all tasks that are made from
// the element template, whose lane is the request topic that the model names.
import type { Lane } from '../../actors/ids.ts';
import type { Activation } from '../../actors/messages.ts';
import type { Config, Route } from '../config/config.ts';
import type { TemplateSettings } from '../config/template.ts';
import { isTechnical } from '../header-names.ts';
import type { ActivatedJob } from '../ports.ts';
import { checkExpression } from '../replies/interpret.ts';
import { profileFault } from '../requests/profiles.ts';
import type { SchemaRegistry } from '../schema/registry.ts';
import { companionsIn, TRACE_VARIABLES, traceIn } from '../trace.ts';
import type { IntakeKind } from './intakes.ts';
import { activation, activationOf, inSchema, laneOf, type SizeLimits, sizeFault } from './routes.ts';
import { callOf, type TemplateDefaults } from './template-call.ts';
import { TEMPLATE_VARIABLE } from './template-fields.ts';

export type CallConfig = Pick<
  Config,
  'routes' | 'template' | 'headerNames' | 'replyTopic' | 'deadLetterTopic' | 'ackTopic'
>;

export interface CallSurroundings {
  readonly sizes: SizeLimits;
  /** undefined: no registry is configured, and no route names a schema. */
  readonly schemas: SchemaRegistry | undefined;
  /** May this node take jobs at all? */
  ready(): boolean;
  /** Further holds of a lane. */
  room(lane: Lane, maxPending: number): number;
}

export function kindsOf(config: CallConfig, around: CallSurroundings): IntakeKind[] {
  const { routes, template } = config;
  const ofRoutes = routes.map((route) => routeKind(route, config, around));
  return template === undefined ? ofRoutes : [...ofRoutes, templateKind(template, config, around)];
}

function routeKind(route: Route, { headerNames }: CallConfig, around: CallSurroundings): IntakeKind {
  const { jobType, fetchVariables, tenantIds, maxPending } = route;
  return {
    name: `${jobType}\n${[...tenantIds].sort().join('\n')}`,
    version: JSON.stringify([route, [...(around.sizes.recordBytesOfTopic ?? [])]]),
    jobType,
    fetchVariables: fetchVariables.length === 0 ? [] : [...new Set([...fetchVariables, ...TRACE_VARIABLES])],
    tenantIds,
    admits: () => (around.ready() ? around.room(laneOf(route), maxPending) : 0),
    activationOf: (job) => {
      const plain = activationOf(route, job, around.sizes, headerNames);
      const { requestSchema } = route;
      return requestSchema && around.schemas ? inSchema(plain, requestSchema, around.schemas) : plain;
    },
  };
}

/** Which topic a job is for shows only once it is activated: its lane's limit is for its owner to keep. */
function templateKind(template: TemplateSettings, config: CallConfig, around: CallSurroundings): IntakeKind {
  const { jobType, tenantIds } = template;
  return {
    name: 'element template',
    version: JSON.stringify([template, config.headerNames]),
    jobType,
    fetchVariables: [TEMPLATE_VARIABLE, ...TRACE_VARIABLES],
    tenantIds,
    admits: () => (around.ready() ? Number.POSITIVE_INFINITY : 0),
    activationOf: (job) => templateActivation(template, config, job, around.sizes),
  };
}

export function templateActivation(
  template: TemplateSettings,
  config: CallConfig,
  job: ActivatedJob,
  sizes: SizeLimits,
): Activation {
  const { headerNames, replyTopic, deadLetterTopic, ackTopic } = config;
  const defaults: TemplateDefaults = {
    rules: template,
    maxReplyTimeoutMs: template.maxReplyTimeoutMs,
    topics: { patterns: template.topics, ownTopics: [replyTopic, deadLetterTopic, ackTopic] },
    checkExpression,
    isTechnicalHeader: (name) => isTechnical(name, headerNames),
  };
  const { request: asked, settings, correlationKey: businessKey, fault: wrong } = callOf(job, defaults);
  const request = { ...asked, headers: [...asked.headers, ...companionsIn(job.variables, traceIn(job.variables))] };
  const fault = wrong ?? profileFault(settings.profile, request.body, headerNames) ?? sizeFault(request, sizes);
  // What names no topic is nobody's lane but its own.
  const lane = (request.topic === '' ? template.jobType : request.topic) as Lane;
  return activation(job, { lane, maxPending: template.maxPending, request, businessKey, settings, fault });
}
