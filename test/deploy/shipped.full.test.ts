// What is shipped to run holdfast, judged by the tools of those who will use it: the linter of Dockerfiles, the schema of
// compose files, systemd, and real NATS servers. The service and the orders of deploy/compose.yaml run here as they do there,
// against this machine's servers instead of containers.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { runTool } from '../../deploy/local/cache.ts';
import { startNats } from '../../deploy/local/index.ts';
import { natsProgram } from '../../deploy/local/nats.ts';
import { startProcess } from '../../deploy/local/process.ts';
import { readMonitor } from '../../src/cluster/nats/monitoring.ts';
import { connectKafka } from '../../src/gateway/kafka/connect.ts';
import { KafkaTopics } from '../../src/gateway/kafka/topics.ts';
import { SILENT } from '../../src/gateway/log.ts';
import { Nodes } from '../support/nodes.ts';
import { ended } from './chart/rendering.ts';
import { composeSchema, hadolint } from './tools.ts';
import { unknownVariables } from './variables.ts';

const ROOT = join(import.meta.dirname, '../..');
const shipped = (file: string) => join(ROOT, 'deploy', file);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-shipped-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('deploy/Dockerfile', () => {
  test('the linter finds nothing, and would', async () => {
    const program = await hadolint();
    expect(await ended(program, [shipped('Dockerfile')])).toEqual({ code: 0, out: '', err: '' });
    const bad = join(dir, 'Dockerfile');
    await writeFile(bad, 'FROM debian\nRUN cd /tmp && apt-get install curl\nCMD node main.js\n');
    const { code, out } = await ended(program, ['--no-color', bad]);
    expect(code).toBe(1);
    for (const rule of ['DL3006', 'DL3025', 'DL3015']) expect(out).toContain(rule);
  });
});

describe('deploy/compose.yaml', () => {
  const compose = parse(readFileSync(shipped('compose.yaml'), 'utf8'), { merge: true });

  test('is what the Compose Specification says, and would be refused otherwise', async () => {
    // It names its dialect wrongly, and its parts as old schemas did.
    const { $schema: _, ...schema } = JSON.parse(await readFile(await composeSchema(), 'utf8'));
    const valid = new Ajv({ strict: false, allErrors: true, validateFormats: false })
      .removeKeyword('id')
      .compile(schema);
    // This one is older than the name of a project, and knows no extensions here.
    const { 'x-hardened': _hardened, name: _name, ...plain } = compose;
    expect(valid(plain) || valid.errors).toBe(true);
    const { holdfast, ...others } = plain.services;
    expect(valid({ ...plain, services: { ...others, holdfast: { ...holdfast, readonly: true } } })).toBe(false);
  });

  test('its service answers its orders through a node', async () => {
    const { payments, orders, holdfast } = compose.services;
    const topic = payments.environment.REQUEST_TOPIC;
    const topics = new KafkaTopics(connectKafka({ brokers: [inject('kafkaBrokers')] }, SILENT));
    await topics.create({ name: topic, partitions: 3 }).catch(() => undefined);
    await topics.close();
    const servers = {
      natsUrl: inject('natsUrl'),
      kafkaBrokers: inject('kafkaBrokers'),
      zeebeAddress: inject('zeebeAddress'),
    };
    const settings = parse(readFileSync(shipped(holdfast.volumes[0].split(':')[0]), 'utf8'));
    // Neither the cluster nor the job type of this machine's other tests.
    const nodes = await Nodes.create({ ...settings, cluster: 'compose-test' });
    const service = await startProcess({
      name: 'payments',
      dir: nodes.dir,
      command: process.execPath,
      args: payments.entrypoint.slice(1).map((arg: string) => join(ROOT, arg)),
      env: { ...payments.environment, KAFKA_BOOTSTRAP_SERVERS: servers.kafkaBrokers },
      ready: async () => (await readFile(join(nodes.dir, 'payments.log'), 'utf8')).includes('"ready"'),
      readyWithinMs: 60_000,
    });
    try {
      await nodes.start('compose-1', servers);
      const env = {
        ...process.env,
        ...orders.environment,
        ZEEBE_GRPC_ADDRESS: `grpc://${servers.zeebeAddress}`,
        ORDERS: '20',
      };
      const result = await ended(
        process.execPath,
        orders.entrypoint.slice(1).map((arg: string) => join(ROOT, arg)),
        env,
      );
      expect(result).toEqual({ code: 0, out: 'orders: started=20 completed=20 withOwnAnswer=20\n', err: '' });
    } finally {
      await service.stop();
      await nodes.stop();
    }
  });
});

