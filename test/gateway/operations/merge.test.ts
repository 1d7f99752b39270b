// What several nodes said, as one answer: nothing twice, nothing left out, nothing shown before what may still come before it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Config } from '../../../src/gateway/config/config.ts';
import { mergeCounts, mergeJobs, mergeMovements, mergeRoutes } from '../../../src/gateway/operations/merge.ts';
import { FLOW_STEPS } from '../../../src/gateway/operations/model/flow.ts';
import type { JobSummary } from '../../../src/gateway/operations/model/jobs.ts';
import type { LaneAnswer } from '../../../src/gateway/operations/node-questions.ts';

const jobOf = (jobKey: string, heldAtMs: number, node: string) => ({ jobKey, heldAtMs, node }) as JobSummary;

const order = (a: JobSummary, b: JobSummary) =>
  a.heldAtMs - b.heldAtMs || (BigInt(a.jobKey) < BigInt(b.jobKey) ? -1 : BigInt(a.jobKey) > BigInt(b.jobKey) ? 1 : 0);

test('page by page every job of every node is shown once, in order, however few a node sends at a time', () => {
  const cluster = fc.array(fc.record({ heldAtMs: fc.nat(10), node: fc.nat(2), twice: fc.boolean() }), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(
      cluster,
      fc.integer({ min: 1, max: 7 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 3, maxLength: 3 }),
      (held, limit, most) => {
        const nodes: JobSummary[][] = [[], [], []];
        for (const [i, { heldAtMs, node, twice }] of held.entries()) {
          nodes[node]!.push(jobOf(String(95 + i), heldAtMs, `n${node}`));
          if (twice) nodes[(node + 1) % 3]!.push(jobOf(String(95 + i), heldAtMs, `n${(node + 1) % 3}`));
        }
        for (const jobs of nodes) jobs.sort(order);
        const shown: JobSummary[] = [];
        for (let rounds = 0; rounds < 200; rounds++) {
          const last = shown.at(-1);
          const said = nodes.map((jobs, node) => {
            const left = jobs.filter((job) => last === undefined || order(job, last) > 0);
            const sent = left.slice(0, Math.min(limit, most[node]!));
            return { jobs: sent, more: left.length > sent.length, loading: false };
          });
          const page = mergeJobs(said, limit);
          expect(page.jobs.length).toBeLessThanOrEqual(limit);
          shown.push(...page.jobs);
          if (!page.more) break;
          expect(page.jobs.length).toBeGreaterThan(0);
        }
        const keys = held.map(({ heldAtMs }, i) => jobOf(String(95 + i), heldAtMs, '')).sort(order);
        expect(shown.map(({ jobKey }) => jobKey)).toEqual(keys.map(({ jobKey }) => jobKey));
      },
    ),
  );
});

test('counts of the same seconds are added up, and what an older node does not know is nothing', () => {
  const of = (n: number) => Object.fromEntries(FLOW_STEPS.map((step) => [step, [n, 2 * n]])) as never;
  expect(mergeCounts([of(1), of(10), {} as never], 2)).toEqual(of(11));
});

test('movements of all nodes, newest first, the latest of them', () => {
  const of = (node: string, atMs: readonly number[]) => ({
    node,
    answer: {
      movements: atMs.map((at) => ({ atMs: at, shard: at, from: null, kind: 'first' as const, tookMs: 1, jobs: 0 })),
    },
  });
  const merged = mergeMovements([of('a', [1, 5]), of('b', [3])]);
  expect(merged.map(({ atMs, to }) => [atMs, to])).toEqual([
    [5, 'a'],
    [3, 'b'],
    [1, 'a'],
  ]);
  expect(
    mergeMovements([
      of(
        'a',
        Array.from({ length: 300 }, (_, i) => i),
      ),
    ]),
  ).toHaveLength(200);
});

const laneOf = (lane: string, changes: Partial<LaneAnswer> = {}): LaneAnswer => ({
  ...{ lane, pending: 0, oldestHeldAtMs: null, oldestJobKey: null, jobType: null },
  ...{ heldPerSecond: 0, endedPerSecond: 0, room: null, unsent: 0 },
  ...changes,
});

const CALLS = {
  routes: [
    { jobType: 'pay', requestTopic: 'pay.requests', replyTimeoutMs: 1_000 },
    { jobType: 'ship', requestTopic: 'ship.a', replyTimeoutMs: 2_000 },
    { jobType: 'ship', requestTopic: 'ship.b', replyTimeoutMs: 2_000 },
  ],
  template: { jobType: 'template', replyTimeoutMs: 9_000 },
} as unknown as Pick<Config, 'routes' | 'template'>;

test('a lane is what all nodes say of it, and the one that has least room counts', () => {
  const routes = mergeRoutes(
    [
      [laneOf('pay', { pending: 3, oldestHeldAtMs: 50, oldestJobKey: '5', room: 7, unsent: 1, heldPerSecond: 1.5 })],
      [laneOf('pay', { pending: 4, oldestHeldAtMs: 40, oldestJobKey: '4', room: 2, endedPerSecond: 2 })],
      [laneOf('pay')],
    ],
    CALLS,
  );
  expect(routes.find(({ lane }) => lane === 'pay')).toEqual({
    ...{ lane: 'pay', kind: 'route', requestTopic: 'pay.requests', replyTimeoutMs: 1_000, pending: 7 },
    ...{ oldestHeldAtMs: 40, oldestJobKey: '4', heldPerSecond: 1.5, endedPerSecond: 2, room: 2, unsent: 1 },
  });
});

test('routes without jobs are shown, and lanes that have jobs although nobody configures them any more', () => {
  const jobType = 'template';
  const said = [
    laneOf('orders.requests', { pending: 1, jobType }),
    laneOf('idle.requests'),
    laneOf('old-route', { pending: 2, jobType: 'old-route' }),
    laneOf('old-and-done', { heldPerSecond: 1 }),
  ];
  const kinds = (calls: typeof CALLS) =>
    mergeRoutes([said], calls).map(({ lane, kind, requestTopic }) => [lane, kind, requestTopic]);
  expect(kinds(CALLS)).toEqual([
    ['idle.requests', 'template', 'idle.requests'],
    ['old-and-done', 'template', 'old-and-done'],
    ['old-route', 'removed', null],
    ['orders.requests', 'template', 'orders.requests'],
    ['pay', 'route', 'pay.requests'],
    ['ship', 'route', null],
  ]);
  expect(kinds({ ...CALLS, template: undefined })).toEqual([
    ['old-route', 'removed', null],
    ['orders.requests', 'removed', null],
    ['pay', 'route', 'pay.requests'],
    ['ship', 'route', null],
  ]);
});
