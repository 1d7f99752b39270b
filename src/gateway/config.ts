// The configuration: read once, completely, into a frozen object. Nobody else looks at the environment or the file.
//
// One YAML file says what the cluster does (the same on all its nodes), the environment says where the servers are and
// who this node is. Anything unknown, missing, out of bounds or contradictory is a fault, and all faults are reported
// together (ConfigError). Secrets are held so that no log, dump or JSON can show them.
import { hostname } from 'node:os';
import { type Env, type EnvSettings, readEnv } from './config-env.ts';
import { ConfigError, type Fault } from './config-faults.ts';
import {
  CLUSTER,
  duration,
  integer,
  JOB_TYPE,
  oneOf,
  SECRET_ID,
  SECRET_KEY,
  TENANT,
  TOPIC,
  VARIABLE,
} from './config-rules.ts';
import { readYaml, type Section } from './config-yaml.ts';
import { MAX_LANES } from './routes.ts';

export { ConfigError } from './config-faults.ts';

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

/** Signs correlation ids. Only `id` shows when it is printed, logged or turned into JSON. */
export class Secret {
  readonly id: string;
  readonly #key: Uint8Array;

  constructor(id: string, key: Uint8Array) {
    this.id = id;
    this.#key = key;
    Object.freeze(this);
  }

  get key(): Uint8Array {
    return this.#key;
  }
}

export interface Config extends EnvSettings {
  readonly cluster: string;
  readonly routes: readonly Route[];
  readonly leaseTtlMs: number;
  readonly shards: number;
  /** Of the bucket; undefined: 3 where the NATS cluster has three servers, else 1. */
  readonly replicas: number | undefined;
  /** In the file's order; empty: one is made in the bucket. */
  readonly secrets: readonly Secret[];
  readonly replyTopic: string;
  readonly deadLetterTopic: string;
}

export const DEFAULT_TENANT = '<default>';
const HOUR_MS = 3_600_000;
const MAX_SECRETS = 8;
const MAX_LIST = 256;

const ROUTE = {
  replyTimeout: duration('PT1S', 'P365D'),
  onReplyTimeout: oneOf(['incident', 'fail']),
  retryBackoff: duration('PT0S', 'P30D'),
  lateWindow: duration('PT1S', 'P30D'),
  incidentWindow: duration('PT1M', 'P365D'),
  maxPending: integer(1, 1_000_000),
} as const;

/**
 * Reads the file that HOLDFAST_CONFIG names (default `holdfast.yaml`) and the environment.
 * @throws ConfigError naming every fault
 */
export function loadConfig(env: Env, readFile: (path: string) => string, hostName: string = hostname()): Config {
  const file = env.HOLDFAST_CONFIG?.trim() || 'holdfast.yaml';
  const faults: Fault[] = [];
  const settings = readEnv(env, hostName, faults);
  const content = contentOf(file, readFile, faults);
  const top = content === undefined ? undefined : readYaml(file, content, faults);
  const config = top === undefined ? undefined : clusterSettings(top);
  if (faults.length > 0 || config === undefined) throw new ConfigError(file, faults);
  return deepFreeze({ ...settings, ...config });
}

function contentOf(file: string, readFile: (path: string) => string, faults: Fault[]): string | undefined {
  try {
    return readFile(file);
  } catch (error) {
    const why =
      error instanceof Error && 'code' in error && error.code !== 'ENOENT'
        ? `${file} (${error.code})`
        : `no file ${file}`;
    faults.push({
      setting: 'HOLDFAST_CONFIG',
      found: why,
      allowed: 'the path of a readable YAML file (default holdfast.yaml)',
    });
    return undefined;
  }
}

function clusterSettings(top: Section): Omit<Config, keyof EnvSettings> | undefined {
  const cluster = top.required('cluster', CLUSTER);
  const replyTopic = `holdfast.${cluster}.replies`;
  const deadLetterTopic = `holdfast.${cluster}.dlq`;
  const routes = routesOf(top, [replyTopic, deadLetterTopic]);
  const rest = {
    leaseTtlMs: top.optional('leaseTtl', duration('PT3S', 'PT5M'), 15_000),
    shards: top.optional('shards', integer(1, 4096), 128),
    replicas: top.optional('replicas', integer(1, 5), undefined),
    secrets: secretsOf(top),
  };
  top.done();
  return cluster === undefined ? undefined : { cluster, routes, ...rest, replyTopic, deadLetterTopic };
}

function routesOf(top: Section, ownTopics: readonly string[]): Route[] {
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

function secretsOf(top: Section): Secret[] {
  const ids = new Set<string>();
  return top.sections('secrets', MAX_SECRETS, 'a list of secrets, each with id and key').flatMap((section) => {
    const id = section.required('id', SECRET_ID);
    const key = section.required('key', SECRET_KEY);
    section.done();
    if (id === undefined || key === undefined) return [];
    if (ids.has(id)) section.fault('id', `${id} again`, 'an id that no other secret has');
    ids.add(id);
    return [new Secret(id, key)];
  });
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
