// The Helm chart, rendered by Helm with several sets of values: what comes out is valid for the oldest and the newest
// Kubernetes that schemas are at hand for, hangs together, and says to a node what a node understands. There is no cluster
// here: nothing was installed.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/gateway/config/config.ts';
import { Authority } from '../support/certificates.ts';
import { CHART, ended, Helm, type Manifest } from './chart/rendering.ts';
import { customResources, KUBERNETES, kubeconform, kubernetesSchemas, type Validate } from './tools.ts';
import { unknownVariables } from './variables.ts';

const everything = parse(readFileSync(join(import.meta.dirname, 'chart/everything.yaml'), 'utf8'));
const dayOne = parse(readFileSync(join(import.meta.dirname, 'chart/day-one.yaml'), 'utf8'));
const VALUES: readonly [string, object][] = [
  ['no values', {}],
  ['everything', everything],
  ['what one begins with beside three guarded clusters', dayOne],
  ['a whole file in a Secret', { existingConfigSecret: { name: 'orders-config' } }],
  [
    'one node, nothing around it',
    { replicas: 1, podDisruptionBudget: { enabled: false }, serviceAccount: { create: false } },
  ],
  [
    'OIDC alone, TLS to Kafka',
    {
      api: { enabled: true, tls: { existingSecret: 't' }, oidc: { issuer: 'https://id.example.org', audience: 'a' } },
      kafka: { securityProtocol: 'SSL', existingSecret: 'k', keys: { ca: 'ca.crt' } },
      networkPolicy: { enabled: true },
    },
  ],
];

/** Kinds that Kubernetes itself does not know. */
const CUSTOM = ['ServiceMonitor', 'PrometheusRule', 'ScaledObject'];

let helm: Helm;
let validators: Readonly<Record<string, Validate>>;
let program: string;

beforeAll(async () => {
  [helm, program, validators] = await Promise.all([
    Helm.create(),
    kubeconform(),
    customResources(),
    ...KUBERNETES.map(kubernetesSchemas),
  ]);
}, 540_000);

afterAll(() => helm?.[Symbol.asyncDispose]());

function one(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((each) => each.kind === kind && (name === undefined || each.metadata.name === name));
  expect(found, `${kind} ${name ?? ''}`).toHaveLength(1);
  return found[0];
}

function kinds(manifests: readonly Manifest[]): string[] {
  return manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted();
}

