// A whole load run with nodes of its own over servers that are not: one node is paused meanwhile, and does not make takeovers
// look late or be counted twice; and when the run is over, nothing of it is left on those servers. One that is interrupted does
// the same in a few seconds, and still has a result. And the command line, which says what is wrong with it before anything is
// started.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import { parseResult } from '../../bench/load/parse-result.ts';
import { runLoad } from '../../bench/load/run.ts';
import { parseScenario } from '../../bench/load/scenario.ts';
import { deleteStreams, deleteTopics } from '../../bench/parts/clear-away.ts';
import { kafkaClient, makeTopics } from '../../bench/parts/kafka-client.ts';
import { callApi } from '../../src/cluster/nats/api.ts';
import { makeAuditStream } from '../../src/cluster/nats/audit-stream.ts';
import { makeBucket } from '../../src/cluster/nats/bucket.ts';
import { connectNats } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { eventually } from '../support/eventually.ts';

const [natsUrl, kafkaBrokers] = [inject('natsUrl'), inject('kafkaBrokers')];
const MAIN = fileURLToPath(new URL('../../bench/load/main.ts', import.meta.url));

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Topics and streams with this in their name, in order. */
async function named(part: RegExp): Promise<readonly string[]> {
  const admin = kafkaClient('test', kafkaBrokers, {}).admin();
  await admin.connect();
  try {
    await using link = await connectNats({ url: natsUrl, name: 'test' });
    const { streams } = await callApi<{ streams: string[] | null }>(new Inbox(link), 'STREAM.NAMES', {}, 5_000);
    return [...(await admin.listTopics()), ...(streams ?? [])].filter((name) => part.test(name)).sort();
  } finally {
    await admin.disconnect();
  }
}

const OURS = /bench-holdfast-[0-9a-f]{6}/;

