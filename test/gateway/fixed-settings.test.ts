import { expect, test } from 'vitest';
import { type Config, loadConfig } from '../../src/gateway/config/config.ts';
import { Secret } from '../../src/gateway/config/keys.ts';
import { ConfigChanged, fixedSettings } from '../../src/gateway/fixed-settings.ts';

const YAML = 'cluster: orders\nroutes: [{jobType: a, requestTopic: b}]\n';
const SERVERS = { NATS_URL: 'nats://nats:4222', KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092' };

const load = (yaml: string, env = {}): Config => loadConfig({ ...SERVERS, ...env }, () => yaml, 'node');
const before = load(YAML);

test('routes and the template may change, anything else may not', () => {
  expect(fixedSettings(before, load(YAML))).toEqual([]);
  const others = 'cluster: orders\nroutes: [{jobType: a, requestTopic: c}, {jobType: d, requestTopic: e}]\n';
  expect(fixedSettings(before, load(others))).toEqual([]);
  expect(fixedSettings(before, load(`${YAML}acknowledgements: true\n`))).toEqual(['acknowledgements']);
});

test('a secret counts by its key, unless that stands in a file, which is read again by itself', () => {
  const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const withSecret = (...secrets: Secret[]): Config => ({ ...before, secrets });
  expect(fixedSettings(withSecret(new Secret('a', one)), withSecret(new Secret('a', other)))).toEqual(['secrets']);
  expect(fixedSettings(withSecret(new Secret('a', one)), withSecret(new Secret('b', one)))).toEqual(['secrets']);
  const twoKeys = withSecret(new Secret('a', one, 'keys'), new Secret('a', other, 'keys'));
  expect(fixedSettings(withSecret(new Secret('a', one, 'keys')), twoKeys)).toEqual([]);
  expect(fixedSettings(twoKeys, withSecret(new Secret('a', one, 'other keys')))).toEqual(['secrets']);
});

test('the refusal names what would have to stay', () => {
  expect(new ConfigChanged(['cluster', 'shards']).message).toMatch(/these need a restart: cluster, shards$/);
});
