// The configuration: read once, completely, into a frozen object. Nobody else looks at the environment or the file.
//
// One YAML file says what the cluster does (the same on all its nodes), the environment says where the servers are and
// who this node is. Anything unknown, missing, out of bounds or contradictory is a fault, and all faults are reported
// together (ConfigError). Secrets are held so that no log, dump or JSON can show them.
import { hostname } from 'node:os';
import type { HeaderNames } from '../header-names.ts';
import { type EnvSettings, readEnv } from './env.ts';
import { ConfigError, type Fault } from './faults.ts';
import { headerNamesOf } from './headers.ts';
import { type Secret, secretsOf } from './keys.ts';
import { type Route, routesOf } from './routes.ts';
import { CLUSTER, duration, FLAG, integer } from './rules.ts';
import type { Env } from './secret.ts';
import { type TemplateSettings, templateOf } from './template.ts';
import { readYaml, type Section } from './yaml.ts';

export { ConfigError } from './faults.ts';
export { Secret } from './keys.ts';
export { DEFAULT_TENANT, type Route } from './routes.ts';

export interface Config extends EnvSettings {
  readonly cluster: string;
  readonly routes: readonly Route[];
  /** Tasks made from the element template; undefined: none of this cluster's business. */
  readonly template: TemplateSettings | undefined;
  readonly leaseTtlMs: number;
  readonly shards: number;
  /** Of the bucket; undefined: 3 where the NATS cluster has three servers, else 1. */
  readonly replicas: number | undefined;
  /** In the file's order; empty: one is made in the bucket. */
  readonly secrets: readonly Secret[];
  /** Services are told on a topic of the cluster's own what became of their replies. */
  readonly acknowledgements: boolean;
  readonly headerNames: HeaderNames;
  readonly replyTopic: string;
  readonly deadLetterTopic: string;
  readonly ackTopic: string;
}

/**
 * Reads the file that HOLDFAST_CONFIG names (default `holdfast.yaml`) and the environment.
 * @throws ConfigError naming every fault
 */
export function loadConfig(env: Env, readFile: (path: string) => string, hostName: string = hostname()): Config {
  const file = env.HOLDFAST_CONFIG?.trim() || 'holdfast.yaml';
  const faults: Fault[] = [];
  const settings = readEnv(env, hostName, faults, readFile);
  const content = contentOf(file, readFile, faults);
  const top = content === undefined ? undefined : readYaml(file, content, faults);
  const config = top === undefined ? undefined : clusterSettings(top, settings.registry !== undefined, readFile);
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

function clusterSettings(
  top: Section,
  hasRegistry: boolean,
  readFile: (path: string) => string,
): Omit<Config, keyof EnvSettings> | undefined {
  const cluster = top.required('cluster', CLUSTER);
  const replyTopic = `holdfast.${cluster}.replies`;
  const deadLetterTopic = `holdfast.${cluster}.dlq`;
  const ackTopic = `holdfast.${cluster}.acks`;
  const headerNames = headerNamesOf(top);
  const leaseTtlMs = top.optional('leaseTtl', duration('PT3S', 'PT5M'), 15_000);
  const routes = routesOf(top, [replyTopic, deadLetterTopic, ackTopic], headerNames, leaseTtlMs);
  const template = templateOf(
    top,
    routes.map((route) => route.jobType),
    leaseTtlMs,
  );
  for (const [index, { requestSchema }] of routes.entries()) {
    if (requestSchema === undefined || hasRegistry) continue;
    top.fault(`routes[${index}].requestSchema`, requestSchema.subject, 'a schema only with SCHEMA_REGISTRY_URL set');
  }
  if (routes.length === 0 && template === undefined && !top.has('routes')) {
    top.fault('routes', 'nothing', 'a list of routes, where the element template is not enabled');
  }
  const rest = {
    shards: top.optional('shards', integer(1, 4096), 128),
    replicas: top.optional('replicas', integer(1, 5), undefined),
    secrets: secretsOf(top, readFile),
    acknowledgements: top.optional('acknowledgements', FLAG, false),
  };
  top.done();
  if (cluster === undefined) return undefined;
  return { cluster, headerNames, routes, template, leaseTtlMs, ...rest, replyTopic, deadLetterTopic, ackTopic };
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
