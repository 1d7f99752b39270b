// The routes of the configuration: what one may say, its defaults, and that they do not contradict each other.
// Routes of one job type share its lane, so they must agree on its limit and be for different tenants.
import { duration, integer, JOB_TYPE, oneOf, TENANT, TOPIC, VARIABLE } from './config-rules.ts';
import type { Section } from './config-yaml.ts';
import { MAX_LANES } from './routes.ts';

/** The settings of one kind of call. Durations in ms. */
export interface Route {
  readonly jobType: string;
  readonly requestTopic: string;
  readonly replyTimeoutMs: number;
  readonly onReplyTimeout: 'incident' | 'fail';
  readonly retryBackoffMs: number;
  readonly lateWindowMs: number;
  /** Never below `retryBackoffMs`. */
  readonly incidentWindowMs: number;
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

const ROUTE = {
  replyTimeout: duration('PT1S', 'P365D'),
  onReplyTimeout: oneOf(['incident', 'fail']),
  retryBackoff: duration('PT0S', 'P30D'),
  lateWindow: duration('PT1S', 'P30D'),
  incidentWindow: duration('PT1M', 'P365D'),
  maxPending: integer(1, 1_000_000),
} as const;

/** Faults are noted in the section. `ownTopics`: what no service may be asked on. */
export function routesOf(top: Section, ownTopics: readonly string[]): Route[] {
  const allowed = 'a list of routes, each with at least jobType and requestTopic';
  const sections = top.sections('routes', MAX_LANES, allowed);
  if (!top.has('routes')) top.fault('routes', 'nothing', allowed);
  else if (top.isEmptyList('routes')) top.fault('routes', 'an empty list', allowed);
  const taken = new Map<string, { readonly section: Section; readonly route: Route }>();
  return sections.flatMap((section) => {
    const route = routeOf(section, ownTopics);
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

function routeOf(section: Section, ownTopics: readonly string[]): Route | undefined {
  const jobType = section.required('jobType', JOB_TYPE);
  const requestTopic = section.required('requestTopic', TOPIC);
  if (requestTopic !== undefined && ownTopics.includes(requestTopic)) {
    section.fault(
      'requestTopic',
      requestTopic,
      "a service's own topic, not one that the cluster reads or writes itself",
    );
  }
  const retryBackoffMs = section.optional('retryBackoff', ROUTE.retryBackoff, 30_000);
  const incidentWindowMs = section.optional(
    'incidentWindow',
    ROUTE.incidentWindow,
    Math.max(7 * 24 * HOUR_MS, retryBackoffMs),
  );
  if (incidentWindowMs < retryBackoffMs) {
    section.fault(
      'incidentWindow',
      `${incidentWindowMs / 1000} s`,
      `at least retryBackoff (${retryBackoffMs / 1000} s): a job handed out again must still be known`,
    );
  }
  const rest = {
    replyTimeoutMs: section.optional('replyTimeout', ROUTE.replyTimeout, HOUR_MS),
    onReplyTimeout: section.optional('onReplyTimeout', ROUTE.onReplyTimeout, 'incident'),
    lateWindowMs: section.optional('lateWindow', ROUTE.lateWindow, 600_000),
    maxPending: section.optional('maxPending', ROUTE.maxPending, 10_000),
    fetchVariables: unique(section.list('fetchVariables', VARIABLE, MAX_LIST)),
    tenantIds: unique(section.list('tenantIds', TENANT, MAX_LIST)),
  };
  section.done();
  if (jobType === undefined || requestTopic === undefined) return undefined;
  const tenantIds = rest.tenantIds.length === 0 ? [DEFAULT_TENANT] : rest.tenantIds;
  return { jobType, requestTopic, retryBackoffMs, incidentWindowMs, ...rest, tenantIds };
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