describe.each(VALUES)('with %s', (_, values) => {
  let manifests: Manifest[];
  beforeAll(async () => {
    manifests = await helm.manifests(values);
  });

  test('helm lint finds nothing', async () => {
    const { code, out } = await helm.run('lint', '--strict', CHART, '--values', await helm.file(values));
    expect(out).not.toMatch(/WARNING|ERROR/);
    expect(code).toBe(0);
  });

  test.each(KUBERNETES)('what Kubernetes %s knows is valid there', async (version) => {
    const own = manifests.filter(({ kind }) => !CUSTOM.includes(kind));
    expect(await conform(own, version)).toEqual([]);
  });

  test('what others know is valid for them', () => {
    for (const manifest of manifests.filter(({ kind }) => CUSTOM.includes(kind))) validators[manifest.kind]?.(manifest);
  });

  test('a node is told nothing that it does not read, and nothing secret but by reference', () => {
    const { env } = one(manifests, 'StatefulSet').spec.template.spec.containers[0];
    const names = env.map(({ name }: Manifest) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(unknownVariables(names)).toEqual([]);
    const byValue = env.filter(({ value }: Manifest) => value !== undefined).map(({ name }: Manifest) => name);
    expect(byValue.filter((name: string) => /(PASSWORD|SECRET|TOKENS?|HEADERS|USER_INFO)$/.test(name))).toEqual([]);
  });

  test('every file that a variable names is mounted', () => {
    const { containers, volumes } = one(manifests, 'StatefulSet').spec.template.spec;
    const [{ env, volumeMounts }] = containers;
    const files = env.flatMap(({ value }: Manifest) => (value?.startsWith('/etc/holdfast/') ? [value] : []));
    const folders = volumeMounts.map(({ mountPath }: Manifest) => mountPath);
    for (const file of files) expect(folders).toContain(file.slice(0, file.lastIndexOf('/')));
    expect(volumes.map(({ name }: Manifest) => name)).toEqual(volumeMounts.map(({ name }: Manifest) => name));
  });

  test('every selector finds the nodes, and none the pod of helm test', () => {
    const node = one(manifests, 'StatefulSet').spec.template.metadata.labels;
    const check = one(manifests, 'Pod').metadata.labels;
    const budgets = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget');
    const selectors = [
      one(manifests, 'StatefulSet').spec.selector.matchLabels,
      ...manifests.filter(({ kind }) => kind === 'Service').map(({ spec }) => spec.selector),
      ...budgets.map(({ spec }) => spec.selector.matchLabels),
    ];
    for (const selector of selectors) {
      expect(node).toMatchObject(selector);
      expect(check).not.toMatchObject(selector);
    }
  });

  test('nothing runs with more rights than it needs', () => {
    const pods = [one(manifests, 'StatefulSet').spec.template.spec, one(manifests, 'Pod').spec];
    for (const pod of pods) {
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(pod.containers[0].securityContext).toMatchObject({
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      });
    }
  });
});

test('without values there is what every release needs, and nothing that asks for an operator', async () => {
  expect(kinds(await helm.manifests({}))).toEqual([
    'ConfigMap orders-holdfast',
    'Pod orders-holdfast-check',
    'PodDisruptionBudget orders-holdfast',
    'Service orders-holdfast-metrics',
    'Service orders-holdfast-nodes',
    'ServiceAccount orders-holdfast',
    'StatefulSet orders-holdfast',
  ]);
});

test('with everything there is everything', async () => {
  const manifests = await helm.manifests(everything);
  expect(kinds(manifests)).toEqual(
    expect.arrayContaining([
      'ConfigMap orders-holdfast-dashboard',
      'NetworkPolicy orders-holdfast',
      'PrometheusRule orders-holdfast',
      'ScaledObject orders-holdfast',
      'Service orders-holdfast-api',
      'ServiceMonitor orders-holdfast',
    ]),
  );
  const { spec } = one(manifests, 'StatefulSet');
  // KEDA's business then: with a number here each upgrade would undo what it did.
  expect(spec).not.toHaveProperty('replicas');
  expect(spec.template.spec.containers[0].image).toMatch(/^registry\.example\.org\/holdfast@sha256:/);
});

test('what a node reads, in file and variables, is a valid configuration', async () => {
  const authority = await Authority.make(helm.dir, 'authority');
  const { cert, key } = await authority.issue('node');
  const signing = Buffer.alloc(32, 1).toString('base64');
  const contents: Readonly<Record<string, string>> = {
    ...{ 'ca.crt': readFileSync(authority.cert, 'utf8'), 'tls.crt': readFileSync(cert, 'utf8') },
    ...{ 'tls.key': readFileSync(key, 'utf8'), password: 'p', 'client-secret': 's', a: signing },
  };
  for (const values of [{}, { config: { ...everything.config, secrets: [] }, logLevel: 'warn' }, dayOne]) {
    const manifests = await helm.manifests(values);
    const file = one(manifests, 'ConfigMap', 'orders-holdfast').data['holdfast.yaml'];
    const { env } = one(manifests, 'StatefulSet').spec.template.spec.containers[0];
    const said = Object.fromEntries(
      env.map(({ name, value, valueFrom }: Manifest) => {
        if (valueFrom !== undefined)
          expect([name, valueFrom.fieldRef.fieldPath]).toEqual(['HOLDFAST_NODE', 'metadata.name']);
        return [name, value ?? 'orders-holdfast-0'];
      }),
    );
    const read = (path: string) => (path === said.HOLDFAST_CONFIG ? file : (contents[basename(path)] ?? ''));
    const config = loadConfig(said, read, 'a-host');
    expect(config).toMatchObject({ node: 'orders-holdfast-0', http: { host: '0.0.0.0', port: 8090 } });
    expect(config.cluster).toBe('config' in values ? 'orders' : 'main');
    if (values !== dayOne) continue;
    expect(config.secrets.map(({ id, file }) => [id, file])).toEqual([['a', '/etc/holdfast/secrets/signing/a']]);
    expect(config.kafkaSecurity.sasl).toMatchObject({ mechanism: 'OAUTHBEARER', clientId: 'orders' });
    expect(config.natsAccess).toMatchObject({
      login: { kind: 'password', user: 'orders' },
      inboxPrefix: '_INBOX_orders',
    });
    expect(config.engineSecrets.ZEEBE_CLIENT_SECRET?.read()).toBe('s');
    expect(config.api?.oidc).toMatchObject({ rolesClaim: 'realm_access.roles' });
  }
});

test('a Secret of the engine is there as files, whatever the login, and NOTES do not name a cluster that is elsewhere', async () => {
  const path = '/etc/holdfast/secrets/zeebe/password';
  const zeebe = { authStrategy: 'BASIC', existingSecret: 'orders-zeebe' };
  const env = [{ name: 'CAMUNDA_BASIC_AUTH_PASSWORD_FILE', value: path }];
  const { containers, volumes } = one(await helm.manifests({ zeebe, env }), 'StatefulSet').spec.template.spec;
  const secret = expect.objectContaining({ secretName: 'orders-zeebe' });
  expect(volumes).toContainEqual({ name: 'zeebe', secret });
  expect(containers[0].volumeMounts.map(({ mountPath }: Manifest) => mountPath)).toContain(dirname(path));
  const notes = async (values: object) =>
    (await helm.run('install', 'orders', CHART, '--dry-run=client', '--values', await helm.file(values))).out;
  const plain = await notes({ config: { cluster: 'orders' } });
  expect(plain).toMatch(/, cluster orders: nodes orders-holdfast-0/);
  expect(plain).toContain('exec orders-holdfast-0 -- holdfast status');
  // On the network it listens with TLS and asks for a token, which no pod has.
  const onTheNetwork = await notes({ api: everything.api });
  expect(onTheNetwork).toContain('exec orders-holdfast-0 -- holdfast check');
  expect(onTheNetwork).not.toContain('-- holdfast status');
  const elsewhere = await notes({ existingConfigSecret: { name: 'mine' } });
  expect(elsewhere).toMatch(/, cluster as the Secret mine names it: nodes/);
});

test('another configuration restarts the nodes, and nothing else does', async () => {
  const sum = async (values: object) =>
    one(await helm.manifests(values), 'StatefulSet').spec.template.metadata.annotations['checksum/config'];
  const before = await sum({});
  expect(await sum({ replicas: 5 })).toBe(before);
  expect(await sum({ config: { cluster: 'other' } })).not.toBe(before);
});

test('the network is open to what the addresses say, and to nothing else', async () => {
  const { ingress, egress } = one(await helm.manifests(everything), 'NetworkPolicy').spec;
  const ports = (rules: Manifest[]) => rules.map((rule) => rule.ports.map(({ port }: Manifest) => port));
  expect(ports(ingress)).toEqual([[8090], [8091]]);
  expect(ports(egress)).toEqual([[53, 53], [4222, 4223, 8222], [9093], [443], [443, 4318, 8081, 80], [9094]]);
  expect(egress[1].to).toEqual([{ namespaceSelector: { matchLabels: { name: 'nats' } } }]);
  expect(ingress[0].from).toEqual([{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }]);
  expect(ingress[1].from).toEqual([{ podSelector: {} }]);
});

test('the alerts ask for this release, its shards, lease, timeouts and replicas, and are otherwise those that are shipped', async () => {
  const shipped = parse(readFileSync(join(CHART, 'files/alerts.yaml'), 'utf8')).groups;
  const rulesOf = (groups: Manifest[]) => groups.flatMap(({ rules }) => rules);
  const plain = rulesOf(one(await helm.manifests({ prometheusRule: { enabled: true } }), 'PrometheusRule').spec.groups);
  const changed = rulesOf(one(await helm.manifests(everything), 'PrometheusRule').spec.groups);
  const expected = (shards: number, leaseLow: number, oldest: number, replicas: number) =>
    rulesOf(shipped).map(({ expr, ...rule }) => ({
      ...rule,
      expr: expr
        .replaceAll('job="holdfast"', 'job="orders-holdfast"')
        .replace(/(shards_owned.*< |takeovers.*\* )128$/, `$1${shards}`)
        .replace(/(lease_remaining.*< )5$/, `$1${leaseLow}`)
        .replace(/(oldest_pending.*> )7200$/, `$1${oldest}`)
        .replace(/(count by .*< )3\n?$/, (found: string, before: string) =>
          found.replace(`${before}3`, `${before}${replicas}`),
        ),
    }));
  expect(plain).toEqual(expected(128, 5, 7200, 3));
  expect(changed).toEqual(expected(256, 10, 172_800, 5));
  expect(changed.filter(({ expr }) => /\b256$/.test(expr))).toHaveLength(2);
  expect(changed.filter(({ expr }) => /< 10$/.test(expr))).toHaveLength(1);
  expect(changed.filter(({ expr }) => /> 172800$/.test(expr))).toHaveLength(1);
  expect(changed.filter(({ expr }) => /count by .*< 5$/m.test(expr))).toHaveLength(1);
});

test('KEDA asks for figures that exist under this release’s name', async () => {
  const { spec } = one(await helm.manifests(everything), 'ScaledObject');
  expect(spec.scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'orders-holdfast' });
  const noneButNodes = '0 * (sum(holdfast_shards_owned{job="orders-holdfast"}) > 0)';
  expect(spec.triggers.map(({ metadata }: Manifest) => [metadata.query, metadata.threshold])).toEqual([
    [`sum(holdfast_pending_jobs{job="orders-holdfast"}) or ${noneButNodes}`, '20000'],
    [`max(holdfast_oldest_pending_seconds{job="orders-holdfast"}) or ${noneButNodes}`, '600'],
  ]);
  // An empty answer, of a Prometheus that has no figures, must not count as nothing pending.
  for (const { metadata } of spec.triggers) expect(metadata.ignoreNullValues).toBe('false');
  expect(spec).not.toHaveProperty('fallback');
  const { endpoints } = one(await helm.manifests(everything), 'ServiceMonitor').spec;
  expect(endpoints[0].relabelings[0]).toEqual({ targetLabel: 'job', replacement: 'orders-holdfast' });
});

