// The routes of the configuration: what one may say, its defaults, and that they do not contradict each other.
// Routes of one job type share its lane, so they must agree on its limit and be for different tenants.
import type { Profile } from '../../actors/messages.ts';
import { CLUSTER_LIMITS } from '../../cluster/limits.ts';
import { type HeaderNames, isTechnical } from '../header-names.ts';
import { MESSAGE, SUBJECT } from '../schema/settings.ts';
import {
  duration,
  ERROR_CODE,
  EXPRESSION,
  FLAG,
  HEADER_NAME,
  HEADER_VALUE,
  integer,
  JOB_TYPE,
  MESSAGE_NAME,
  oneOf,
  oneOfOr,
  TENANT,
  TOPIC,
  VARIABLE,
} from './rules.ts';
import type { Section } from './yaml.ts';

/** How a call is made and what its reply means, said by a route or as a default of the element template. Durations in ms. */
export interface CallRules {
  readonly replyTimeoutMs: number;
  readonly onReplyTimeout: 'incident' | 'fail' | 'error';
  readonly timeoutErrorCode: string;
  readonly heartbeatTimeoutMs: number;
  readonly retryBackoffMs: number;
  /** Never below twice the lease TTL. */
  readonly lateWindowMs: number;
  /** Never below `retryBackoffMs`, nor twice the lease TTL. */
  readonly incidentWindowMs: number;
  readonly onLate: 'dlq' | 'publishMessage' | 'drop';
  readonly lateMessageName: string;
  /** Tells the service, on its request topic, when nobody waits any more. */
  readonly cancelRecord: boolean;
  readonly profile: Profile;
  readonly resultVariable: string;
  /** FEEL, without the leading "="; '' none. */
  readonly resultExpression: string;
  readonly errorExpression: string;
}

export interface RequestSchema {
  readonly subject: string;
  /** '' the first of the file, or no Protobuf. */
  readonly message: string;
}

/** The settings of one kind of call. */
export interface Route extends CallRules {
  readonly jobType: string;
  readonly requestTopic: string;
  /** FEEL over the job's variables: the record's key, '' the correlation id. */
  readonly key: string;
  /** FEEL over the job's variables: what the service sees as correlation id, '' ours. */
  readonly correlationKey: string;
  /** Added to each request; a value that begins with "=" is FEEL over the job's variables. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The latest schema of a subject that requests are written in, for Protobuf one of its messages; undefined: plain JSON. */
  readonly requestSchema: RequestSchema | undefined;
  /** Most pending jobs of the lane per node. */
  readonly maxPending: number;
  /** Empty: all variables that the task sees. */
  readonly fetchVariables: readonly string[];
  /** Never empty. */
  readonly tenantIds: readonly string[];
}

export const DEFAULT_TENANT = '<default>';
const HOUR_MS = 3_600_000;
const MAX_LIST = 256;
const MAX_HEADERS = 64;

const PROFILES = [
  'spring',
  'nest',
  'smallrye',
  'cloudevents',
  'cloudevents-structured',
  'body',
] as const satisfies Profile[];

/** What each setting of a call may be, whoever says it: a route, the template's defaults, or a process model. */
export const ROUTE = {
  replyTimeout: duration('PT1S', 'P365D'),
  onReplyTimeout: oneOfOr(['incident', 'fail'], 'error', 'a BPMN error code', ERROR_CODE),
  heartbeatTimeout: duration('PT5S', 'P365D'),
  onLate: oneOfOr(['dlq', 'drop'], 'publishMessage', 'a message name', MESSAGE_NAME),
  retryBackoff: duration('PT0S', 'P30D'),
  lateWindow: duration('PT1M', 'P30D'),
  incidentWindow: duration('PT1M', 'P365D'),
  maxPending: integer(1, 1_000_000),
  profile: oneOf(PROFILES),
} as const;

