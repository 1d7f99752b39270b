// deploy/compose.yaml as far as it can be judged without a container engine. test/deploy/shipped.full.test.ts compares it with
// the schema of the Compose Specification, and runs its service and its orders against real servers.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/gateway/config/config.ts';
import { parseDockerfile } from './image/dockerfile.ts';
import { unknownVariables } from './variables.ts';

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target?: string };
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly read_only?: boolean;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly deploy?: { readonly replicas: number };
}

const folder = join(import.meta.dirname, '../../deploy');
const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
const { services, volumes }: { services: Record<string, Service>; volumes: Record<string, unknown> } = parse(
  read('compose.yaml'),
  { merge: true },
);
const all = Object.entries(services);

test.each(all)('%s: image of a version, ports on the loopback only, volumes that are there', (_, service) => {
  expect(service.image).toMatch(/^[a-z-]+(\/[a-z-]+)?:\d+\.\d+\.\d+/);
  for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
  for (const volume of service.volumes ?? []) {
    const [source = ''] = volume.split(':');
    if (source.startsWith('./'))
      expect([source, volume.endsWith(':ro') && existsSync(join(folder, source))]).toEqual([source, true]);
    else expect(Object.keys(volumes)).toContain(source);
  }
  if (service.build !== undefined) {
    const { context, dockerfile, target } = service.build;
    const stages = parseDockerfile(readFileSync(join(folder, context, dockerfile), 'utf8'));
    expect(target === undefined || stages.some(({ name }) => name === target)).toBe(true);
  }
});

test.each(all)('%s: waits for what can be waited for', (_, { depends_on = {} }) => {
  for (const [name, { condition }] of Object.entries(depends_on)) {
    expect(services[name]).toBeDefined();
    if (condition === 'service_healthy') expect(services[name]?.healthcheck, name).toBeDefined();
  }
});

describe('holdfast', () => {
  const { holdfast, payments, orders } = services;

  test('the nodes read what they are told, and it is a valid configuration', () => {
    const env = holdfast?.environment ?? {};
    expect(unknownVariables(Object.keys(env))).toEqual([]);
    const mounted = holdfast?.volumes?.find((volume) => volume.includes(`:${env.HOLDFAST_CONFIG}:`));
    const file = mounted?.split(':')[0] ?? '';
    const config = loadConfig(env, (path) => (path === env.HOLDFAST_CONFIG ? read(file) : ''), '0a1b2c3d4e5f');
    expect(config).toMatchObject({ cluster: 'demo', node: '0a1b2c3d4e5f' });
    expect(config.routes.map(({ requestTopic }) => requestTopic)).toEqual([payments?.environment?.REQUEST_TOPIC]);
    expect(unknownVariables(Object.keys(orders?.environment ?? {}))).toEqual(['ORDERS']);
  });

  test('three nodes, each with a port, and none where the command looks for an API', () => {
    expect(holdfast?.deploy?.replicas).toBe(3);
    expect(holdfast?.ports).toEqual(['127.0.0.1:18090-18092:8090']);
  });

  test('what is ours writes nothing', () => {
    for (const service of [holdfast, payments, orders]) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    }
  });

  test('the programs of the others are in their image', () => {
    const load = parseDockerfile(read('Dockerfile')).find(({ name }) => name === 'load');
    expect(load?.instructions).toContainEqual({ kind: 'copy', from: undefined, sources: ['deploy'], to: 'deploy' });
    for (const service of [payments, orders]) {
      const [node, program = ''] = service?.entrypoint ?? [];
      expect([node, existsSync(join(folder, '..', program))]).toEqual(['node', true]);
    }
  });
});
