// The commands against three real nodes with jobs that wait: whichever node is asked, the whole cluster answers; an act changes
// the engine; a drained node gives its shards away; and when the node that was asked first is killed, the next one answers.
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { EXIT } from '../../../src/gateway/cli/exit.ts';
import type { ActResult } from '../../../src/gateway/operations/model/acts.ts';
import type { AuditPage } from '../../../src/gateway/operations/model/audit.ts';
import type { ClusterView } from '../../../src/gateway/operations/model/cluster.ts';
import type { RoutesView } from '../../../src/gateway/operations/model/flow.ts';
import type { JobSummary, JobView } from '../../../src/gateway/operations/model/jobs.ts';
import { eventually } from '../../support/eventually.ts';
import { type BridgeNode, NODE_MAIN } from '../../support/nodes.ts';
import { Trial } from '../../support/trial.ts';

const JOBS = 12;
const REASON = 'by the test of the command line';

let trial: Trial;
let urls: ReadonlyMap<string, string>;

beforeAll(async () => {
  trial = await Trial.start({
    servers: {
      natsUrl: inject('natsUrl'),
      kafkaBrokers: inject('kafkaBrokers'),
      zeebeAddress: inject('zeebeAddress'),
    },
    behaviour: () => undefined,
    settings: { leaseTtl: 'PT5S' },
  });
  urls = new Map(await Promise.all(trial.nodes.all.map(async (node) => [node.name, await apiOf(node)] as const)));
  await trial.driver.start(JOBS);
  await eventually('all jobs to be pending', async () => (await pending()).length === JOBS, {
    deadlineMs: 60_000,
    diagnose: () => trial.diagnose(),
  });
}, 240_000);

afterAll(() => trial.stop());

/** Each node takes any free port, and says which. */
function apiOf(node: BridgeNode): Promise<string> {
  return eventually(`the API of ${node.name}`, async () => {
    const line = (await node.log()).findLast(({ message }) => message === 'the API is up');
    return typeof line?.url === 'string' ? line.url : undefined;
  });
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function holdfast(args: readonly string[], asked = [...urls.values()]): Promise<Ran> {
  const env = { PATH: process.env.PATH, HOLDFAST_API_URL: asked.join(',') };
  return new Promise((resolve) => {
    execFile(process.execPath, [NODE_MAIN, ...args], { env, timeout: 60_000 }, (error, out, err) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err });
    });
  });
}

async function json<T>(args: readonly string[], asked?: string[]): Promise<T> {
  const { code, out, err } = await holdfast([...args, '--json'], asked);
  expect({ code, err }).toEqual({ code: EXIT.fine, err: '' });
  return JSON.parse(out) as T;
}

async function pending(): Promise<JobSummary[]> {
  const { out } = await holdfast(['jobs', '--all', '--json']);
  return out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as JobSummary]));
}

test('status and jobs show the whole cluster, whichever node is asked', async () => {
  for (const url of urls.values()) {
    const { cluster, routes } = await json<{ cluster: ClusterView; routes: RoutesView }>(['status'], [url]);
    expect(cluster.nodes.map(({ node, state }) => `${node} ${state}`).toSorted()).toEqual([
      'n1 ready',
      'n2 ready',
      'n3 ready',
    ]);
    expect(cluster.nodes.reduce((sum, node) => sum + (node.pending ?? 0), 0)).toBe(JOBS);
    expect(routes.routes.find(({ lane }) => lane === trial.jobType)?.pending).toBe(JOBS);
  }
  const { out } = await holdfast(['status']);
  expect(out).toMatch(new RegExp(`^cluster ${trial.cluster}: 3 nodes, 128 shards, ${JOBS} pending; `));
  const table = await holdfast(['jobs', '--route', trial.jobType, '--state', 'held']);
  expect(table.out.trim().split('\n')).toHaveLength(JOBS + 1);
});

test('a job with its timeline; completed by hand, it is over in the engine, and in the audit', async () => {
  const [{ jobKey } = { jobKey: '' }] = await pending();
  const view = await json<JobView>(['job', jobKey]);
  expect(view).toMatchObject({ jobKey, state: 'held', sent: true });
  expect(view.timeline.length).toBeGreaterThan(0);
  const act = ['job', jobKey, 'complete', '--body', '{"answer":{"token":"by hand","number":1}}', '--reason', REASON];
  expect(await json<ActResult>(act)).toMatchObject({ result: 'done' });
  await eventually('the job to be gone', async () => (await pending()).every((each) => each.jobKey !== jobKey));
  const ended = await json<JobView>(['job', jobKey]);
  expect(ended).toMatchObject({ state: 'ended', outcome: 'completed' });
  const again = await holdfast(act);
  expect(again.code).toBe(EXIT.failed);
  const { entries } = await json<AuditPage>(['audit', '--target', jobKey]);
  const until = new Date(view.replyDeadlineMs).toISOString();
  expect(entries).toContainEqual(
    expect.objectContaining({
      ...{ act: 'job.complete', reason: REASON, result: 'done' },
      before: `held, attempt ${view.attempt}, ${view.retries} retries, until ${until}`,
      after: `completed, attempt ${ended.attempt}, ${ended.retries} retries`,
    }),
  );
});

test('a drained node gives its shards away, and takes some again', async () => {
  const ofN2 = async () =>
    (await json<ClusterView>(['shards', '--node', 'n2'])).shards.filter(({ node }) => node === 'n2');
  expect((await ofN2()).length).toBeGreaterThan(0);
  await json<ActResult>(['drain', 'n2', '--reason', REASON]);
  await eventually('n2 to have no shards', async () => (await ofN2()).length === 0, { deadlineMs: 60_000 });
  await json<ActResult>(['resume', 'n2', '--reason', REASON]);
  await eventually('n2 to have shards', async () => (await ofN2()).length > 0, { deadlineMs: 60_000 });
  const { entries } = await json<AuditPage>(['audit', '--target', 'n2']);
  expect(entries).toMatchObject([
    {
      act: 'node.resume',
      before: 'draining, 0 shards',
      after: expect.stringMatching(/^(notReady|ready), \d+ shards$/),
    },
    {
      ...{ act: 'node.drain', before: expect.stringMatching(/^ready, [1-9]\d* shards$/) },
      after: expect.stringMatching(/^draining, \d+ shards$/),
    },
  ]);
});

test('when the first address is dead the next one answers, and the takeover shows', async () => {
  const before = (await pending()).map(({ jobKey }) => jobKey).toSorted();
  expect(before.length).toBeGreaterThanOrEqual(JOBS - 1);
  await trial.node('n1').kill();
  await eventually(
    'every shard to be served by the others',
    async () => {
      const { shards } = await json<ClusterView>(['shards']);
      return shards.every(({ node, state }) => state === 'owned' && node !== 'n1');
    },
    { deadlineMs: 60_000, diagnose: () => trial.diagnose() },
  );
  expect((await pending()).map(({ jobKey }) => jobKey).toSorted()).toEqual(before);
});