describe('a run over servers of others', () => {
  test('tells takeovers when they were, though a paused node keeps it waiting, and leaves nothing behind', async () => {
    vi.stubEnv('NATS_URL', natsUrl);
    vi.stubEnv('KAFKA_BOOTSTRAP_SERVERS', kafkaBrokers);
    vi.stubEnv('ZEEBE_GRPC_ADDRESS', `grpc://${inject('zeebeAddress')}`);
    vi.stubEnv('CAMUNDA_AUTH_STRATEGY', 'NONE');
    // Longer than a lease.
    const scenario = parseScenario(
      'paused',
      `nodes: 2
warmUpS: 0
delay: { kind: constant, ms: 20 }
phases: [{ seconds: 24, perSecond: 5 }]
faults: [{ atS: 3, what: pauseNode, node: 2, forS: 17 }]`,
    );
    let during: Promise<readonly string[]> = Promise.resolve([]);
    const onSecond = ({ atS }: { atS: number }) => {
      if (atS === 2) during = named(OURS);
    };
    const { result, broken } = await runLoad(scenario, { note: () => undefined, second: onSecond });
    expect(broken).toEqual([]);
    expect(result.totals).toMatchObject({ started: 120, completed: 120, failed: 0, open: 0 });

    const { values } = result.series.find(({ group }) => group === 'takeovers')!;
    const taken = values.flatMap((value, second) => (value === null || value === 0 ? [] : [{ second, value }]));
    expect(taken).not.toEqual([]);
    expect(taken.filter(({ value }) => value < 0)).toEqual([]);
    const told = result.events.filter(({ what }) => what.endsWith('shards taken over'));
    expect(told).toEqual(taken.map(({ second, value }) => ({ atS: second, what: `${value} shards taken over` })));

    const made = await during;
    const name = OURS.exec(made.join())![0];
    expect(made).toEqual([
      `KV_holdfast_${name}_jobs`,
      `${name}.requests`,
      `holdfast.${name}.dlq`,
      `holdfast.${name}.replies`,
      `holdfast_${name}_audit`,
    ]);
    await eventually('nothing of the run to be left', async () => (await named(new RegExp(name))).length === 0);
  });

  test('is interrupted by Ctrl-C, and still tells what it saw and leaves nothing behind', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-interrupted-'));
    try {
      // What is never answered would be waited for.
      const file = join(dir, 'endless.yaml');
      writeFileSync(file, 'warmUpS: 0\nphases: [{ seconds: 600, perSecond: 20 }]\npatienceS: 600');
      const [json, html] = [join(dir, 'run.json'), join(dir, 'run.html')];
      const args = [MAIN, file, '--delay', 'never:0.3:constant:20ms', '--json', json, '--html', html];
      const env = { NATS_URL: natsUrl, KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers, CAMUNDA_AUTH_STRATEGY: 'NONE' };
      const running = spawn(process.execPath, args, {
        env: { ...process.env, ...env, ZEEBE_GRPC_ADDRESS: `grpc://${inject('zeebeAddress')}` },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = new Promise<number | null>((resolve) => void running.on('exit', resolve));
      let said = '';
      running.stdout.on('data', (text) => {
        said += text;
      });
      await eventually('calls to be completed', () => /completed +[1-9]/.test(said), { deadlineMs: 60_000 });
      const made = (await named(OURS)).map((name) => name.replace(OURS, '…'));
      expect(made).toContain('KV_holdfast_…_jobs');
      expect(made).toHaveLength(5);
      running.kill('SIGINT');
      expect(await ended).toBe(130);
      expect(said).toContain('interrupted: nothing arrives any more');
      const { interruptedAtS = 0, totals } = parseResult(readFileSync(json, 'utf8'));
      expect(interruptedAtS).toBeGreaterThan(0);
      expect(totals.planned).toBe(12_000);
      expect(totals.started).toBeLessThan(20 * (interruptedAtS + 2));
      expect(totals).toMatchObject({ failed: 0, open: totals.started - totals.completed, unanswered: totals.open });
      expect(readFileSync(html, 'utf8')).toContain('This run was interrupted after');
      await eventually('nothing of the run to be left', async () => (await named(OURS)).length === 0);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  test('deletes what is there, and does not mind what is not', async () => {
    const cluster = `gone-${crypto.randomUUID().slice(0, 8)}`;
    await makeTopics(kafkaBrokers, [`${cluster}.requests`]);
    {
      await using link = await connectNats({ url: natsUrl, name: 'test' });
      const inbox = new Inbox(link);
      await Promise.all([makeBucket(inbox, cluster, 1), makeAuditStream(inbox, cluster, 1)]);
    }
    const streams = [`KV_holdfast_${cluster}_jobs`, `KV_${cluster}_never`, `holdfast_${cluster}_audit`];
    expect(await named(new RegExp(cluster))).toHaveLength(3);
    expect(await deleteTopics(kafkaBrokers, [`${cluster}.never`, `${cluster}.requests`])).toEqual([]);
    expect(await deleteStreams(natsUrl, streams, 5_000, {})).toEqual([]);
    await eventually('all to be gone', async () => (await named(new RegExp(cluster))).length === 0);
  });
});

test.each([
  [
    '--json',
    ['--json', tmpdir()],
    {},
    `load: --json: found "${tmpdir()}"; allowed: a file that can be written (EISDIR`,
  ],
  [
    '--html',
    ['--html', tmpdir()],
    {},
    `load: --html: found "${tmpdir()}"; allowed: a file that can be written (EISDIR`,
  ],
  ['a variable', [], { KAFKA_SECURITY_PROTOCOL: 'SASL' }, 'load: KAFKA_SECURITY_PROTOCOL: found "SASL"; allowed: '],
  ['a node', [], theirs('http://127.0.0.1:1'), 'load: HOLDFAST_METRICS_URLS: found "http://127.0.0.1:1", '],
  ['a topic', [], theirs('http://127.0.0.1:1'), 'HOLDFAST_REQUEST_TOPIC: found "a", a topic that these brokers do not'],
  [
    'an engine',
    [],
    { ZEEBE_GRPC_ADDRESS: 'grpc://127.0.0.1:1', CAMUNDA_AUTH_STRATEGY: 'NONE' },
    'load: ZEEBE_GRPC_ADDRESS: found "grpc://127.0.0.1:1", where no engine answers: ',
  ],
  ['a delay', ['--delay', 'exponential:50'], {}, 'load: --delay: found "exponential:50"; allowed: constant:TIME, '],
  ['a length', ['--seconds', '0.5'], {}, 'load: steady: --seconds: found 0.5; allowed: from 1, '],
])('wrong usage of %s is exit code 2, before anything is started', async (_, flags, env, message) => {
  const running = promisify(execFile)(process.execPath, [MAIN, 'steady', ...flags], {
    env: { ...process.env, ...env },
    timeout: 30_000,
  });
  const ended = (await running.catch((error: unknown) => error)) as { code?: number; stdout: string; stderr: string };
  expect(ended.stderr).toContain(message);
  expect(ended.code).toBe(2);
  expect(ended.stdout).not.toContain('starting what');
});

function theirs(url: string) {
  return {
    ...{ HOLDFAST_METRICS_URLS: url, HOLDFAST_JOB_TYPE: 'a', HOLDFAST_REQUEST_TOPIC: 'a' },
    ...{
      ZEEBE_GRPC_ADDRESS: `grpc://${inject('zeebeAddress')}`,
      CAMUNDA_AUTH_STRATEGY: 'NONE',
      KAFKA_BOOTSTRAP_SERVERS: kafkaBrokers,
    },
  };
}