/** Read in the same words wherever a call is described. Faults are noted in the section. */
export function callRulesOf(section: Section, leaseTtlMs: number): CallRules {
  const replyTimeoutMs = section.optional('replyTimeout', ROUTE.replyTimeout, HOUR_MS);
  const retryBackoffMs = section.optional('retryBackoff', ROUTE.retryBackoff, 30_000);
  const incidentWindowMs = section.optional(
    'incidentWindow',
    ROUTE.incidentWindow,
    Math.max(7 * 24 * HOUR_MS, retryBackoffMs),
  );
  // A reply that was applied and whose offset was not committed yet comes again after a takeover: it must still find the
  // tombstone, or it would pass for late. A takeover takes the lease TTL at most, and Kafka's of the partition a little more.
  const lateWindowMs = section.optional('lateWindow', ROUTE.lateWindow, 600_000);
  for (const [name, windowMs] of Object.entries({ lateWindow: lateWindowMs, incidentWindow: incidentWindowMs })) {
    if (windowMs < 2 * leaseTtlMs) {
      section.fault(
        name,
        `${windowMs / 1000} s`,
        `at least twice leaseTtl (${(2 * leaseTtlMs) / 1000} s): a reply delivered again after a takeover must still be known`,
      );
    }
  }
  if (incidentWindowMs < retryBackoffMs) {
    section.fault(
      'incidentWindow',
      `${incidentWindowMs / 1000} s`,
      `at least retryBackoff (${retryBackoffMs / 1000} s): a job handed out again must still be known`,
    );
  }
  const onTimeout = section.optional('onReplyTimeout', ROUTE.onReplyTimeout, { word: 'incident', rest: '' } as const);
  const onLate = section.optional('onLate', ROUTE.onLate, { word: 'dlq', rest: '' } as const);
  return {
    replyTimeoutMs,
    onReplyTimeout: onTimeout.word,
    timeoutErrorCode: onTimeout.rest,
    heartbeatTimeoutMs: section.optional('heartbeatTimeout', ROUTE.heartbeatTimeout, 0),
    retryBackoffMs,
    lateWindowMs,
    incidentWindowMs,
    onLate: onLate.word,
    lateMessageName: onLate.rest,
    cancelRecord: section.optional('cancelRecord', FLAG, false),
    profile: section.optional('profile', ROUTE.profile, 'spring'),
    resultVariable: section.optional('resultVariable', VARIABLE, ''),
    resultExpression: section.optional('resultExpression', EXPRESSION, ''),
    errorExpression: section.optional('errorExpression', EXPRESSION, ''),
  };
}

/** Faults are noted in the section. `ownTopics`: what no service may be asked on. */
export function routesOf(top: Section, ownTopics: readonly string[], names: HeaderNames, leaseTtlMs: number): Route[] {
  const allowed = 'a list of routes, each with at least jobType and requestTopic';
  const sections = top.sections('routes', CLUSTER_LIMITS.lanes, allowed);
  if (top.isEmptyList('routes')) top.fault('routes', 'an empty list', `${allowed}, or no such setting`);
  const taken = new Map<string, { readonly section: Section; readonly route: Route }>();
  return sections.flatMap((section) => {
    const route = routeOf(section, ownTopics, names, leaseTtlMs);
    if (route === undefined) return [];
    for (const tenant of route.tenantIds) {
      const lane = taken.get(route.jobType);
      const same = taken.get(`${route.jobType}\n${tenant}`);
      if (same !== undefined) {
        section.fault(
          'jobType',
          `${route.jobType} again for tenant ${tenant}`,
          `one route for a job type and tenant (the other is ${same.section.path('jobType')})`,
        );
      } else if (lane !== undefined && lane.route.maxPending !== route.maxPending) {
        section.fault(
          'maxPending',
          String(route.maxPending),
          `${lane.route.maxPending}, as in ${lane.section.path('maxPending')}: routes of one job type share its limit`,
        );
      }
      taken.set(route.jobType, { section, route });
      taken.set(`${route.jobType}\n${tenant}`, { section, route });
    }
    return [route];
  });
}

function routeOf(
  section: Section,
  ownTopics: readonly string[],
  names: HeaderNames,
  leaseTtlMs: number,
): Route | undefined {
  const jobType = section.required('jobType', JOB_TYPE);
  const requestTopic = section.required('requestTopic', TOPIC);
  if (requestTopic !== undefined && ownTopics.includes(requestTopic)) {
    section.fault(
      'requestTopic',
      requestTopic,
      "a service's own topic, not one that the cluster reads or writes itself",
    );
  }
  const rules = callRulesOf(section, leaseTtlMs);
  const rest = {
    key: section.optional('key', EXPRESSION, ''),
    correlationKey: section.optional('correlationKey', EXPRESSION, ''),
    headers: section.pairs('headers', HEADER_NAME, HEADER_VALUE, MAX_HEADERS),
    requestSchema: requestSchemaOf(section),
    maxPending: section.optional('maxPending', ROUTE.maxPending, 10_000),
    fetchVariables: unique(section.list('fetchVariables', VARIABLE, MAX_LIST)),
    tenantIds: unique(section.list('tenantIds', TENANT, MAX_LIST)),
  };
  if (rest.requestSchema !== undefined && (rules.profile === 'body' || rules.profile === 'cloudevents-structured')) {
    section.fault(
      'requestSchema',
      rest.requestSchema.subject,
      `no schema with profile ${rules.profile}, which adds to the body`,
    );
  }
  for (const [name] of rest.headers) {
    if (isTechnical(name, names)) section.fault('headers', name, 'a name that no technical header has');
  }
  section.done();
  if (jobType === undefined || requestTopic === undefined) return undefined;
  const tenantIds = rest.tenantIds.length === 0 ? [DEFAULT_TENANT] : rest.tenantIds;
  return { jobType, requestTopic, ...rules, ...rest, tenantIds };
}

function requestSchemaOf(section: Section): RequestSchema | undefined {
  const schema = section.section('requestSchema', 'a mapping such as "subject: orders-value"');
  if (!section.has('requestSchema')) return undefined;
  const subject = schema.required('subject', SUBJECT);
  const message = schema.optional('message', MESSAGE, '');
  schema.done();
  return subject === undefined ? undefined : { subject, message };
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
