// deploy/nats/permissions.conf on a real server: enough for a cluster to live on, and nothing in it that is not needed.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type LocalNats, startNats } from '../../deploy/local/index.ts';
import { ABSENT, type Revision } from '../../src/actors/ids.ts';
import { callApi } from '../../src/cluster/nats/api.ts';
import { bucketName, makeBucket } from '../../src/cluster/nats/bucket.ts';
import { NatsBus } from '../../src/cluster/nats/bus.ts';
import { connectNats, type NatsLink } from '../../src/cluster/nats/connection.ts';
import { type Answer, Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import { PushConsumer } from '../../src/cluster/nats/push-consumer.ts';
import { eventually } from '../support/eventually.ts';
import { NODE_MAIN, nodeEnv, type Servers } from '../support/nodes.ts';
import { Trial } from '../support/trial.ts';

const CONFIG = fileURLToPath(new URL('../../deploy/nats/permissions.conf', import.meta.url));
const ENTRY = /^ {4}"([^"]+)" +#.*$/;
const MIB = 1024 * 1024;
/** More than a watch delivers before it waits to be told to go on. */
const BULK = 10;

/** What stops working without it. A few things need more than one, and a node that hears no answers can do nothing. */
const NEEDED_FOR: Readonly<Record<string, readonly string[]>> = {
  '$KV.holdfast_orders_jobs.>': ['write'],
  '$JS.API.STREAM.INFO.KV_holdfast_orders_jobs': ['bucket', 'watch of much'],
  '$JS.API.STREAM.MSG.GET.KV_holdfast_orders_jobs': ['read'],
  '$JS.API.CONSUMER.CREATE.KV_holdfast_orders_jobs.*': ['watch of much', 'whether caught up', 'tidy'],
  '$JS.API.CONSUMER.INFO.KV_holdfast_orders_jobs.*': ['watch of much', 'whether caught up'],
  '$JS.API.CONSUMER.DELETE.KV_holdfast_orders_jobs.*': ['tidy'],
  'holdfast.orders.> (publish)': ['command', 'ping'],
  'holdfast_audit.orders.>': ['audit'],
  '$JS.API.STREAM.INFO.holdfast_orders_audit': ['audit: how much'],
  '$JS.API.STREAM.MSG.GET.holdfast_orders_audit': ['audit: read'],
  '$JS.API.INFO': ['check'],
  '_INBOX_orders.>': [
    ...['read', 'write', 'bucket', 'watch of much', 'whether caught up', 'tidy', 'ping'],
    ...['audit', 'audit: how much', 'audit: read', 'check'],
  ],
  'holdfast.orders.> (subscribe)': ['command', 'ping'],
  '$SRV.>': ['micro'],
  allow_responses: ['ping', 'micro', 'watch of much'],
};

describe('each line of it is needed, and together they are enough', () => {
  let nats: LocalNats;
  let dir: string;
  const lines: string[] = [];
  const entries: { readonly name: string; readonly line: number }[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-permissions-'));
    lines.push(...(await readFile(CONFIG, 'utf8')).split('\n'));
    for (const [line, text] of lines.entries()) {
      const subject = ENTRY.exec(text)?.[1] ?? (text.startsWith('allow_responses') ? 'allow_responses' : undefined);
      if (subject === undefined) continue;
      const section = lines
        .slice(0, line)
        .findLast((each) => /^\w+ \{/.test(each))
        ?.split(' ')[0];
      entries.push({ name: subject === 'holdfast.orders.>' ? `${subject} (${section})` : subject, line });
    }
    // An account for each line that is missing, and one where none is: they do not see each other.
    const accounts = [-1, ...entries.map(({ line }) => line)].map((missing) => {
      const permissions = lines.filter((_, line) => line !== missing).join('\n');
      const node = `{ user: "node${missing}", password: pw, permissions {\n${permissions}\n} }`;
      return `A${missing + 1} { jetstream: enabled, users: [ { user: "admin${missing}", password: pw }, ${node} ] }`;
    });
    const file = join(dir, 'nats.conf');
    await writeFile(file, `jetstream {}\nmax_payload: 8MB\naccounts {\n${accounts.join('\n')}\n}\n`);
    nats = await startNats({ config: file });
  });

  afterAll(async () => {
    await nats?.stop();
    await rm(dir, { recursive: true });
  });

  test('nothing is missing', async () => {
    expect(entries.map(({ name }) => name).toSorted()).toEqual(Object.keys(NEEDED_FOR).toSorted());
    expect(await failing(nats.url, -1)).toEqual([]);
  });

  test('nothing is too much', async () => {
    const found: Record<string, readonly string[]> = {};
    // A few at a time: each of them looks at ten megabytes.
    for (let at = 0; at < entries.length; at += 4) {
      const some = entries.slice(at, at + 4).map(async ({ name, line }) => {
        found[name] = await failing(nats.url, line, NEEDED_FOR[name]);
      });
      await Promise.all(some);
    }
    const sorted = (record: typeof found) =>
      Object.fromEntries(Object.entries(record).map(([name, what]) => [name, what.toSorted()]));
    expect(sorted(found)).toEqual(sorted(NEEDED_FOR));
  });
});