describe('deploy/nats', () => {
  const passwords = { NATS_PASSWORD: 'of-holdfast', NATS_SYS_PASSWORD: 'of-sys' };

  test('the server takes cluster.conf, and not without its passwords', async () => {
    const args = ['-t', '-c', shipped('nats/cluster.conf')];
    const env = { PATH: process.env.PATH };
    expect((await ended(await natsProgram(), args, { ...env, ...passwords })).err).toContain('is valid');
    expect(await ended(await natsProgram(), args, env)).toMatchObject({
      code: 1,
      err: expect.stringContaining('NATS_PASSWORD'),
    });
  });

  test('it takes the server of the compose file', async () => {
    const { err } = await ended(await natsProgram(), ['-t', '-c', shipped('compose/nats.conf')]);
    expect(err).toContain('is valid');
  });

  test('three servers with cluster.conf are one, flush what they acknowledge, and let in who has the password', async () => {
    Object.assign(process.env, passwords);
    const nats = await startNats({ servers: 3, config: shipped('nats/cluster.conf') }).finally(() => {
      for (const name of Object.keys(passwords)) delete process.env[name];
    });
    try {
      for (const url of nats.monitorUrls) expect(await readMonitor(url)).toMatchObject({ flush: { always: true } });
      const servers = nats.url.split(',');
      await expect(connect({ servers, reconnect: false })).rejects.toThrow(/authorization/i);
      await using held = new AsyncDisposableStack();
      const own = await connect({ servers, user: 'holdfast', pass: passwords.NATS_PASSWORD });
      held.defer(() => own.close());
      const manager = await jetstreamManager(own);
      await manager.streams.add({ name: 's', subjects: ['s'], num_replicas: 3 });
      const sys = await connect({ servers, user: 'sys', pass: passwords.NATS_SYS_PASSWORD });
      held.defer(() => sys.close());
      await expect(jetstreamManager(sys)).rejects.toThrow(/jetstream/i);
    } finally {
      await nats.stop();
    }
  });
});

describe('deploy/systemd', () => {
  const unit = readFileSync(shipped('systemd/holdfast.service'), 'utf8');
  const check = readFileSync(shipped('systemd/holdfast-check.service'), 'utf8');
  const secrets = readFileSync(shipped('systemd/secrets.conf'), 'utf8');

  test.each([
    ['holdfast.service', unit],
    ['holdfast-check.service', check],
  ])('systemd finds nothing wrong with %s and its secrets, and little that it exposes', async (name, text) => {
    await systemdAnalyze();
    // With a program that this machine has, and the drop-in where it belongs.
    const file = join(dir, name);
    const here = text.replace('/usr/bin/node', process.execPath);
    await writeFile(file, here);
    await mkdir(`${file}.d`);
    await writeFile(join(`${file}.d`, 'secrets.conf'), secrets);
    const { code, err } = await ended('systemd-analyze', ['verify', '--man=no', file]);
    expect(code).toBe(0);
    const findings = err.split('\n').filter((line) => line !== '' && line.includes('holdfast'));
    // Older ones do not know these two, and say so.
    expect(findings.filter((line) => !/Unknown key '(RestartSteps|RestartMaxDelaySec)'/.test(line))).toEqual([]);
    const { out } = await ended('systemd-analyze', [
      'security',
      '--offline=true',
      '--threshold=20',
      '--no-pager',
      file,
    ]);
    expect(Number(new RegExp(`exposure level for ${name}: ([\\d.]+)`).exec(out)?.[1])).toBeLessThan(2);
    await writeFile(file, `${here}\n[Service]\nProtectSytem=strict\n`);
    expect((await ended('systemd-analyze', ['verify', '--man=no', file])).err).toContain("Unknown key 'ProtectSytem'");
  });

  test('the check has the configuration and the sandbox of the node', () => {
    const program = (text: string) => /^ExecStart=(.*) (\w+)$/m.exec(text)?.slice(1);
    expect(program(unit)).toEqual([expect.any(String), 'start']);
    expect(program(check)).toEqual([program(unit)?.[0], 'check']);
    // What is the business of something that goes on running, and of its cache.
    const ofTheNode =
      /^(Description|Wants|After|StartLimit\w+|Type|ExecStart|ExecReload|Kill\w+|Timeout\w+|Restart\w*|CacheDirectory\w*|WantedBy)=/;
    const settings = (text: string) =>
      text.split('\n').filter((line) => /^[A-Z]\w+=/.test(line) && !ofTheNode.test(line));
    const expected = settings(unit).map((line) => line.replace(' NODE_COMPILE_CACHE=%C/holdfast', ''));
    expect(expected.length).toBeGreaterThan(20);
    expect(settings(check)).toEqual(expected);
  });

  test('a node is told nothing that it does not read; each file that it is told of is one that it gets', () => {
    const variables = [...`${unit}${secrets}`.matchAll(/^Environment=(.*)$/gm)].flatMap(([, line = '']) =>
      line.split(' '),
    );
    expect(unknownVariables(variables.map((variable) => variable.split('=', 1)[0] ?? ''))).toEqual([]);
    const given = [...secrets.matchAll(/^LoadCredential=([^:]+):/gm)].map(([, name]) => name);
    const told = variables.flatMap((variable) => /=%d\/(.*)$/.exec(variable)?.[1] ?? []);
    expect(told).toEqual(given);
  });
});

/** Debian's package, where it is missing and may be installed. */
async function systemdAnalyze(): Promise<void> {
  if (existsSync('/usr/bin/systemd-analyze')) return;
  const remedy = 'install systemd (Debian: apt-get install systemd)';
  await runTool('apt-get', ['install', '-y', '--no-install-recommends', 'systemd'], remedy);
}