test('the dashboard is the one that is shipped', async () => {
  const { data } = one(await helm.manifests(everything), 'ConfigMap', 'orders-holdfast-dashboard');
  const shipped = readFileSync(join(CHART, 'files/dashboard.json'), 'utf8');
  expect(JSON.parse(data['orders-holdfast.json'])).toEqual(JSON.parse(shipped));
});

test('values that are refused are named, with what is allowed', async () => {
  const refused: readonly [object, RegExp][] = [
    [{ replica: 3 }, /additional properties 'replica' not allowed/],
    [{ config: { cluster: 'Orders' } }, /at '\/config\/cluster': 'Orders' does not match pattern/],
    [{ terminationGracePeriodSeconds: 10 }, /at '\/terminationGracePeriodSeconds': minimum: got 10, want 40/],
    [{ api: { enabled: true } }, /at '\/api\/tls\/existingSecret': minLength: got 0, want 1/],
  ];
  for (const [values, message] of refused) {
    const { code, err } = await helm.template(values);
    expect(err).toMatch(message);
    expect(code).toBe(1);
  }
});

test('names stay short enough for pods and what is made of theirs', async () => {
  const long = await helm.run('template', 'a'.padEnd(53, 'b'), CHART);
  expect(long.code).toBe(0);
  const names = [...long.out.matchAll(/^ {2}name: (.*)$/gm)].map(([, name = '']) => name);
  expect(names.filter((name) => name.length > 52)).toEqual([]);
});