describe('a cluster with these permissions', () => {
  let nats: LocalNats;
  let trial: Trial;
  let dir: string;
  let servers: Servers;
  let admin: Servers;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-permissions-'));
    const name = 'orders-7';
    const file = join(dir, 'nats.conf');
    await writeFile(join(dir, 'permissions.conf'), (await readFile(CONFIG, 'utf8')).replaceAll('orders', name));
    const users = [
      '{ user: admin, password: pw }',
      // As the file says that it is included.
      `{ user: node, password: pw, permissions { include "permissions.conf" } }`,
    ];
    await writeFile(file, `jetstream {}\nmax_payload: 8MB\naccounts { A { jetstream: enabled, users: [${users}] } }\n`);
    nats = await startNats({ config: file, dir });
    const others = { natsUrl: nats.url, kafkaBrokers: inject('kafkaBrokers'), zeebeAddress: inject('zeebeAddress') };
    await writeFile(join(dir, 'pw'), 'pw\n');
    const env = { NATS_USER: 'node', NATS_PASSWORD_FILE: join(dir, 'pw'), NATS_INBOX_PREFIX: `_INBOX_${name}` };
    servers = { ...others, env };
    admin = { ...others, env: { NATS_USER: 'admin', NATS_PASSWORD: 'pw' } };
    trial = await Trial.start({ servers, cluster: name, nodes: 0 });
  });

  afterAll(async () => {
    await trial?.stop();
    await nats?.stop();
    await rm(dir, { recursive: true });
  });

  test('waits until somebody else has made the bucket, then joins, holds, completes and survives a kill', async () => {
    const first = await trial.startNode('n1');
    await eventually('the node to say who is missing', async () =>
      (await first.readiness()).waitingFor.some((what) => /no permission .*STREAM\.CREATE/.test(what)),
    );
    await promisify(execFile)(process.execPath, [NODE_MAIN, 'init'], {
      env: { ...process.env, ...nodeEnv(admin, 'init', trial.nodes.config, 0) },
    });
    await trial.startNode('n2');
    await trial.nodes.untilReady();
    const diagnose = () => trial.diagnose();
    await trial.driver.allAnswered(await trial.driver.start(20), { diagnose });
    await first.kill();
    await trial.driver.allAnswered(await trial.driver.start(20), { diagnose });
    const log = await readFile(trial.node('n2').logFile, 'utf8');
    expect(log.split('\n').filter((line) => /permission/i.test(line))).toEqual([]);
    const { stdout } = await promisify(execFile)(process.execPath, [NODE_MAIN, 'check'], {
      env: { ...process.env, ...nodeEnv(servers, 'check', trial.nodes.config, 0) },
    });
    expect(stdout).toMatch(/NATS +2\.\d+\.\d+, max_payload 8388608 bytes/);
    expect(stdout).not.toMatch(/problem: NATS/);
  });

  test('cannot touch another cluster, nor make, change, purge or delete a stream', async () => {
    const jobs = `KV_${bucketName('orders-7')}`;
    const denied = [
      ...['holdfast.billing.node.x.commands', '$KV.holdfast_billing_jobs.1.2', '$KV.other.key'],
      ...['holdfast_audit.billing.begin.1', '_INBOX.somebody', '_INBOX_billing.x', '$SRV.PING'],
      ...[`STREAM.DELETE.${jobs}`, `STREAM.PURGE.${jobs}`, `STREAM.UPDATE.${jobs}`, `STREAM.MSG.DELETE.${jobs}`],
      ...[`STREAM.SNAPSHOT.${jobs}`, `STREAM.RESTORE.${jobs}`, `STREAM.CREATE.${jobs}`, 'STREAM.CREATE.mine'],
      ...['STREAM.NAMES', 'STREAM.LIST', `STREAM.PEER.REMOVE.${jobs}`, `STREAM.LEADER.STEPDOWN.${jobs}`],
      ...['STREAM.DELETE.holdfast_orders-7_audit', 'STREAM.PURGE.holdfast_orders-7_audit'],
      ...['STREAM.INFO.KV_holdfast_billing_jobs', 'STREAM.MSG.GET.KV_holdfast_billing_jobs'],
      ...['CONSUMER.CREATE.KV_holdfast_billing_jobs.x', 'DIRECT.GET.KV_holdfast_billing_jobs', `CONSUMER.LIST.${jobs}`],
    ].map((subject) => (/^(STREAM|CONSUMER|DIRECT)\./.test(subject) ? `$JS.API.${subject}` : subject));
    await using link = await connectNats({
      url: nats.url,
      name: 'node',
      options: { user: 'node', pass: 'pw', inboxPrefix: '_INBOX_orders-7' },
    });
    const inbox = new Inbox(link);
    const answers = denied.map(async (subject) => [subject, (await ask(inbox, subject)).kind] as const);
    expect(Object.fromEntries(await Promise.all(answers))).toEqual(
      Object.fromEntries(denied.map((subject) => [subject, 'denied'])),
    );
    for (const subject of ['holdfast.billing.>', '_INBOX.>', '_INBOX_billing.>', '$KV.>', '$JS.API.>', '>']) {
      const refused = new Promise<Error | null>((resolve) => {
        link.nc.subscribe(subject, { callback: resolve });
      });
      expect(String(await refused), subject).toMatch(/permission/i);
    }
  });
});

