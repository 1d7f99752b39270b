// The Helm chart as far as it can be judged without Helm: what its schema takes and refuses, and that it keeps pace with the
// code. test/deploy/chart.full.test.ts renders it.
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { ConfigError, loadConfig } from '../../src/gateway/config/config.ts';

const root = join(import.meta.dirname, '../..');
const chart = join(root, 'deploy/helm/holdfast');
const read = (file: string): string => readFileSync(join(chart, file), 'utf8');
const schema = JSON.parse(read('values.schema.json'));
const defaults = parse(read('values.yaml'));
const everything = parse(readFileSync(join(import.meta.dirname, 'chart/everything.yaml'), 'utf8'));
const valid = new Ajv({ allErrors: true, strict: false }).compile(schema);

const OAUTH = { kafka: { securityProtocol: 'SASL_SSL', sasl: { mechanism: 'OAUTHBEARER' } } };

/** As Helm does it: what is given lies over the defaults. */
function over(below: unknown, above: unknown): unknown {
  const isMap = (value: unknown): value is Record<string, unknown> =>
    value !== null && typeof value === 'object' && !Array.isArray(value);
  if (!isMap(below) || !isMap(above)) return above;
  return {
    ...below,
    ...Object.fromEntries(Object.entries(above).map(([key, value]) => [key, over(below[key], value)])),
  };
}

/** Where the schema finds something wrong. */
function faultsOf(values: object): string[] {
  if (valid(over(defaults, values))) return [];
  const places = (valid.errors ?? []).flatMap(({ keyword, instancePath, params }) =>
    ['if', 'anyOf'].includes(keyword)
      ? []
      : `${instancePath}${params.additionalProperty ? `/${params.additionalProperty}` : ''}`,
  );
  return [...new Set(places)];
}

describe('values.schema.json', () => {
  test('takes the defaults, and values that use everything', () => {
    expect(faultsOf({})).toEqual([]);
    expect(faultsOf(everything)).toEqual([]);
  });

  test('knows every value that there is, with what the defaults say about it, and no other', () => {
    const same = (
      at: string,
      properties: Record<string, { properties?: object }>,
      values: Record<string, object>,
    ): void => {
      expect(Object.keys(properties).toSorted(), at).toEqual(Object.keys(values).toSorted());
      for (const [name, inner] of Object.entries(properties)) {
        if (inner.properties !== undefined) same(`${at}.${name}`, inner.properties as never, values[name] as never);
      }
    };
    // Helm's own, for charts within charts; and the settings of holdfast, of which the defaults name two.
    const { global: _global, config: _config, resources: _resources, ...properties } = schema.properties;
    const { config: _, resources: __, ...values } = defaults;
    same('values', properties, values);
  });

  test('knows the settings of holdfast.yaml', () => {
    let known: string[] = [];
    try {
      loadConfig({}, () => 'cluster: orders\nzzzz: 1', 'node');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      known = error.faults.find(({ found }) => found === 'a setting that is not known')?.allowed.split(', ') ?? [];
    }
    expect(Object.keys(schema.properties.config.properties).toSorted()).toEqual(known.toSorted());
  });

  test.each<[string, object, string]>([
    ['a misspelt value', { replica: 3 }, '/replica'],
    ['a misspelt value further in', { nats: { keys: { cred: 'x' } } }, '/nats/keys/cred'],
    ['no node', { replicas: 0 }, '/replicas'],
    ['a cluster that cannot be one', { config: { cluster: 'Orders!' } }, '/config/cluster'],
    ['signing secrets in a ConfigMap', { config: { secrets: [{ id: 'a', key: 'b' }] } }, '/config/secrets/0/key'],
    ['tokens for Kafka from nowhere', OAUTH, '/kafka/sasl/oauth/tokenEndpointUrl'],
    ['a password in an address', { nats: { url: 'nats://u:p@nats:4222' } }, '/nats/url'],
    ['Kafka without a port', { kafka: { bootstrapServers: 'kafka' } }, '/kafka/bootstrapServers'],
    ['an unknown mechanism', { kafka: { sasl: { mechanism: 'MD5' } } }, '/kafka/sasl/mechanism'],
    ['SASL without a mechanism', { kafka: { securityProtocol: 'SASL_SSL' } }, '/kafka/sasl/mechanism'],
    ['a key of no Secret', { kafka: { keys: { password: 'p' } } }, '/kafka/existingSecret'],
    ['Zeebe without a scheme', { zeebe: { grpcAddress: 'zeebe:26500' } }, '/zeebe/grpcAddress'],
    ['an API without TLS', { api: { enabled: true, tokens: { existingSecret: 't' } } }, '/api/tls/existingSecret'],
    [
      'an API without tokens or OIDC',
      { api: { enabled: true, tls: { existingSecret: 't' } } },
      '/api/tokens/existingSecret',
    ],
    ['OIDC without an audience', { api: { oidc: { issuer: 'https://id.example.org' } } }, '/api/oidc/audience'],
    ['less time than a hand-over takes', { terminationGracePeriodSeconds: 30 }, '/terminationGracePeriodSeconds'],
    [
      'a budget that lets nobody go',
      { podDisruptionBudget: { maxUnavailable: 0 } },
      '/podDisruptionBudget/maxUnavailable',
    ],
    ['autoscaling by nothing', { autoscaling: { enabled: true } }, '/autoscaling/prometheusAddress'],
    ['a variable that is a number', { podLabels: { team: 7 } }, '/podLabels/team'],
  ])('refuses %s', (_, values, place) => {
    expect(faultsOf(values)).toContain(place);
  });
});

test('a node has time to hand over, wherever it runs', () => {
  // Kafka's share: REPLIES_STOP_MS of the bridge.
  const needed = (CLUSTER_LIMITS.drainMs + CLUSTER_LIMITS.drainRecordMs + 3_000) / 1_000;
  expect(schema.properties.terminationGracePeriodSeconds.minimum).toBeGreaterThan(needed);
  expect(defaults.terminationGracePeriodSeconds).toBeGreaterThan(1.5 * needed);
  const unit = readFileSync(join(root, 'deploy/systemd/holdfast.service'), 'utf8');
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(1.5 * needed);
  const compose = parse(readFileSync(join(root, 'deploy/compose.yaml'), 'utf8'), { merge: true });
  expect(Number.parseInt(compose.services.holdfast.stop_grace_period, 10)).toBeGreaterThan(1.5 * needed);
});

test('chart and program have one version', () => {
  const { version, appVersion } = parse(read('Chart.yaml'));
  expect([version, appVersion]).toEqual([manifest.version, manifest.version]);
});

test.each([
  ['alerts.yaml', '../../prometheus/alerts.yaml'],
  ['dashboard.json', '../../grafana/holdfast.json'],
])('files/%s is the file that is shipped, and no copy of it', (name, shipped) => {
  expect(lstatSync(join(chart, 'files', name)).isSymbolicLink()).toBe(true);
  expect(read(`files/${name}`)).toBe(read(shipped));
});