/** What kubeconform finds wrong. */
async function conform(manifests: readonly Manifest[], version: (typeof KUBERNETES)[number]): Promise<string[]> {
  const file = join(helm.dir, `conform-${version}.yaml`);
  await writeFile(file, manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n'));
  const args = ['-strict', '-output', 'json', '-verbose', '-schema-location', await kubernetesSchemas(version), file];
  const { out } = await ended(program, args);
  const { resources } = JSON.parse(out) as { resources: { kind: string; status: string; msg: string }[] };
  expect(resources).toHaveLength(manifests.length);
  return resources.flatMap(({ kind, status, msg }) => (status === 'statusValid' ? [] : [`${kind}: ${status} ${msg}`]));
}

test.each(KUBERNETES)('the Job of a load run is valid in Kubernetes %s', async (version) => {
  const job = parse(readFileSync(join(import.meta.dirname, '../../deploy/load/job.yaml'), 'utf8'));
  expect(await conform([job], version)).toEqual([]);
  const [container] = job.spec.template.spec.containers;
  const misspelt = { ...container, readOnlyRootFileSystem: true };
  const spec = { ...job.spec, template: { spec: { ...job.spec.template.spec, containers: [misspelt] } } };
  expect(await conform([{ ...job, spec }], version)).toEqual([expect.stringContaining('readOnlyRootFileSystem')]);
});

describe('the judges', () => {
  test('kubeconform would say what is wrong', async () => {
    const [good] = (await helm.manifests({})).filter(({ kind }) => kind === 'StatefulSet');
    const misspelt = { ...good, spec: { ...good.spec, minReadySecond: 5 } };
    const wrong = { ...good, spec: { ...good.spec, minReadySeconds: '5' } };
    for (const version of KUBERNETES) {
      expect(await conform([misspelt], version)).toEqual([expect.stringContaining('minReadySecond')]);
      expect(await conform([wrong], version)).toEqual([expect.stringContaining('minReadySeconds')]);
    }
  });

  test('so would those of custom resources', async () => {
    const manifests = await helm.manifests(everything);
    const scaled = one(manifests, 'ScaledObject');
    const noTarget = { ...scaled, spec: { ...scaled.spec, scaleTargetRef: {} } };
    expect(() => validators.ScaledObject?.(noTarget)).toThrow(/name/);
    const monitor = one(manifests, 'ServiceMonitor');
    expect(() => validators.ServiceMonitor?.({ ...monitor, spec: { ...monitor.spec, endpoints: 'metrics' } })).toThrow(
      /endpoints/,
    );
    expect(() => validators.PrometheusRule?.({ ...one(manifests, 'PrometheusRule'), spec: { groups: [{}] } })).toThrow(
      /name/,
    );
  });
});