/**
 * Names of what the cluster layer wants of NATS and does not get as the node of the account without that line. What must work is
 * tried for longer than what must not: on a busy machine a question among tens of megabytes may go unanswered for seconds.
 */
async function failing(url: string, missing: number, needed: readonly string[] = []): Promise<string[]> {
  const of = (user: string, inboxPrefix: string) =>
    connectNats({ url, name: user, options: { user: `${user}${missing}`, pass: 'pw', inboxPrefix } });
  await using admin = await of('admin', '_INBOX');
  await using node = await of('node', '_INBOX_orders');
  await using other = await of('node', '_INBOX_orders');
  const made = await prepared(admin);
  const inbox = new Inbox(node);
  const kv = new NatsKv(node, inbox, bucketName('orders'));
  const bus = new NatsBus(node, inbox);
  const stream = `KV_${bucketName('orders')}`;
  let tries = 0;
  const checks: Readonly<Record<string, () => Promise<unknown>>> = {
    read: async () => (await kv.get('1.0')) ?? refuse(),
    write: async () => (await kv.put(`2.${++tries}`, Buffer.from('x'), ABSENT)).kind === 'stored' || refuse(),
    bucket: () => kv.bucketId(),
    'watch of much': () => watched(kv, '1.*', BULK),
    'whether caught up': async () => {
      const consumer = consumerOf(node, inbox, stream);
      await consumer.make(['$KV.holdfast_orders_jobs.9.*'], 0 as Revision);
      await consumer.info().finally(() => consumer.stop());
    },
    tidy: async () => {
      const consumer = consumerOf(node, inbox, stream);
      const { name } = await consumer
        .make(['$KV.holdfast_orders_jobs.8.*'], 0 as Revision)
        .then((info) => info as never as { name: string });
      consumer.stop();
      const listed = () => callApi<{ consumers: string[] }>(made, `CONSUMER.NAMES.${stream}`, {}, PATIENCE_MS);
      await eventually('it to be gone', async () => !(await listed()).consumers.includes(name), BRIEFLY);
    },
    command: () => heard(new NatsBus(other, new Inbox(other)), bus),
    ping: async () => {
      const far = new NatsBus(other, new Inbox(other));
      far.subscribe('holdfast.orders.node.b.ping', () => new Uint8Array());
      const answer = await bus.request('holdfast.orders.node.b.ping', new Uint8Array(), 2_000);
      return answer.kind === 'answer' || refuse();
    },
    micro: async () => {
      bus.subscribe('$SRV.PING', () => Buffer.from('{}'));
      await eventually('an answer', async () => (await ask(made, '$SRV.PING', 500)).kind === 'answer', BRIEFLY);
    },
    audit: async () => stored(await ask(inbox, 'holdfast_audit.orders.begin.2')) || refuse(),
    'audit: how much': () => callApi(inbox, 'STREAM.INFO.holdfast_orders_audit', {}, PATIENCE_MS),
    'audit: read': () => callApi(inbox, 'STREAM.MSG.GET.holdfast_orders_audit', { seq: 1 }, PATIENCE_MS),
    check: () => callApi(inbox, 'INFO', {}, PATIENCE_MS),
  };
  const outcomes = Object.entries(checks).map(async ([name, run]) => {
    const works = () => run().then(() => true);
    const deadlineMs = needed.includes(name) ? PATIENCE_MS : 5 * PATIENCE_MS;
    return eventually(name, works, { deadlineMs, everyMs: 500 }).then(
      () => [],
      () => [name],
    );
  });
  return (await Promise.all(outcomes)).flat();
}

