// The image, without a container engine: the steps of deploy/Dockerfile are run in empty directories, and what comes out is
// started as the image would start it: from a tree that nobody can write to, as a user that owns nothing, with the image's
// variables and no others. The image of the load tests too.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { freePorts } from '../../deploy/local/ports.ts';
import manifest from '../../package.json' with { type: 'json' };
import lock from '../../package-lock.json' with { type: 'json' };
import { eventually } from '../support/eventually.ts';
import { buildImages, ended, type Image, type Images, run, start } from './image/build.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Its node_modules and its code; Node itself and Debian come on top. */
const MOST_MB = 90;

let built: Images;
let image: Image;
let load: Image;
/** Of configuration, readable for all. */
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-image-config-'));
  await chmod(dir, 0o755);
  built = await buildImages(ROOT, 'deploy/Dockerfile', 'load');
  image = built.image;
  const { load: target } = built.targets;
  if (target === undefined) throw new Error('no image of the load tests');
  load = target;
}, 480_000);

afterAll(async () => {
  await built?.remove();
  await rm(dir, { recursive: true });
});

function holdfast(command: readonly string[], env: Record<string, string> = {}) {
  return start(image, [...image.entrypoint, ...command], env);
}

async function servers(): Promise<Record<string, string>> {
  const file = join(dir, 'holdfast.yaml');
  await writeFile(
    file,
    'cluster: image-test\nroutes:\n  - { jobType: image-test, requestTopic: image-test.requests }\n',
  );
  return {
    HOLDFAST_CONFIG: file,
    HOLDFAST_NODE: 'image-1',
    NATS_URL: inject('natsUrl'),
    KAFKA_BOOTSTRAP_SERVERS: inject('kafkaBrokers'),
    ZEEBE_GRPC_ADDRESS: `grpc://${inject('zeebeAddress')}`,
    CAMUNDA_AUTH_STRATEGY: 'NONE',
  };
}

test('it says its version', async () => {
  expect(await ended(holdfast(['version']))).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' });
});

test('whoever comes in finds the command, wherever they are', async () => {
  const says = (...command: string[]) => ended(start(image, command));
  expect(await says('holdfast', 'version')).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' });
  expect(await says('sh', '-c', 'cd / && holdfast version')).toMatchObject({ code: 0, out: `${manifest.version}\n` });
  expect((await says('holdfast', 'statu')).code).toBe(2);
});

test('it holds what runs and nothing else', async () => {
  const { out } = await run('find', [image.root, '-type', 'f']);
  const files = out
    .trim()
    .split('\n')
    .map((file) => file.slice(image.root.length));
  expect(files).toEqual(expect.arrayContaining(['/holdfast/dist/gateway/cli/main.js', '/holdfast/LICENSE']));
  const places = new Set(files.map((file) => file.split('/').slice(1, 3).join('/')));
  expect([...places].toSorted()).toEqual([
    'holdfast/LICENSE',
    'holdfast/compiled',
    'holdfast/dist',
    'holdfast/node_modules',
    'holdfast/package.json',
    'usr/local',
  ]);
  const dev = Object.entries(lock.packages).flatMap(([path, facts]) => ('dev' in facts ? `/holdfast/${path}/` : []));
  expect(dev).toContain('/holdfast/node_modules/typescript/');
  expect(files.filter((file) => dev.some((path) => file.startsWith(path)))).toEqual([]);
  for (const dependency of Object.keys(manifest.dependencies)) {
    expect(files).toContain(`/holdfast/node_modules/${dependency}/package.json`);
  }
  expect(files.filter((file) => /\.(ts|map)$/.test(file))).toEqual([]);
  const size = await run('du', ['-sm', join(image.root, 'holdfast')]);
  expect(Number.parseInt(size.out, 10)).toBeLessThan(MOST_MB);
});

test('it looks at every server, which loads most of its code', async () => {
  const { code, out, err } = await ended(holdfast(['check'], await servers()));
  expect(err).toBe('');
  expect(out).toContain(
    'cluster image-test, node image-1, 1 route and the element template: the configuration is valid',
  );
  expect(out).toMatch(/NATS {3}2\..*\nKafka {2}1 broker\(s\)\nZeebe {2}8\./);
  expect(out).toContain('the request topic image-test.requests does not exist');
  expect(code).toBe(1);
});

test('a node is alive, finds its code compiled, writes nothing, and hands over at SIGTERM', async () => {
  const before = await run('find', [image.root, '-printf', '%p %s %t %m\n']);
  const [port = 0] = await freePorts(1);
  const env = { ...(await servers()), HOLDFAST_HTTP: `127.0.0.1:${port}`, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const alive = () => ended(start(image, image.healthcheck, { HOLDFAST_HTTP: env.HOLDFAST_HTTP }));
  expect((await alive()).code).toBe(1);
  const node = holdfast(image.cmd, env);
  const end = ended(node);
  try {
    await eventually('the image’s own health check to be content', async () => (await alive()).code === 0, {
      deadlineMs: 60_000,
    });
    await eventually(
      'the node to be a member',
      async () =>
        (await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).includes('holdfast_shards_owned 128'),
      { deadlineMs: 60_000, diagnose: async () => (await fetch(`http://127.0.0.1:${port}/healthz/ready`)).text() },
    );
  } finally {
    node.kill('SIGTERM');
  }
  const { code, out, err } = await end;
  expect(out).toContain('told to end; handing over');
  expect(code).toBe(0);
  const used = err.match(/cache for .*node\.js was (accepted|rejected)/g) ?? err.slice(0, 500);
  expect(used).toContainEqual(expect.stringContaining('accepted'));
  expect(await run('find', [image.root, '-printf', '%p %s %t %m\n'])).toEqual(before);
});

test('the image of the load tests starts as its Job has it, looks at every server, and writes nothing', async () => {
  const before = await run('find', [load.root, '-printf', '%p %s %t %m\n']);
  const job = parse(await readFile(join(ROOT, 'deploy/load/job.yaml'), 'utf8'));
  const [{ args, env }] = job.spec.template.spec.containers;
  const variables = {
    ...Object.fromEntries(env.map(({ name, value }: Record<'name' | 'value', string>) => [name, value])),
    ...{ ZEEBE_GRPC_ADDRESS: 'grpc://127.0.0.1:1', KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1' },
    HOLDFAST_METRICS_URLS: 'http://127.0.0.1:1',
  };
  const { code, out, err } = await ended(start(load, [...load.entrypoint, ...args], variables));
  expect(out).toMatch(/^steady: /);
  for (const server of ['HOLDFAST_METRICS_URLS', 'ZEEBE_GRPC_ADDRESS', 'KAFKA_BOOTSTRAP_SERVERS']) {
    expect(err).toMatch(new RegExp(`${server}: found "[^"]*127\\.0\\.0\\.1:1", `));
  }
  expect(code).toBe(2);
  expect(await run('find', [load.root, '-printf', '%p %s %t %m\n'])).toEqual(before);
});
