// Any node answers for the whole cluster: three real nodes, two of them in this process so that they can be asked, and one that
// is killed. While nothing moves every job is shown once; while something does, what may be lacking has a name.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { freePorts } from '../../../deploy/local/ports.ts';
import { loadConfig } from '../../../src/gateway/config/config.ts';
import { createLog } from '../../../src/gateway/log.ts';
import { type RunningNode, startNode } from '../../../src/gateway/node.ts';
import type { ReadOperations } from '../../../src/gateway/operations/cluster-operations.ts';
import type { JobQuery, JobSummary, OutcomeView } from '../../../src/gateway/operations/model/jobs.ts';
import { eventually } from '../../support/eventually.ts';
import { nodeEnv } from '../../support/nodes.ts';
import { ANSWER } from '../../support/service.ts';
import { Trial } from '../../support/trial.ts';

const JOBS = 40;
const ANSWERED = 25;
const SHARDS = 128;

let trial: Trial;
const here: RunningNode[] = [];

beforeAll(async () => {
  const servers = {
    natsUrl: inject('natsUrl'),
    kafkaBrokers: inject('kafkaBrokers'),
    zeebeAddress: inject('zeebeAddress'),
  };
  // The engine's SDK reads the environment once in a process.
  vi.stubEnv('CAMUNDA_AUTH_STRATEGY', 'NONE');
  vi.stubEnv('ZEEBE_GRPC_ADDRESS', `grpc://${servers.zeebeAddress}`);
  trial = await Trial.start({ servers, nodes: 1 });
  for (const name of ['n2', 'n3']) {
    const [port = 0] = await freePorts(1);
    const env = nodeEnv(servers, name, trial.nodes.config, port);
    const config = loadConfig(env, (path) => readFileSync(path, 'utf8'));
    here.push(await startNode(config, createLog('error', { node: name })));
  }
});

afterAll(async () => {
  await Promise.all(here.map((node) => node.stop()));
  await Promise.all(here.map((node) => node.finished));
  await trial.stop();
  vi.unstubAllEnvs();
});

const [first, second] = [0, 1].map((i) => (): ReadOperations => {
  const operations = here[i]?.operations;
  if (operations === undefined) throw new Error('its servers are not there yet');
  return operations;
}) as [() => ReadOperations, () => ReadOperations];

async function allJobs(operations: ReadOperations, query: JobQuery = {}): Promise<JobSummary[]> {
  const jobs: JobSummary[] = [];
  for (let after: string | undefined; ; ) {
    const page = await operations.jobs({ limit: 7, ...query, ...(after !== undefined && { after }) });
    expect(page.missing).toEqual([]);
    jobs.push(...page.jobs);
    if (page.next === null) return jobs;
    after = page.next;
  }
}

async function allOutcomes(operations: ReadOperations): Promise<OutcomeView[]> {
  const outcomes: OutcomeView[] = [];
  for (let after: string | undefined; ; ) {
    const page = await operations.outcomes({ limit: 7, ...(after !== undefined && { after }) });
    outcomes.push(...page.outcomes);
    if (page.next === null) return outcomes;
    after = page.next;
  }
}

const keysOf = (jobs: readonly { readonly jobKey: string }[]) => jobs.map(({ jobKey }) => jobKey);