const PATIENCE_MS = 8_000;
const BRIEFLY = { deadlineMs: 4_000 };

/** By somebody who may: the streams, ten megabytes of snapshots, one record of audit. */
async function prepared(admin: NatsLink): Promise<Inbox> {
  const inbox = new Inbox(admin);
  await makeBucket(inbox, 'orders', 1);
  const audit = { name: 'holdfast_orders_audit', subjects: ['holdfast_audit.orders.>'], storage: 'memory' };
  await callApi(inbox, 'STREAM.CREATE.holdfast_orders_audit', audit, PATIENCE_MS);
  const kv = new NatsKv(admin, inbox, bucketName('orders'));
  for (let i = 0; i < BULK; i++) {
    const answer = await kv.put(`1.${i}`, Buffer.alloc(MIB), ABSENT);
    if (answer.kind !== 'stored') throw new Error(answer.kind);
  }
  if (!stored(await ask(inbox, 'holdfast_audit.orders.begin.1'))) throw new Error('no audit');
  return inbox;
}

function ask(inbox: Inbox, subject: string, timeoutMs = PATIENCE_MS): Promise<Answer> {
  return inbox.ask(subject, Buffer.from('{}'), timeoutMs);
}

function stored(answer: Answer): boolean {
  return answer.kind === 'answer' && (answer.message.json<{ seq?: number }>().seq ?? 0) > 0;
}

async function watched(kv: NatsKv, filter: string, most: number): Promise<void> {
  const seen = new Set<string>();
  let caughtUp = false;
  const watch = await kv.watch([filter], {
    onEntry: ({ key }) => seen.add(key),
    onReset: () => {},
    onCaughtUp: () => {
      caughtUp = true;
    },
  });
  await eventually('all to be seen', () => caughtUp && seen.size === most, BRIEFLY).finally(() => watch.stop());
}

async function heard(from: NatsBus, by: NatsBus): Promise<void> {
  const commands: string[] = [];
  by.subscribe('holdfast.orders.node.a.commands', ({ subject }) => {
    commands.push(subject);
    return undefined;
  });
  await eventually(
    'a command',
    () => {
      from.publish('holdfast.orders.node.a.commands', new Uint8Array());
      return commands.length > 0;
    },
    BRIEFLY,
  );
}

function consumerOf(link: NatsLink, inbox: Inbox, stream: string): PushConsumer {
  const handler = { onEntry: () => {}, onProgress: () => {}, onBroken: () => {}, isBehind: () => false };
  return new PushConsumer({ link, inbox, stream, subjects: '$KV.holdfast_orders_jobs.' }, handler);
}

function refuse(): never {
  throw new Error('no');
}