test('from three nodes coming together to one that is killed', { timeout: 300_000 }, async () => {
  const spread = async () => {
    const { nodes, shards, missing } = await second().cluster();
    const most = Math.ceil(SHARDS / 3);
    const ready =
      nodes.length === 3 && nodes.every(({ state, shardsOwned }) => state === 'ready' && shardsOwned <= most);
    return ready && missing.length === 0 && shards.every(({ state }) => state === 'owned');
  };
  await eventually('the shards to be spread over the nodes', spread, {
    deadlineMs: 60_000,
    diagnose: async () => ({ ...(await second().cluster()), shards: [], movements: [] }),
  });

  trial.service.hold();
  await trial.driver.start(JOBS);
  await eventually('all requests', () => trial.service.requests.length === JOBS, { deadlineMs: 60_000 });

  // What is pending, from any node.
  const jobs = await allJobs(first());
  expect(new Set(keysOf(jobs)).size).toBe(JOBS);
  expect(jobs.map(({ heldAtMs }) => heldAtMs)).toEqual(jobs.map(({ heldAtMs }) => heldAtMs).toSorted((a, b) => a - b));
  expect(keysOf(await allJobs(second()))).toEqual(keysOf(jobs));
  expect(jobs.map(({ correlationId }) => correlationId).toSorted()).toEqual(
    trial.service.requests.map(({ correlationId }) => correlationId).toSorted(),
  );
  const byNode = await Promise.all(['n1', 'n2', 'n3'].map((node) => allJobs(first(), { node })));
  expect(byNode.flat().length).toBe(JOBS);
  for (const [i, of] of byNode.entries()) expect(new Set(of.map(({ node }) => node))).toEqual(new Set([`n${i + 1}`]));
  const one = jobs[3]!;
  expect(keysOf(await allJobs(second(), { text: one.instanceKey }))).toEqual([one.jobKey]);
  expect(keysOf(await allJobs(second(), { text: one.correlationId }))).toEqual([one.jobKey]);
  expect(keysOf(await allJobs(first(), { instance: one.instanceKey, process: one.processId }))).toEqual([one.jobKey]);
  expect(await allJobs(first(), { olderThanMs: 3_600_000 })).toEqual([]);
  const [token] = trial.driver.started.keys();
  expect(await allJobs(first(), { text: token! })).toEqual([]); // it stands in the payload only
  await expect(first().jobs({ node: 'nobody' })).rejects.toMatchObject({ code: 'NO_SUCH_NODE' });
  await expect(first().jobs({ after: 'x' })).rejects.toMatchObject({ code: 'BAD_CURSOR' });

  // A run over dead letters is n2's, and n3 answers for it.
  const [n2, n3] = here.map(({ operations }) => operations!);
  const preview = await n2!.redrive({ reason: 'look first', filter: {} }, { name: 'anna', role: 'operator' });
  expect(preview.id).toMatch(/^n2\./);
  expect(await n3!.redriveState(preview.id)).toEqual(preview);
  await expect(n3!.redriveState(preview.id.replace('n2', 'n9'))).rejects.toMatchObject({ code: 'NO_SUCH_NODE' });

  const cluster = await first().cluster();
  expect(cluster.answeredBy).toBe('n2');
  expect(cluster.nodes.map(({ node, pending }) => [node, pending])).toEqual(
    byNode.map((of, i) => [`n${i + 1}`, of.length]),
  );
  const toN3 = cluster.movements.filter(({ to, kind }) => to === 'n3' && kind === 'handover');
  expect(toN3.length).toBeGreaterThan(0);
  expect(cluster.movements.filter(({ to, kind }) => to === 'n1' && kind === 'first').length).toBeGreaterThan(0);
  const { routes, missing } = await second().routes();
  expect(missing).toEqual([]);
  const oldest = { oldestJobKey: jobs[0]!.jobKey, oldestHeldAtMs: jobs[0]!.heldAtMs };
  expect(routes).toMatchObject([
    { lane: trial.jobType, kind: 'route', requestTopic: trial.requestTopic, pending: JOBS, ...oldest },
  ]);

  // One of them.
  const view = await eventually('the job to be known as sent', async () => {
    const found = await second().job(one.jobKey, true);
    return found?.timeline.some(({ what }) => what === 'sent') ? found : undefined;
  });
  const { error, ...same } = one;
  expect(error).toBeNull();
  expect(view).toMatchObject({ ...same, sent: true, state: 'held', outcome: null, node: one.node, failing: null });
  expect(view.timeline.map(({ what }) => what)).toEqual(['held, attempt 1', 'sent']);
  expect(view.lockDeadlineMs).toBeGreaterThan(one.heldAtMs);
  expect(view.payload?.request).toContain('token');
  expect((await second().job(one.jobKey, false))?.payload).toBeNull();
  expect(await second().job('1', true)).toBeUndefined();

  // How they ended.
  const answered = new Set(keysOf(jobs).slice(0, ANSWERED));
  const isAnswered = (id: string) => answered.has(jobs.find(({ correlationId }) => correlationId === id)?.jobKey ?? '');
  trial.service.release((request, number) => (isAnswered(request.correlationId) ? ANSWER(request, number) : undefined));
  await eventually('the answers', () => trial.driver.results.size === ANSWERED, {
    deadlineMs: 60_000,
    diagnose: async () => ({
      results: trial.driver.results.size,
      outcomes: (await second().outcomes({})).outcomes.length,
      nodes: (await second().cluster()).nodes,
      ...(await allJobs(second()).catch((error: unknown) => ({ error }))),
      trial: await trial.diagnose(),
    }),
  });
  const outcomes = await eventually('all tombstones', async () => {
    const found = await allOutcomes(second());
    return found.length === ANSWERED ? found : undefined;
  });
  expect(new Set(keysOf(outcomes))).toEqual(answered);
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['completed']));
  expect(keysOf(await allOutcomes(first()))).toEqual(keysOf(outcomes));
  expect(outcomes[0]!.endedAtMs).toBeGreaterThanOrEqual(outcomes.at(-1)!.endedAtMs);
  const ended = outcomes.find(({ jobKey }) => answered.has(jobKey))!;
  expect(await first().job(ended.jobKey, true)).toMatchObject({
    ...{ state: 'ended', outcome: 'completed', endedAtMs: ended.endedAtMs, correlationId: ended.correlationId },
    payload: { request: null, reply: null },
  });
  const flow = await eventually('the flow of the last second to be over', async () => {
    const { perSecond } = await first().flow(300);
    const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
    return sum(perSecond.completed) === ANSWERED ? perSecond : undefined;
  });
  for (const step of ['activated', 'held', 'sent'] as const) {
    expect(flow[step].reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(JOBS);
  }

  // A node is killed: its jobs appear elsewhere, and until they do its name, or that of who takes them over, is given.
  const pending = keysOf(jobs).filter((jobKey) => !answered.has(jobKey));
  expect(byNode[0]!.some(({ jobKey }) => pending.includes(jobKey))).toBe(true);
  await trial.node('n1').kill();
  let incomplete = 0;
  await eventually(
    'all jobs at those who are left',
    async () => {
      const page = await first().jobs({ limit: 100 });
      const lacking = pending.filter((jobKey) => !keysOf(page.jobs).includes(jobKey));
      if (lacking.length > 0) {
        incomplete += 1;
        if (page.missing.length === 0) throw new Error(`${lacking.length} jobs are lacking and nobody is missing`);
        if (incomplete === 1) expect(page.missing).toContain('n1');
      }
      return lacking.length === 0 && page.missing.length === 0 && page.jobs.every(({ node }) => node !== 'n1');
    },
    { deadlineMs: 60_000, everyMs: 10 },
  );
  expect(incomplete).toBeGreaterThan(0);
  const after = await second().cluster();
  expect(after.nodes.find(({ node }) => node === 'n1')?.state).toMatch(/silent|dead/);
  expect(after.movements.filter(({ from, kind }) => from === 'n1' && kind === 'takeover').length).toBeGreaterThan(0);
});
